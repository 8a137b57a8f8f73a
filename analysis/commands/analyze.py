"""`analyze`: from results/ to report/."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.console import versions
from glimpse.given import is_given
from glimpse.text import counted

from .evidence import check_options, evidence_options, settings_of
from .options import out_option

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
@evidence_options
@click.option("--compare", is_flag=True, help="Pool several RESULTS, and also compare each with the first.")
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
def analyze(
    *,
    results: tuple[Path, ...],
    out: Path,
    images: Path,
    compare: bool,
    figures: str,
    output: str,
    **choices: Any,
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
    check_options(choices)
    if is_given("images") and not images.is_dir():
        raise click.BadParameter(
            f"{images} is no folder; name the folder of the images, or leave --images out.",
            param_hint="--images",
        )
    import pandas  # noqa: F401, ICN001 - here, as the helper needs it, too

    from ..figures.aside import helper
    from ..figures.drawing import DrawingBoard, figure_formats, prepare, rendered

    formats = figure_formats(figures)
    folders = results or (Path("results"),)
    with helper(lambda: prepare(formats), rendered) as ask:
        from ..report.evaluation import evaluate
        from ..report.markdown import as_markdown
        from ..report.report import build_report, check_out, write_report

        settings = settings_of(choices, compare=compare)
        check_out(out)
        board = DrawingBoard(formats, ask)
        if _analyzed_single(folders, settings, images, board, out, output):
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
    folders: Sequence[Path],
    settings: AnalysisSettings,
    images: Path,
    board: DrawingBoard,
    out: Path,
    output: str,
) -> bool:
    """Write the report of a study of one image at a time, and print what it found; False for one of pairs."""
    from ..report.report import write_report
    from ..report.single_report import build_single, evaluate_single, shows_single, single_findings

    if not shows_single(folders):
        return False
    evidence = evaluate_single(folders, settings, images)
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
        console.say("\n".join(f"- {text}" for _, texts in single_findings(evidence) for text in texts))
        return True
    for question, texts in single_findings(evidence):
        if len(evidence.statistics) > 1:
            console.say(question.text)
        for text in texts:
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
