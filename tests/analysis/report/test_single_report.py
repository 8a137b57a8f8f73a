"""Reports of single images, from simulated studies of each kind: what is in them, and what is refused."""

import csv
import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from glimpse.analysis.reading.detections import Climbed
from glimpse.analysis.report.settings import AnalysisSettings
from glimpse.analysis.report.single_tables import staircase_rows
from glimpse.analysis.report.single_wording import _telling
from glimpse.analysis.statistics.mistaken import image_table, most_mistaken
from glimpse.analysis.statistics.preference import Intervals
from glimpse.staircase import StaircaseSettings
from tests.analysis.analyses import run

CONDITIONS = ("real", "good", "poor")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """30 little images of each of three conditions."""
    folder = tmp_path_factory.mktemp("singles") / "images"
    rng = np.random.default_rng(0)
    for condition in CONDITIONS:
        (folder / condition).mkdir(parents=True)
        for item in range(30):
            pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / condition / f"{item:03d}.png")
    return folder


def studied(images, name, *options):
    """Build a study, have it answered, and return the report's folder."""
    base = images.parent
    study, results, report = (base / f"{part}-{name}" for part in ("study", "results", "report"))
    steps = (
        ("build-hits", "--task", "single", "--images", images, "--real", "real", "--out", study,
         "--workers-per-hit", 8, "--hits-per-batch", 2, "--sentinels-per-hit", 0, *options),
        ("simulate", study, "--out", results, "--d-prime", "good=0.8", "--d-prime", "poor=2.5", "--seed", 3),
        ("analyze", results, "--out", report, "--figures", "svg"),
    )  # fmt: skip
    for words in steps:
        done = run(*words)
        assert done.exit_code == 0, done.output
    return report, done.output


@pytest.fixture(scope="module")
def rated(images):
    return studied(images, "rated", "--mode", "unlimited-time", "--trials-per-hit", 60,
                   "--answer", "confidence-6")  # fmt: skip


@pytest.fixture(scope="module")
def timed(images):
    exposures = [word for ms in (63, 125, 250, 500, 1000) for word in ("--exposure-ms", ms)]
    return studied(images, "timed", "--mode", "limited-time", *exposures)


def table(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_unlimited_time_with_confidence(rated):
    folder, said = rated
    facts = json.loads((folder / "summary.json").read_text())
    (question,) = facts["questions"]
    by_name = {row["condition"]: row for row in question["conditions"]}
    assert list(by_name) == ["good", "poor"]
    assert by_name["poor"]["d_prime"] > by_name["good"]["d_prime"] > 0
    assert by_name["good"]["errors"] > by_name["poor"]["errors"]
    assert all(row["d_low"] < row["d_prime"] < row["d_high"] for row in by_name.values())
    assert 0.5 < by_name["good"]["area"] < by_name["poor"]["area"] <= 1
    assert question["by_exposure"] == []
    assert question["staircases"] is None
    assert {row["condition"] for row in question["binormal"]} == {"good", "poor"}
    assert "People tell poor from real images: d\u2032 = " in " ".join(said.split())
    assert "good was taken for real more often than poor" in " ".join(said.split())
    assert {"errors.svg", "d_prime.svg", "roc.svg", "detection.csv", "roc.csv"} <= set(facts["files"])
    assert set(facts["files"]) == {path.name for path in folder.iterdir()}


def test_no_worker_is_named_but_in_its_table(rated):
    folder, _ = rated
    workers = {row["worker"] for row in table(folder, "detection_workers.csv")}
    assert len(workers) == 16
    for name in ("report.html", "summary.json", "methods.txt"):
        text = (folder / name).read_text(encoding="utf-8")
        assert not [worker for worker in workers if worker in text]


def test_the_page_is_whole(rated, timed):
    for folder, _ in (rated, timed):
        page = (folder / "report.html").read_text(encoding="utf-8")
        for id_ in (
            "findings",
            "conditions",
            "differences",
            "workers",
            "exclusions",
            "methods",
            "provenance",
        ):
            assert f'<section id="{id_}"' in page
            assert f'href="#{id_}"' in page
        assert "SIMULATED" in page
        assert "\x1f" not in page
        assert "None" not in page
        shown = page.split("</style>")[1].split("<script>")[0]
        assert not re.search(r"\bnan\b", re.sub(r"data:[^\"]*", "", shown))


def test_limited_time_has_exposures_and_curves(timed):
    folder, _ = timed
    rows = table(folder, "detection_exposures.csv")
    assert [float(row["exposure_ms"]) for row in rows[:5]] == [63, 125, 250, 500, 1000]
    poor = [float(row["d_prime"]) for row in rows if row["condition"] == "poor"]
    assert poor[-1] > poor[0]
    curves = {row["condition"]: row for row in table(folder, "detection_curves.csv")}
    assert curves["poor"]["identified"] == "1"
    names = {path.name for path in folder.iterdir()}
    assert {"taken_for_real.svg", "d_prime.svg"} <= names
    assert "roc.csv" not in names


def test_the_table_without_the_filter_stands_below(rated):
    folder, _ = rated
    rows = table(folder, "detection.csv")
    assert [row["filtered"] for row in rows] == ["1", "1", "0", "0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--metric", "m.csv"), "--metric is for studies of pairs"),
        (("--equivalence", 5), "--equivalence is for studies of pairs"),
        (("--cluster", "worker-bootstrap"), "choose images, worker or pair"),
    ],
)
def test_options_of_pairs_are_refused(images, rated, options, message):
    out = images.parent / "refused"
    done = run("analyze", images.parent / "results-rated", "--out", out, *options)
    assert done.exit_code == 1
    assert message in " ".join(done.output.split())
    assert not out.exists()


def test_one_way_of_clustering_is_an_option(images, rated):
    out = images.parent / "by-worker"
    done = run(
        "analyze", images.parent / "results-rated", "--out", out, "--cluster", "worker", "--figures", "svg"
    )
    assert done.exit_code == 0, done.output
    ours, theirs = (table(folder, "detection.csv")[0] for folder in (rated[0], out))
    assert ours["d_prime"] == theirs["d_prime"]
    assert ours["d_low"] != theirs["d_low"]


def test_blocks_of_staircases_are_told_apart():
    """Two assignments of 5 images in 2 blocks, 3 and 2; the second one's rows out of order."""
    places = {"t0": 0, "t1": 1, "t2": 2, "t3": 3, "t4": 4}
    counted = pd.DataFrame({
        "assignment": ["x"] * 5 + ["y"] * 5, "worker": ["w"] * 5 + ["v"] * 5,
        "trial": [*places, *reversed(places)],
        "condition": ["real", "good", "real", "real", "good", "poor", "real", "real", "poor", "real"],
        "generated": [False, True, False, False, True, True, False, False, True, False],
        "exposure_ms": [500, 500, 470, 500, 500, 504, 503, 502, 501, 500], "correct": True,
    })  # fmt: skip
    rows = staircase_rows(counted, Climbed(StaircaseSettings(), [3, 2], places))
    assert sorted(rows["line"]) == [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]
    first, second = (rows[rows["worker"] == worker] for worker in "wv")
    assert first["trial"].tolist() == [1, 2, 3, 1, 2]
    assert sorted(second["exposure_ms"][second["trial"] == 1]) == [500, 503]
    assert rows["system"].tolist() == ["good"] * 5 + ["poor"] * 5


def test_staircases_of_two_systems(images):
    folder, said = studied(images, "stairs", "--allocation", "staircase", "--mode", "limited-time",
                           "--trials-per-hit", 60, "--blocks", 2, "--answer", "real-or-generated",
                           "--systems-apart")  # fmt: skip
    facts = json.loads((folder / "summary.json").read_text())
    stairs = facts["questions"][0]["staircases"]
    systems = {row["system"]: row for row in stairs["systems"]}
    assert set(systems) == {"good", "poor"}
    assert all(row["low"] < row["threshold_ms"] < row["high"] for row in systems.values())
    assert "by staircases (HYPE-time)" in " ".join(said.split())
    blocks = table(folder, "staircase_blocks.csv")
    assert len(blocks) == 2 * len(table(folder, "staircase_workers.csv"))
    assert {"staircases.svg", "staircase_systems.csv"} <= {path.name for path in folder.iterdir()}
    page = (folder / "report.html").read_text()
    assert 0 < page.index('<section id="staircases"') < page.index('<section id="conditions"')
    assert [row["system"] for row in stairs["systems"]] == ["good", "poor"], "as everywhere else"
    assert "was taken for real" not in said, "a staircase keeps everybody near one share"


def test_exposures_are_those_of_the_question_that_decided_them(images):
    folder, said = studied(images, "two", "--preset", "hype-time", "--trials-per-hit", 40, "--blocks", 2,
                        "--ask", "real:real-or-generated:Is it real?",
                        "--ask", "sure:confidence-4:How sure are you?")  # fmt: skip
    rows = pd.read_csv(folder / "judgments.csv").set_index(["question", "assignment", "trial"])
    exposure = rows["exposure_ms"]
    assert (exposure["sure"] == exposure["real"].reindex(exposure["sure"].index)).all()
    assert rows["correct"]["sure"].ne(rows["correct"]["real"].reindex(rows["correct"]["sure"].index)).any()
    questions = json.loads((folder / "summary.json").read_text())["questions"]
    assert [one["by_exposure"] for one in questions] == [[], []]
    assert [one["staircases"] is None for one in questions] == [False, True]
    assert (
        "answered of each \u201cIs it real?\u201d and \u201cHow sure are you?\u201d"
        in (folder / "methods.txt").read_text()
    )
    assert said.index("Is it real?") < said.index("by staircases") < said.index("How sure are you?")
    assert ">Workers: sure</h2>" in (folder / "report.html").read_text()


def test_participants_and_mistaken_images_are_shown(rated):
    folder, _ = rated
    facts, page = json.loads((folder / "summary.json").read_text()), (folder / "report.html").read_text()
    assert facts["counts"]["participants"] == 16
    assert {row["about"] for row in facts["participants"]} >= {"participants", "browser", "minutes"}
    assert "16\u00a0participants, excluded ones too, did 16\u00a0assignments" in page
    shown = facts["questions"][0]["images"]
    assert list(dict.fromkeys(row["condition"] for row in shown)) == ["good", "poor", "real"]
    assert all(row["wrong"] > 0 for row in shown)
    every = table(folder, "detection_images.csv")
    assert len(every) == len({(row["condition"], row["item"]) for row in every})
    assert shown[0]["rate"] == max(float(row["rate"]) for row in every if row["condition"] == "good")
    assert (folder / "mistaken.png").stat().st_size > 1000
    assert "Images that were mistaken most often" in page


def test_images_are_counted_where_they_were_seen_for_long():
    rows = pd.DataFrame(
        [("mine", "a", True, 125.0, False)] * 9 + [("mine", "a", True, 1000.0, True)] * 6
        + [("mine", "b", True, 2000.0, False)] * 5 + [("mine", "b", True, 2000.0, True)]
        + [("mine", "c", True, 2000.0, False)] + [("real", "a", False, 1000.0, False)] * 2,
        columns=["condition", "item", "generated", "exposure_ms", "correct"],
    )  # fmt: skip
    found = image_table(rows)
    counts = found[["condition", "item", "n", "wrong"]].to_numpy().tolist()
    assert counts == [["mine", "c", 1, 1], ["mine", "b", 6, 5], ["mine", "a", 6, 0], ["real", "a", 2, 2]]
    shown = most_mistaken(found)
    assert shown[["condition", "item"]].to_numpy().tolist() == [["mine", "b"], ["real", "a"]]
    short = image_table(rows[rows["exposure_ms"] < 500])
    assert short[["n", "wrong"]].to_numpy().tolist() == [[9, 9]], "nothing longer was shown"


@pytest.mark.parametrize(
    ("level", "adjusted", "said", "leans"),
    [
        (0.95, 0.02, "People tell mine from real images: d\u2032 = 0.40 (95 % interval 0.10 to 0.70)", True),
        (0.999, 0.02, "People cannot be shown to tell mine from real images", False),
        (0.95, 0.08, "interval 0.10 to 0.70), adjusted p = 0.080", True),
    ],
)  # fmt: skip
def test_verdicts_are_those_of_the_level(level, adjusted, said, leans):
    """`--level 0.999` judges at 0.001; a p-value that adjustment changed is said to be adjusted."""
    row = SimpleNamespace(
        condition="mine", d_prime=0.4, d_low=0.1, d_high=0.7, errors=0.4, errors_low=0.35, errors_high=0.45,
        p_d=0.02, p_d_adjusted=adjusted, criterion=0.2, p_criterion=0.02, note="",
    )  # fmt: skip
    found = _telling(row, AnalysisSettings(intervals=Intervals(level))).replace("\u00a0", " ")
    assert said in found
    assert ("They lean" in found) == leans
