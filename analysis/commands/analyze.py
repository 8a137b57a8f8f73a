"""`analyze`: from results/ to report/."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--out", type=click.Path(path_type=Path), default="report", show_default=True, help="Folder to write."
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    default="images",
    show_default=True,
    help="Folder of the images that were shown, for the figure of pairs: one folder a condition, or images/ "
    "of the study's folder. Left out where there is none.",
)
@click.option("--no-sentinel-filter", is_flag=True, help="Exclude nobody for wrong sentinels.")
@click.option(
    "--max-wrong",
    type=click.IntRange(min=0),
    default=None,
    help="Wrong sentinels that an assignment may have.  [default: the study's own rule]",
)
@click.option(
    "--repeat-workers",
    type=click.Choice(["first", "keep"]),
    default="first",
    show_default=True,
    help="Of a worker's assignments in a batch, analyse the first, or all.",
)
@click.option(
    "--max-exposure-error-ms",
    type=float,
    default=None,
    help="Leave out answers whose measured exposure was further off.  [default: none are]",
)
@click.option(
    "--exposure",
    type=click.Choice(["nominal", "measured"]),
    default="nominal",
    show_default=True,
    help="Exposures of the realism curves: as planned, or as the page measured them.",
)
@click.option(
    "--cluster",
    default="two-way",
    show_default=True,
    type=click.Choice(["two-way", "scene", "worker", "pair", "worker-bootstrap", "pair-bootstrap"]),
    help="Within what answers are correlated; two-way is worker and pair.",
)
@click.option("--level", type=float, default=0.95, show_default=True, help="Level of the intervals.")
@click.option(
    "--adjust",
    type=click.Choice(["holm", "bh"]),
    default="holm",
    show_default=True,
    help="Adjustment of p-values over the cells.",
)
@click.option(
    "--curve",
    type=click.Choice(["logistic", "weibull", "gaussian"]),
    default="logistic",
    show_default=True,
    help="Shape of the realism curves.",
)
@click.option("--compare", is_flag=True, help="Set several results folders against each other, too.")
@click.option("--figures", default="png,pdf,svg", show_default=True, help="Formats of the figures.")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print: the findings in sentences, or summary.json.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstraps.")
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
    compare: bool,
    figures: str,
    output: str,
    seed: int,
) -> None:
    """Compute tables, figures and the report from results/.

    RESULTS are folders that collect, simulate or import-results wrote; several are pooled. A study under way
    can be analysed at any time. Nothing in RESULTS is changed, and an earlier report goes only when the new
    one is complete.

    \b
    Examples:
      python cli.py analyze results/
      python cli.py analyze results/ --no-sentinel-filter --out report-unfiltered/
      python cli.py analyze pilot/ main/ --compare
    """
    import gc

    # What is imported and drawn stays until the end; looking it through for garbage took a tenth of the time.
    gc.set_threshold(50_000, 20, 50)
    from analysis.evaluation import Settings, evaluate
    from analysis.exclusion import Rules
    from analysis.preference import Intervals
    from analysis.report import build_report, check_out, figure_formats, write_report

    console = click.get_current_context().obj
    formats = figure_formats(figures)
    settings = Settings(
        rules=Rules(not no_sentinel_filter, max_wrong, repeat_workers, max_exposure_error_ms),
        intervals=Intervals(level=level, cluster=cluster, adjust=adjust),
        curve=curve,
        exposure=exposure,
        compare=compare,
        seed=seed,
    )
    check_out(out)
    evidence = evaluate(results or (Path("results"),), settings, images)
    versions = console.versions("numpy", "scipy", "pandas", "matplotlib")
    files, findings = build_report(evidence, versions, formats=formats)
    write_report(files, out)
    for problem in evidence.results.problems[:5]:
        console.warn(str(problem))
    if output == "json":
        console.say((out / "summary.json").read_text(encoding="utf-8").rstrip())
        return
    if evidence.results.simulated:
        console.say("SIMULATED answers: nothing below is evidence about people.\n")
    for finding in findings:
        # Wrapped first, so that no line ends between a number and its unit.
        console.say(click.wrap_text(finding.text, 100, "- ", "  ").replace("\u00a0", " "))
    console.say(f"\nWrote {out}/: report.html, {len(files) - 1} more files (tables, figures, summary.json).")
    console.next(f"python -m webbrowser -t {out / 'report.html'}")
