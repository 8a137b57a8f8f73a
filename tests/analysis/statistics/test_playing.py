"""How clips played: shares and largest values of what pages recorded; nothing of images."""

import json

import numpy as np
import pytest

from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.statistics.playing import PLAYING_COLUMNS, playing_table

TRIALS = 4


@pytest.fixture
def results(tmp_path):
    """A function that writes a results folder of answers to one HIT of clips, and reads it."""

    def read(records, *, moving=True, hz=60.0):
        clip = {"frames": 30, "frame_rate": 30.0} if moving else {}
        stimuli = {
            f"s{n}": {"file": f"s{n}.mp4", "sha256": "0", "width": 8, "height": 8, **clip} for n in range(8)
        }
        experiment = {
            "mode": "unlimited-time", "real": "real", "contrasts": [["a", "b"]], "max_wrong_sentinels": 0,
            "sentinels_per_hit": 0,
        }  # fmt: skip
        document = {"schema_version": 2, "study": "films", "experiment": experiment, "stimuli": stimuli}
        (tmp_path / "study.json").write_text(json.dumps(document))
        head = (
            "trial,batch,hit,position,contrast,exposure_ms,condition_left,condition_right,item_left,"
            "item_right,stimulus_left,stimulus_right,sentinel,practice,correct_side"
        )
        rows = [f"t{n},b,h,{n},a:b,,a,b,i{n},i{n},s{2 * n},s{2 * n + 1},0,0," for n in range(TRIALS)]
        (tmp_path / "trials.csv").write_text("\n".join([head, *rows]) + "\n")
        answers = [
            {"trial": f"t{n}", "side": "left", "response_ms": 900, "shown_ms": None, **record}
            for n, record in enumerate(records)
        ]
        line = {
            "assignment_id": "A", "study": "films", "hit": "h", "hit_id": "H", "worker": "w",
            "status": "Submitted", "accepted_at": None, "submitted_at": None, "page": {"refresh_hz": hz},
            "answers": answers,
        }  # fmt: skip
        (tmp_path / "assignments.jsonl").write_text(json.dumps(line) + "\n")
        return read_results(tmp_path)

    return read


def played(plays=1, skew_ms=0.0, dropped=0, stalls=0, **more):
    return {**more, "plays": plays, "skew_ms": skew_ms, "dropped": dropped, "stalls": stalls}


def test_shares_and_largest_values(results):
    found = results([
        played(3), played(1, 16.7, flags=["skew"]), played(2, -8.0, dropped=7, flags=["dropped"]),
        played(1, None, None, 2, flags=["stall", "blur"]),
    ])  # fmt: skip
    (row,) = playing_table(exclude(found).judgments, found.assignments).to_dict("records")
    assert tuple(row) == PLAYING_COLUMNS
    assert np.isnan(row["exposure_ms"])
    assert (row["n"], row["n_recorded"], row["n_starts"]) == (4, 4, 3)
    assert (row["mean_plays"], row["most_plays"], row["flagged"], row["with_stalls"]) == (1.75, 3, 0.75, 0.25)
    assert row["together"] == pytest.approx(2 / 3)
    assert row["largest_skew_ms"] == pytest.approx(16.7)
    assert row["with_dropped"] == pytest.approx(1 / 3)
    assert row["most_dropped"] == 7


def test_half_a_refresh_is_that_of_the_workers_screen(results):
    found = results([played(1, 4.0)] * 4, hz=144.0)
    (row,) = playing_table(exclude(found).judgments, found.assignments).to_dict("records")
    assert row["together"] == 0


def test_judgments_have_how_clips_played_and_those_of_images_do_not(results):
    found = results([played(3, -1.5, 2, 1), played(1, None, None, 0), {}, played()])
    table = exclude(found).table()
    assert list(table.columns[-4:]) == ["plays", "skew_ms", "dropped", "stalls"]
    assert table["plays"].tolist()[:2] == [3, 1]
    assert table["plays"].isna().tolist() == [False, False, True, False]
    assert table["dropped"].isna().tolist() == [False, True, True, False]
    assert table["skew_ms"].tolist()[0] == -1.5
    still = results([{}] * 4, moving=False)
    assert "plays" not in exclude(still).table()
    assert playing_table(exclude(still).judgments, still.assignments).empty


def test_where_nothing_was_recorded_the_table_says_so(results):
    found = results([{}] * 4)
    (row,) = playing_table(exclude(found).judgments, found.assignments).to_dict("records")
    assert row["n_recorded"] == 0
    assert np.isnan(row["together"])
    assert row["note"] == "the page did not record how clips played"


def test_a_count_that_is_none_is_named_and_the_answer_kept(results):
    found = results([played("many"), played(1, "late"), played(1, dropped=-1), played(1, stalls=10**9)])
    assert len(exclude(found).table()) == 4
    texts = [problem.text for problem in found.problems]
    assert "plays of trial 't0' is 'many', not a count up to 30000; read as not recorded" in texts
    assert "skew_ms of trial 't1' is 'late', not a time in ms; read as not recorded" in texts
    assert len(texts) == 4
