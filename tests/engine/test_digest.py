"""The hash of what a model is: equal for equals, another for anything that computes something else."""

import functools
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine import components as kinds
from critwin_widgets.engine._digest import digest

SCALE = 2.0


def scaled(by):
    return lambda x: by * x


def doubled(x):
    return SCALE * x


def tripled(x, by=3.0):
    return by * x


def records(fill):
    """Records with seven bytes between their fields that mean nothing."""
    held = np.full(3 * 16, fill, np.uint8).view(np.dtype([("a", "u1"), ("b", "f8")], align=True))
    held["a"], held["b"] = 1, 2.5
    return held


class Plain:
    def __init__(self, value):
        self.value = value


class Closed(Plain):
    def __reduce_ex__(self, protocol):
        raise TypeError("it cannot be pickled")


MANY = [
    None, True, 1, 1.0, 2.5, "1", b"1", [1], [[1]], [1, 2], [[1], 2], {1}, {"a": 1}, {"a": 2}, {"b": 1},
    np.ones(2), np.ones((2, 1)), np.ones(2, np.float32),
    jnp.ones(2, jnp.int32), np.array([1, None]), np.array(["1"]), len, np.exp, Plain, Plain(1),
    Plain(2), Plain(Plain(2)), doubled, tripled, scaled(2.0), scaled(3.0), functools.partial(tripled, by=2.0),
    kinds.Normal(0.0, 1.0), kinds.Normal(0.0, 1.5), kinds.LogDensity(lambda x: -0.5 * x**2, 1.0, (-2, 2)),
    kinds.LogDensity(lambda x: -0.6 * x**2, 1.0, (-2, 2)), records(0), jax.random.key(1), jax.random.key(2),
]  # fmt: skip


def test_whatever_differs_has_another_hash():
    assert len({digest(value) for value in MANY}) == len(MANY)
    assert digest(1, 2) != digest(2, 1)


def test_equals_have_one_hash():
    for first, second in (
        ({"a": 1, "b": [2.0]}, {"b": [2.0], "a": 1}),
        ({"x", "y", "z"}, {"z", "y", "x"}),
        (scaled(2.0), scaled(2.0)),
        (doubled, jax.jit(doubled)),
        (np.arange(6).reshape(2, 3).T, np.array([[0, 3], [1, 4], [2, 5]])),
        (records(0), records(255)),
        (Plain([1, 2]), Plain([1, 2])),
        (Closed(1), Closed(1)),
    ):
        assert digest(first) == digest(second)


def test_what_a_function_looks_up_counts(monkeypatch):
    before = digest(doubled)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.5)
    assert digest(doubled) != before


def test_a_circle_ends():
    first, second = Plain(1), Plain(1)
    first.me, second.me = first, [second]
    assert digest(first) == digest(first) != digest(second)


def test_what_is_computed_on_first_use_does_not_count():
    normal = kinds.TruncatedNormal(0.0, 1.0, -1.0, 2.0)
    before = digest(normal)
    assert abs(normal.mode) < 1e-9
    assert digest(normal) == before
    mixture = GaussianMixture([[0.0], [1.0]], 1.0)
    rounded = eqx.tree_at(lambda m: m.eigenvalues, mixture, np.asarray(mixture.eigenvalues) * (1 + 1e-15))
    assert digest(mixture) == digest(rounded) != digest(mixture.at(0.1))


def test_another_python_process_gives_the_same():
    path = Path(digest.__code__.co_filename)
    values = "{'x', 'yy', 'zzz'}, [1.5, None], eval('lambda x, by=2: by * x + 1'), complex(1, 2), object()"
    # The file alone: it needs no other of the package.
    code = f"import runpy; print(runpy.run_path({str(path)!r})['digest']({values}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert done.stdout.strip() == digest(*eval(values))
