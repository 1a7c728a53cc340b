import csv
import io
import json
import math

import pytest

import critwin_widgets
from critwin_widgets.export.records import read_json, tree_record, write_csv, write_json


@pytest.mark.parametrize("name", ["scene_tree", "deep_tree", "hostile_tree", "single_tree", "overlapping_tree"])
def test_json_goes_round_and_holds_what_made_it(name, request, tmp_path):
    tree = request.getfixturevalue(name)
    text = write_json(tree, tmp_path / "tree.json")
    assert json.loads(text) == read_json(text) == read_json(tmp_path / "tree.json") == tree_record(tree)
    record = read_json(text)
    assert record["software"]["critwin_widgets"] == critwin_widgets.__version__
    settings = {"eps": 0.1, "n": tree.n, "seed": 0, "unique": tree.unique, "time_units": "OU time"}
    assert record["settings"] == settings
    assert record["mixture"]["components"] == list(tree.mixture.labels)
    assert len(record["decisions"]) == len(tree.table())
    json.dumps(record, allow_nan=False)  # strict JSON has no NaN and no infinity


def test_feature_times_are_recorded(scene_tree):
    recorded = {row["feature"]: row["half_time"] for row in tree_record(scene_tree)["features"]}
    for name in ("background", "shape", "mark"):
        assert recorded[name] == pytest.approx(float(scene_tree.features["half_time"].sel(feature=name)))


def test_csv_has_a_row_per_split_with_its_settings(scene_tree, tmp_path):
    text = write_csv(scene_tree, tmp_path / "tree.csv")
    assert (tmp_path / "tree.csv").read_text(encoding="utf-8") == text
    rows = list(csv.DictReader(io.StringIO(text)))
    table = scene_tree.table()
    assert [row["vertex"] for row in rows] == [row["vertex"] for row in table]
    assert [float(row["half_time"]) for row in rows] == [row["half_time"] for row in table]
    assert {(row["eps"], row["seed"], row["version"]) for row in rows} == {("0.1", "0", critwin_widgets.__version__)}
    assert all(math.isfinite(float(row["eps_star"])) for row in rows)


def test_csv_holds_no_formula(hostile_tree):
    for row in csv.reader(io.StringIO(write_csv(hostile_tree))):
        assert not any(cell.startswith(("=", "@", "+")) for cell in row)


def test_one_component_has_a_table_without_rows(single_tree):
    assert list(csv.DictReader(io.StringIO(write_csv(single_tree)))) == []


def test_bad_files_are_named(scene_tree, tmp_path):
    with pytest.raises(ValueError, match=r"its name must end in '\.json'"):
        write_json(scene_tree, tmp_path / "tree.txt")
    with pytest.raises(ValueError, match=r"its name must end in '\.csv'"):
        write_csv(scene_tree, tmp_path / "tree.json")
    with pytest.raises(ValueError, match="not a decision record"):
        read_json('{"a": 1}')
    with pytest.raises(ValueError, match="has format 99; this version reads up to 1"):
        read_json('{"format": 99, "decisions": []}')
