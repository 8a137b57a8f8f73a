"""Columns of tables about a contrast: all declared, and each turned as the answers themselves would be."""

import numpy as np
import pandas as pd
import pytest

from glimpse.analysis.report import tables
from glimpse.analysis.report.printing import FORMS
from glimpse.analysis.statistics.columns import (
    ANYTIME_COLUMNS,
    COLUMNS,
    DIFFERENCE_COLUMNS,
    PREFERENCE_COLUMNS,
    from_the_other_side,
)
from glimpse.analysis.statistics.comparison import comparison_table
from glimpse.analysis.statistics.preference import preference_table

NAMES = ["contrast", "condition_a", "condition_b"]  # which say from which side a row is seen


def judgments(seed: int) -> pd.DataFrame:
    """Marked as `exclude` does: every worker answers every pair of both cells."""
    rng = np.random.default_rng(seed)
    worker, pair, exposure_ms = (
        grid.ravel() for grid in np.meshgrid(range(9), range(6), (250.0, 1000.0), indexing="ij")
    )
    lean = rng.normal(0.3, 0.8, 9)[worker] + rng.normal(0, 0.8, 6)[pair]
    return pd.DataFrame({
        "contrast": "crn:real", "condition_a": "crn", "condition_b": "real", "exposure_ms": exposure_ms,
        "worker": [f"w{i}" for i in worker], "pair": [f"p{i}" for i in pair],
        "item_a": [f"i{i}" for i in pair], "item_b": [f"i{i}" for i in pair],
        "chose_a": rng.random(len(worker)) < 1 / (1 + np.exp(-lean)),
        "sentinel": False, "excluded": False, "reason": "",
    })  # fmt: skip


def other_way(frame: pd.DataFrame) -> pd.DataFrame:
    """The same answers, with the conditions' names changed over."""
    return frame.assign(contrast="real:crn", condition_a="real", condition_b="crn", chose_a=~frame["chose_a"])


def numbers(rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COLUMNS]).drop(columns=NAMES)


def compared(change=lambda frame: frame) -> pd.DataFrame:
    sources = {name: preference_table(change(judgments(seed))) for seed, name in enumerate(("one", "two"))}
    return comparison_table(sources)


def test_every_column_is_declared_once():
    assert [*compared().columns] == [*PREFERENCE_COLUMNS, *DIFFERENCE_COLUMNS]
    assert [*COLUMNS] == [*PREFERENCE_COLUMNS, *DIFFERENCE_COLUMNS, *ANYTIME_COLUMNS]


def test_turned_rows_are_those_of_the_same_answers_seen_from_the_other_condition():
    turned = [from_the_other_side(row) for row in tables.records(compared())]
    expected = numbers(tables.records(compared(other_way)))
    pd.testing.assert_frame_equal(numbers(turned), expected, check_dtype=False, rtol=1e-9)


def test_a_row_turned_twice_is_the_row():
    rows = tables.records(compared())
    twice = [from_the_other_side(from_the_other_side(row)) for row in rows]
    pd.testing.assert_frame_equal(pd.DataFrame(twice), pd.DataFrame(rows), check_dtype=False)


def test_a_column_that_is_not_declared_is_an_error():
    with pytest.raises(KeyError, match="share_of_b"):
        from_the_other_side({"rate": 0.25, "share_of_b": 0.75})


def test_partners_name_one_another_and_what_is_shown_can_be_printed():
    for column in COLUMNS.values():
        assert not column.partner or COLUMNS[column.partner].partner == column.name
        assert bool(column.heading) == bool(column.form)
        assert not column.form or column.form in FORMS


def test_missing_values_stay_missing():
    assert from_the_other_side({"n": 0, "k": 0, "rate": None, "low": None, "high": None}) == {
        "n": 0, "k": 0, "rate": None, "low": None, "high": None,
    }  # fmt: skip


def test_a_contrast_is_told_from_real_or_from_the_winner_whatever_its_names_order():
    def cells(contrast, *shares):
        a, b = contrast.split(":")
        return [{"contrast": contrast, "condition_a": a, "condition_b": b, "n": 10, "k": k} for k in shares]

    assert tables.facing(cells("crn:real", 9, 9), "real") == {"crn:real": True}
    assert tables.facing(cells("real:crn", 1, 1), "real") == {"real:crn": False}
    # At one exposure pix is ahead, over all of them crn is.
    assert tables.facing(cells("pix:crn", 6, 1, 1), "real") == {"pix:crn": True}
    assert tables.facing(cells("crn:pix", 4, 9, 9), None) == {"crn:pix": False}
