"""What is worked on a part at a time, so that millions of judgments fit, comes out as when taken whole."""

import errno
import gc
import json
import os
import shutil
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from glimpse.analysis.reading import answer_file, design, judgments, lines
from glimpse.analysis.reading.answer_file import ANSWER, AnswerFile
from glimpse.analysis.reading.exclusion import Rules, exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.report import tables
from glimpse.analysis.statistics import sharing
from glimpse.analysis.statistics.agreement import agreement_table
from glimpse.analysis.statistics.clustering import KeyedSums
from glimpse.analysis.statistics.gathering import design_cells
from glimpse.analysis.statistics.grouping import analysed
from glimpse.analysis.statistics.pairs import pair_table
from glimpse.analysis.statistics.preference import Intervals, preference_table
from glimpse.analysis.statistics.psychometric import fit_curves
from glimpse.analysis.statistics.ranked import ranking_table
from glimpse.analysis.statistics.ranking import rank_conditions
from glimpse.analysis.statistics.timing import achieved_exposures, response_times
from glimpse.analysis.statistics.workers import sentinel_table, side_bias, worker_table
from glimpse.errors import GlimpseError
from glimpse.files import Parts, write_whole
from glimpse.main import main
from tests.analysis.folders import build_study

SMALL = 97  # judgments a part, where a worker has more
BYTES = 40  # of an answer at most at a time, so that ten million take 400 MB


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty workers of three HITs; every fifth has a second assignment, and lines stand in no order."""
    path = tmp_path_factory.mktemp("many")
    build_study(path / "study", hits=3, per_cell=3, workers=16, seed=4)
    words = ["simulate", path / "study", "--out", path / "results", "--random-share", 0.1, "--seed", 3]
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    file = path / "results" / "assignments.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for place in range(0, 40, 5):
        lines[place]["worker"] = lines[place + 7]["worker"]
    order = np.random.default_rng(0).permutation(len(lines))
    file.write_text("".join(json.dumps(lines[place]) + "\n" for place in order))
    return path / "results"


def read(folder):
    results = read_results(folder)
    rules = Rules(repeat_workers="keep", max_exposure_error_ms=20)
    return results, exclude(results, rules).judgments


def everything(given, results):
    cells = design_cells(results.trials)
    names = list(dict.fromkeys(cells["contrast"]))
    rng = np.random.default_rng(0)
    ways = {
        cluster: preference_table(given, cells, Intervals(cluster=cluster, resamples=200), rng=rng)
        for cluster in ("images", "two-way", "worker", "pair", "worker-bootstrap", "pair-bootstrap")
    }
    return ways | {
        "unfiltered": preference_table(given, cells, filtered=False),
        "occurring": preference_table(given),
        "agreement": agreement_table(given),
        "curves by workers": pd.DataFrame(
            [fit.to_dict() for fit in fit_curves(analysed(given, cluster="worker"), real="real")]
        ),
        "curves": pd.DataFrame([fit.to_dict() for fit in fit_curves(given, real="real")]),
        "measured": pd.DataFrame([fit.to_dict() for fit in fit_curves(given, exposure="measured")]),
        "ranking": ranking_table(rank_conditions(given)),
        "workers": worker_table(given),
        "sentinels": sentinel_table(given),
        "side": pd.DataFrame([side_bias(given).to_dict()]),
        "response": response_times(given),
        "achieved": achieved_exposures(given, results.assignments),
        "pairs": pair_table(given, names, "real"),
    }


def test_parts_give_what_the_whole_gives(folder, monkeypatch):
    results, whole = read(folder)
    assert len(list(whole.parts())) == 1
    expected = everything(whole.table(), results)
    monkeypatch.setattr(lines, "CHUNK", 7)
    monkeypatch.setattr(design, "ROWS", 7)
    monkeypatch.setattr(judgments, "PART", SMALL)
    monkeypatch.setattr(sharing, "PART", SMALL)
    monkeypatch.setattr(answer_file, "IN_MEMORY", 1000)
    results, parts = read(folder)
    assert len(list(parts.parts(("worker",)))) > 20
    pd.testing.assert_frame_equal(parts.table(), whole.table())
    for name, table in everything(parts, results).items():
        pd.testing.assert_frame_equal(table, expected[name], rtol=1e-9, obj=name)


def peak_bytes(folder):
    """The most memory that the statistics of a folder take at a time, beyond what its tables take."""
    results = read_results(folder)
    marked = exclude(results).judgments
    thresholds = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # `analyze` collects more seldom, and may have run in this process
    tracemalloc.start()
    try:
        preference_table(marked, design_cells(results.trials))
        fit_curves(marked)
        rank_conditions(marked)
        side_bias(marked)
        response_times(marked)
        agreement_table(marked)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.set_threshold(*thresholds)


@pytest.mark.slow
def test_few_bytes_are_held_of_each_answer(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(judgments, "PART", 2000)
    monkeypatch.setattr(sharing, "PART", 2000)
    monkeypatch.setattr(answer_file, "IN_MEMORY", 1000)
    lines = [json.loads(line) for line in (folder / "assignments.jsonl").read_text().splitlines()]
    peaks = []
    for copies in (5, 20):
        more = shutil.copytree(folder, tmp_path / f"{copies}")
        with (more / "assignments.jsonl").open("w") as file:
            for number in range(copies):
                for line in lines:
                    own = {name: f"{line[name]}-{number}" for name in ("assignment_id", "worker")}
                    print(json.dumps(line | own), file=file)
        peaks.append(peak_bytes(more))
    more = 15 * sum(len(line["answers"]) for line in lines)
    assert (peaks[1] - peaks[0]) / more < BYTES


@pytest.mark.parametrize("size", [1, SMALL, 10_000])
def test_all_judgments_of_a_worker_are_in_one_part(folder, monkeypatch, size):
    monkeypatch.setattr(judgments, "PART", size)
    _, found = read(folder)
    parts = list(found.parts())
    assert sum(map(len, parts)) == len(found)
    workers = [set(part["worker"]) for part in parts]
    assert sum(map(len, workers)) == len(set.union(*workers))
    assert all(len(part) <= size or len(own) == 1 for part, own in zip(parts, workers, strict=True))


def test_the_report_is_the_same_in_parts(folder, tmp_path, monkeypatch):
    def analyze(out):
        words = ["analyze", str(folder), "--figures", "svg", "--out", str(out)]
        assert CliRunner().invoke(main, words).exit_code == 0
        return {path.name: path.read_bytes() for path in sorted(out.iterdir())}

    whole = analyze(tmp_path / "whole")
    monkeypatch.setattr(judgments, "PART", SMALL)
    parts = analyze(tmp_path / "parts")
    assert whole["judgments.csv"] == parts["judgments.csv"]
    assert whole["report.html"] == parts["report.html"]


def test_answers_are_read_back_from_memory_and_from_disk(monkeypatch):
    rng = np.random.default_rng(0)
    answers = np.zeros(500, dtype=ANSWER)
    answers["trial"], answers["value"] = rng.integers(0, 99, 500), rng.choice([-1, 1], 500)
    answers["response_ms"] = rng.random(500)
    for most in (10**6, 100):
        monkeypatch.setattr(answer_file, "IN_MEMORY", most)
        file = AnswerFile()
        for start in range(0, 500, 100):
            file.append(answers[start : start + 100])
        assert file.size == 500
        first, count = np.array([300, 310, 20, 0]), np.array([10, 5, 0, 7])
        expected = np.concatenate([answers[300:315], answers[:7]])
        assert (file.read(first, count) == expected).all()
        assert not len(file.read(first[:0], count[:0]))


def test_a_full_disk_is_said(monkeypatch):
    def full(data):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = AnswerFile()
    monkeypatch.setattr(
        file, "_file", type("Full", (), {"seek": lambda *_: None, "write": lambda _, d: full(d)})()
    )
    with pytest.raises(GlimpseError, match=r"No space left on device.*TMPDIR"):
        file.append(np.zeros(1, dtype=ANSWER))


def test_sums_by_key_do_not_depend_on_the_parts():
    rng = np.random.default_rng(1)
    key, values = rng.integers(0, 40, 900), rng.integers(0, 9, (900, 2))
    sums = KeyedSums()
    for start in range(0, 900, 23):
        sums.add(key[start : start + 23], values[start : start + 23].T)
    expected = pd.DataFrame(values).groupby(key).sum()
    found, columns = sums.result()
    assert found.tolist() == expected.index.tolist()
    assert (columns == expected.to_numpy()).all()


def test_a_csv_in_parts_is_the_csv(monkeypatch, tmp_path):
    frame = pd.DataFrame({"pair": [f"p{n}" for n in range(50)], "ms": np.arange(50) / 7})
    whole = tables.csv_text(frame)
    monkeypatch.setattr(tables, "CSV_ROWS", 17)
    write_whole(tmp_path / "x.csv", Parts(lambda: tables.csv_parts([frame])))
    assert (tmp_path / "x.csv").read_text() == whole
    assert pd.read_csv(tmp_path / "x.csv")["pair"].tolist() == frame["pair"].tolist()
    assert tables.csv_text(frame[:0]).count("\n") == 1


def test_numbers_have_ten_digits_and_gaps_are_empty():
    frame = pd.DataFrame({"a": [1 / 3, np.nan, 2.0], "b": [True, False, True], "c": ["x", None, "z"]})
    assert tables.csv_text(frame) == "a,b,c\n0.3333333333,1,x\n,0,\n2,1,z\n"


def test_a_float32_has_the_digits_that_it_needs():
    values = np.array([613.9, np.nan, 600, 0.1, 1 / 3, 16777216, -0.0], dtype=np.float32)
    text = tables.csv_text(pd.DataFrame({"ms": values}))
    assert text == 'ms\n613.9\n""\n600\n0.1\n0.33333334\n16777216\n0\n'
    drawn = np.random.default_rng(0).lognormal(6, 2, 3000).astype(np.float32)
    written = tables.csv_text(pd.DataFrame({"ms": drawn})).split()[1:]
    assert (np.array(written, dtype=np.float32) == drawn).all()


def test_what_arithmetic_leaves_of_a_tie_is_zero_but_small_p_values_stay():
    frame = pd.DataFrame({"strength": [8.88e-16, -8.88e-16, -0.0], "p_value": [3e-40, 0.0, 1.0],
                          "transitivity_p": [1e-13, np.nan, 0.5]})  # fmt: skip
    assert tables.csv_text(frame) == "strength,p_value,transitivity_p\n0,3e-40,1e-13\n0,0,\n0,1,0.5\n"


@pytest.mark.skipif(not hasattr(os, "pread"), reason="without reading at a place, as on Windows")
def test_reading_from_the_disk_moves_no_place_that_a_forked_process_shares(monkeypatch):
    monkeypatch.setattr(answer_file, "IN_MEMORY", 1000)
    file = AnswerFile()
    answers = np.zeros(500, dtype=ANSWER)
    answers["trial"] = np.arange(500)
    file.append(answers)
    before = os.lseek(file._file.fileno(), 0, os.SEEK_CUR)
    found = file.read(np.array([3, 100]), np.array([2, 4]))
    assert found["trial"].tolist() == [3, 4, 100, 101, 102, 103]
    assert os.lseek(file._file.fileno(), 0, os.SEEK_CUR) == before == 500 * ANSWER.itemsize
