"""The trained digits model: a process whose draws are digits, and whose randomness is its rows' seeds'."""

import copy
from typing import Any

import equinox as eqx
import numpy as np
import pytest
from sklearn import svm

import critwin_widgets as cw
from critwin_widgets.adapters.trained_digits.images import split_digits
from critwin_widgets.adapters.trained_digits.network import SPREAD, from_arrays, to_arrays
from critwin_widgets.adapters.trained_digits.train import train
from critwin_widgets.engine.processes.clock import to_sigma
from tests.studies.again import check_resumed, part


@pytest.fixture(scope="module")
def model():
    return cw.digits_model()


@pytest.fixture(scope="module")
def classify():
    return cw.digit_classifier()


@pytest.fixture(scope="module")
def drawn(model):
    return model.sample(0, 512)


def test_the_images_held_out_are_a_fifth_of_every_digit(model):
    assert model.members.shape == (1437, 64)
    assert model.non_members.shape == (360, 64)
    assert set(np.unique(model.non_member_digits, return_counts=True)[1]) == {36}
    shared = (model.members[:, None, :8] == model.non_members[None, :, :8]).all(-1)
    assert not (model.members[np.nonzero(shared)[0]] == model.non_members[np.nonzero(shared)[1]]).all(-1).any()


def test_the_classifier_knows_images_it_never_saw(classify):
    assert classify.held_out_accuracy > 0.97
    found = classify(split_digits().non_members[:50])
    assert set(found) == {"digit", "loops"}
    assert all(set(found[name]) <= set(classify.features[name]) for name in found)


def test_samples_are_digits_of_all_kinds(drawn, classify):
    # Nearest training image of a sample: as near as that of a held-out image, within a quarter.
    split = split_digits()

    def nearest(images):
        squared = (images**2).sum(1)[:, None] + (split.members**2).sum(1) - 2 * images @ split.members.T
        return np.sqrt(np.maximum(squared.min(axis=1), 0))

    assert 0.75 < np.median(nearest(drawn)) / np.median(nearest(split.non_members)) < 1.25
    shares = np.unique(classify(drawn)["digit"], return_counts=True)[1] / len(drawn)
    assert len(shares) == 10
    # Each digit is a tenth of the data; a network may favour some, but not by two.
    assert (shares > 0.05).all()
    assert (shares < 0.2).all()


def test_pixels_have_the_spread_of_the_data(drawn):
    data = split_digits().members
    assert np.abs(drawn.mean(0) - data.mean(0)).max() < 0.2
    assert drawn.std() == pytest.approx(data.std(), rel=0.05)


def test_little_noise_changes_no_digit(model, classify):
    x, digits = model.non_members, model.non_member_digits
    back = model.denoise(model.noise(x, 0.05, 1), 0.05, 2)
    assert (classify(back)["digit"] == digits).mean() > 0.95


def test_all_noise_leaves_nothing(model, classify):
    x, digits = model.non_members, model.non_member_digits
    top = model.start_level
    kept = (classify(model.denoise(model.noise(x, top, 1), top, 2))["digit"] == digits).mean()
    # A tenth by chance, whatever shares the ten digits have: within five standard errors.
    assert kept == pytest.approx(0.1, abs=5 * np.sqrt(0.1 * 0.9 / len(x)))


def test_the_guess_beats_the_best_linear_guess(model):
    # Wiener's filter of the training images, where strokes are drawn.
    split, level = split_digits(), 0.5
    sigma = float(to_sigma(level))
    covariance = np.cov(split.members.T)
    error = np.trace(covariance - covariance @ np.linalg.solve(covariance + sigma**2 * np.eye(64), covariance)) / 64
    assert model.denoising_loss(split.non_members, level, 0).mean() < 0.9 * error


def test_a_row_depends_on_its_own_seed_alone(model):
    x, seeds = model.non_members[:24], np.arange(24)
    y = model.noise(x, 1.0, seeds)
    whole = model.denoise(y, 1.0, seeds, n=2)
    np.testing.assert_array_equal(model.noise(x[5:9], 1.0, seeds[5:9]), y[5:9])
    part = model.denoise(y[5:9], 1.0, seeds[5:9], n=2)
    np.testing.assert_allclose(part, whole[10:18], atol=1e-3)
    assert np.abs(whole[0] - whole[1]).max() > 0.1


class Normal(eqx.Module):
    """The exact denoiser of pixels drawn from `N(0, spread^2)`."""

    spread: float

    def __call__(self, x, sigma):
        return x * self.spread**2 / (self.spread**2 + sigma**2)


@pytest.mark.parametrize("level", [0.3, 1.2])
def test_draws_have_the_spread_of_the_posterior(level):
    # X | X + sigma Z = x is normal: what a sampler loses in its steps shows in its variance.
    spread, variance, n = 0.5, float(to_sigma(level)) ** 2, 2048
    exact: Any = Normal(spread)
    found = cw.DigitsModel(exact, steps=32).denoise(np.full((1, 64), 0.3), level, 0, n=n)
    expected = spread**2 * variance / (spread**2 + variance)
    assert found.var() == pytest.approx(expected, rel=0.03 + 5 * np.sqrt(2 / (64 * n)))
    mean = 0.3 * np.exp(level) * spread**2 / (spread**2 + variance)
    assert found.mean() == pytest.approx(mean, abs=0.02 * np.sqrt(expected) + 5 * np.sqrt(expected / (64 * n)))


def test_two_legs_of_the_probability_flow_are_one(model):
    flow = cw.digits_model(sampler="ode")
    y = flow.noise(flow.non_members[:16], 1.5, 0)
    half = flow.denoise(y, 1.5, 0, to=0.5)
    # Steps fall elsewhere, so the two agree to the order of the method only.
    gap = flow.denoise(half, 0.5, 0) - flow.denoise(y, 1.5, 0)
    assert np.sqrt((gap**2).mean()) < 0.05 * SPREAD
    np.testing.assert_array_equal(*np.split(flow.denoise(y[:1], 1.5, 3, n=2), 2))


def test_images_that_were_trained_on_are_guessed_no_worse(model):
    losses = [model.denoising_loss(images, 0.5, 0) for images in (model.members, model.non_members)]
    error = np.hypot(*(one.std() / np.sqrt(len(one)) for one in losses))
    assert losses[0].mean() < losses[1].mean() + 3 * error


def test_training_is_repeatable():
    split, lines = split_digits(), []
    first, second = (train(split, 2, seed=3, report=lines.append) for _ in range(2))
    for name, value in to_arrays(first).items():
        np.testing.assert_array_equal(value, to_arrays(second)[name])
    assert "held-out" in lines[0]


def test_a_study_goes_on_with_the_same_digits_model_alone(model, classify, tmp_path):
    arrays = to_arrays(model.network)
    name = next(name for name in arrays if name.endswith("inner.weight"))
    arrays[name] = arrays[name].copy()
    arrays[name][7, 9] += 0.01
    trained, flow, fewer = (
        cw.DigitsModel(from_arrays(arrays)),
        cw.digits_model(sampler="ode"),
        cw.digits_model(steps=32),
    )
    assert len({one.fingerprint for one in (model, trained, flow, fewer)}) == 4
    judge = copy.copy(classify)
    assert judge.fingerprint == classify.fingerprint
    judge._estimator = svm.SVC(C=1.0).fit(model.members[:100], model.member_digits[:100])
    prints = [part(one.fingerprint, "weights") for one in (model, trained)]
    refused = [
        (trained, classify, ("process", *prints)),
        (flow, classify, ("process", "stochastic", "ode")),
        (fewer, classify, ("process", "64 steps", "32 steps")),
        (model, judge, ("classifier", classify.fingerprint, judge.fingerprint)),
    ]
    ask = {"sources": model.non_members[:2], "levels": [1.0]}
    check_resumed(tmp_path, (model, classify), (cw.digits_model(), copy.copy(classify)), refused, **ask)


def test_weights_of_another_network_are_refused():
    arrays = to_arrays(cw.digits_model().network)
    with pytest.raises(ValueError, match=r"not those of this network: first\.bias"):
        from_arrays(arrays | {"first.bias": np.zeros(3, np.float16)})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.noise(np.zeros((2, 63)), 1.0, 0), "x must"),
        (lambda m: m.noise(np.zeros(64), 1.0, 0), r"shape \(B, 64\)"),
        (lambda m: m.noise(np.full((1, 64), np.nan), 1.0, 0), "x must"),
        (lambda m: m.noise(np.zeros((1, 64)), 5.0, 0), "level must be a number from 0 to 4.38"),
        (lambda m: m.denoise(np.zeros((1, 64)), 1.0, 0, to=2.0), "to must not lie above level"),
        (lambda m: m.denoise(np.zeros((1, 64)), 1.0, 0, n=0), "n must"),
        (lambda m: m.denoising_loss(np.zeros((1, 64)), 0.0, 0), "level must lie above 0"),
        (lambda m: m.sample(0, 0), "n must"),
        (lambda m: cw.digits_model(sampler="od"), "did you mean 'ode'"),
        (lambda m: cw.digits_model(steps=1), "steps must"),
    ],
)
def test_bad_input_is_named(model, call, words):
    with pytest.raises(ValueError, match=words):
        call(model)
