"""What is worked on a part at a time, so that millions of judgments fit, comes out as when taken whole."""

import numpy as np
import pandas as pd
import pytest

from analysis import clustering, ranking, tables, timing, workers
from analysis.agreement import agreement_table
from analysis.files import Parts, write_whole
from analysis.preference import Intervals, preference_table
from analysis.psychometric import fit_curves
from analysis.timing import achieved_exposures, response_times
from analysis.workers import side_bias, worker_table

CELLS = [(c, e) for c in (("crn", "real"), ("pix2pix", "real"), ("crn", "pix2pix"))
         for e in (125.0, 500.0, 2000.0, 8000.0)]  # fmt: skip


def study(seed=0, people=40, pairs=12):
    rng = np.random.default_rng(seed)
    rows = []
    for worker in range(people):
        for (a, b), exposure in CELLS:
            for pair in rng.permutation(pairs)[:6]:
                a_left, chose_a = rng.random(2) < (0.5, 0.35 if exposure > 1000 else 0.5)
                left = "left" if a_left == chose_a else "right"
                rows.append({
                    "assignment": f"A{worker}", "worker": f"w{worker * 7 % 31}", "contrast": f"{a}:{b}",
                    "trial": f"{a}{b}{exposure}{pair}{a_left}", "pair": f"{a}{b}{pair}", "condition_a": a,
                    "condition_b": b, "item_a": f"i{pair}", "item_b": f"j{pair}", "exposure_ms": exposure,
                    "shown_ms": exposure + rng.normal(0, 9), "response_ms": rng.lognormal(6.5, 0.4),
                    "side_of_a": "left" if a_left else "right", "chosen_side": left, "chose_a": chose_a,
                    "sentinel": False, "correct": None, "excluded": worker == 3, "reason": "",
                })  # fmt: skip
    frame = pd.DataFrame(rows).astype({"shown_ms": "float32", "response_ms": "float32"})
    frame["correct"] = frame["correct"].astype("boolean")
    return frame.astype(dict.fromkeys(("assignment", "worker", "contrast", "trial", "pair"), "category"))


def everything(frame):
    screens = pd.DataFrame({"assignment": frame["assignment"].cat.categories, "refresh_hz": 60.0})
    scenes = preference_table(frame, settings=Intervals(cluster="scene"))
    return {
        "preference": preference_table(frame), "scenes": scenes, "agreement": agreement_table(frame),
        "curves": pd.DataFrame([fit.to_dict() for fit in fit_curves(frame, real="real")]),
        "measured": pd.DataFrame([fit.to_dict() for fit in fit_curves(frame, exposure="measured")]),
        "ranking": ranking.ranking_table(ranking.rank_conditions(frame)), "workers": worker_table(frame),
        "side": pd.DataFrame([side_bias(frame).to_dict()]), "response": response_times(frame),
        "achieved": achieved_exposures(frame, screens),
    }  # fmt: skip


def test_parts_give_what_the_whole_gives(monkeypatch):
    frame = study()
    whole = everything(frame)
    for module in (clustering, ranking, timing):
        monkeypatch.setattr(module, "ROWS", 97)
    for module in (clustering, workers):
        monkeypatch.setattr(module, "TOGETHER", 300)
    for name, table in everything(frame).items():
        pd.testing.assert_frame_equal(table, whole[name], rtol=1e-9, obj=name)


@pytest.mark.parametrize("times", [[5.0], [1.0, 2.0], [3.0, 1.0, 2.0, 9.0, 4.0, 4.0, 8.0]])
def test_percentiles_are_those_of_numpy(times):
    given = np.array(times, dtype=np.float32)
    assert timing._percentiles(given, (5, 25, 50, 75, 95)) == pytest.approx(
        np.percentile(times, (5, 25, 50, 75, 95)), rel=1e-12
    )
    assert given.tolist() == times


def test_a_csv_in_parts_is_the_csv(monkeypatch, tmp_path):
    frame = study(people=3)
    whole = tables.csv_text(frame)
    monkeypatch.setattr(tables, "CSV_ROWS", 17)
    write_whole(tmp_path / "x.csv", Parts(lambda: tables.csv_parts(frame)))
    assert (tmp_path / "x.csv").read_text() == whole
    assert pd.read_csv(tmp_path / "x.csv")["pair"].tolist() == frame["pair"].tolist()
    assert tables.csv_text(frame[:0]).count("\n") == 1


def test_numbers_have_ten_digits_and_gaps_are_empty():
    frame = pd.DataFrame({"a": [1 / 3, np.nan, 2.0], "b": [True, False, True], "c": ["x", None, "z"]})
    assert tables.csv_text(frame) == "a,b,c\n0.3333333333,1,x\n,0,\n2,1,z\n"


def test_clusters_are_told_apart_by_the_range(monkeypatch):
    monkeypatch.setattr(clustering, "ROWS", 10)
    worker, pair = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    assert clustering._all_differ([worker, pair])
    pair[599] = 0
    assert not clustering._all_differ([worker, pair])
