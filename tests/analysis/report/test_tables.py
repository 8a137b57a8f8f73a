"""Tables as CSV files and as records: what pandas writes and gives, in a third of the time."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from glimpse.analysis.report.tables import CSV_ROWS, csv_parts, csv_text, records

TEXTS = ["a,b", 'said "x"', "two\nlines", "plain", "", None]
TABLE = pd.DataFrame({
    "text": TEXTS,
    "short, of few": pd.Categorical(["u,", "v", None, "u,", "v", ""]),
    "numbered": pd.Categorical([3, 1, 2, 3, 1, 2]),
    "count": [1, 2, 3, 4, 5, 6],
    "mixed": [None, 1, 2.5, "t", np.float64(3), pd.NA],
    "few": pd.array([1, None, 3, 4, 5, 6], dtype="Int8"),
    "named": pd.array(["a", None, "c", "d", "e", "f"], dtype="string"),
})  # fmt: skip


@pytest.mark.parametrize("columns", [list(TABLE), ["text"], ["short, of few"]])
@pytest.mark.parametrize("rows", [6, 1, 0])
def test_a_table_is_written_as_pandas_writes_it(columns, rows):
    table = TABLE[columns].head(rows)
    assert csv_text(table) == table.to_csv(index=False, lineterminator="\n")


def test_true_and_false_are_numbers_and_floats_have_ten_digits():
    table = pd.DataFrame({
        "sure": [True, False, True],
        "perhaps": pd.array([True, None, False], dtype="boolean"),
        "rate": [1 / 3, np.nan, 1e-15],
        "p_value": [1e-15, 1.0, 0.05],
        "ms": np.array([613.9, np.nan, 1e20], dtype=np.float32),
    })  # fmt: skip
    assert csv_text(table) == (
        "sure,perhaps,rate,p_value,ms\n1,1,0.3333333333,1e-15,613.9\n0,,,1,\n1,0,0,0.05,1e+20\n"
    )


def test_parts_have_one_header_and_a_reader_finds_every_text():
    long = pd.DataFrame({"text": (TEXTS * CSV_ROWS)[: CSV_ROWS + 5], "other": "a\rb"})
    text = "".join(csv_parts([long, long.head(2)]))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["text", "other"]
    assert len(found) == CSV_ROWS + 8
    assert found[1] == ["a,b", "a\rb"] == found[-2]


def test_records_are_pythons_own_values():
    found = records(TABLE)
    assert [str(row) for row in found] == [
        str({name: None if value is pd.NA else value for name, value in row.items()})
        for row in TABLE.to_dict("records")
    ]
    assert records(TABLE.head(0)) == records(pd.DataFrame()) == []
    assert not any(isinstance(value, np.generic) for row in found for value in row.values())
