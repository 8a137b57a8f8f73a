"""examples/mixed_model.*: they find what answers were made of, agree, and are near the shares of answers."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def script():
    spec = importlib.util.spec_from_file_location("mixed_model", EXAMPLES / "mixed_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def answers():
    """24 workers, 20 images a side, two exposures; standard deviations 0.6, 0.8 and 0.4."""
    rng = np.random.default_rng(4)
    of_worker, of_a, of_b = (rng.normal(0, sd, count) for sd, count in ((0.6, 24), (0.8, 20), (0.4, 20)))
    rows = []
    for worker in range(24):
        for place in range(60):
            a, b = rng.integers(0, 20, 2)
            exposure = (125.0, 1000.0)[place % 2]
            eta = (0.2 if exposure < 200 else 1.3) + of_worker[worker] + of_a[a] + of_b[b]
            chose = int(rng.random() < 1 / (1 + np.exp(-eta)))
            rows.append((f"w{worker}", f"{a:02d}", f"{b:02d}", exposure, chose))
    table = pd.DataFrame(rows, columns=["worker", "item_a", "item_b", "exposure_ms", "chose_a"])
    return table.assign(
        contrast="x:y", condition_a="x", condition_b="y", sentinel=0, excluded=0, question="realism"
    )


@pytest.fixture(scope="module")
def report(answers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    others = answers.head(3).assign(sentinel=[1, 0, 0], excluded=[0, 1, 0], chose_a=[1, 1, np.nan])
    pd.concat([answers, others]).to_csv(folder / "judgments.csv", index=False)
    shares = answers.groupby(["contrast", "exposure_ms"], as_index=False)["chose_a"].mean()
    shares.rename(columns={"chose_a": "rate"}).assign(low=0.0, high=1.0).to_csv(
        folder / "preference.csv", index=False
    )
    return folder


def rates_in(printed):
    """The numbers of each cell's line."""
    return np.array([list(map(float, line.split()[1:])) for line in printed.splitlines() if "x:y " in line
                     and "deviations" not in line])  # fmt: skip


def fitted(report):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "mixed_model.py", report / "judgments.csv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_python_finds_the_spreads_and_rates(report):
    printed = fitted(report)
    spreads = [float(one) for one in re.findall(r"(?:worker|image_[ab]) ([\d.]+)", printed)]
    assert spreads == pytest.approx([0.6, 0.8, 0.4], abs=0.25)
    found = rates_in(printed)
    assert found[:, 1].tolist() == [720, 720]  # neither the sentinel, the excluded answer nor the tie
    assert found[:, 2] == pytest.approx(found[:, 5], abs=0.03)  # the rate, and the share of the answers
    assert ((found[:, 4] - found[:, 3] > 0.1) & (found[:, 4] - found[:, 3] < 0.35)).all()


def test_without_effects_the_model_is_plain_logistic():
    rng = np.random.default_rng(1)
    y = (rng.random(400) < 0.7).astype(float)
    beta, covariance, sds = script().fit(y, np.ones((400, 1)), [rng.integers(0, 10, 400)])
    assert sds[0] < 0.2
    assert beta[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=0.02)
    assert covariance[0, 0] == pytest.approx(1 / (400 * y.mean() * (1 - y.mean())), rel=0.4)


def test_other_files_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "judgments.csv").write_text("worker,said_generated\nw1,1\n")
    for path, message in (
        (tmp_path / "judgments.csv", "for studies of pairs"),
        (tmp_path / "no.csv", "not there"),
    ):
        words = [sys.executable, EXAMPLES / "mixed_model.py", path]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_r_agrees_with_python(report):
    if not shutil.which("Rscript"):
        pytest.skip("without R")
    if subprocess.run(["Rscript", "-e", "library(lme4)"], capture_output=True, check=False).returncode:
        pytest.skip("without lme4")
    words = ["Rscript", EXAMPLES / "mixed_model.R", report / "judgments.csv"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert rates_in(done.stdout) == pytest.approx(rates_in(fitted(report)), abs=0.015)
