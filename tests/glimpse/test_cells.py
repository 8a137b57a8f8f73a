"""Text of strangers in files that a spreadsheet opens."""

import csv
import io

import pandas as pd
import pytest

from glimpse.analysis.report.tables import csv_text
from glimpse.cells import guarded
from glimpse.people import WORKER_COLUMNS, WORKERS, read_workers, widened, workers_csv

FORMULAS = ["=HYPERLINK(1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=", "-inf0"]
PLAIN = ["Ann", "5f1c", "-0.5", "+3", "1e-3", "a=b", "'=x", "", "w496a279afe11"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text(text):
    assert guarded(text) == "'" + text
    assert guarded(guarded(text)) == guarded(text)


@pytest.mark.parametrize("text", PLAIN)
def test_everything_else_stays(text):
    assert guarded(text) == text


def test_no_name_in_the_list_of_workers_is_a_formula():
    rows = [WORKER_COLUMNS, *(("w1", "A1", name) for name in FORMULAS if name.isprintable())]
    cells = [row[2] for row in csv.reader(io.StringIO(workers_csv(rows), newline=""))][1:]
    assert all(cell.startswith("'") for cell in cells)


def test_lists_of_earlier_versions_are_read_exactly(tmp_path):
    text = "worker,worker_id\nw1,A1\n"
    (tmp_path / WORKERS).write_text(text)
    assert widened(read_workers(tmp_path / WORKERS)[0], {"A1": "=1"})[1] == ["w1", "A1", "=1"]
    (tmp_path / WORKERS).write_text("worker,worker_id,participant\nw1,A1,=1\n")
    assert read_workers(tmp_path / WORKERS) == ([list(WORKER_COLUMNS), ["w1", "A1", "=1"]], [])


def test_no_text_in_a_report_s_table_is_a_formula():
    table = pd.DataFrame(
        {"worker": ["=1+1", None], "change": [-0.5, 2.0], "kind": pd.Categorical(["@a", "b"])}
    )
    assert csv_text(table) == "worker,change,kind\n'=1+1,-0.5,'@a\n,2,b\n"
