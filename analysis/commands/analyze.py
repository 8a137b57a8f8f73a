"""`analyze`: from results/ to report/."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.console import versions
from glimpse.text import counted

from ..statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES, EXPOSURES, STANDARD
from .options import out_option, seed_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpse.questions import Question

    from ..figures.drawing import DrawingBoard
    from ..reading.design import Problem
    from ..report.findings import Finding
    from ..report.settings import AnalysisSettings

PROBLEMS_SHOWN = 5


@click.command()
@click.argument("results", type=click.Path(path_type=Path), nargs=-1)
@out_option("report")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    default="images",
    show_default=True,
    help="Folder of the images that were shown, for the figure of pairs: one folder a condition, or images/ "
    "of the study's folder; without it that figure is left out.",
)
@click.option(
    "--no-sentinel-filter", is_flag=True, help="Exclude no assignment for wrong answers to sentinels."
)
@click.option(
    "--max-wrong",
    type=click.IntRange(min=0),
    default=None,
    show_default="the study's own rule",
    help="Exclude assignments with more wrong answers to sentinels (trials with a known answer) than this.",
)
@click.option(
    "--repeat-workers",
    type=click.Choice(["first", "keep"]),
    default="first",
    show_default=True,
    help="Of a worker's assignments in a batch, analyse the first, or keep all.",
)
@click.option(
    "--max-exposure-error-ms",
    type=float,
    default=None,
    show_default="none",
    help="Leave out answers whose measured exposure differs from the planned one by more than this.",
)
@click.option(
    "--exposure",
    type=click.Choice(EXPOSURES),
    default="nominal",
    show_default=True,
    help="Exposures of the realism curves: as planned, or as the page measured them.",
)
@click.option(
    "--cluster",
    default=STANDARD.name,
    show_default=True,
    type=click.Choice(list(CLUSTERS)),
    help="What makes answers correlated, for intervals and tests; images: a shared worker or image; two-way: "
    "a shared worker or pair.",
)
@click.option(
    "--level",
    type=float,
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals, between 0 and 1; 0.999999 at most.",
)
@click.option(
    "--adjust",
    type=click.Choice(list(ADJUSTMENTS)),
    default="holm",
    show_default=True,
    help="Adjustment of p-values over the cells: "
    f"{', or '.join(kind.label for kind in ADJUSTMENTS.values())}.",
)
@click.option(
    "--curve",
    type=click.Choice(list(CURVE_SHAPES)),
    default="logistic",
    show_default=True,
    help="Shape of the realism curves.",
)
@click.option(
    "--threshold",
    type=float,
    default=75,
    show_default=True,
    metavar="PERCENT",
    help="Preference rate at which the realism curves say how long people must look, between 50 and 100.",
)
@click.option(
    "--equivalence",
    type=float,
    default=None,
    metavar="POINTS",
    show_default="not tested",
    help='Test "cannot be told from" too: that a rate lies within this many percentage points of 50 %, and '
    "that a method is no worse than another by as much.",
)
@click.option("--compare", is_flag=True, help="Pool several RESULTS, and also compare each with the first.")
@click.option(
    "--metric",
    "metrics",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    show_default="none",
    help="CSV file with the columns item, condition, value: a metric's scores of images, to be set against "
    "people (repeatable).",
)
@click.option(
    "--metric-direction",
    "directions",
    metavar="[NAME=]lower|higher",
    multiple=True,
    show_default="as usual names say",
    help="Which values of --metric are better; usual names such as lpips and clip need none (repeatable).",
)
@click.option(
    "--items",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=None,
    show_default="an items.csv in RESULTS or beside it, if there is one",
    help="CSV file with the columns item, group: the ranking by group, such as the category of a prompt.",
)
@click.option(
    "--figures",
    metavar="FORMATS",
    default="png,pdf,svg",
    show_default=True,
    help="Formats of the figures, separated by commas.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="What to print: the findings in sentences; these with the rates and the methods, in Markdown; or "
    "summary.json.",
)
@seed_option(
    f"For --cluster {' and '.join(kind.name for kind in CLUSTERS.values() if kind.bootstrap)}: same seed, "
    "same intervals."
)
def analyze(
    *,
    results: tuple[Path, ...],
    out: Path,
    images: Path,
    no_sentinel_filter: bool,
    max_wrong: int | None,
    repeat_workers: str,
    max_exposure_error_ms: float | None,
    exposure: str,
    cluster: str,
    level: float,
    adjust: str,
    curve: str,
    threshold: float,
    equivalence: float | None,
    compare: bool,
    metrics: tuple[Path, ...],
    directions: tuple[str, ...],
    items: Path | None,
    figures: str,
    output: str,
    seed: int,
) -> None:
    """Compute tables, figures and the report from results/.

    RESULTS are folders that collect, simulate or import-results wrote (default: results); several are pooled.
    A study under way can be analysed at any time. Nothing in RESULTS is changed, and an earlier report is
    replaced only when the new one is complete.

    \b
    Examples:
      python cli.py analyze results/
      python cli.py analyze results/ --no-sentinel-filter --out report-unfiltered/
      python cli.py analyze pilot/ main/ --compare
      python cli.py analyze results/ --metric lpips.csv --metric clip.csv
    """
    import gc

    # What is imported and drawn stays until the end; looking it through for garbage took a tenth of the time.
    gc.set_threshold(50_000, 20, 50)
    if no_sentinel_filter and max_wrong is not None:
        raise click.UsageError(
            f"--no-sentinel-filter and --max-wrong {max_wrong} contradict each other; leave one of them out."
        )
    import pandas  # noqa: F401, ICN001 - here, as the helper needs it, too

    from ..figures.aside import helper
    from ..figures.drawing import DrawingBoard, figure_formats, prepare, rendered

    formats = figure_formats(figures)
    folders = results or (Path("results"),)
    with helper(lambda: prepare(formats), rendered) as ask:
        from ..reading.exclusion import Rules
        from ..report.evaluation import evaluate
        from ..report.markdown import as_markdown
        from ..report.report import build_report, check_out, write_report
        from ..report.settings import AnalysisSettings
        from ..statistics.preference import Intervals

        settings = AnalysisSettings(
            Rules(not no_sentinel_filter, max_wrong, repeat_workers, max_exposure_error_ms),
            Intervals(level, cluster, adjust, equivalence=equivalence and equivalence / 100),
            curve, exposure, round(threshold / 100, 12), compare, seed, metrics, directions, items,
        )  # fmt: skip
        check_out(out)
        board = DrawingBoard(formats, ask)
        if _analyzed_single(folders, settings, board, out, output):
            return
        evidence = evaluate(folders, settings, images, board=board)
        files, findings = build_report(evidence, versions("numpy", "scipy", "pandas", "matplotlib"), board)
    write_report(files, out)
    console = click.get_current_context().obj
    _warn(console, evidence.results.problems)
    if output != "text":
        summary = (out / "summary.json").read_text(encoding="utf-8").rstrip()
        console.say(summary if output == "json" else as_markdown(json.loads(summary), findings))
        return
    _say(console, findings, evidence.results.questions, simulated=evidence.results.simulated)
    more = counted(len(files) - 1, "more file")
    console.say(f"\nWrote {out}/: report.html, {more} (tables, figures, summary.json).")
    console.next(shlex.join(["python", "-m", "webbrowser", "-t", str(out / "report.html")]))


def _analyzed_single(
    folders: Sequence[Path], settings: AnalysisSettings, board: DrawingBoard, out: Path, output: str
) -> bool:
    """Write the report of a study of one image at a time, and print what it found; False for one of pairs."""
    from ..report.report import write_report
    from ..report.single_report import build_single, evaluate_single, shows_single, single_findings

    if not shows_single(folders):
        return False
    evidence = evaluate_single(folders, settings)
    files = build_single(evidence, versions("numpy", "scipy", "pandas", "matplotlib"), board)
    write_report(files, out)
    console = click.get_current_context().obj
    _warn(console, evidence.results.problems)
    if output == "json":
        console.say((out / "summary.json").read_text(encoding="utf-8").rstrip())
        return True
    if evidence.results.simulated:
        console.say("SIMULATED answers: nothing below is evidence about people.\n")
    if output == "markdown":
        console.say("\n".join(f"- {text}" for text in single_findings(evidence)))
        return True
    for text in single_findings(evidence):
        # Wrapped first, so that no line ends between a number and its unit.
        console.say(click.wrap_text(text, 100, "- ", "  ").replace("\u00a0", " "))
    console.say(f"\nWrote {out}/: report.html, {len(files) - 1} more files (tables, figures, summary.json).")
    console.next(shlex.join(["python", "-m", "webbrowser", "-t", str(out / "report.html")]))
    return True


def _say(
    console: Any, findings: Sequence[Finding], questions: Sequence[Question], *, simulated: bool
) -> None:
    """Print the findings, under their question where there are several."""
    from ..report.findings import by_question

    texts = {question.name: question.text for question in questions}
    if simulated:
        console.say("SIMULATED answers: nothing below is evidence about people.\n")
    for name, own in by_question(findings):
        if len(questions) > 1:
            console.say(f"{texts.get(name, 'The study')}")
        for finding in own:
            # Wrapped first, so that no line ends between a number and its unit.
            console.say(click.wrap_text(finding.text, 100, "- ", "  ").replace("\u00a0", " "))
        if name:
            console.say("")


def _warn(console: Any, problems: Sequence[Problem]) -> None:
    """Print the first problems in the input, and how many more there are."""
    for problem in problems[:PROBLEMS_SHOWN]:
        console.warn(str(problem))
    more = len(problems) - PROBLEMS_SHOWN
    if more > 0:
        from ..report.summary import PROBLEMS_LISTED

        all_listed = len(problems) <= PROBLEMS_LISTED
        where = ", listed in the report" if all_listed else f"; the report lists the first {PROBLEMS_LISTED}"
        console.warn(f"and {more} more{where}.")
