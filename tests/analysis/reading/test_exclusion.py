"""Who is left out, for which reason, and what each rule counts."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glimpse.analysis.reading.exclusion import Rules, exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.statistics.gathering import gather
from glimpse.errors import GlimpseError
from glimpse.trials import NEEDED

GENUINE, SENTINELS = 4, 2


def results(rows, mode="limited-time", own_rule=None, exposure_off=()):
    """rows: (assignment, worker, batch, wrong sentinels of 2, genuine trials answered of 4).

    Read from a folder; exposure_off: (assignment, number of the trial) shown for 100 ms too long.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "r"
        folder.mkdir()
        (folder / "study.json").write_text(json.dumps(
            {"study": "s", "experiment": {"mode": mode, "real": "real", "max_wrong_sentinels": own_rule}}
        ))  # fmt: skip
        with (folder / "trials.csv").open("w") as trials:
            print(*NEEDED, sep=",", file=trials)
            for batch in sorted({row[2] for row in rows}):
                for t in range(GENUINE + SENTINELS):
                    sentinel = int(t >= GENUINE)
                    print(batch, f"{batch}-h", t + 1, f"{batch}-t{t}", "crn:real", 500, sentinel,
                          "right" if sentinel else "", "crn", f"i{t}", f"{t}l", "real", f"i{t}", f"{t}r",
                          sep=",", file=trials)  # fmt: skip
        with (folder / "assignments.jsonl").open("w") as lines:
            for number, row in enumerate(rows):
                print(json.dumps(_assignment(number, *row, exposure_off)), file=lines)
        return read_results(folder)


def _assignment(number, name, worker, batch, wrong, answered, exposure_off):
    trials = [*range(answered), *range(GENUINE, GENUINE + SENTINELS)]
    return {
        "assignment_id": name, "hit": f"{batch}-h", "worker": worker,
        "submitted_at": f"2026-01-0{9 - number}T00:00:00Z",
        "answers": [
            {"trial": f"{batch}-t{t}", "side": "left" if 0 <= t - GENUINE < wrong else "right",
             "response_ms": 900, "shown_ms": 600 if (name, t) in exposure_off else 502}
            for t in trials
        ],
    }  # fmt: skip


FOUR = [("A", "w1", "b1", 0, 4), ("B", "w2", "b1", 1, 4), ("C", "w3", "b1", 2, 4), ("D", "w4", "b1", 0, 3)]


def kept(judgments, filtered=True):
    gathered = gather(judgments)
    keep = gathered.analysed(filtered=filtered)
    return pd.DataFrame({"assignment": gathered.assignments[gathered.assignment[keep]]})


def reasons(found):
    return dict(zip(found.assignments["assignment"], found.assignments["reason"], strict=True))


def counts(found):
    return found.counts.set_index("reason")["assignments"].to_dict()


@pytest.mark.parametrize(("mode", "b_reason"), [("limited-time", "wrong sentinels"), ("unlimited-time", "")])
def test_the_sentinel_rule_is_that_of_the_mode(mode, b_reason):
    found = exclude(results(FOUR, mode))
    assert reasons(found) == {"A": "", "B": b_reason, "C": "wrong sentinels", "D": "incomplete"}


def test_the_study_own_rule_goes_before_the_mode_and_the_option_before_both():
    assert reasons(exclude(results(FOUR, own_rule=1)))["B"] == ""
    assert reasons(exclude(results(FOUR, own_rule=1), Rules(max_wrong_sentinels=0)))["B"] == "wrong sentinels"
    assert reasons(exclude(results(FOUR), Rules(max_wrong_sentinels=2)))["C"] == ""


def test_without_the_filter_only_the_other_reasons_remain():
    found = exclude(results(FOUR), Rules(sentinel_filter=False))
    assert counts(found) == {
        "incomplete": 1, "repeat worker": 0, "wrong sentinels": 0, "exposure error": 0, "any": 1,
    }  # fmt: skip


def test_a_worker_first_assignment_in_a_batch_stays_by_time_of_submission():
    rows = [("late", "w1", "b1", 0, 4), ("early", "w1", "b1", 0, 4), ("other", "w1", "b2", 0, 4)]
    found = exclude(results(rows))
    assert reasons(found) == {"late": "repeat worker", "early": "", "other": ""}
    assert reasons(exclude(results(rows), Rules(repeat_workers="keep")))["late"] == ""


def test_every_reason_has_its_own_count_and_an_assignment_can_have_several():
    rows = [*FOUR, ("E", "w4", "b1", 2, 3)]
    found = exclude(results(rows))
    # E was submitted before D, so that D is the repeat.
    assert found.assignments.set_index("assignment").loc["D", "reasons"] == "incomplete; repeat worker"
    assert found.assignments.set_index("assignment").loc["E", "reasons"] == "incomplete; wrong sentinels"
    table = found.counts.set_index("reason")
    assert table["assignments"].to_dict() == {
        "incomplete": 2, "repeat worker": 1, "wrong sentinels": 3, "exposure error": 0, "any": 4,
    }  # fmt: skip
    assert table.loc["any", "judgments"] == found.judgments.table()["excluded"].sum() == 6 + 6 + 5 + 5
    assert table.loc["incomplete", "workers"] == 1


def test_exposure_errors_leave_out_judgments_and_are_counted():
    bad = {("A", 0), ("A", 1), ("C", 0)}
    found = exclude(results(FOUR, exposure_off=bad), Rules(max_exposure_error_ms=50))
    assert found.judgments.table()["reason"].eq("exposure error").sum() == 3
    assert found.assignments["n_exposure_error"].tolist() == [2, 0, 1, 0]
    row = found.counts.set_index("reason").loc["exposure error"]
    # C is excluded as a whole already.
    assert (row["assignments"], row["workers"], row["judgments"]) == (0, 1, 2)
    everything = found.counts.set_index("reason").loc["any"]
    assert (everything["assignments"], everything["workers"]) == (3, 4)
    assert everything["judgments"] == found.judgments.table()["excluded"].sum() == 6 + 6 + 5 + 2
    assert not exclude(results(FOUR, exposure_off=bad)).judgments.table()["reason"].eq("exposure error").any()


def test_lifting_the_filter_brings_back_what_only_sentinels_exclude():
    marked = exclude(results(FOUR, exposure_off={("C", 0)}), Rules(max_exposure_error_ms=50)).judgments
    assert set(kept(marked)["assignment"].astype(str)) == {"A"}
    back = kept(marked, filtered=False)
    assert back["assignment"].astype(str).value_counts().to_dict() == {"A": 4, "B": 4, "C": 3}
    lifted = exclude(
        results(FOUR, exposure_off={("C", 0)}), Rules(sentinel_filter=False, max_exposure_error_ms=50)
    )
    assert len(kept(lifted.judgments)) == len(back)


def test_exclusion_marks_and_never_drops():
    before = results(FOUR)
    found = exclude(before)
    assert len(found.judgments) == len(before.judgments)
    assert not before.judgments.table()["excluded"].any()


def test_all_excluded_is_said_with_counts_and_what_to_do():
    found = exclude(results([("C", "w3", "b1", 2, 4), ("D", "w4", "b1", 2, 4)]))
    with pytest.raises(
        GlimpseError, match=r"^all 2 assignments are excluded.*12 for 'wrong sentinels'.*--max-wrong"
    ):
        kept(found.judgments)
    with pytest.raises(GlimpseError, match=r"^the only assignment is excluded \(judgments: 6 for 'wrong sen"):
        kept(exclude(results([("C", "w3", "b1", 2, 4)])).judgments)


def test_sentinels_alone_are_nothing_to_analyse():
    only = results([("A", "w1", "b1", 0, 0)])
    with pytest.raises(GlimpseError, match="every answer is to a sentinel"):
        kept(exclude(only, Rules()).judgments)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"repeat_workers": "last"}, "repeat_workers is 'last'; allowed are first and keep"),
        ({"max_wrong_sentinels": -1}, "max_wrong_sentinels is -1"),
        ({"max_exposure_error_ms": np.nan}, "max_exposure_error_ms is nan"),
    ],
)
def test_rules_are_checked(rules, message):
    with pytest.raises(GlimpseError, match=message):
        Rules(**rules)
