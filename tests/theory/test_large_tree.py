"""Trees of very many components: the small path's answers, invariances, references, refusals."""

import itertools

import numpy as np
import pytest
from scipy import special

from critwin_widgets.engine import GaussianMixture, _memory, overlap
from critwin_widgets.engine.separation import Survey
from critwin_widgets.engine.separation.gaps import squared_gaps
from critwin_widgets.engine.separation.many import Crowd, merge_scales, serves
from critwin_widgets.theory import _large, mixture_tree, tree
from critwin_widgets.theory.windows import complement, start_time

SIZES = (5, 5, 6)


def hierarchy(dim: int = 12, sizes=SIZES, ratio: float = 1000.0, seed: int = 3, variances=1.0, scale: float = 20.0):
    """A hierarchy of spherical components, siblings in random directions."""
    rng = np.random.default_rng(seed)
    means, reach = np.zeros((1, dim)), scale * ratio ** (len(sizes) - 1)
    for size in sizes:
        step = rng.normal(size=(len(means), size, dim))
        step *= reach / np.linalg.norm(step, axis=-1, keepdims=True)
        means, reach = (means[:, None] + step).reshape(-1, dim), reach / ratio
    count = len(means)
    groups = np.arange(count)
    features = {"first": groups // (count // sizes[0]), "second": groups // sizes[-1]}
    return GaussianMixture(means, variances, features=features)


@pytest.fixture(scope="module")
def mixture():
    return hierarchy()


@pytest.fixture(scope="module")
def found(mixture):
    return mixture_tree(mixture, 0.03)


@pytest.fixture
def all_large(monkeypatch):
    """Every spherical mixture takes the path of large ones."""
    monkeypatch.setattr(tree, "LARGE", 10)


def expected(sizes=SIZES) -> set:
    count = int(np.prod(sizes))
    sets = {tuple(range(count))}
    width = count
    for size in sizes:
        width //= size
        sets |= {tuple(range(k, k + width)) for k in range(0, count, width)}
    return sets


def test_a_hierarchy_has_exactly_its_vertices(found):
    assert {v.subset for v in found.nodes} == expected()
    assert found.unique
    assert len(found.windows) == len(found.nodes) - 1
    assert all(w.status == "window" and w.t_after.value < w.t_before.value for w in found.windows)
    assert all(v.certificate in ("certified", "exact") for v in found.nodes)
    assert [len(v.subset) for v in found.path(7)] == [1, 6, 30, 150]
    assert sorted(found.order) == list(range(150))


def test_large_and_small_paths_agree(all_large, monkeypatch):
    mixture = hierarchy(sizes=(4, 3, 4))
    found = mixture_tree(mixture, 0.05)
    monkeypatch.setattr(tree, "LARGE", 100)
    small = mixture_tree(mixture, 0.05, n=256, times=found.times)
    assert {v.subset for v in small.nodes} == {v.subset for v in found.nodes}
    for vertex in found.nodes[1:]:
        other = small.vertex(vertex.subset)
        assert vertex.plateau_end.value == pytest.approx(other.plateau_end.value, abs=1e-6)
        for one, two in ((vertex, other), (other, vertex)):
            reach = 0.05  # ends of intervals are interpolated
            assert one.plateau_start.low - reach <= two.plateau_start.high
    for name in ("first", "second"):
        one, two = (t.features.sel(feature=name) for t in (found, small))
        gap = abs(one["decided"].values - two["decided"].values)
        reach = [(d["decided_high"] - d["decided_low"]).values / 2 for d in (one, two)]
        assert (gap <= 2 * np.hypot(*reach) + 0.01).all()


def test_intervals_cover_many_draws(mixture, found):
    exact = mixture_tree(mixture, 0.03, n=128, seed=9)
    hits = []
    for name in ("decided", "retention", "overlap"):
        value = exact.curves[name].values
        low, high = (found.curves[name + end].values for end in ("_low", "_high"))
        matters = (value > 1e-3) & (value < 0.999)
        hits.append(((low <= value + 0.01) & (value - 0.01 <= high))[matters])
    assert all(h.mean() > 0.9 for h in hits), [h.mean() for h in hits]


def test_start_times_bracket_those_of_a_single_question(mixture, found):
    subset = found.nodes[1].subset
    inner = [k for k in range(150) if k < 30 or k % 30 == 0]
    assert complement(mixture, subset)
    part = mixture.subset_mixture(inner)
    alone = start_time(part, range(30), 0.03, method="certified")
    assert alone.low < found.vertex(tuple(range(30))).plateau_start.high + 1.0


@pytest.mark.parametrize("change", ["relabelled", "rotated", "moved"])
def test_naming_turning_and_moving_change_nothing(mixture, found, change):
    rng = np.random.default_rng(0)
    means = np.asarray(mixture.means)
    turn = np.arange(150)
    if change == "relabelled":
        turn = rng.permutation(150)
        means = means[turn]
    if change == "rotated":
        means = means @ np.linalg.qr(rng.normal(size=(12, 12)))[0]
    if change == "moved":
        means = means + 1e8
    other = mixture_tree(GaussianMixture(means, 1.0), 0.03)
    for vertex in found.nodes:
        image = other.vertex(np.flatnonzero(np.isin(turn, vertex.subset)))
        assert image.plateau_end.value == pytest.approx(vertex.plateau_end.value, abs=1e-6)
        assert image.eps_certified == pytest.approx(vertex.eps_certified, rel=1e-4)


def test_one_covariance_is_one_covariance_however_it_is_written():
    means = hierarchy(sizes=(3, 5, 10), dim=5).means
    written = [
        GaussianMixture(means, 2.0),
        GaussianMixture(means, 2.0 * np.eye(5), covariance_type="tied"),
        GaussianMixture(means, np.full((150, 5), 2.0), covariance_type="diag"),
    ]
    assert [serves(m) for m in written] == [True, True, False]
    trees = [mixture_tree(m, 0.03) for m in written[:2]]
    assert trees[0].curves.identical(trees[1].curves)


def test_different_variances_are_bracketed():
    variances = np.random.default_rng(1).uniform(0.5, 2.0, 150)
    mixture = hierarchy(variances=variances)
    tree = mixture_tree(mixture, 0.03)
    assert {v.subset for v in tree.nodes} == expected()
    assert tree.curves.attrs["within_method"] == "certified"
    for name in ("overlap", "within"):
        low, value, high = (tree.curves[name + end].values for end in ("_low", "", "_high"))
        assert (low <= value).all()
        assert (value <= high).all()
    vertex = tree.vertex(range(6))
    pairs = [overlap(mixture, i, j, vertex.plateau_end.high) for i, j in itertools.combinations(vertex.subset, 2)]
    assert min(p.high for p in pairs) >= 1 - 0.03 - 1e-3


@pytest.mark.parametrize("spread", [None, 4.0])
def test_brackets_of_a_crowd_hold_those_of_all_pairs(spread):
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.2, 2, 20)
    mixture = GaussianMixture(
        rng.normal(size=(20, 3)) * 4, 1.0 if spread is None else rng.uniform(1, spread, 20), weights / weights.sum()
    )
    crowd = Crowd.of(mixture, 4, 0, 0.1)
    low, high, within, within_low, within_high = crowd.bounds(2.0)
    t = 0.5 * np.log1p(2.0)
    for m, (first, last) in enumerate(crowd.ranges[:-1]):
        inside = tuple(sorted(crowd.order[first:last].tolist()))
        rest = complement(mixture, inside)
        one = overlap(mixture, inside, rest, t, method="certified")
        assert low[m] <= one.high + 1e-12
        assert one.low <= high[m] + 1e-12
        if len(inside) > 1:
            found = Survey(mixture, np.array([t]), 2, method="certified").table.log_low[0]
            least = np.exp(found[np.ix_(inside, inside)]).min()
            assert within_high[m] == pytest.approx(1 - least, abs=1e-12)
            assert within_low[m] - 1e-12 <= within[m] <= within_high[m] + 1e-12


def test_ratios_are_those_of_the_densities():
    rng = np.random.default_rng(2)
    mixture = GaussianMixture(rng.normal(size=(6, 4)), rng.uniform(0.5, 2, 6))
    crowd = Crowd.of(mixture, 4000, 0, 0.1)
    place = 3
    ratios = crowd.ratios(np.array([place]), np.arange(6), 0.7)[0]
    # E_k[p_j / p_k] = 1 for every j.
    error = ratios.std(0) / np.sqrt(len(ratios))
    np.testing.assert_array_less(np.abs(ratios.mean(0) - crowd.weights), 5 * error + 1e-5)
    # E_k[ln p_k / p_j] is the Kullback-Leibler divergence.
    v = crowd.variances + 0.7
    kl = 0.5 * (4 * (v[place] / v - 1 - np.log(v[place] / v)) + crowd.squared[place] / v)
    logs = np.log(ratios / crowd.weights)
    np.testing.assert_array_less(np.abs(-logs.mean(0) - kl), 5 * logs.std(0) / np.sqrt(4000) + 1e-5)


def test_merge_scales_are_where_the_pair_reaches_the_level():
    squared = np.array([[0.0, 9.0], [9.0, 0.0]])
    same = merge_scales(squared, np.full(2, 1.0), 3, 0.1)[0, 1]
    assert special.erf(np.sqrt(9.0 / same) / np.sqrt(8)) == pytest.approx(0.1)
    near = merge_scales(squared, np.array([1.0, 1.0 + 1e-9]), 3, 0.1)[0, 1]
    assert near + 1.0 == pytest.approx(same, rel=1e-6)


@pytest.mark.parametrize("count", [40, 300])
def test_squared_gaps_keep_their_digits(count):
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(count // 2, 400)), 1e7 + 1e-3 * rng.normal(size=(count // 2, 400))])
    found = squared_gaps(points)
    rows, columns = np.triu_indices(count, 1)
    exact = np.square(points[rows] - points[columns]).sum(-1)
    np.testing.assert_allclose(found[rows, columns], exact, rtol=1e-7)
    assert (found == found.T).all()
    chain = np.arange(count)[:, None] * np.r_[1.0, np.zeros(399)]
    np.testing.assert_allclose(squared_gaps(chain), np.square(np.subtract.outer(np.arange(count), np.arange(count))))


def test_what_would_not_fit_is_refused(monkeypatch):
    mixture = GaussianMixture(np.zeros((10_000, 1)) + np.arange(10_000)[:, None], 1.0)
    monkeypatch.setattr(_memory, "available_memory", lambda: 8.0 * 2**30)
    with pytest.raises(MemoryError, match=r"all pairs of 10000 components would need 8\.9 GiB, but 8\.0 GiB are free"):
        mixture_tree(mixture, 0.05)
    diagonal = GaussianMixture(np.zeros((10_000, 2)), np.ones((10_000, 2)), covariance_type="diag")
    survey = Survey(diagonal, np.linspace(0, 1, 97), 64)
    with pytest.raises(MemoryError, match="table of all pairs of 10000 components at 97 times would need .* GiB"):
        _ = survey.table
    with pytest.raises(MemoryError, match="64 draws from each of 10000 components at 97 times would need"):
        _ = survey.draws
    with pytest.raises(MemoryError, match="all pairs of 10000 components"):
        mixture_tree(diagonal, 0.05)


def test_levels_above_the_unique_ones_are_said_to_be_so(all_large):
    mixture = hierarchy(ratio=30.0, sizes=(3, 4, 4))
    unique = _large.unique_below(np.asarray(mixture.weights))
    assert unique**2 == pytest.approx((1 - unique) / 48)
    assert not mixture_tree(mixture, 0.3).unique
