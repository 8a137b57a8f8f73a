"""One image at a time, whole: built, published, answered through the server, collected, analysed."""

import json
import random
import re

import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.analysis.reading.detections import all_detections
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.main import main
from glimpse.study import read_study

SENTINELS = 3


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single") / "images"
    noise = random.Random(0)
    for condition in ("real", "crn", "gan", "image-space"):
        (folder / condition).mkdir(parents=True)
        for item in range(12):
            picture = Image.frombytes("RGB", (16, 12), noise.randbytes(16 * 12 * 3))
            picture.save(folder / condition / f"{item:03d}.png")
    return folder


def build(images, out, *words):
    usual = ["--task", "single", "--images", images, "--out", out, "--contact", "me@lab.org"]
    return run("build-hits", *usual, *words)


def small(*words):
    return ["--hits-per-batch", 2, "--workers-per-hit", 3, "--sentinels-per-hit", SENTINELS,
            "--trials-per-hit", 18 + SENTINELS, *words]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        small("--mode", "unlimited-time"),
        small("--exposure-ms", 100, "--exposure-ms", 400, "--answer", "confidence-6"),
        ["--preset", "hype-infinity", "--trials-per-hit", 20, "--hits-per-batch", 3],
    ],
    ids=["unlimited", "limited", "hype-infinity"],
)  # fmt: skip
def test_a_study_goes_through_the_server_into_a_report(images, tmp_path, server, glimpse, at, words):
    folder = tmp_path / "study"
    built = build(images, folder, *words)
    assert built.exit_code == 0, built.output
    study = read_study(folder)
    assert "Pair" not in study.page_path(study.hits[0].hit).read_text()
    assert glimpse("publish", str(folder), "--to", "local", *at, "--yes")[0] == 0
    answered = glimpse("simulate", str(folder), "--through-server", server.url, *at, "--random-share", "0",
                       "--quality", "image-space=-9", "--lapse", "0", "--concurrency", "2")  # fmt: skip
    assert answered[0] == 0, answered
    status = glimpse("status", str(folder), *at)
    places = len(study.hits) * study.experiment.workers_per_hit
    assert status[0] == 0
    assert any(re.search(rf"\b{places}\b", line) for line in status[1])
    assert glimpse("collect", str(folder), *at, "--out", "results")[0] == 0
    results = read_results(tmp_path / "results")
    table = all_detections(exclude(results).judgments, "real")
    assert len(table) == places * len(study.trials_of(study.hits[0].hit))
    assert not table["excluded"].any()
    asked = {trial.trial: trial for trial in study.trials}
    for row in table.itertuples():
        assert row.condition == asked[row.trial].condition_left
        assert row.generated == (row.condition != "real")
    status = glimpse("analyze", "results", "--out", "report")
    assert status[0] == 0, status
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["task"] == "single"


def test_failed_sentinels_exclude_an_assignment(images, tmp_path):
    build(images, tmp_path / "study", *small("--mode", "unlimited-time"))
    words = ["--quality", "image-space=9", "--random-share", 0, "--out", tmp_path / "results"]
    assert run("simulate", tmp_path / "study", *words).exit_code == 0
    results = read_results(tmp_path / "results")
    assert exclude(results).assignments["reason"].eq("wrong sentinels").all()
    analysed = run("analyze", tmp_path / "results", "--out", tmp_path / "report")
    assert analysed.exit_code == 1
    assert "wrong sentinels" in analysed.output


def test_known_images_come_from_a_file(images, tmp_path):
    known = tmp_path / "known.csv"
    known.write_text("image,correct\n" + "".join(
        f"{name}/{item:03d},{correct}\n"
        for name, correct in (("image-space", "generated"), ("gan", "real")) for item in range(4)
    ))  # fmt: skip
    words = [
        "--mode",
        "unlimited-time",
        "--sentinel-file",
        known,
        "--sentinels-per-hit",
        4,
        "--condition",
        "crn",
    ]
    assert build(images, tmp_path / "study", *words, "--trials-per-hit", 20).exit_code == 0
    study = read_study(tmp_path / "study")
    sentinels = [trial for trial in study.trials if trial.sentinel]
    assert {(one.condition_left, one.correct_side) for one in sentinels} <= {
        ("image-space", "generated"), ("gan", "real"),
    }  # fmt: skip
    assert (tmp_path / "study" / "sentinels.csv").read_text() == known.read_text()


def test_each_system_has_people_of_its_own_with_the_preset_of_hype(images, tmp_path):
    built = build(images, tmp_path / "study", "--preset", "hype-infinity", "--trials-per-hit", 20)
    assert built.exit_code == 0, built.output
    experiment = read_study(tmp_path / "study").experiment
    assert [batch.shown for batch in experiment.batches] == [
        ("crn", "real"), ("gan", "real"), ("image-space", "real"),
    ]  # fmt: skip
    assert (experiment.hits_per_batch, experiment.workers_per_hit, experiment.sentinels_per_hit) == (30, 1, 0)


def test_the_study_file_beside_a_study_builds_it_again(images, tmp_path):
    first = build(
        images, tmp_path / "study", *small("--real-share", 0.4, "--blocks", 2, "--condition", "gan")
    )
    assert first.exit_code == 0, first.output
    again = run("build-hits", tmp_path / "study" / "study.toml", "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    one, other = (read_study(tmp_path / name) for name in ("study", "again"))
    assert one.experiment == other.experiment
    assert one.trials == other.trials


def test_a_browser_learns_nothing_but_the_images(images, tmp_path):
    build(images, tmp_path / "study", *small("--mode", "unlimited-time"))
    study = read_study(tmp_path / "study")
    sizes = {path.stat().st_size for path in (tmp_path / "study" / "images").iterdir()}
    assert len(sizes) == 1
    for hit in study.hits:
        page = study.page_path(hit.hit).read_text()
        bare = re.sub(r"[a-z2-7]{20,}", "", page)  # opaque names, which may spell a condition
        for word in ("crn", "image-space", "sentinel"):
            assert word not in bare
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        assert data["p"] == ""
        assert data["t"] == "".join(
            trial.stimulus_left + "0" + str(data["x"].index(study.stimuli[trial.stimulus_left].ending))
            for trial in study.trials_of(hit.hit)
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--real", "nothing"], "there is no condition 'nothing'; found are"),
        (["--real", ""], "nothing is real; found are"),
        (["--real-share", "0"], "--real-share is 0; it must be above 0 and below 1"),
        (["--real-share", "1.5"], "--real-share is 1.5; it must be above 0 and below 1"),
        (["--trials-per-hit", "60"], "Condition crn has 12 images, and a HIT shows 14 of it, none twice"),
        (["--sentinels-per-hit", "13"], "Condition image-space has 12 images, and a HIT needs 13"),
        (["--contrast", "crn:real"], "--contrast belongs to --task pairs"),
        (["--ours", "crn"], "--ours belongs to --task pairs"),
        (["--pairing", "same-item"], "--pairing belongs to --task pairs"),
        (["--allocation", "adaptive"], "--allocation adaptive draws pairs"),
        (["--answer", "scale-5"], "with --task single allowed are real-or-generated"),
        (["--preset", "paper"], "--preset paper belongs to --task pairs"),
        (["--preset", "hype-infinity", "--mode", "limited-time"], "is of --mode unlimited-time"),
        (["--condition", "nobody"], "--condition: there is no condition 'nobody'"),
        (["--mode", "unlimited-time", "--exposure-ms", "9"], "--exposure-ms belongs to --mode limited"),
        (["--feedback"], "--feedback is of a staircase"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message_and_nothing_is_written(images, tmp_path, words, message):
    found = build(images, tmp_path / "study", *words)
    assert found.exit_code == 1
    assert message in found.output
    assert found.output.count("Error:") == 1
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--real-share", "0.4"], "--real-share belongs to --task single"),
        (["--blocks", "2"], "--blocks belongs to --task single"),
        (["--condition", "crn"], "--condition belongs to --task single"),
        (["--allocation", "staircase"], "--allocation staircase belongs to --task single"),
        (["--write", "x.toml"], "--out says nothing beside --write"),
        (["--preset", "hype-infinity", "--task", "pairs"], "shows one image at a time"),
    ],
)
def test_pairs_have_nothing_of_single_images(images, tmp_path, words, message):
    found = run("build-hits", "--images", images, "--out", tmp_path / "study", *words)
    assert found.exit_code in {1, 2}
    assert message in found.output


def test_studies_of_pairs_and_of_single_images_are_not_pooled(images, tmp_path):
    build(images, tmp_path / "one", *small("--mode", "limited-time"))
    pairs = ["--images", images, "--out", tmp_path / "two", "--trials-per-cell", 1, "--hits-per-batch", 1]
    assert run("build-hits", *pairs).exit_code == 0
    for name in ("one", "two"):
        assert run("simulate", tmp_path / name, "--out", tmp_path / f"r-{name}").exit_code == 0
    found = run("analyze", tmp_path / "r-one", tmp_path / "r-two", "--out", tmp_path / "report")
    assert found.exit_code == 1
    assert "cannot be pooled" in found.output
