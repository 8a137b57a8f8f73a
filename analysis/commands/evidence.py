"""The options that decide how answers become evidence: `analyze` uses them, `register` states them before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES, EXPOSURES, STANDARD
from .options import Command, seed_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..report.settings import AnalysisSettings

EVIDENCE = (
    click.option(
        "--no-sentinel-filter", is_flag=True, help="Exclude no assignment for wrong answers to sentinels."
    ),
    click.option(
        "--max-wrong",
        type=click.IntRange(min=0),
        default=None,
        show_default="the study's own rule",
        help="Exclude assignments with more wrong answers to sentinels (trials with a known answer) than "
        "this.",
    ),
    click.option(
        "--repeat-workers",
        type=click.Choice(["first", "keep"]),
        default="first",
        show_default=True,
        help="Of a worker's assignments in a batch, analyse the first, or keep all.",
    ),
    click.option(
        "--max-exposure-error-ms",
        type=float,
        default=None,
        show_default="none",
        help="Leave out answers whose measured exposure differs from the planned one by more than this.",
    ),
    click.option(
        "--exposure",
        type=click.Choice(EXPOSURES),
        default="nominal",
        show_default=True,
        help="Exposures of the realism curves: as planned, or as the page measured them.",
    ),
    click.option(
        "--cluster",
        default=STANDARD.name,
        show_default=True,
        type=click.Choice(list(CLUSTERS)),
        help="What makes answers correlated, for intervals and tests; images: a shared worker or image; "
        "two-way: a shared worker or pair.",
    ),
    click.option(
        "--level",
        type=float,
        default=0.95,
        show_default=True,
        help="Confidence level of the intervals, between 0 and 1; 0.999999 at most.",
    ),
    click.option(
        "--adjust",
        type=click.Choice(list(ADJUSTMENTS)),
        default="holm",
        show_default=True,
        help="Adjustment of p-values over the cells: "
        f"{', or '.join(kind.label for kind in ADJUSTMENTS.values())}.",
    ),
    click.option(
        "--curve",
        type=click.Choice(list(CURVE_SHAPES)),
        default="logistic",
        show_default=True,
        help="Shape of the realism curves.",
    ),
    click.option(
        "--threshold",
        type=float,
        default=75,
        show_default=True,
        metavar="PERCENT",
        help="Preference rate at which the realism curves say how long people must look, between 50 and 100.",
    ),
    click.option(
        "--equivalence",
        type=float,
        default=None,
        metavar="POINTS",
        show_default="not tested",
        help='Test "cannot be told from" too: that a rate lies within this many percentage points of 50 %, '
        "and that a method is no worse than another by as much.",
    ),
    click.option(
        "--metric",
        "metrics",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        show_default="none",
        help="CSV file with the columns item, condition, value: a metric's scores of images, to be set "
        "against people (repeatable).",
    ),
    click.option(
        "--metric-direction",
        "directions",
        metavar="[NAME=]lower|higher",
        multiple=True,
        show_default="as usual names say",
        help="Which values of --metric are better; usual names such as lpips and clip need none "
        "(repeatable).",
    ),
    click.option(
        "--items",
        metavar="FILE",
        type=click.Path(path_type=Path),
        default=None,
        show_default="an items.csv in RESULTS or beside it, if there is one",
        help="CSV file with the columns item, group: the ranking by group, such as the category of a prompt.",
    ),
    seed_option(
        "For simultaneous intervals and rank sets of a ranking, and --cluster "
        f"{' and '.join(kind.name for kind in CLUSTERS.values() if kind.bootstrap)}: same seed, same "
        "intervals."
    ),
)


def evidence_options(command: Command) -> Command:
    """Give a command every option of EVIDENCE, in that order."""
    for option in reversed(EVIDENCE):
        command = option(command)
    return command


def check_options(choices: Mapping[str, Any]) -> None:
    """Raise UsageError for options of EVIDENCE that contradict each other; choices: their values by name."""
    if choices["no_sentinel_filter"] and choices["max_wrong"] is not None:
        raise click.UsageError(
            f"--no-sentinel-filter and --max-wrong {choices['max_wrong']} contradict each other; leave one "
            "of them out."
        )


def settings_of(choices: Mapping[str, Any], *, compare: bool = False) -> AnalysisSettings:
    """Return what the options of EVIDENCE say as settings; GlimpseError names a value that none can have."""
    from ..reading.exclusion import Rules
    from ..report.settings import AnalysisSettings
    from ..statistics.preference import Intervals

    equivalence = choices["equivalence"]
    return AnalysisSettings(
        Rules(
            not choices["no_sentinel_filter"],
            choices["max_wrong"],
            choices["repeat_workers"],
            choices["max_exposure_error_ms"],
        ),
        Intervals(
            choices["level"],
            choices["cluster"],
            choices["adjust"],
            equivalence=equivalence and equivalence / 100,
        ),
        choices["curve"],
        choices["exposure"],
        round(choices["threshold"] / 100, 12),
        compare,
        choices["seed"],
        choices["metrics"],
        choices["directions"],
        choices["items"],
    )
