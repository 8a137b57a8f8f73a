"""docs/file-formats.md names every field that the code writes, and no flag that it does not know."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from glimpse.analysis.reading.lines import UsualAnswer, UsualLine, UsualPage
from glimpse.experiment import Experiment
from glimpse.people import WORKER_COLUMNS
from glimpse.playing import PLAYED
from glimpse.registration import RegisteredVersion
from glimpse.submission import FLAGS, NUMBERS, Answer
from glimpse.trials import TRIAL_COLUMNS

TEXT = (Path(__file__).parents[2] / "docs" / "file-formats.md").read_text(encoding="utf-8")
NAMES = {
    "trials.csv": TRIAL_COLUMNS,
    "experiment": [field.name for field in fields(Experiment)],
    "workers.csv": WORKER_COLUMNS,
    "an answer": [name for name in (*Answer._fields, *PLAYED) if name not in {"record", "playing"}],
    "times": NUMBERS,
    "flags": FLAGS,
    "a registration": [field.name for field in fields(RegisteredVersion)],
}


@pytest.mark.parametrize("kind", NAMES)
def test_every_field_is_described(kind):
    assert [name for name in NAMES[kind] if f"`{name}`" not in TEXT] == []


def test_no_flag_is_described_that_does_not_exist():
    table = TEXT.partition("| flag | meaning |")[2].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.strip().splitlines()[1:]]
    assert set(re.findall(r"`(\w+)`", " ".join(first))) == set(FLAGS)


@pytest.mark.parametrize(
    ("head", "usual", "beside"),
    [
        ("### A line of assignments.jsonl\n| field |", UsualLine, {"problem", "raw"}),
        ("| field of `page` |", UsualPage, set()),
        ("| field of an answer |", UsualAnswer, set()),
    ],
)
def test_what_is_described_is_read_fast(head, usual, beside):
    """A field that the fast parser does not know sends its line to the careful reading, which is slower."""
    assert TEXT.count(head) == 1
    table = TEXT.partition(head)[2].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.strip().splitlines()[2:]]
    assert set(re.findall(r"`(\w+)`", " ".join(first))) - beside == set(usual.__struct_fields__)
