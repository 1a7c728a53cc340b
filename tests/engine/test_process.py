"""Index sets, and the seeds of the rows of a batch."""

import math

import numpy as np
import pytest

from critwin_widgets.engine.processes import IndexSet, fold_seeds, repeat_seeds, row_seeds

TIME = IndexSet("OU time", "t", 0.0, math.inf)
TOKENS = IndexSet("tokens hidden", "h", 0, 8, whole=True)
STEPS = IndexSet("DDPM step", "k", 0, 900, levels=(0, 100, 400, 900), ou_times=(0.0, 0.1, 0.5, 2.0))


def test_levels_are_sorted_and_distinct():
    np.testing.assert_array_equal(TOKENS.check_all([5, 2, 2]), [2.0, 5.0])


@pytest.mark.parametrize(
    ("index", "level", "words"),
    [
        (TIME, -1.0, "a number from 0 to inf"),
        (TIME, math.nan, "nan"),
        (TIME, "1", "'1'"),
        (TIME, True, "True"),
        (TOKENS, 2.5, "whole number from 0 to 8"),
        (TOKENS, 9, "not 9"),
        (STEPS, 150, "4 levels from 0 to 900"),
    ],
)
def test_levels_outside_are_refused(index, level, words):
    with pytest.raises(ValueError, match="level must be") as caught:
        index.check(level)
    assert words in str(caught.value)


def test_no_levels_are_refused():
    with pytest.raises(ValueError, match="at least one level"):
        TIME.check_all([])


def test_the_level_between_two():
    assert TIME.between(1.0, 2.0) == 1.5
    assert TOKENS.between(2, 3) is None
    assert TOKENS.between(2, 5) == 3
    assert STEPS.between(0, 900) == 400
    assert STEPS.between(100, 400) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"clean": 1.0, "noise": 0.0},
        {"clean": 0.0, "noise": 1.0, "levels": (0.5, 0.2)},
        {"clean": 0.0, "noise": 1.0, "levels": (0.0, 0.2), "ou_times": (1.0,)},
    ],
)
def test_an_index_set_must_be_in_order(fields):
    with pytest.raises(ValueError, match=r"clean|increase|ou_times"):
        IndexSet("x", "x", **fields)


def test_seeds_of_rows_do_not_depend_on_the_batch():
    whole = row_seeds(7, 1000)
    assert len(np.unique(whole)) == 1000
    np.testing.assert_array_equal(row_seeds(7, 10), whole[:10])
    repeats = repeat_seeds(whole, 5)
    np.testing.assert_array_equal(repeats[10:15], repeat_seeds(whole[2:3], 5))
    assert len(np.unique(repeats)) == 5000
    assert (repeats >= 0).all()


def test_seeds_look_uniform():
    bits = np.unpackbits(fold_seeds(3, np.arange(4096)).view(np.uint8)).reshape(4096, 64)
    share = np.delete(bits.mean(axis=0), 56)  # the sign bit of the little-endian int64 is never set
    assert (np.abs(share - 0.5) < 5 * 0.5 / np.sqrt(4096)).all()


@pytest.mark.parametrize(
    ("key", "error"), [(True, TypeError), (1.5, TypeError), ("a", TypeError), (-1, ValueError), ([1, 2], ValueError)]
)
def test_bad_seeds_are_refused(key, error):
    with pytest.raises(error, match="key must"):
        row_seeds(key, 3)
