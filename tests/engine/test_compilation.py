"""Compiled kernels on disk, where the user wants them, and counted."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import critwin_widgets as cw
from critwin_widgets.engine import count_compilations, enable_compilation_cache
from critwin_widgets.engine._compilation import _user_cache_folder
from tests.mixtures import random_mixture

ROOT = Path(__file__).resolve().parents[2]


def fresh(code: str, **environment: str) -> dict:
    """Run code in a cold process and return what it printed last, as JSON."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XDG_"))}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=inherited | {"JAX_PLATFORMS": "cpu"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


SCORE = """
import json, sys, numpy as np, jax
import critwin_widgets as cw
folder = {enable}
mixture = cw.GaussianMixture([[0.0, 0.0], [3.0, 1.0]], 1.0)
with cw.count_compilations() as compiled:
    mixture.score(np.ones((4, 2)))
print(json.dumps(dict(
    count=compiled.count, loaded=compiled.loaded, folder=str(folder),
    seen=jax.config.jax_compilation_cache_dir, time=jax.config.jax_persistent_cache_min_compile_time_secs)))
"""


def test_the_second_process_loads_what_the_first_compiled(tmp_path):
    folder = tmp_path / "made" / "kernels"
    code = SCORE.format(enable=f"cw.enable_compilation_cache({str(folder)!r})")
    first, second = fresh(code), fresh(code)
    assert first["count"] >= 1
    assert first["loaded"] == 0
    assert list(folder.iterdir())
    assert second["count"] == 0
    assert second["loaded"] == first["count"]


def test_nothing_is_kept_unless_asked_for(tmp_path):
    found = fresh(SCORE.format(enable="None"), XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path))
    assert found["seen"] is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_it_is_the_users_cache_folder(tmp_path):
    found = fresh(SCORE.format(enable="cw.enable_compilation_cache()"), XDG_CACHE_HOME=str(tmp_path), HOME="/nowhere")
    assert found["folder"] == found["seen"]
    if sys.platform.startswith("linux"):
        assert Path(found["folder"]) == tmp_path / "critwin-widgets" / "jax"


def test_jaxs_own_setting_is_respected(tmp_path):
    own = tmp_path / "own"
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(own),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
    }
    for enable in ("cw.enable_compilation_cache()", f"cw.enable_compilation_cache({str(own)!r})"):
        found = fresh(SCORE.format(enable=enable), **environment)
        assert found["folder"] == found["seen"] == str(own)
        # A threshold that the user has set stays the user's.
        assert found["time"] == 0.5


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/critwin-widgets/jax"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/people/me/.cache/critwin-widgets/jax"),
        ("linux", {}, "/people/me/.cache/critwin-widgets/jax"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/people/me/Library/Caches/critwin-widgets/jax"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/critwin-widgets/jax"),
        ("win32", {}, "/people/me/AppData/Local/critwin-widgets/jax"),
    ],
)
def test_the_users_cache_folder_is_the_platforms(monkeypatch, platform, environment, expected):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"HOME": "/people/me"}).items():
        monkeypatch.setenv(name, value)
    assert _user_cache_folder() == Path(expected)


@pytest.mark.parametrize(
    ("folder", "error", "message"),
    [
        (3, TypeError, "folder must be a path or None, not 3"),
        (b"bytes", TypeError, "folder must be a path or None, not b'bytes'"),
        (True, TypeError, "folder must be a path or None, not True"),
        ("", ValueError, "folder is an empty path"),
        ("/dev/null/kernels", OSError, "the compilation cache cannot be written .*Not a directory"),
    ],
)
def test_bad_folders_are_named(folder, error, message):
    with pytest.raises(error, match=message):
        enable_compilation_cache(folder)
    assert jax.config.jax_compilation_cache_dir is None


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="the compilation cache cannot be written"):
        enable_compilation_cache(tmp_path / "file")


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    def refused(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir))

    # Not by permissions: the superuser may write everywhere.
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(PermissionError, match="the compilation cache cannot be written .*Permission denied"):
        enable_compilation_cache(tmp_path)


@pytest.fixture
def settings():
    """JAX's settings of the cache, put back afterwards."""
    names = ("jax_compilation_cache_dir", "jax_enable_compilation_cache")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_another_folder_than_jaxs_is_a_contradiction(tmp_path, settings):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
    with pytest.raises(ValueError, match=r"theirs' already; pass None to use that one"):
        enable_compilation_cache(tmp_path / "ours")
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "theirs")


def test_a_cache_in_a_bucket_is_jaxs_business(settings):
    jax.config.update("jax_compilation_cache_dir", "gs://bucket/kernels")
    with pytest.raises(ValueError, match="already"):
        enable_compilation_cache("/somewhere/else")
    assert jax.config.jax_compilation_cache_dir == "gs://bucket/kernels"


def test_a_cache_switched_off_is_named(tmp_path, settings):
    jax.config.update("jax_enable_compilation_cache", False)
    with pytest.raises(ValueError, match="switched off"):
        enable_compilation_cache(tmp_path)


def test_compilations_are_counted():
    double = jax.jit(lambda x: 2 * x)
    short, long = jnp.zeros(3), jnp.zeros(4)
    with count_compilations() as outer:
        double(short)
        with count_compilations() as inner:
            double(short)
        assert inner.count == 0
        with count_compilations() as inner:
            double(long)
        assert inner.count == 1
    assert outer.count == 2
    assert len(outer.names) == 2
    assert outer.seconds > 0
    double(jnp.zeros(5))
    assert outer.count == 2
    assert "count=2" in repr(outer)


def test_counting_ends_when_the_block_fails():
    def fail():
        with count_compilations() as compiled:
            seen.append(compiled)
            raise RuntimeError

    seen = []
    with pytest.raises(RuntimeError):
        fail()
    jax.jit(lambda x: 3 * x)(np.ones(6))
    assert seen[0].count == 0


@pytest.mark.parametrize("kind", ["spherical", "full"])
def test_other_names_weights_and_means_need_no_new_kernel(kind):
    mixture, moved = random_mixture(kind, seed=0), random_mixture(kind, seed=1)
    named = cw.GaussianMixture(
        moved.means, moved.covariances, moved.weights, kind, labels=list("abcde"), features={"side": list("llrrr")}
    )
    x = np.ones((9, 3))
    mixture.score(x), mixture.log_prob(x), mixture.posterior(x), mixture.sample(0, 9)
    with count_compilations() as compiled:
        for other in (moved, named, mixture.at(0.3)):
            other.score(x), other.log_prob(x), other.posterior(x), other.sample(0, 9)
            other.score(x, [0, 1])
    assert compiled.names == []


@pytest.mark.parametrize("kind", ["spherical", "diag", "tied", "full"])
def test_a_first_score_is_one_kernel(kind):
    mixture = random_mixture(kind, count=4, dim=7)
    with count_compilations() as compiled:
        mixture.score(np.ones((3, 7)))
    assert compiled.count == 1
