"""Files appear whole or not at all; JSON is read with the file and line named."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from glimpse.analysis.report.report import write_report
from glimpse.errors import GlimpseError
from glimpse.files import naming, plain, read_json, write_whole
from glimpse.main import main


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


def refuse_opening(monkeypatch):
    """Let nothing be opened for writing, as in a folder that is read-only (which root may write to)."""

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.open", refuse)


def test_a_failed_write_names_the_file_and_no_temporary_one(tmp_path, monkeypatch):
    refuse_opening(monkeypatch)
    with pytest.raises(PermissionError) as error:
        write_whole(tmp_path / "table.csv", "new")
    assert error.value.filename == str(tmp_path / "table.csv")


def test_a_command_names_the_file_that_it_could_not_write(tmp_path, monkeypatch):
    refuse_opening(monkeypatch)
    words = ["power", "--studies", "50", "--rate", "0.6", "--spread", "0.1", "0.1", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == f"Error: {tmp_path}/power.csv: Permission denied."


def test_a_report_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(PermissionError) as error:
        write_report({"report.html": b"x"}, tmp_path / "report")
    assert error.value.filename == str(tmp_path / "report")
    monkeypatch.undo()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left on device") as full:
        write_report({"report.html": b"x"}, tmp_path / "report")
    assert full.value.filename == str(tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, naming(tmp_path / "a"):
        (tmp_path / "other").read_text()
    assert error.value.filename == str(tmp_path / "other")


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
    with pytest.raises(GlimpseError, match=message):
        read_json(path)


def test_missing_json_is_named(tmp_path):
    with pytest.raises(GlimpseError, match=r"nowhere\.json does not exist"):
        read_json(tmp_path / "nowhere.json")


def test_plain_values_survive_json_and_never_hold_nan():
    value = {"a": np.float64(1.5), "b": (np.int64(2), math.nan), 3: np.array([1.0, math.inf])}
    assert plain(value) == {"a": 1.5, "b": [2, None], "3": [1.0, None]}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)
