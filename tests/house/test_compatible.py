"""Folders and weights that version 0.1.0 wrote are read, and give the numbers that they gave then."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors import safe_open

import glimpse
from glimpse.crn.network.checkpoints import load_weights
from glimpse.main import main
from glimpse.study import read_study

VERSION_1 = Path(__file__).parents[1] / "data/version-1"
EXPECTED = json.loads((VERSION_1 / "expected.json").read_text(encoding="utf-8"))
STUDIES = {"results": "study", "results-limited": "study-limited", "results-collected": "study-limited"}


def near(value):
    """Return what JSON holds, with room for the last digits of other versions of NumPy and SciPy."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-6, abs=1e-9)
    if isinstance(value, list):
        return [near(inner) for inner in value]
    return {key: near(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", sorted(set(STUDIES.values())))
def test_a_study_is_read_whole(name):
    study = read_study(VERSION_1 / name)
    study.check_images()
    written = json.loads((VERSION_1 / name / "study.json").read_text(encoding="utf-8"))
    question = written["page"].pop("question")
    assert (written.pop("schema_version"), question) == (1, "Which image is more realistic?")
    now = study.to_json()
    assert now.pop("schema_version") == 2
    assert now == written
    assert len(study.trials) == sum(hit.trials for hit in study.hits)


@pytest.mark.parametrize(("name", "of"), STUDIES.items())
def test_results_are_read_without_a_problem(name, of):
    results = glimpse.read_results(VERSION_1 / name)
    lines = (VERSION_1 / name / "assignments.jsonl").read_text(encoding="utf-8").splitlines()
    assert results.problems == ()
    assert list(results.assignments["assignment"]) == [json.loads(line)["assignment_id"] for line in lines]
    assert list(results.studies) == [read_study(VERSION_1 / of).study]


# What the second version makes in another way: with effective clusters, score tests, borrowed design effects,
# and speed from the onset of the images.
MADE_ANEW = {
    "schema_version", "low", "high", "left_low", "left_high", "alpha_low", "alpha_high", "df", "p_value",
    "n_effective", "p_adjusted", "transitivity_f", "transitivity_p", "note", "largest_change", "p_fit",
    "decisions_changed", "workers", "workers_kept", "low_ms", "high_ms",
}  # fmt: skip
RENAMED = {"se_two_way": "se"}


def lasting(found, expected):
    """The part of what was found that the first version found, too, and that is to stay."""
    if isinstance(expected, dict):
        kept = expected.keys() - MADE_ANEW
        return {key: lasting(found[key if key in found else RENAMED[key]], expected[key]) for key in kept}
    if isinstance(expected, list):
        assert len(found) == len(expected)
        return [lasting(mine, theirs) for mine, theirs in zip(found, expected, strict=True)]
    return found


@pytest.mark.parametrize("name", EXPECTED["summaries"])
def test_analyze_finds_the_same_numbers(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no images/ of somebody's own is found
    words = ["analyze", str(VERSION_1 / name), "--cluster", "two-way", "--out", "report"]
    outcome = CliRunner().invoke(main, words)
    assert outcome.exit_code == 0, outcome.output
    found = json.loads((tmp_path / "report/summary.json").read_text(encoding="utf-8"))
    expected = EXPECTED["summaries"][name]
    assert lasting(found, expected) == near(lasting(expected, expected))


def test_every_tensor_of_the_weights_is_read():
    path = VERSION_1 / "weights-tiny.safetensors"
    weights = load_weights(path)
    with safe_open(path, "pt") as file:
        assert file.metadata() == EXPECTED["weights"]["metadata"]
    tensors = weights.model.state_dict()
    assert tensors.keys() == EXPECTED["weights"]["tensors"].keys()
    for name, expected in EXPECTED["weights"]["tensors"].items():
        found = tensors[name].numpy()
        assert list(found.shape) == expected["shape"]
        assert hashlib.sha256(found.tobytes()).hexdigest() == expected["sha256"]
