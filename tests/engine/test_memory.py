"""What does not fit is refused before it is allocated, with its size and what to do."""

import pytest

from critwin_widgets.engine import _memory


def test_what_fits_passes_and_what_does_not_names_its_size(monkeypatch):
    monkeypatch.setattr(_memory, "available_memory", lambda: 10.0 * 2**30)
    _memory.check_memory(7.9 * 2**30, "a table")
    with pytest.raises(MemoryError, match=r"a table would need 8\.1 GiB, but 10\.0 GiB are free; use fewer components"):
        _memory.check_memory(8.1 * 2**30, "a table")
    with pytest.raises(MemoryError, match=r"; ask for fewer times"):
        _memory.check_memory(1e15, "a table", "ask for fewer times")


def test_free_memory_is_a_plausible_number_of_bytes():
    assert 2**20 < _memory.available_memory() < 2**50


def test_unknown_limits_do_not_count(monkeypatch):
    for name in ("_free", "_group", "_limit"):
        monkeypatch.setattr(_memory, name, lambda: None)
    assert _memory.available_memory() == 8 * 2**30
    monkeypatch.setattr(_memory, "_limit", lambda: -5.0)
    assert _memory.available_memory() == 0
