"""Compilation by XLA: kept on disk between processes where the user asks for it, and counted."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import jax

_COMPILED = "/jax/core/compile/backend_compile_duration"
_LOADED = "/jax/compilation_cache/cache_hits"

_THRESHOLDS = {
    # Ours are many small kernels of 20 ms to 1 s each; JAX keeps only those above a second.
    "jax_persistent_cache_min_compile_time_secs": (1.0, 0.0),
    # -1 says that no file system's own idea of a good size may raise the limit again.
    "jax_persistent_cache_min_entry_size_bytes": (0, -1),
}


def enable_compilation_cache(folder: str | os.PathLike | None = None) -> Path:
    """Keep compiled kernels on disk, so that the next process loads them instead of compiling.

    Turns on JAX's persistent compilation cache for everything JAX compiles in this process from now
    on. Without this call, or JAX's own switch, nothing is written to disk. Compiled code is run as it
    is found: use a folder that nobody you distrust can write to.

    Args:
        folder: where to keep them; made when it does not exist. When `None`, the folder that JAX is
            already set to use (`JAX_COMPILATION_CACHE_DIR`, `jax_compilation_cache_dir`), else
            `critwin-widgets` in the user's cache folder of the platform.

    Returns:
        The folder in use.

    Raises:
        TypeError: `folder` is not a path.
        ValueError: JAX is set to another folder already, or the cache is switched off in JAX.
        OSError: the folder cannot be made or written to.
    """
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a path or None, not {folder!r}")
    if folder is not None and not os.fspath(folder):
        raise ValueError("folder is an empty path; name a folder, or pass None for the user's cache folder")
    if not _setting("jax_enable_compilation_cache"):
        raise ValueError(
            "JAX's compilation cache is switched off (jax_enable_compilation_cache is False); "
            "switch it on with jax.config.update('jax_enable_compilation_cache', True)"
        )
    chosen = _setting("jax_compilation_cache_dir")
    if chosen and "://" in chosen:
        _check_same(folder, chosen, folder is None or os.fspath(folder) == chosen)
        return Path(chosen)
    wanted = Path(chosen or _user_cache_folder()) if folder is None else Path(folder)
    wanted = wanted.expanduser().absolute()
    if chosen:
        _check_same(folder, chosen, Path(chosen).expanduser().absolute() == wanted)
    _check_writable(wanted)
    for name, (default, ours) in _THRESHOLDS.items():
        # A threshold that the user has set, by call or by environment, is the user's.
        if _setting(name) == default and name.upper() not in os.environ:
            jax.config.update(name, ours)
    if not chosen:
        from jax.experimental.compilation_cache import compilation_cache

        jax.config.update("jax_compilation_cache_dir", str(wanted))
        # A process that has compiled anything has settled that there is no cache.
        compilation_cache.reset_cache()
    return wanted


def _user_cache_folder() -> Path:
    """Return `critwin-widgets` in the platform's folder for a user's caches."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        # The XDG specification: a relative path is invalid and to be ignored.
        named = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(named) if os.path.isabs(named) else home / ".cache"
    return base / "critwin-widgets" / "jax"


def _setting(name: str):
    return getattr(jax.config, name)


def _check_same(folder, chosen: str, same: bool) -> None:
    if not same:
        raise ValueError(
            f"folder is {os.fspath(folder)!r}, but JAX is set to keep its compilation cache in {chosen!r} already; "
            "pass None to use that one, or change jax_compilation_cache_dir yourself"
        )


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            error.errno, f"the compilation cache cannot be written ({reason}); name another folder", str(folder)
        ) from error


class Compilations:
    """What XLA compiled while `count_compilations` was watching.

    Attributes:
        names: the functions that were compiled, in order.
        loaded: how many kernels came from the persistent cache instead.
        seconds: time spent on compiling and loading.
    """

    def __init__(self):
        self.names: list[str] = []
        self.loaded = 0
        self.seconds = 0.0

    @property
    def count(self) -> int:
        """Number of kernels that were compiled, not counting those loaded from the persistent cache."""
        return len(self.names)

    def __repr__(self) -> str:
        return f"Compilations(count={self.count}, loaded={self.loaded}, seconds={self.seconds:.3g})"


class _Watch(threading.local):
    """Whether the kernel that this thread is about to report was loaded from the persistent cache."""

    loaded = False


_watching: list[Compilations] = []
_watch = _Watch()
_registered = False
_lock = threading.Lock()


@contextlib.contextmanager
def count_compilations() -> Iterator[Compilations]:
    """Count the kernels that XLA compiles within a `with` block, in all threads.

    A warm call compiles nothing; each new shape, dtype or static argument shows as at least one.

    Yields:
        A `Compilations`, which goes on counting until the block ends.

    Example:
        >>> with count_compilations() as compiled:
        ...     mixture.score(x)
        >>> compiled.count, compiled.names
    """
    _register()
    found = Compilations()
    with _lock:
        _watching.append(found)
    try:
        yield found
    finally:
        with _lock:
            _watching[:] = [other for other in _watching if other is not found]


def _register() -> None:
    global _registered
    with _lock:
        if not _registered:
            # JAX gained a public way to take a listener off again only lately; one that stays and
            # does nothing while nobody counts works with all versions.
            jax.monitoring.register_event_duration_secs_listener(_on_duration)
            jax.monitoring.register_event_listener(_on_event)
            _registered = True


def _on_event(event: str, **kwargs: str | int) -> None:
    if event == _LOADED:
        _watch.loaded = True


def _on_duration(event: str, duration_secs: float, **kwargs: str | int) -> None:
    if event != _COMPILED:
        return
    loaded, _watch.loaded = _watch.loaded, False
    with _lock:
        for found in _watching:
            found.seconds += duration_secs
            if loaded:
                found.loaded += 1
            else:
                found.names.append(str(kwargs.get("fun_name", "")))
