"""float32 and float64, as JAX's own switch says, and mixtures that are hard for the first."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from critwin_widgets.adapters import to_sklearn
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine._precision import to_device, working_dtype
from critwin_widgets.engine.mixtures import _groups
from critwin_widgets.engine.mixtures._pairs import Pair, split
from tests.mixtures import random_mixture

TYPES = ("spherical", "diag", "tied", "full")


def clusters(kind: str, spread: float, offset: float) -> GaussianMixture:
    """Six clusters of three overlapping components, far from each other and from the origin."""
    base = random_mixture(kind, count=18, dim=4, spread=1.0)
    rng = np.random.default_rng(7)
    centres = np.repeat(spread * rng.normal(size=(6, 4)), 3, axis=0)
    return GaussianMixture(base.means + centres + offset, base.covariances, base.weights, kind)


def points(mixture: GaussianMixture, n: int = 64) -> np.ndarray:
    rng = np.random.default_rng(1)
    return mixture.means[rng.integers(mixture.n_components, size=n)] + 1.5 * rng.normal(size=(n, mixture.dim))


def exact(mixture: GaussianMixture, x) -> dict[str, np.ndarray]:
    """Everything in float64 from the definition, one component after the other."""
    x = np.asarray(x, dtype=np.float64)
    eye = np.eye(mixture.dim)
    logs, scores = [], []
    for k in range(mixture.n_components):
        covariance = {
            "spherical": lambda k=k: mixture.covariances[k] * eye,
            "diag": lambda k=k: np.diag(mixture.covariances[k]),
            "tied": lambda: mixture.covariances,
            "full": lambda k=k: mixture.covariances[k],
        }[mixture.covariance_type]()
        gap = x - mixture.means[k]
        pulled = np.linalg.solve(covariance, gap.T).T
        logs.append(-0.5 * ((gap * pulled).sum(-1) + np.linalg.slogdet(2 * np.pi * covariance)[1]))
        scores.append(-pulled)
    components = np.stack(logs, axis=-1)
    joint = components + np.log(mixture.weights)
    log_prob = logsumexp(joint, axis=-1)
    posterior = np.exp(joint - log_prob[:, None])
    score = np.einsum("bk,kbd->bd", posterior, np.stack(scores))
    return {"components": components, "log_prob": log_prob, "posterior": posterior, "score": score}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("spread", [0.0, 1e4])
def test_float64_follows_the_switch_all_through(kind, spread):
    mixture = clusters(kind, spread, 0.0)
    x = points(mixture)
    with jax.enable_x64(True):
        found = {
            "log_prob": mixture.log_prob(x),
            "score": mixture.score(jnp.asarray(x)),
            "posterior": mixture.posterior(x),
            "components": mixture.log_prob_components(x),
        }
        for name, value in found.items():
            assert value.dtype == jnp.float64, name
            np.testing.assert_allclose(value, exact(mixture, x)[name], rtol=1e-9, atol=1e-9, err_msg=name)
        if spread == 0.0:  # scikit-learn's own expansion loses eight digits at 1e4 deviations
            np.testing.assert_allclose(found["log_prob"], to_sklearn(mixture).score_samples(x), rtol=1e-10)
            gradient = jax.vmap(jax.grad(mixture.log_prob))(jnp.asarray(x))
            np.testing.assert_allclose(found["score"], gradient, rtol=1e-9, atol=1e-9)


def test_draws_are_float64_too():
    mixture = random_mixture("full")
    with jax.enable_x64(True):
        drawn = mixture.sample(0, 5)
        assert drawn.dtype == jnp.float64
        assert mixture.denoise_components(0, drawn, np.zeros(5, int), 0.3).dtype == jnp.float64
    assert mixture.sample(0, 5).dtype == jnp.float32


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("spread", "offset"), [(1.0, 1e6), (1e4, 1e6)])
def test_float32_keeps_its_digits_far_out(kind, spread, offset):
    mixture = clusters(kind, spread, offset)
    assert mixture.near is (spread == 1.0)
    wide = points(mixture)
    # Points in float64, and points that float32 holds exactly.
    for x in (wide, jnp.asarray(wide, dtype=jnp.float32)):
        truth = exact(mixture, x)
        assert mixture.score(x).dtype == jnp.float32
        np.testing.assert_allclose(mixture.posterior(x), truth["posterior"], atol=1e-5)
        np.testing.assert_allclose(mixture.log_prob(x), truth["log_prob"], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(mixture.log_prob_components(x), truth["components"], rtol=3e-6, atol=1e-4)
        np.testing.assert_allclose(mixture.score(x), truth["score"], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("spread", [1.0, 1e3])
def test_half_of_a_precision_matrix_says_as_much(spread):
    # An odd dimension that is cut in two, more points than dimensions, close means and far ones.
    rng, dim = np.random.default_rng(5), 131
    root = rng.normal(size=(3, dim, dim))
    means = spread * rng.normal(size=(3, dim)) / np.sqrt(dim) + 100.0
    mixture = GaussianMixture(means, root @ np.swapaxes(root, 1, 2) / dim + np.eye(dim), covariance_type="full")
    assert mixture.well_conditioned
    assert mixture.near is (spread == 1.0)
    x = points(mixture, 140)
    truth = exact(mixture, x)
    np.testing.assert_allclose(mixture.log_prob(x), truth["log_prob"], rtol=1e-6, atol=2e-4)
    np.testing.assert_allclose(mixture.log_prob_components(x), truth["components"], rtol=1e-6, atol=2e-4)


@pytest.mark.parametrize("kind", TYPES)
def test_points_far_from_everything_lose_nothing_to_underflow(kind):
    for mixture in (clusters(kind, 0.0, 0.0), clusters(kind, 1e3, 0.0)):
        direction = np.random.default_rng(3).normal(size=(64, 4))
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        x = mixture.centre + 1e6 * direction
        log_prob, posterior, score = mixture.log_prob(x), np.asarray(mixture.posterior(x)), mixture.score(x)
        assert np.isfinite(log_prob).all()
        np.testing.assert_allclose(log_prob, exact(mixture, x)["log_prob"], rtol=1e-4)
        np.testing.assert_allclose(posterior.sum(-1), 1.0, rtol=1e-5)
        assert np.isfinite(score).all()
        # Towards the mixture: the score of a Gaussian makes an acute angle with the way home.
        assert (np.sum(np.asarray(score) * direction, axis=-1) < 0).all()


def test_far_out_the_posterior_within_a_cluster_is_exact():
    # 1e6 away the squared distances are 1e12, and float32 steps there by 65536.
    mixture = GaussianMixture([[-1e-6, 0.0], [1e-6, 0.0]], 1.0, [0.3, 0.7])
    x = np.array([[1e6, 0.0], [0.0, 1e6], [-1e6, 3.0]])
    odds = 7 / 3 * np.exp(2e-6 * x[:, 0])
    np.testing.assert_allclose(np.asarray(mixture.posterior(x))[:, 1], odds / (1 + odds), atol=1e-6)


@pytest.mark.parametrize("kind", TYPES)
def test_the_switch_may_be_turned_between_calls(kind):
    mixture = clusters(kind, 1e4, 0.0)
    x = points(mixture)
    before = mixture.score(x)
    with jax.enable_x64(True):
        wide = mixture.score(x)
    after = mixture.score(x)
    assert (before.dtype, wide.dtype, after.dtype) == (jnp.float32, jnp.float64, jnp.float32)
    np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(before, wide, rtol=1e-3, atol=2e-4)
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize(
    ("kind", "spread"), [("spherical", 1.0), ("spherical", 1e3), ("diag", 1e3), ("tied", 1e3), ("full", 1e3)]
)
def test_jax_transformations_see_the_same_density(kind, spread):
    mixture = clusters(kind, spread, 0.0)
    x = jnp.asarray(points(mixture), dtype=jnp.float32)
    score = mixture.score(x)
    np.testing.assert_allclose(jax.vmap(mixture.score)(x), score, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(jax.vmap(jax.grad(mixture.log_prob))(x), score, rtol=1e-3, atol=1e-3)
    # Traced as an argument, a mixture is what float32 makes of its arrays.
    traced = eqx.filter_jit(lambda m, y: (m.score(y), m.posterior(y)))(mixture, x)
    np.testing.assert_allclose(traced[0], score, rtol=1e-3, atol=1e-3 + 1e-5 * spread)
    np.testing.assert_allclose(traced[1], mixture.posterior(x), atol=1e-4 + 1e-5 * spread)


@pytest.mark.parametrize("spread", [1.0, 1e2])
def test_all_kinds_of_points_are_the_same_points(spread):
    mixture = clusters("spherical", spread, 0.0)
    whole = np.round(points(mixture))
    truth = np.asarray(mixture.log_prob(whole))
    half = whole.astype(np.float16).astype(float)
    np.testing.assert_allclose(mixture.log_prob(half.astype(np.float16)), mixture.log_prob(half), rtol=1e-5)
    for x in (whole.astype(int), whole.astype(np.float32), whole.tolist(), jnp.asarray(whole)):
        np.testing.assert_allclose(mixture.log_prob(x), truth, rtol=1e-5)
    np.testing.assert_allclose(mixture.log_prob(whole.reshape(16, 2, 2, 4)).ravel(), truth, rtol=1e-5)
    np.testing.assert_allclose(mixture.log_prob(whole[0]), truth[0], rtol=1e-5)
    assert mixture.score(whole[:0]).shape == (0, 4)


@pytest.mark.parametrize("kind", TYPES)
def test_denoising_keeps_its_digits_at_a_common_offset(kind):
    near, far = clusters(kind, 1.0, 0.0), clusters(kind, 1.0, 2.0**20)
    t, which = 0.4, np.arange(18)
    # On a grid that float32 still holds at 2^20.
    y = np.round(np.exp(-t) * near.means * 8) / 8
    shifted = y + np.exp(-t) * 2.0**20
    drawn, moved = (np.asarray(m.denoise_components(5, p, which, t)) for m, p in ((near, y), (far, shifted)))
    # The result itself is float32 at a million: steps of 1/8.
    np.testing.assert_allclose(moved - 2.0**20, drawn, atol=0.13)


def test_a_mixture_of_many_far_components_is_cut_into_groups():
    rng = np.random.default_rng(0)
    centres = 1e4 * rng.normal(size=(5, 3))
    sizes = (1, 2, 9, 4, 30)
    means = np.concatenate([c + rng.normal(size=(s, 3)) for c, s in zip(centres, sizes, strict=True)])
    order = rng.permutation(len(means))
    groups = GaussianMixture(means[order], 1.0).groups
    members = groups[:, 1:][groups[:, 1:] >= 0]
    assert sorted(members) == list(range(sum(sizes)))
    for leader, *row in groups:
        inside = [k for k in row if k >= 0]
        gaps = means[order][inside] - means[order][leader]
        assert ((gaps**2).sum(-1) <= _groups.NEAR).all()
    # Padding stays small beside the components.
    assert groups.size <= 4 * sum(sizes)


def test_groups_of_large_means_come_from_a_sketch(monkeypatch):
    means = np.repeat(10 * np.random.default_rng(0).normal(size=(4, 250)), 3, axis=0)
    means += 0.5 * np.random.default_rng(1).normal(size=means.shape)
    whole = GaussianMixture(means, 1.0).groups
    monkeypatch.setattr(_groups, "_WHOLE", 100)
    np.testing.assert_array_equal(GaussianMixture(means, 1.0).groups, whole)


def test_pairs_hold_what_float32_does_not():
    rng = np.random.default_rng(0)
    a, b = 1e6 + rng.normal(size=100), 1e6 + rng.normal(size=100)
    np.testing.assert_allclose(split(a).less(split(b)), a - b, atol=2e-7)
    gap = jax.jit(lambda x, y: x.shifted(y))(split(a), split(b))
    np.testing.assert_allclose(np.asarray(gap.high, float) + np.asarray(gap.low, float), a - b, atol=1e-8)
    # The textbook case: the small summand is lost in the high part and kept in the low one.
    lost = Pair(jnp.float32(1.0)).shifted(Pair(jnp.float32(2.0**-30), jnp.float32(0.0)))
    assert float(lost.high) == 1.0
    assert float(lost.low) == -(2.0**-30)


def test_the_working_precision_is_jaxs():
    assert working_dtype() == np.float32
    assert to_device([0.1]).dtype == jnp.float32
    with jax.enable_x64(True):
        assert working_dtype() == np.float64
        assert to_device([0.1]).dtype == jnp.float64
        assert split(np.array([0.1])).low is None
    assert jax.jit(lambda x: x + working_dtype().itemsize)(0) == 4


BAD_POINTS = [
    (["a", "b", "c"], "x must hold real numbers"),
    ([[1.0, 2.0]], r"last axis of length 3, not shape \(1, 2\)"),
    (np.zeros((2, 3), complex), "x must hold real numbers, not complex128"),
    (jnp.zeros((2, 3), bool), "x must hold real numbers, not bool"),
    (np.array([[None, 1.0, 2.0]]), "x must hold real numbers, not object"),
    ([[1.0, 2.0, 3.0], [1.0]], "x must be an array of numbers"),
    (1.0, r"not shape \(\)"),
]


@pytest.mark.parametrize(("x", "message"), BAD_POINTS)
@pytest.mark.parametrize("name", ["log_prob", "score", "posterior", "log_prob_components"])
def test_bad_points_are_named(name, x, message):
    with pytest.raises(ValueError, match=message):
        getattr(random_mixture(), name)(x)


def test_points_that_are_not_finite_stay_visible():
    mixture = random_mixture()
    x = np.array([[np.nan, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isnan(mixture.log_prob(x)).tolist() == [True, False]
    assert np.isnan(mixture.score(x)).any(-1).tolist() == [True, False]
