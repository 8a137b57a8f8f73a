"""Small studies of each kind, answered by simulated workers, and a bundle of one."""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import glimpse
from tests.analysis.analyses import run
from tests.glimpse.footage import record

SMALL = {"trials_per_cell": 1, "hits_per_batch": 3, "workers_per_hit": 6, "pairing": "same-item"}


def draw_images(folder: Path, items: int = 8) -> Path:
    rng = np.random.default_rng(0)
    for condition in ("real", "crn", "pix2pix", "image-space"):
        (folder / condition).mkdir(parents=True)
        for item in range(items):
            pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / condition / f"{item:03d}.png")
    return folder


def build(folder: Path, **choices: Any) -> Path:
    """Build and answer a study in a folder."""
    images = draw_images(folder / "images")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images, so few people
        experiment = glimpse.plan_study(images, **{**SMALL, **choices})
        study = glimpse.build_study(images, experiment, folder / "study", contact="me@lab.org")
    glimpse.simulate(study, folder / "results")
    return folder


def analyze(folder: Path, *options: object) -> Path:
    out = folder / "report"
    shutil.rmtree(out, ignore_errors=True)
    result = run("analyze", folder / "results", "--out", out, "--figures", "svg", *options)
    assert result.exit_code == 0, result.output
    return out


def bundled(folder: Path, *options: object, out: str = "study.zip") -> Any:
    return run("bundle", folder / "study", folder / "results", "--out", folder / out, *options)


def edit_lines(results: Path, change: Any) -> None:
    """Change lines of assignments.jsonl: `change` takes a line's place and what it holds."""
    path = results / "assignments.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for place, one in enumerate(records):
        change(place, one)
    path.write_text("".join(json.dumps(one) + "\n" for one in records))


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images/, study/, results/, report/ and study.zip of a limited-time study."""
    folder = build(tmp_path_factory.mktemp("limited"), sentinels_per_hit=2)
    analyze(folder)
    result = bundled(folder, folder / "report", "--licence", "CC-BY-4.0", "--cite", "Ann et al. (2026)")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def copied(limited: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(limited, tmp_path / "copy", copy_function=os.link)
    for name in ("results/assignments.jsonl", "results/workers.csv", "study.zip", "study/study.toml"):
        path = tmp_path / "copy" / name
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    return tmp_path / "copy"


def build_clips(folder: Path) -> Path:
    """Build and answer a small study of clips in unlimited time."""
    for condition, source in (("real", "testsrc2"), ("mine", "testsrc")):
        for item in range(4):
            record(folder / "clips" / condition / f"{item}.mp4", frames=6 + item, source=source)
    written = run(
        "build-hits", "--mode", "unlimited-time", "--images", folder / "clips", "--out", folder / "study",
        "--ours", "mine", "--baseline", "real", "--trials-per-cell", 3, "--sentinels-per-hit", 0,
        "--pairing", "same-item", "--hits-per-batch", 2, "--workers-per-hit", 6,
    )  # fmt: skip
    assert written.exit_code == 0, written.output
    answered = run("simulate", folder / "study", "--out", folder / "results")
    assert answered.exit_code == 0, answered.output
    return folder


def build_singles(folder: Path, *options: object) -> Path:
    """Build and answer a small study of single images."""
    draw_images(folder / "images", 24)
    for words in (
        ("build-hits", "--task", "single", "--images", folder / "images", "--real", "real",
         "--sentinels-per-hit", 0, "--workers-per-hit", 6, "--hits-per-batch", 2, "--out", folder / "study",
         *options),
        ("simulate", folder / "study", "--out", folder / "results", "--seed", 3),
    ):  # fmt: skip
        done = run(*words)
        assert done.exit_code == 0, done.output
    return folder


def import_votes(folder: Path) -> Path:
    """Import votes that were collected elsewhere: results/, and no study."""
    votes = [f"w{n % 9},i{n % 4},a,b,{int(n % 3 > 0)}" for n in range(72)]
    head = "user,item,condition_a,condition_b,chose_a"
    (folder / "votes.csv").write_text("\n".join([head, *dict.fromkeys(votes)]) + "\n")
    done = run("import-results", folder / "votes.csv", "--format", "table", "--out", folder / "results")
    assert done.exit_code == 0, done.output
    return folder
