"""Planning in Python: how wide the intervals of a study will be, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.calling import in_python, number, numbers, path_of, refuse, whole
from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, preset
from glimpse.precision import PAPER_IMAGES
from glimpse.study import Study

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from decimal import Decimal

    import pandas as pd

PAIRS = "give a list of (worker, pair) standard deviations, such as [(0.25, 0.15)]"


@in_python
def power_table(
    experiment: Experiment | Study | str | os.PathLike[str] | None = None,
    *,
    hits_per_batch: int | None = None,
    workers_per_hit: int | None = None,
    trials_per_cell: int | None = None,
    images: int | None = None,
    reward_usd: str | float | Decimal | None = None,
    rates: Sequence[float] = (0.55, 0.6, 0.75),
    spreads: Sequence[tuple[float, float]] = (),
    image_spread: float | None = None,
    alpha: float = 0.05,
    studies: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate a planned study many times over: interval width, power and price, before anybody is paid.

    The planned study stands beside the same with fewer and more workers, HITs or images, for people, pairs
    and images that differ little, as usual, or a lot. Images are dealt as `glimpse.build_study` deals them.

    Args:
        experiment: What `glimpse.plan_study` or `glimpse.build_study` returned, or a study's folder; None:
            the default experiment in limited time.
        hits_per_batch, workers_per_hit, trials_per_cell, reward_usd: Numbers that take precedence over the
            experiment's.
        images: How many images each condition has; None: as many as a built study shows, else the paper's
            500.
        rates: True preference rates to find, between 0 and 1; one at least.
        spreads: How much workers differ, and pairs beyond their images: (worker, pair) standard deviations in
            probit units, 0 to 5; empty: (0.1, 0.07), (0.25, 0.15) and (0.5, 0.27).
        image_spread: How much the images of a condition differ in how real they look, a standard deviation in
            probit units, 0 to 5; None: 0.3, and without `spreads` 0.14, 0.3 and 0.54.
        alpha: Level of the test of one cell alone, between 0 and 1.
        studies: How many studies are simulated of each design, 50 or more.
        seed: The same seed gives the same table.

    Returns:
        DataFrame with one row a design, rate and spread, as in power.csv: vary ("workers per HIT", "HITs" or
        "images"), spread, worker_sd, pair_sd, image_sd, hits, workers_per_hit, trials_per_cell, images of a
        condition, workers, pairs (its trials) and answers of a cell, pairs_per_image (in how many of its
        trials an image stands, on average), price_usd (with Mechanical Turk's fees), rate, studies,
        width (mean full width of the 95 % interval, in [0, 1]) with width_se, coverage, power with
        power_se, and planned, True for
        the study as planned.

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: There is no such study, a number is out of its range, or it would take too long.

    Source:
        Each simulated study is analysed as `glimpse.preference_table` does.

    Example:
        >>> import glimpse
        >>> table = glimpse.power_table(rates=[0.6], spreads=[(0.25, 0.15)], images=24, studies=50)
        >>> planned = table[table["planned"] & (table["vary"] == "HITs")].iloc[0]
        >>> float(planned["price_usd"]), round(float(planned["width"]), 2)
        (480.0, 0.17)
    """
    from ..planning.planning import plan_power

    planned, known = _planned(experiment)
    if planned.get("task") == "single":
        raise GlimpseError(
            "this study shows one image at a time, and power_table plans pairs. Use "
            "glimpse.detection_power_table(workers, images)."
        )
    counts = {"hits": hits_per_batch, "workers_per_hit": workers_per_hit, "trials_per_cell": trials_per_cell}
    changes = {name: None if value is None else whole(name, value, 1) for name, value in counts.items()}
    changes["images"] = known if images is None else whole("images", images, 2)
    settings = {"studies": whole("studies", studies, 50), "seed": whole("seed", seed),
                "alpha": number("alpha", alpha), "slip": 0.02}  # fmt: skip
    return plan_power(
        planned,
        changes={**changes, "reward_usd": None if reward_usd is None else str(reward_usd)},
        rates=numbers("rates", rates),
        spreads=_spreads(spreads),
        image_spread=None if image_spread is None else number("image_spread", image_spread),
        settings=settings,
    ).table


def _planned(experiment: object) -> tuple[dict[str, Any], int]:
    """Return the experiment's plain values, and how many images a condition has."""
    from ..planning.planning import known_images, read_experiment, shown_images

    if isinstance(experiment, Study):
        return experiment.experiment.to_json(), shown_images(experiment.trials)
    if experiment is None:
        experiment = preset("limited-time")
    if isinstance(experiment, Experiment):
        return experiment.to_json(), PAPER_IMAGES
    wanted = "give what glimpse.plan_study or glimpse.build_study returns, or a study's folder"
    folder = path_of("experiment", experiment, wanted)
    if not (folder / "study.json").is_file():
        raise GlimpseError(
            f"{folder}: study.json is missing, so this is no study that glimpse.build_study has written. "
            "Name one, or give what glimpse.plan_study(...) returns."
        )
    return read_experiment(folder), known_images(folder)[0]


def _spreads(spreads: object) -> list[tuple[float, float]]:
    """Return pairs of standard deviations."""
    if not isinstance(spreads, list | tuple):
        refuse("spreads", spreads, PAIRS)
    found = []
    for spread in spreads:
        pair = numbers("spreads", spread)
        if len(pair) != 2:
            refuse("spreads", spreads, PAIRS)
        found.append((pair[0], pair[1]))
    return found
