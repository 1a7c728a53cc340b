"""Membership tests: the statistics' own laws, no leakage, and models that are known to memorise or not."""

import numpy as np
import pytest
from scipy.stats import binomtest, mannwhitneyu, ncx2, norm

import critwin_widgets as cw
from critwin_widgets.engine.processes import IndexSet, Process, fold_seeds, row_seeds
from critwin_widgets.studies._roc import Scored, auc_difference
from critwin_widgets.studies.membership import _split, _statistics, discriminant, membership
from tests.studies.outcomes import results_of

COUNT, DIM = 120, 4
LEVELS = (0.02, 0.1, 0.3, 1.0)


def scored(rng, gap=1.0, m=30, n=40, round_to=None) -> Scored:
    sides = rng.normal(gap, 1, m), rng.normal(0, 1, n)
    return Scored.whole(*(side if round_to is None else np.round(side, round_to) for side in sides))


# ---- ROC -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_to", [None, 0])
def test_the_auc_is_mann_whitney_s_and_the_area_below_the_roc(round_to):
    one = scored(np.random.default_rng(0), round_to=round_to)
    known = mannwhitneyu(one.members, one.non_members).statistic / (len(one.members) * len(one.non_members))
    assert one.auc == pytest.approx(known, abs=1e-12)
    assert np.trapezoid(one.roc()[:, 1], one.roc()[:, 0]) == pytest.approx(known, abs=1e-12)
    assert (np.diff(one.roc(), axis=0) >= -1e-12).all()


@pytest.mark.parametrize("round_to", [None, 0])
def test_folds_are_compared_within(round_to):
    one = scored(np.random.default_rng(1), m=31, n=41, round_to=round_to)
    folds = _split((31, 41), 3, 0)
    two = Scored(one.members, one.non_members, folds)
    each = [Scored.whole(one.members[a], one.non_members[b]) for a, b in folds]
    pairs = np.array([len(a) * len(b) for a, b in folds])
    assert two.auc == pytest.approx(np.average([part.auc for part in each], weights=pairs))
    assert np.trapezoid(two.roc()[:, 1], two.roc()[:, 0]) == pytest.approx(two.auc, abs=1e-12)
    # Scores of another fold on quite another scale change nothing.
    shift = two.members.copy(), two.non_members.copy()
    shift[0][folds[0][0]] += 100
    shift[1][folds[0][1]] += 100
    assert Scored(*shift, folds).auc == pytest.approx(two.auc)


@pytest.mark.parametrize("gap", [0.0, 1.2, 2.5])
def test_auc_intervals_cover(gap):
    rng, true, count = np.random.default_rng(2), norm.cdf(gap / np.sqrt(2)), 400
    limits = [scored(rng, gap, 25, 35).interval(0.95) for _ in range(count)]
    held = np.mean([low <= true <= high for low, high in limits])
    assert held >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / count) - 0.01


def test_certainty_is_not_claimed_from_few_samples():
    low, high = Scored.whole(np.ones(20), np.zeros(20)).interval(0.95)
    assert high == 1.0
    assert 0.7 < low < 0.95
    assert Scored.whole(np.zeros(20), np.ones(20)).interval(0.95) == pytest.approx((0.0, 1 - low))


def test_differences_of_correlated_scores_cover_and_gain_by_the_correlation():
    rng, count, held, widths = np.random.default_rng(3), 150, 0, []
    true = norm.cdf(1.2 / np.sqrt(2)) - norm.cdf(0.6 / np.sqrt(2))
    for _ in range(count):
        common = rng.normal(size=80)
        both = [
            Scored.whole(
                *np.split(0.9 * common + np.sqrt(1 - 0.81) * rng.normal(size=80) + gap * (np.arange(80) < 40), 2)
            )
            for gap in (1.2, 0.6)
        ]
        value, low, high = auc_difference(*both, 0.95)
        held += low <= true <= high
        alone = [side.interval(0.95) for side in both]
        widths.append((high - low, np.hypot(*(b - a for a, b in alone))))
        assert low <= value <= high
    assert held / count >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / count)
    assert np.mean(widths, axis=0)[0] < 0.6 * np.mean(widths, axis=0)[1]


@pytest.mark.parametrize(("others", "wrong"), [(200, 2), (100, 1), (99, 0)])
def test_members_found_at_one_per_cent(others, wrong):
    members, rest = np.arange(50) * 10.0, np.arange(others) * 2.0
    found = Scored.whole(members, rest).at_false_positives(0.01, 0.95)
    assert found["false_positives"] == wrong
    hits = int((members > rest[-1 - wrong]).sum())
    told = binomtest(hits, 50).proportion_ci(0.95, "exact")
    assert (found["tpr"], found["tpr_low"], found["tpr_high"]) == pytest.approx((hits / 50, told.low, told.high))
    assert found["fpr_high"] == pytest.approx(binomtest(wrong, others).proportion_ci(0.95, "exact").high)


# ---- nothing leaks -------------------------------------------------------------------------------


def test_what_is_chosen_and_fitted_is_judged_on_others():
    rng, count, size = np.random.default_rng(4), 100, 24
    aucs, leaky = [], []
    for seed in range(count):
        rates = rng.random((2 * size, 10))
        found, _, _ = _statistics(rates, (size, size), _split((size, size), 2, seed))
        aucs.append([found[name].auc for name in ("best level", "weighted")])
        line = discriminant(rates[:size], rates[size:])
        leaky.append(Scored.whole(rates[:size] @ line, rates[size:] @ line).auc)
    error = np.std(aucs, axis=0) / np.sqrt(count)
    assert (np.abs(np.mean(aucs, axis=0) - 0.5) < 4 * error).all()
    assert np.mean(leaky) > 0.6  # what fitting and judging on the same samples would claim of noise


def test_weights_find_what_the_mean_misses():
    # Members come back more at one level and less at another: the mean over levels sees nothing.
    rng, tilt = np.random.default_rng(5), np.array([0.3, -0.3, 0.0])
    rates = rng.random((200, 3)) + np.where(np.arange(200) < 100, 1, 0)[:, None] * tilt
    found, chosen, _ = _statistics(rates, (100, 100), _split((100, 100), 2, 0))
    assert chosen == [0, 0]
    assert found["whole curve"].interval(0.95)[0] < 0.5
    assert found["weighted"].auc > found["best level"].auc > 0.65


# ---- known models --------------------------------------------------------------------------------


def bandwidth_report(h: float, seed: int):
    rng = np.random.default_rng(seed)
    train, fresh = rng.normal(size=(2, COUNT, DIM))
    mixture = cw.empirical_mixture(train, h)
    study = cw.ForwardReverseStudy(mixture, train[:4], levels=LEVELS, repeats=8)

    def ratio(x):
        """Minus the log-likelihood ratio of the model against the law that the points come from."""
        return norm.logpdf(x).sum(1) - np.asarray(mixture.log_prob(x))

    return mixture, train, study.membership(train, fresh, baseline=ratio, progress=False)


@pytest.fixture(scope="module")
def bandwidths():
    return {h: bandwidth_report(h, seed) for seed, h in enumerate((0.01, 0.3, 10.0))}


def test_a_model_that_memorises_gives_its_members_away(bandwidths):
    report = bandwidths[0.01][2]
    assert report.aucs["baseline"] == 1.0
    assert report.aucs["whole curve"] > 0.99
    assert report.aucs["best level"] > 0.99
    assert report.aucs["weighted"] > 0.99
    assert report.statistics["tpr"].min() > 0.9
    assert "better than guessing" in report.summary()


def test_a_wide_bandwidth_gives_nothing_away(bandwidths):
    report = bandwidths[10.0][2]
    # Under no difference the AUC's variance is (m + n + 1) / (12 m n).
    error = np.sqrt((2 * COUNT + 1) / (12 * COUNT**2))
    for name, auc in report.aucs.items():
        # Judged within two folds: half of the pairs.
        assert abs(auc - 0.5) < 3.5 * error * (1.05 if name in ("best level", "weighted") else 1.0), name
    assert "not told apart from guessing" in report.summary()


def test_no_return_rate_beats_the_likelihood_ratio(bandwidths):
    for _, _, report in bandwidths.values():
        better = report.statistics["difference_low"].drop_sel(statistic="baseline")
        assert (better <= 0).all()
    middle = bandwidths[0.3][2]
    assert 0.65 < middle.aucs["whole curve"] < middle.aucs["baseline"] < 1.0
    assert "worse than the baseline" in middle.summary()


def test_members_return_as_often_as_the_exact_posterior_says(bandwidths):
    mixture, train, report = bandwidths[0.01]
    rng, level = np.random.default_rng(9), 0.3
    noised = np.exp(-level) * train + np.sqrt(-np.expm1(-2 * level)) * rng.normal(size=(20, COUNT, DIM))
    own = np.asarray(mixture.at(level).posterior(noised))[:, np.arange(COUNT), np.arange(COUNT)]
    # With kernels this narrow, back at its own component is nearest to its own point.
    found = report.scores["rate"].sel(level=level).values[:COUNT]
    error = np.hypot(own.std() / np.sqrt(own.size), found.std() / np.sqrt(COUNT))
    assert abs(found.mean() - own.mean()) < 4 * error
    assert 0.05 < own.mean() < 0.95


class Bell(Process):
    """One Gaussian N(0, 1) on the plane, in NumPy."""

    index = IndexSet("OU time", "t", 0.0, np.inf)

    def noise(self, x, level, key):
        return np.exp(-level) * x + np.sqrt(-np.expm1(-2 * level)) * _normal(key, len(x))

    def denoise(self, y, level, key, n=1, to=None):
        if level == 3.0:
            raise RuntimeError("no weights for this level")
        return np.exp(-level) * y + np.sqrt(-np.expm1(-2 * level)) * _normal(key, len(y))

    def prior(self, key, n):
        return _normal(key, n)


def _normal(key, rows):
    seeds = row_seeds(key, rows)
    uniform = np.stack([(fold_seeds(seeds, k).astype(float) + 0.5) * 2.0**-63 for k in (1, 2)], 1)
    return norm.ppf(uniform)


@pytest.fixture(scope="module")
def bell():
    points = np.random.default_rng(6).normal(size=(400, 2))
    study = cw.ForwardReverseStudy(Bell(), points[:2], lambda x: x[:, 0] > 0, levels=[0.2, 0.7], repeats=50)
    return study, points[:200], points[200:]


def test_returns_within_a_radius_are_noncentral_chi_squared(bell):
    study, own, others = bell
    found = study.membership(own, others, returns=0.8, progress=False)
    for level, rates in zip((0.2, 0.7), found.scores["rate"].values.T, strict=True):
        # X' = a Y + s Z' with Y = a x + s Z: mean a^2 x, variance s^2 (1 + a^2) in each direction.
        a2 = np.exp(-2 * level)
        variance = (1 - a2) * (1 + a2)
        points = np.concatenate([own, others])
        exact = ncx2.cdf(0.64 / variance, 2, (1 - a2) ** 2 * (points**2).sum(1) / variance)
        error = np.sqrt(np.mean(exact * (1 - exact)) / (50 * len(points)))
        assert abs(np.mean(rates - exact)) < 4 * error
    assert found.aucs["whole curve"] == pytest.approx(0.5, abs=4 / np.sqrt(6 * 400))


def test_a_level_that_fails_is_left_out_and_said(bell):
    study, own, others = bell
    found = study.membership(own[:20], others[:20], levels=[0.2, 3.0], repeats=4, progress=False)
    assert list(found.levels["level"].values) == [0.2]
    assert "RuntimeError: no weights for this level" in found.summary()
    with pytest.raises(RuntimeError, match="no level could be run; at 3: RuntimeError: no weights"):
        study.membership(own[:20], others[:20], levels=[3.0], repeats=4, progress=False)


def test_a_closeness_of_one_s_own(bell):
    study, own, others = bell

    def closeness(x, back):
        return -np.linalg.norm(x - back, axis=1)

    found = study.membership(own[:20], others[:20], returns=closeness, repeats=4, progress=False)
    assert (found.scores["rate"] < 0).all()
    assert "as closeness says" in found.summary()
    found.svg()
    with pytest.raises(RuntimeError, match="returns must give one finite number"):
        study.membership(own[:20], others[:20], returns=lambda x, back: x, repeats=2, progress=False)


def test_batches_change_nothing(bell):
    study, own, others = bell
    one = study.membership(own[:20], others[:20], repeats=4, progress=False)
    process = Bell()
    process.batch_size = 7
    small = cw.ForwardReverseStudy(process, own[:2], study.classifier, levels=[0.2, 0.7], repeats=50)
    two = small.membership(own[:20], others[:20], repeats=4, progress=False)
    assert one.scores.identical(two.scores)


def test_sources_of_a_study_and_samples_agree(bell):
    study, own, others = bell
    points = np.concatenate([own[:15], others[:15]])
    run = cw.ForwardReverseStudy(Bell(), points, study.classifier, levels=[0.2, 0.7], repeats=6).run(progress=False)
    mask = np.arange(30) < 15
    kept = run.membership(mask, ~mask)
    fresh = study.membership(own[:15], others[:15], returns="features", repeats=6, progress=False)
    np.testing.assert_array_equal(kept.scores["rate"], fresh.scores["rate"])
    outcome = run.results["outcome"].values[..., 0] == run.results["original"].values[:, None]
    np.testing.assert_allclose(kept.scores["rate"], outcome.mean(2))
    loaded = membership(run.results, np.arange(15), np.arange(15, 30))
    assert loaded.statistics.identical(kept.statistics)
    with pytest.raises(ValueError, match="samples are not at hand"):
        membership(run.results, np.arange(15), np.arange(15, 30), baseline=np.sum)


# ---- words and bad input -------------------------------------------------------------------------


def test_few_non_members_are_said(bandwidths):
    report = bandwidths[0.3][2]
    assert list(report.statistics["tpr_status"].values) == ["found", "few non-members", "few non-members", "found"]
    text = report.summary()
    for words in ("no false positive was allowed", "One per cent can be set from 100 non-members", "Privacy."):
        assert words in text


@pytest.fixture(scope="module")
def kept():
    rng = np.random.default_rng(8)
    return results_of(rng.integers(0, 2, (20, 3, 5, 1)), np.zeros((20, 1)), {"label": ["a", "b"]}, [0.1, 1.0, 2.0])


@pytest.mark.parametrize(
    ("members", "others", "options", "error", "message"),
    [
        (np.arange(10), np.arange(9, 20), {}, ValueError, "share a source"),
        (np.arange(10), np.arange(10, 21), {}, ValueError, "'20', which is no source"),
        (np.ones(3, bool), np.ones(3, bool), {}, ValueError, "mask of 3 sources, but the study has 20"),
        (np.arange(3), np.arange(10, 20), {}, ValueError, "at least 4 samples for 2 folds, not 3"),
        (np.arange(10), np.arange(10, 20), {"folds": 1}, ValueError, "folds must be an integer of at least 2"),
        (np.arange(10), np.arange(10, 20), {"confidence": 2}, ValueError, "confidence must lie"),
        (np.arange(10), np.arange(10, 20), {"seed": -1}, ValueError, "seed must be"),
        (np.arange(10), np.arange(10, 20), {"baseline": 3}, TypeError, "baseline must be a callable or a pair"),
        (np.arange(10), np.arange(10, 20), {"baseline": ([1.0], [2.0])}, ValueError, "a loss for each of 10 members"),
        (
            np.arange(10),
            np.arange(10, 20),
            {"baseline": (np.zeros(10), np.full(10, np.inf))},
            ValueError,
            "finite losses, but 10 are not",
        ),
        (np.arange(10), np.zeros((10, 2)), {}, TypeError, "must both be samples, or both sources"),
        ("train", np.arange(10), {}, TypeError, "members must be a batch of samples"),
        (np.arange(10), np.arange(10, 20), {"returns": "nearest"}, TypeError, "study with its model"),
    ],
)
def test_bad_input_is_named(kept, members, others, options, error, message):
    with pytest.raises(error, match=message):
        membership(kept, members, others, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"returns": "neares"}, ValueError, "did you mean 'nearest'"),
        ({"returns": -1.0}, ValueError, "returns must be a positive number"),
        ({"returns": None, "levels": [-1.0]}, ValueError, "levels"),
        ({"returns": [1]}, TypeError, "a radius or a callable"),
        ({"repeats": 0}, ValueError, "repeats must be"),
    ],
)
def test_bad_options_for_samples_are_named(bell, options, error, message):
    study, own, others = bell
    with pytest.raises(error, match=message):
        study.membership(own[:10], others[:10], progress=False, **options)


def test_a_sample_on_both_sides_is_named(bell):
    study, own, _ = bell
    with pytest.raises(ValueError, match="10 samples are among members and non_members"):
        study.membership(own[:10], own[:20], progress=False)


# ---- samples that are no arrays ------------------------------------------------------------------


class Echo(Process):
    """Texts that come back as they are if they start with m, else in capitals."""

    index = IndexSet("tokens hidden", "m", 0, 4, whole=True)

    def noise(self, x, level, key):
        return list(x)

    def denoise(self, y, level, key, n=1, to=None):
        return [text if text.startswith("m") else text.upper() for text in y]

    def prior(self, key, n):
        return ["m"] * n


def test_texts_are_tested_too():
    study = cw.ForwardReverseStudy(Echo(), ["m0", "a1"], lambda x: [len(text) for text in x], levels=[1, 3], repeats=2)
    own, others = [f"m{i}" for i in range(6)], [f"a{i}" for i in range(6)]

    def same(x, back):
        return np.array([a == b for a, b in zip(x, back, strict=True)])

    found = study.membership(own, others, returns=same, baseline=lambda x: np.zeros(len(x)), progress=False)
    assert found.aucs == {"whole curve": 1.0, "best level": 1.0, "weighted": 1.0, "baseline": 0.5}
    with pytest.raises(TypeError, match="distances need samples of numbers"):
        study.membership(own, others, progress=False)
