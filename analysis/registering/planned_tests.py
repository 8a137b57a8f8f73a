"""The planned analyses in sentences: the tests that the report prints, as its methods paragraph says them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..report.analyses import known_analyses
from ..report.formats import level_text
from ..statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.experiment import Experiment

    Settings = Mapping[str, Any]


def planned_tests(one: Experiment, settings: Settings, analyses: Sequence[str]) -> list[str]:
    """Return a sentence for each of the planned analyses.

    settings: as summary.json has them, with the files of metrics and groups. analyses: their names.
    """
    said = _of_single(one, settings) if one.task == "single" else _of_pairs(one, settings)
    asked = {entry.name: entry.title for entry in known_analyses(one.task) if entry.name not in said}
    beside = [f"Also {title}." for name, title in asked.items() if name in analyses]
    return [text for name, text in said.items() if name in analyses] + beside


def _of_pairs(one: Experiment, settings: Settings) -> dict[str, str]:
    """What the report of pairs does in each analysis, by name."""
    adjusted = ADJUSTMENTS[settings["adjust"]].label
    return {
        "rates": _rates(one, settings, adjusted),
        "equivalence": _equivalence(settings),
        "ties": "Ties: a tie counts as half a choice of either; the share of ties with its interval; "
        "Davidson's "
        "strengths.",
        "scales": "Scales: the mean with its interval, and the share that prefers either side.",
        "curves": _curves(settings),
        "differences": "Differences between methods that are compared with the same condition, with "
        "intervals "
        f"that allow for shared participants and images (Zou 2007), adjusted ({adjusted}).",
        "ranking": "Ranking: Bradley-Terry strengths with sandwich errors, their differences adjusted over "
        "all "
        f"pairs of conditions ({adjusted}), and rank sets that hold for all conditions at once.",
        "stopping": "Stopping: confidence sequences that hold at every look (betting; Waudby-Smith and "
        "Ramdas "
        "2024).",
        "metrics": f"Metrics ({_files(settings['metrics'])}): the share of answers that chose the image "
        "which "
        "the metric prefers, with its interval.",
        "groups": f"Groups of items ({_files(settings['items'])}): the ranking in each group.",
    }


def _rates(one: Experiment, settings: Settings, adjusted: str) -> str:
    cluster = CLUSTERS[settings["cluster"]]
    test = "score test with the same effective sample size"
    interval = "(Wilson's, with the effective sample size and a t quantile) "
    if cluster.bootstrap:
        test, interval = "t test with the same variance", ""
    over = f", adjusted over {one.cells} cells ({adjusted})" if one.cells > 1 else ""
    each = " within each question" if len(one.questions) > 1 and over else ""
    return (
        f"Preference rates: in each cell, the rate with an interval {interval}{cluster.clustered}, and a "
        f"two-sided {test} against 50 %{over}{each}. The level of tests is {settings['alpha']:g}."
    )


def _equivalence(settings: Settings) -> str:
    points = f"{100 * (settings['equivalence'] or 0):g} percentage points"
    return (
        f"Equivalence: two one-sided tests (Schuirmann 1987) that a rate lies within {points} of 50 %, and a "
        "one-sided test that a method is not worse than another by as much."
    )


def _curves(settings: Settings) -> str:
    shape, share = CURVE_SHAPES[settings["curve"]].label, level_text(settings["threshold"])
    return (
        f"Curves: for each contrast a {shape} function of log exposure "
        f"({'as measured' if settings['exposure'] == 'measured' else 'as planned'}) between 50 % and a free "
        f"plateau, by maximum likelihood with sandwich errors; the exposure at which it reaches {share}."
    )


def _files(given: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(one["file"] for one in given)


def _of_single(one: Experiment, settings: Settings) -> dict[str, str]:
    """What the report of single images does in each of the planned analyses, by name."""
    adjusted = ADJUSTMENTS[settings["adjust"]].label
    found = {
        "detection": "For each condition: d\u2032 and the criterion from log-linear rates (Hautus 1995), "
        "the share "
        "taken for real, and the mean of the shares of errors on generated and on real images, with "
        "intervals; "
        f"tests that d\u2032 is 0, adjusted over the conditions ({adjusted}), and that the criterion is 0.",
        "areas": "The area under the curve of confidence ratings (trapezoid), with its interval.",
        "exposures": "The same at each exposure.",
        "curves": "d\u2032 as a function of log exposure.",
        "differences": "Differences between conditions in d\u2032, in errors and in the share taken for "
        "real, adjusted "
        f"over the rows of a measure ({adjusted}).",
    }  # fmt: skip
    if one.staircase is not None:
        found["staircases"] = (
            "Thresholds: a participant's is the mean over blocks of the exposure shown most often; the "
            "mean of a "
            "condition's thresholds with an interval over participants and images, and differences between "
            f"conditions, adjusted ({adjusted})."
        )
    return found
