"""CONTRIBUTING's table "to add X, edit Y": its paths exist, and its counts are those of its rows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \((\d)\) \| (.+?) \|$", TEXT, flags=re.MULTILINE)


def test_the_table_is_there():
    assert len(ROWS) >= 12
    assert TEXT.count("\n| a") == len(ROWS)


@pytest.mark.parametrize(("what", "count", "edit"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_what_is_there_and_counts_it(what, count, edit):
    paths = [path for path in re.findall(r"`([^`]+)`", edit) if "/" in path or path.endswith(".md")]
    missing = [path for path in paths if "<" not in path and not (ROOT / path).exists()]
    assert missing == []
    assert int(count) == len(re.split(r", (?=`|its|the)", edit.partition(";")[0]))
