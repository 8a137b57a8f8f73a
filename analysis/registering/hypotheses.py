"""Hypotheses that follow from a design, two-sided: whoever expects a direction says so with --hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..report.crowd import is_crowded
from ..report.formats import series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.experiment import Experiment


def hypotheses_of(
    experiment: Experiment, settings: Mapping[str, Any], analyses: Sequence[str], own: Sequence[str] = ()
) -> list[str]:
    """Return a study's hypotheses, a sentence each: `own` ones first, then those of its planned tests.

    settings: as summary.json has them. analyses: the names of the planned ones.
    """
    found = _of_single(experiment, analyses) if experiment.task == "single" else _of_pairs(
        experiment, settings, analyses
    )  # fmt: skip
    asked = ""
    if len(experiment.questions) > 1:
        asked = f"For each question ({series([one.name for one in experiment.questions])}): "
    return [*own, *(asked + text if asked else text[0].upper() + text[1:] for text in found)]


def _of_pairs(experiment: Experiment, settings: Mapping[str, Any], analyses: Sequence[str]) -> list[str]:
    at = "" if experiment.mode == "unlimited-time" else " at each exposure"
    names = [":".join(pair) for pair in experiment.contrasts]
    if is_crowded(names):
        count = len(names)
        found = [
            f"in each of {count} contrasts, a condition is chosen in more or less than 50 % of trials{at}."
        ]
    else:
        found = [
            f"of {a} and {b}, {a} is chosen in more or in less than 50 % of trials{at}."
            for a, b in experiment.contrasts
        ]
    if "equivalence" in analyses:
        points = 100 * settings["equivalence"]
        found.append(
            f"where two conditions cannot be told apart, their rate lies within {points:g} percentage "
            "points of "
            "50 %."
        )
    if "differences" in analyses:
        found.append(
            "methods that are compared with the same condition differ in how often they are chosen over "
            f"it{at}."
        )
    if "ranking" in analyses:
        found.append(f"the conditions differ in Bradley-Terry strength{at}.")
    if "metrics" in analyses:
        found.append("the metrics pick the image that people choose in more or in less than 50 % of trials.")
    return found


def _of_single(experiment: Experiment, analyses: Sequence[str]) -> list[str]:
    generated = [name for name in experiment.shown if name != experiment.real]
    found = [
        f"people tell {name} from {experiment.real}: their d\u2032 differs from 0." for name in generated
    ]
    if "differences" in analyses:
        every = f"any two of {series(generated)} differ in"
        found.append(f"{every} d\u2032, in errors and in how often they are taken for real.")
        if "staircases" in analyses:
            found.append(f"{every} their thresholds.")
    return found
