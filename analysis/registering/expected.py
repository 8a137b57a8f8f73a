"""What a study is expected to show, by the planner that `power` uses: widths, power, ranks told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.precision import SPREADS, TYPICAL

from ..planning.planning import shown_images
from ..planning.power import plan_table
from ..planning.ranking_power import RankingSize, chance_told_apart, drawn_studies, expected_errors
from ..planning.single_power import SPREADS as SINGLE_SPREADS
from ..planning.single_power import SingleSize, single_plan
from ..planning.size import size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpse.study import Study

RATES = (0.55, 0.6, 0.75)
D_PRIMES = (0.25, 0.5, 1.0)
STUDIES = 400
RANKING_STUDIES = 200
FEWEST_RANKED = 4  # conditions, from which on it is the ranking that a study is planned for
FIRST_RANKS = 3
STRENGTH_SPREAD = 1.0  # standard deviation of the strengths, in log odds
RATE_NUMBERS = ("spread", "worker_sd", "pair_sd", "image_sd", "rate", "width", "power")
TOO_SMALL = "For single cells nothing is predicted: they have too few trials, participants or images."
D_NUMBERS = (
    "spread", "line_sd", "skill_sd", "image_sd", "d_prime", "width", "power", "width_taken", "width_errors",
)  # fmt: skip


@dataclass(frozen=True)
class Expectation:
    """What a study is expected to show.

    assumed: what that rests on, by name. rows: each with `of`, "rate", "d_prime" or "ranking", and numbers as
    power.csv, single_power.csv and ranking_power.csv have them. note: why there are none, or what they leave
    out; empty where there is nothing to say.
    """

    assumed: dict[str, Any]
    rows: list[dict[str, Any]]
    note: str = ""


def expectation(
    study: Study, *, rates: Sequence[float], d_primes: Sequence[float], level: float, seed: int
) -> Expectation:
    """Return what a study is expected to show for true `rates`, or of single images for true `d_primes`.

    Tests are one test alone, at what `level` leaves. GlimpseError for a rate or d' that cannot be.
    """
    if study.experiment.staircase is not None:
        return Expectation({}, [], "Glimpse does not predict how wide the interval of a threshold will be.")
    if study.experiment.task == "single":
        return _of_single(study, d_primes, level)
    for rate in rates:
        if not 0 < rate < 1:
            raise GlimpseError(f"--rate is {rate:g}; it must lie between 0 and 1, for example 0.6.")
    return _of_pairs(study, rates, level, seed)


def _of_pairs(study: Study, rates: Sequence[float], level: float, seed: int) -> Expectation:
    assumed = {"rates": list(rates), "studies": STUDIES, "seed": seed}
    images = shown_images(study.trials)
    try:
        size = size_of(study.experiment.to_json(), images=images)
        table = plan_table(
            size, rates=list(dict.fromkeys(rates)), studies=STUDIES, seed=seed, alpha=1 - level, around=False
        )
    except GlimpseError:
        return Expectation(assumed, _of_ranking(study, images, level, seed), TOO_SMALL)
    rows = [{"of": "rate"} | row for row in _plain(table[list(RATE_NUMBERS)].to_dict("records"))]
    return Expectation(assumed, rows + _of_ranking(study, images, level, seed), _left_out(study))


def _of_ranking(study: Study, images: int, level: float, seed: int) -> list[dict[str, Any]]:
    """How likely the first ranks are told apart, where all conditions are compared with all."""
    one = study.experiment
    names = {name for pair in one.contrasts for name in pair}
    pairs = len(names) * (len(names) - 1) // 2
    if len(names) < FEWEST_RANKED or len({*map(frozenset, one.contrasts)}) < pairs or len(one.batches) > 1:
        return []
    trials = one.genuine_per_hit(one.batches[0]) // len(one.exposures_ms)
    first = one.first or min(FIRST_RANKS, len(names) - 1)
    size = RankingSize(
        len(names), images, max(1, trials), one.workers_per_hit, STRENGTH_SPREAD, first,
        adaptive=one.allocation == "adaptive", leading=one.first,
    )  # fmt: skip
    workers = one.hits * one.workers_per_hit
    errors = expected_errors(size, workers, TYPICAL, drawn_studies(size, TYPICAL, seed))
    rng = np.random.default_rng([seed, workers])
    told = chance_told_apart(errors, first, level, RANKING_STUDIES, rng)
    return [{"of": "ranking", "systems": len(names), "first": first, "strength_spread": STRENGTH_SPREAD,
             "workers": workers, "told_apart": told}]  # fmt: skip


def _of_single(study: Study, d_primes: Sequence[float], level: float) -> Expectation:
    one = study.experiment
    generated = len(one.shown) - 1
    trials = min(one.genuine_per_hit(batch) for batch in one.batches)
    assumed = {"d_primes": list(d_primes)}
    size = SingleSize(one.hits * one.workers_per_hit, shown_images(study.trials), trials, generated)
    table = single_plan(size, list(dict.fromkeys(d_primes)), SINGLE_SPREADS, level=level)
    own = table[table["vary"] == "planned"]
    rows = [{"of": "d_prime"} | row for row in _plain(own[list(D_NUMBERS)].to_dict("records"))]
    notes = [] if one.real_share == 0.5 else ["They hold where half of the images are real."]
    if len(one.exposures_ms) > 1:
        notes.append("They are about all exposures together; single exposures are less precise.")
    return Expectation(assumed, rows, " ".join(notes))


def _left_out(study: Study) -> str:
    """What the numbers about rates do not allow for."""
    notes = []
    if study.experiment.allocation == "adaptive":
        notes.append(
            "Those of rates hold for trials dealt evenly; adaptive trials tell more about the leading "
            "conditions and less about the others."
        )
    if any(one.kind.tie for one in study.experiment.questions):
        notes.append("They do not allow for ties.")
    return " ".join(notes)


def _plain(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    """Rows with numbers rounded to what is stated: four digits behind the point."""
    return [
        {str(name): round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]


def spreads_in_words(task: str) -> list[str]:
    """Say how much people and images are assumed to differ, a line a spread."""
    if task == "single":
        return [
            f"{one.name}: standard deviation {one.line:g} between workers' criteria, {one.skill:g} between "
            "their "
            f"d\u2032, {one.image:g} between images"
            for one in SINGLE_SPREADS
        ]
    return [
        f"{name}: standard deviation {one.worker:g} between workers, {one.pair:g} between pairs, "
        f"{one.image:g} "
        "between images of a condition (probit units)"
        for name, one in SPREADS.items()
    ]
