"""Widths that `power` predicts are those of whole studies: planned by build-hits, answered by the simulator,
analysed by preference_table. None of the three shares the planner's arithmetic."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import glimpse
from glimpse.analysis.planning.cell import simulate_cell
from glimpse.analysis.planning.size import size_of
from glimpse.analysis.simulation.observer import Observer, realism_curve, strength
from glimpse.analysis.simulation.simulated_results import write_results
from glimpse.analysis.simulation.simulated_study import read_simulated
from glimpse.analysis.simulation.simulation import answer_study
from glimpse.experiment import Experiment, designed, preset
from glimpse.mturk.building.rows import planned_rows
from glimpse.precision import Spread
from glimpse.trials import trials_csv

METHODS = ("m1", "m2", "m3", "m4")  # which all look alike, so that every cell has one true rate
QUALITY = -0.8
STUDIES = 16


def experiment(pairing: str) -> Experiment:
    return designed(
        preset("limited-time"),
        contrasts=tuple((name, "real") for name in METHODS),
        real="real",
        sentinel="image-space",
        exposures_ms=(8000,),
        sentinel_exposure_ms=8000,
        workers_per_hit=10,
        pairing=pairing,
    )


def study(folder: Path, planned: Experiment, images: int, seed: int) -> Path:
    items = [f"{number:04d}" for number in range(images)]
    rows = [
        row._replace(
            stimulus_left=f"{row.condition_left}.{row.item_left}",
            stimulus_right=f"{row.condition_right}.{row.item_right}",
        )
        for row in planned_rows(planned, items, seed)
    ]
    text = trials_csv(rows)
    document = {
        "schema_version": 1,
        "study": "abcdefgh01234567",
        "experiment": planned.to_json(),
        "secret": "00ff" * 8,
        "plan_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    folder.mkdir()
    (folder / "trials.csv").write_text(text)
    (folder / "study.json").write_text(json.dumps(document))
    return folder


def widths(folder: Path, planned: Experiment, images: int, observer: Observer) -> list[float]:
    """The widths of every cell of some studies, each with a plan, people and images of its own."""
    found: list[float] = []
    for seed in range(STUDIES):
        plan = read_simulated(study(folder / f"study{seed}", planned, images, seed), observer)
        write_results(plan, answer_study(plan, observer, seed), seed, folder / f"results{seed}")
        judgments = glimpse.exclude(glimpse.read_results(folder / f"results{seed}"))
        table = glimpse.preference_table(judgments, cluster="images", filtered=False)
        found += list(table["high"] - table["low"])
    return found


@pytest.mark.parametrize(
    ("images", "pairing"), [(8, "random"), (24, "random"), (200, "random"), (24, "same-item")]
)
def test_a_predicted_width_is_met(images: int, pairing: str, tmp_path: Path) -> None:
    planned = experiment(pairing)
    observer = Observer(
        quality=dict.fromkeys(METHODS, QUALITY), side_bias_sd=0.0, lapse_mean=0.0, random_share=0.0
    )
    rate = float(realism_curve(QUALITY, 8000.0, observer.slope))
    # To the observer an ability g is a factor of what there is to see: a spread of g mu between workers.
    worker_sd = observer.ability_sd * abs(float(strength(observer, np.array(rate))))
    spread = Spread(worker_sd, observer.pair_sd, observer.image_sd)
    size = size_of(planned.to_json(), images=images)
    out = simulate_cell(size, rate, spread, 400, np.random.default_rng(1))
    predicted = float((out.high - out.low).mean())
    assert np.mean(widths(tmp_path, planned, images, observer)) == pytest.approx(predicted, rel=0.1)
