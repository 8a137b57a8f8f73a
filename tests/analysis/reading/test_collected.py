"""The way of people's answers, on the real server: published, answered over HTTP, collected, analysed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.analysis.reading.results import read_results
from glimpse.main import main

ROOT = Path(__file__).parents[3]
PLACES, TRIALS = 6, 21 + 5


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two HITs of 26 trials for three workers each, as build-hits makes them."""
    folder = tmp_path_factory.mktemp("collected")
    rng = np.random.default_rng(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(8):
            pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / condition / f"{item:06d}.png")
    run(
        "build-hits", "--images", folder / "images", "--out", folder / "study",
        *("--hits-per-batch", 2, "--trials-per-cell", 1, "--workers-per-hit", 3),
    )  # fmt: skip
    return folder / "study"


@pytest.fixture(scope="module")
def url(study: Path) -> Iterator[str]:
    """A server on a free port, in a process of its own, until the tests are done."""
    words = ["serve", "--port", "0", "--data", study.parent / "server", "--study", study]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=study.parent,
    )  # fmt: skip
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "")
    found = next((found for line in lines if (found := re.search(r"http://[\d.:]+", line))), None)
    assert found is not None, "the server did not start"
    yield found[0]
    server.terminate()
    server.communicate(timeout=120)


@pytest.mark.slow
def test_answers_through_the_server_are_collected_and_analysed(study: Path, url: str) -> None:
    data, results, report = (study.parent / name for name in ("server", "results", "report"))
    unpublished = CliRunner().invoke(main, ["simulate", str(study), "--through-server", url])
    assert unpublished.exit_code == 1
    assert f"Publish it first: python cli.py publish {study} --to local" in unpublished.output
    run("publish", study, "--to", "local", "--data", data)

    run("simulate", study, "--through-server", url, "--data", data, "--workers", 4)
    run("collect", study, "--data", data, "--out", results)
    analysed = run("analyze", results, "--out", report, "--no-sentinel-filter", "--figures", "svg")
    assert "4 of 6 places (66.7 %) are filled" in analysed
    assert "4 of 6 places" in (report / "report.html").read_text()

    rest = run("simulate", study, "--through-server", url, "--data", data)
    assert "2 simulated workers answered" in rest
    assert "4 found nothing to do: they had answered before" in rest
    run("collect", study, "--data", data, "--out", results)
    found = read_results(results)
    assert not found.problems
    assert found.simulated
    assert len(found.assignments) == found.assignments["worker"].nunique() == PLACES
    assert len(found.judgments) == PLACES * TRIALS
    assert found.judgments.table()["shown_ms"].notna().all()
    analysed = run("analyze", results, "--out", report, "--no-sentinel-filter", "--figures", "svg")
    assert "SIMULATED" in analysed
    assert "under way" not in analysed
    counts = json.loads((report / "summary.json").read_text())["counts"]
    assert (counts["assignments"], counts["places"]) == (PLACES, PLACES)
    assert counts["simulated_assignments"] == PLACES
