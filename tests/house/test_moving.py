"""A study of clips from folders to a report, as it is typed."""

import json

from click.testing import CliRunner

from glimpse.main import main
from glimpse.study import read_study
from tests.glimpse.footage import record

SMALL = (
    *(
        "--trials-per-cell",
        "2",
        "--hits-per-batch",
        "2",
        "--sentinels-per-hit",
        "2",
        "--workers-per-hit",
        "4",
    ),
    *(
        "--max-wrong-sentinels",
        "0",
        "--exposure-ms",
        "500",
        "--exposure-ms",
        "2000",
        "--contact",
        "me@lab.org",
    ),
)


def run(*words):
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_study_of_clips_from_folders_to_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for condition, source in (("real", "testsrc2"), ("mine", "testsrc"), ("image-space", "smptebars")):
        for scene in "abc":
            record(tmp_path / "clips" / condition / f"{scene}.mp4", source=source)
    run("build-hits", "--images", "clips", *SMALL)
    assert read_study("study").moving
    run("preview", "--no-browser")
    run("simulate", "--out", "results")
    results = json.loads((tmp_path / "results" / "study.json").read_text())
    assert {one["frames"] for one in results["stimuli"].values()} == {8}
    output = run("analyze", "results", "--out", "report")
    assert "not what was shown" not in output
    assert "Traceback" not in output
    assert (tmp_path / "report" / "report.html").is_file()
