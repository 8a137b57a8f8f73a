"""Usual lines are read fast, and as with care; so are large files, by several processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.analysis.reading import lines, ranges
from glimpse.analysis.reading.design import read_design
from glimpse.analysis.reading.lines import LineParser
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.reading.submissions import _index
from glimpse.errors import GlimpseError
from tests.analysis.reading.test_results import TRIALS, answer, assignment, trial, write

PLAN = [*TRIALS, trial(4, practice=1), trial(5, exposure=""), trial(6, hit="h2")]
OWN = [answer(1), answer(2), answer(3, "right"), answer(4), answer(5, shown_ms=None)]


def read(folder):
    """All that is read of a folder, or the message of its refusal."""
    try:
        results = read_results(folder)
    except GlimpseError as error:
        return str(error)
    own = results.assignments
    answers = results.answers.read(own["first_answer"].to_numpy(), own["n_answered"].to_numpy())
    return own.drop(columns="first_answer"), answers, [str(problem) for problem in results.problems]


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(found, str):
        assert found == expected
        return
    pd.testing.assert_frame_equal(found[0], expected[0])
    for name in found[1].dtype.names:
        np.testing.assert_array_equal(found[1][name], expected[1][name])
    assert found[2] == expected[2]


def both_ways(folder):
    """What is read of a folder; the careful reading of every line must read the same."""
    found = read(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LineParser, "parse", lambda *_: None)
        assert_same(found, read(folder))
    return found


def usual(folder):
    """How many lines of a folder are parsed fast."""
    counted = []
    with pytest.MonkeyPatch.context() as patch:
        parse = LineParser.parse

        def count(self, raw):
            head = parse(self, raw)
            counted.append(head is not None)
            return head

        patch.setattr(LineParser, "parse", count)
        read(folder)
    return sum(counted)


def raw_line(old=None, new=None, **more):
    """A line as `collect` writes it, in which a piece is replaced."""
    text = json.dumps({**assignment("A2", "w2", answers=OWN), **more})
    assert old is None or old in text
    return text if old is None else text.replace(old, new, 1)


# Each is read fast, and as ever.
USUAL = {
    "as collect writes it": raw_line(),
    "compact": json.dumps(assignment("A2", "w2", answers=OWN), separators=(",", ":")),
    "the study stated": raw_line(study="abcdefgh12345678"),
    "not all answered": json.dumps(assignment("A2", answers=OWN[:2])),
    "nothing answered": json.dumps(assignment("A2", answers=[])),
    "another order": json.dumps(assignment("A2", answers=OWN[::-1])),
    "no page": raw_line(page={}),
    "images missing": raw_line('"focus_losses"', '"missing": ["t1"], "focus_losses"'),
    "no refresh rate": raw_line('"refresh_hz": 60', '"refresh_hz": null'),
    "a window of one side": raw_line("[800, 600]", "[800]"),
    "whole numbers": raw_line("900.5", "900"),
    "an exponent": raw_line("900.5", "9e2"),
    "digits beyond any float": raw_line("900.5", "900.4999999999999999999999999999999999999999"),
    "minus zero": raw_line("900.5", "-0.0"),
    "too small for a float": raw_line("900.5", "1e-400"),
    "no time": raw_line("900.5", "null"),
    "no time stamp": raw_line(accepted_at=None, submitted_at=""),
    "a time stamp that is none": raw_line(submitted_at="2026-02-30T00:00:00Z"),
    "the next day's midnight": raw_line(submitted_at="2026-01-02T24:00:00Z"),
    "another time zone": raw_line(submitted_at="2026-01-05T12:00:00+02:00"),
    "an early year": raw_line(submitted_at="0099-01-05T12:00:00Z"),
    "an escape": raw_line('"x"', '"\\u00fc\\ud83d\\ude00\\n"'),
    "a key twice": raw_line('"side": "left"', '"side": "right", "side": "left"'),
    "a repeat that counts": json.dumps(
        assignment("A2", answers=[answer(1, flags=["late"]), *OWN[1:], answer(1, "right", repeat=1)])
    ),
    "a repeat that does not": json.dumps(
        assignment("A2", answers=[*OWN, answer(1, "right", repeat=1, shown_ms=900)])
    ),
    "a repeat in unlimited time": json.dumps(assignment("A2", answers=[*OWN, answer(5, "right", repeat=1)])),
    "spaces around": f" \t{raw_line()}\r",
    "optional fields": json.dumps(
        assignment("A2", answers=[answer(1, presented_ms=1.5, period_ms=16.7, onset_ms=-3, flags=[])])
    ),
    "approved": raw_line(status="Approved"),
    "sent by a panel": raw_line(panel="prolific", verified="signed"),
}  # fmt: skip
# Each is left to the careful reading.
UNUSUAL = {
    "NaN": raw_line("900.5", "NaN"),
    "minus infinity": raw_line("900.5", "-Infinity"),
    "infinite by its exponent": raw_line("900.5", "1e999"),
    "a negative time": raw_line("900.5", "-1"),
    "a text for a time": raw_line("900.5", '"900"'),
    "a truth value for a time": raw_line("900.5", "true"),
    "a long time": raw_line("900.5", "1e20"),
    "a whole number of thousands of digits": raw_line("900.5", "9" * 5000),
    "such a number elsewhere": raw_line('"focus_losses": 1', '"focus_losses": ' + "9" * 5000),
    "a leading zero": raw_line("900.5", "0900.5"),
    "no digit after the point": raw_line("900.5", "900."),
    "a plus": raw_line("900.5", "+900.5"),
    "an unknown field": raw_line('"frames": 30', '"frames": 30, "more": 1'),
    "an unknown field that is no JSON": raw_line('"frames": 30', '"frames": 30, "more": 01'),
    "an unknown field of the page": raw_line('"focus_losses"', '"colours": 8, "focus_losses"'),
    "a problem": raw_line(problem="cut", raw="{"),
    "a letter beyond ASCII": raw_line('"x"', '"ü"'),
    "half a surrogate pair": raw_line('"x"', '"\\ud800"'),
    "a control character": raw_line('"x"', '"\x01"'),
    "a tab in a text": raw_line('"x"', '"\t"'),
    "an unknown escape": raw_line('"x"', '"\\x41"'),
    "a key in another case": raw_line('"side"', '"Side"'),
    "no side": raw_line('"side": "left", ', ""),
    "a side that is none": raw_line('"left"', '"middle"'),
    "an unknown trial": raw_line('"t1"', '"t9"'),
    "a trial of another HIT": raw_line('"t1"', '"t6"'),
    "no trial": raw_line('"t1"', '""'),
    "an answer twice": json.dumps(assignment("A2", answers=[*OWN, answer(1, "right")])),
    "a repeat that is no count": json.dumps(assignment("A2", answers=[*OWN, answer(1, repeat=1.0)])),
    "a repeat beyond any": json.dumps(assignment("A2", answers=[*OWN, answer(1, repeat=101)])),
    "flags as a text": json.dumps(assignment("A2", answers=[answer(1, flags="late"), *OWN[1:]])),
    "another study": raw_line(study="another"),
    "no study": raw_line(study=None),
    "another HIT": raw_line(hit="h9"),
    "no worker": raw_line(worker=""),
    "a number for a worker": raw_line(worker=7),
    "no answers": raw_line('"answers"', '"replies"'),
    "answers that are none": json.dumps(assignment("A2", answers={"t1": "left"})),
    "an answer that is none": json.dumps(assignment("A2", answers=[*OWN, 7])),
    "a status that is none": raw_line(status="Paid"),
    "a number for a time stamp": raw_line(submitted_at=5),
    "a text for simulated": raw_line(simulated="yes"),
    "a number for a panel": raw_line(panel=7),
    "no page but a text": raw_line(page="none"),
    "cut short": raw_line()[:-40],
    "more after it": raw_line() + "{}",
    "a comma too many": raw_line("]}", "],}"),
    "a list": f"[{raw_line()}]",
    "nested without an end": "[" * 100_000,
}


@pytest.mark.parametrize("name", [*USUAL, *UNUSUAL])
def test_a_line_is_read_alike_fast_and_with_care(tmp_path, name):
    folder = write(tmp_path / "results", [assignment(), {**USUAL, **UNUSUAL}[name]], PLAN)
    assert usual(folder) == (2 if name in USUAL else 1)
    found = both_ways(folder)
    assert len(found[0]) == 2 or found[2]
    alone = write(tmp_path / "alone", [{**USUAL, **UNUSUAL}[name]], PLAN)
    both_ways(alone)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + raw_line().encode(),
        raw_line().encode("utf-16"),
        raw_line().encode("utf-16-le"),
        raw_line().encode("utf-32"),
        raw_line('"x"', '"\ud800"').encode("utf-8", "surrogatepass"),
        raw_line().encode().replace(b'"x"', b'"\xff"'),
        raw_line().encode().replace(b"Submitted", b"Submitted\x00"),
        b"\x0b\x0c \r",
        b"\x00",
    ],
    ids=range(9),
)
def test_bytes_are_read_alike(tmp_path, raw):
    folder = write(tmp_path / "results", [assignment()], PLAN)
    file = folder / "assignments.jsonl"
    file.write_bytes(file.read_bytes() + raw + b"\n" + json.dumps(assignment("A3", "w3")).encode())
    both_ways(folder)


def test_lines_of_a_known_assignment_are_read_alike(tmp_path):
    given = [
        assignment("A1"), "", assignment("A2", "w2"), assignment("A1", status="Rejected"), USUAL["no page"],
        assignment("A1", "w9"), assignment("A3", "ü"), assignment("A3", "ü", status="Approved"), " ",
        assignment("A1", hit="h2", answers=[]), assignment("A4", "w4", answers=OWN[::-1]),
        assignment("A1", status="Paid"),
    ]  # fmt: skip
    table, _, problems = both_ways(write(tmp_path / "results", given, PLAN))
    assert table["assignment"].tolist() == ["A1", "A2", "A3", "A4"]
    assert table["status"].tolist() == ["Submitted", "Submitted", "Approved", "Submitted"]
    assert [problem.split(", line ")[1].partition(":")[0] for problem in problems] == ["6", "10", "12"]


TOKENS = (
    b'0|-|.|e5|"|\\|\\u00|{|}|[|]|,|:|null|true|NaN|1e400|"t2"|"left"|\xc3\xbc| |\n|\x00|\xff|\xed\xa0\x80|'
)
PIECES = st.sampled_from([*TOKENS.split(b"|"), b"9" * 4400])


@settings(max_examples=150, database=None)
@given(
    name=st.sampled_from(list(USUAL)),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 12), PIECES), min_size=1, max_size=3
    ),
)
def test_damaged_lines_are_read_alike(tmp_path_factory, name, places):
    raw = USUAL[name].encode()
    for place, length, piece in places:
        start = int(place * len(raw))
        raw = raw[:start] + piece + raw[start + length :]
    folder = write(tmp_path_factory.mktemp("damaged"), [assignment()], PLAN)
    file = folder / "assignments.jsonl"
    file.write_bytes(file.read_bytes() + raw + b"\n" + json.dumps(assignment("A3", "w3")).encode())
    both_ways(folder)


@pytest.fixture
def mixed(tmp_path):
    """A file of usual, unusual, repeated and empty lines, without a line feed at its end."""
    given = [assignment(f"A{n}", f"w{n % 17}", answers=OWN[n % 3 :]) for n in range(60)]
    given[7:7] = ["", assignment("A3", status="Approved"), assignment("B1", "ü"), "7", "{"]
    given[40:40] = [assignment("A2", "w9"), assignment("A8", status="Rejected"), "", assignment("A50", "w1")]
    folder = write(tmp_path / "results", given, PLAN)
    file = folder / "assignments.jsonl"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    return folder


def in_ranges(monkeypatch, size, most=4):
    """Let several processes read files from `size` bytes on; returns the processes that were started."""
    started = []
    enter = ranges._Helper.__enter__
    monkeypatch.setattr(ranges, "RANGE_BYTES", size)
    monkeypatch.setattr(ranges, "MOST", most)
    monkeypatch.setattr(ranges, "_cores", lambda: most)
    monkeypatch.setattr(ranges._Helper, "__enter__", lambda self: started.append(enter(self)) or self)
    return started


@pytest.mark.parametrize("most", [2, 3])
def test_several_processes_read_what_one_reads(mixed, monkeypatch, most):
    whole = read(mixed)
    started = in_ranges(monkeypatch, 1000, most)
    monkeypatch.setattr(lines, "CHUNK", 7)
    assert_same(read(mixed), whole)
    assert [helper.process.returncode for helper in started] == [0] * (most - 1)
    assert len(whole[2]) == 6


def test_wherever_a_file_is_divided_each_line_is_read_once(mixed):
    file = mixed / "assignments.jsonl"
    index = _index(read_design(mixed), 0, clips=False)
    whole = LineParser(index)
    expected = [entry for chunk in whole.chunks(file) for entry in chunk.lines]
    raw = file.read_bytes()
    breaks = [place for place, byte in enumerate(raw) if byte == 10]
    for place in {1, len(raw) - 1, len(raw), *(b + more for b in breaks[::9] for more in (-1, 0, 1, 2))}:
        halves = [LineParser(index).chunks(file, 0, place), LineParser(index).chunks(file, place)]
        found = [entry for half in halves for chunk in half for entry in chunk.lines]
        assert str(found) == str(expected), place


def test_a_helper_starts_without_pandas():
    code = "import sys, glimpse.analysis.reading.ranges; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_an_interpreter_one_process_reads_all(mixed, monkeypatch):
    whole = read(mixed)
    started = in_ranges(monkeypatch, 1000, 2)
    monkeypatch.setattr(sys, "executable", None)
    assert_same(read(mixed), whole)
    assert not started


@pytest.mark.parametrize("broken", ["no interpreter", "it fails", "no room", "a full disk"])
def test_what_no_process_reads_is_read_here(mixed, monkeypatch, broken):
    whole = read(mixed)
    started = in_ranges(monkeypatch, 1000, 2)
    if broken == "no interpreter":
        monkeypatch.setattr(sys, "executable", os.devnull)
    elif broken == "it fails":
        monkeypatch.setattr(sys, "path", [])
    elif broken == "no room":

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(ranges.pickle, "dump", full)
    else:
        device = Path("/dev/full")
        if not device.exists():
            pytest.skip("without /dev/full")
        monkeypatch.setattr(ranges.tempfile, "TemporaryFile", lambda: device.open("r+b", buffering=0))
    assert_same(read(mixed), whole)
    assert started[0].process is None or started[0].process.returncode
