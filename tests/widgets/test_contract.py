"""The trait contract holds on both sides: the class, the generated TypeScript, and the payload."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from critwin_widgets import GaussianMixture, HierarchyTree, mixture_tree
from critwin_widgets.widgets import _contract
from critwin_widgets.widgets._contract import PAYLOAD, TRAITS

ROOT = Path(__file__).resolve().parents[2]
OF_ANYWIDGET = {"_esm", "_css", "_anywidget_id"}
OF_IPYWIDGETS = {"layout", "comm", "keys", "tooltip", "tabbable"}


@pytest.fixture(scope="module")
def widget() -> HierarchyTree:
    return HierarchyTree(mixture_tree(GaussianMixture([[-3.0], [3.0]], [1.0, 1.0]), eps=0.2, n=64))


def test_the_generated_types_are_up_to_date() -> None:
    generated = (ROOT / "js" / "src" / "lib" / "contract.gen.ts").read_text(encoding="utf-8")
    assert generated == _contract.generate(), "run python -m critwin_widgets.widgets._contract"


def test_a_changed_contract_changes_the_types(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _contract.generate()
    monkeypatch.setattr(_contract, "TRAITS", TRAITS[:-1])
    assert _contract.generate() != before


def test_the_class_has_the_traits_of_the_contract_and_no_others(widget: HierarchyTree) -> None:
    synced = {name for name in widget.keys if not name.startswith("_")} - OF_IPYWIDGETS - {"_dom_classes"}
    assert synced == {field.name for field in TRAITS}


def test_the_defaults_are_those_of_the_contract() -> None:
    for field in TRAITS:
        default = HierarchyTree.class_traits()[field.name].default_value
        if field.name == "data":
            continue
        assert (list(default) if isinstance(default, tuple) else default) == field.default, field.name


def test_every_trait_is_documented_with_type_and_default() -> None:
    source = (ROOT / "critwin_widgets" / "widgets" / "hierarchy_tree.py").read_text(encoding="utf-8")
    for field in TRAITS:
        found = re.search(
            rf"^    {field.name} = .*?\.tag\(sync=True\)\n    \"\"\"(.+?)\"\"\"", source, re.DOTALL | re.M
        )
        assert found, f"{field.name} has no docstring under it"
        assert "- Type:" in found[1]


def test_the_payload_has_the_fields_of_the_contract(widget: HierarchyTree) -> None:
    assert set(widget.data) == {field.name for field in PAYLOAD}
    for field in PAYLOAD:
        value = widget.data[field.name]
        if field.ts == "WireArray":
            dtype, rank = re.match(r"(float32|float64) \[([^\]]*)\]", field.doc).groups()  # type: ignore[union-attr]
            assert value["dtype"] == dtype, field.name
            assert len(value["shape"]) == len(rank.split(",")), field.name
            assert len(value["data"]) == {"float32": 4, "float64": 8}[dtype] * _product(value["shape"])


def _product(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
