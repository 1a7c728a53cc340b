"""Refusing what would not fit into memory, before it is allocated."""

import os
from pathlib import Path

_LITTLE = 2.0**26
"""Bytes that are taken without looking: to look costs as much as a small computation."""

_SHARE = 0.8
"""Part of the free memory that one computation may take: the rest of the process needs some too."""


def check_memory(size: float, what: str, remedy: str = "use fewer components") -> None:
    """Raise `MemoryError` if `size` bytes do not fit into the memory that is free now.

    Args:
        size: bytes at the peak, temporaries included.
        what: what needs them, as the subject of a sentence ("all pairs of 10000 components at 97 times").
        remedy: what to do instead.
    """
    if size <= _LITTLE:
        return
    free = available_memory()
    if size > _SHARE * free:
        raise MemoryError(f"{what} would need {size / 2**30:.1f} GiB, but {free / 2**30:.1f} GiB are free; {remedy}")


def available_memory() -> float:
    """Return the bytes this process may still take: free memory, its control group's limit, its own limits.

    Where a limit cannot be read on a platform it does not count; where none can, 8 GiB are assumed.
    """
    known = [size for size in (_free(), _group(), _limit()) if size is not None]
    return float(max(min(known, default=8 * 2**30), 0))


def _free() -> float | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:  # no Linux: half of what is built in
        return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _group() -> float | None:
    for folder, limit, used in (
        ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most = int((Path(folder) / limit).read_text())  # "max" is no number: no limit
            cached = _cached(Path(folder) / "memory.stat")
            return float(most - int((Path(folder) / used).read_text()) + cached)
        except (OSError, ValueError):
            continue
    return None


def _cached(stat: Path) -> int:
    """Return the bytes of a control group's file cache that can be dropped."""
    for line in stat.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _limit() -> float | None:
    try:
        import resource  # POSIX only

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return float(most - pages * os.sysconf("SC_PAGE_SIZE"))
    except (ImportError, OSError, ValueError):
        return None
