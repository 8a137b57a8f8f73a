"""Files appear whole or not at all; JSON is read with the file and line named."""

import json
import math

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.files import plain, read_json, write_whole


def test_writing_makes_folders_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_whole(path, "first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]
    assert path.stat().st_mode & 0o044


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write_whole(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": 1,\n oops}', r"study\.json, line 2: not JSON"),
        (b"[1]", r"study\.json: a JSON object is expected, found list"),
        (b'{"a": "\xff"}', r"study\.json is not UTF-8 text"),
    ],
)
def test_damaged_json_is_named(tmp_path, raw, message):
    path = tmp_path / "study.json"
    path.write_bytes(raw)
    with pytest.raises(AnalysisError, match=message):
        read_json(path)


def test_missing_json_is_named(tmp_path):
    with pytest.raises(AnalysisError, match=r"nowhere\.json does not exist"):
        read_json(tmp_path / "nowhere.json")


def test_plain_values_survive_json_and_never_hold_nan():
    value = {"a": np.float64(1.5), "b": (np.int64(2), math.nan), 3: np.array([1.0, math.inf])}
    assert plain(value) == {"a": 1.5, "b": [2, None], "3": [1.0, None]}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)
