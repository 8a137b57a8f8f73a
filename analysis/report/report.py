"""The report: tables, figures and page of a study, as one folder that appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from glimpse.counting import SENTINELS
from glimpse.errors import GlimpseError
from glimpse.files import Parts, naming, refuse_others, write_whole
from glimpse.progress import untracked

from ..figures import figures as draw
from ..figures.aside import aside
from ..figures.plots import MANY_WORKERS
from ..figures.series import by_strength, curve_grid
from ..figures.style import legible, style
from ..statistics.choices import CLUSTERS
from ..statistics.curve import curves_table
from ..statistics.distributions import coin_quantile
from ..statistics.ranking import differences_table, ranking_table
from .findings import Finding, findings
from .formats import exposure, level_text
from .methods import methods_text
from .metrics import figure_of
from .page import picture, render
from .summary import summarize
from .tables import csv_parts, csv_text, facing, preference_tex, records, turned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from glimpse.progress import Track

    from ..figures.stimuli import Stimuli
    from .evaluation import Evidence

PRINT_DPI, PHOTO_DPI = 300, 220
PAIRS = "hardest_pairs"  # photographs: pixels, in every report
OPENING = "summary.json"  # by which a folder is known to be a report
NUMBERED = " A character that no font on this computer has is shown by its Unicode number, as in [U+6A21]."


class ReportFigure(NamedTuple):
    """A figure with its alternative text, its caption, and whether it is two columns wide."""

    figure: Figure
    alt: str
    caption: str
    wide: bool


def build_report(
    evidence: Evidence,
    versions: Mapping[str, str],
    *,
    formats: Sequence[str] = draw.FORMATS,
    track: Track = untracked,
) -> tuple[dict[str, bytes | Parts], list[Finding]]:
    """Return all files of the report by name, and the findings. Nothing is written.

    judgments.csv comes as `Parts`, the others as bytes.
    """
    facts = summarize(evidence, versions)
    found = findings(facts)
    rates = turned(evidence.preference, evidence.results.real)
    used = evidence.settings.intervals
    tex = preference_tex(rates, used.alpha, used.level, used.cluster, simulated=evidence.results.simulated)
    methods = methods_text(facts)
    judgments = evidence.exclusion.judgments
    files: dict[str, bytes | Parts] = {"judgments.csv": Parts(lambda: csv_parts(judgments.parts()))}
    files |= {name: text.encode() for name, text in _tables(evidence).items()}
    drawn = _figures(evidence, rates)
    beside = aside(lambda: _rendered(drawn, [kind for kind in formats if kind != "svg"], page=False))
    on_page = _rendered(drawn, ["svg"], page=True, track=track)
    pictures = {
        name: picture(name, on_page[f"{name}.{kind}"], kind, drawn[name].alt, drawn[name].caption,
                      wide=drawn[name].wide)
        for name, kind in ((name, _on_page(name)) for name in drawn)
    }  # fmt: skip
    wanted = {f"{name}.{kind}" for name in drawn for kind in (*formats, *(["png"] * (name == PAIRS)))}
    facts |= {"findings": [finding.text for finding in found], "methods": methods}
    page = render(facts, found, methods, tex, pictures)
    files |= {name: data for name, data in (on_page | beside()).items() if name in wanted}
    texts = {"preference.tex": tex, "methods.txt": methods + "\n", "report.html": page}
    files |= {name: text.encode() for name, text in texts.items()}
    facts["files"] = sorted([*files, OPENING])
    files[OPENING] = (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    return files, found


def _on_page(name: str) -> str:
    """The format in which the page shows a figure: photographs as pixels."""
    return "png" if name == PAIRS else "svg"


def _rendered(
    drawn: Mapping[str, ReportFigure], kinds: Sequence[str], *, page: bool, track: Track = untracked
) -> dict[str, bytes]:
    """Return figures in some formats, by file name. page: those that the page shows, or the others."""
    found: dict[str, bytes] = {}
    for name, figure in track(drawn.items(), "figures", len(drawn)):
        own = kinds if name != PAIRS else ["png"] if page else []
        dpi = PHOTO_DPI if name == PAIRS else PRINT_DPI
        found |= {f"{name}.{kind}": data for kind, data in draw.render(figure.figure, own, dpi).items()}
    return found


def _tables(evidence: Evidence) -> dict[str, str]:
    preference = pd.concat([evidence.preference, evidence.unfiltered], ignore_index=True)
    tables = {
        "exclusions.csv": evidence.exclusion.assignments,
        "preference.csv": preference,
        "curves.csv": curves_table(evidence.curves),
        "ranking.csv": ranking_table(evidence.rankings),
        "ranking_differences.csv": differences_table(evidence.rankings),
        "differences.csv": evidence.differences,
        "workers.csv": evidence.workers,
        "agreement.csv": evidence.agreement,
        "sensitivity.csv": evidence.sensitivity,
    }
    if len(evidence.comparison):
        tables["comparison.csv"] = evidence.comparison
    if len(evidence.metrics.table):
        tables |= {"metric.csv": evidence.metrics.table, "metric_pairs.csv": evidence.metrics.pairs}
    return {name: csv_text(table) for name, table in tables.items()}


def _figures(evidence: Evidence, rates: pd.DataFrame) -> dict[str, ReportFigure]:
    """Return what is drawn, by name."""
    answered = rates[rates["n"] > 0]
    found: dict[str, ReportFigure] = {}
    if evidence.results.mode == "limited-time":
        found["realism_vs_time"] = _realism(evidence, answered)
    found["preference"] = _preference(evidence, answered)
    strengths = by_strength(ranking_table(evidence.rankings))
    if len(strengths):
        found["ranking"] = _ranking(evidence, strengths)
    pairs = _pairs(evidence)
    if pairs is not None:
        found[PAIRS] = pairs
    if len(evidence.metrics.pairs):
        found["metric"] = _metric(evidence)
    names = {*answered["winner"], *answered["loser"]}
    with style(names):
        if any(legible(name) != name for name in names):
            found = {key: drawn._replace(caption=drawn.caption + NUMBERED) for key, drawn in found.items()}
    found["workers"] = _workers(evidence)
    return found


def _realism(evidence: Evidence, answered: pd.DataFrame) -> ReportFigure:
    grid = curve_grid(evidence.curves)
    level = level_text(evidence.settings.intervals.level)
    caption = (
        f"Share of trials in which the first-named condition was chosen, by exposure. Points: rates with "
        f"{_intervals(evidence)}. "
        + (f"Lines: fitted curves with pointwise {level} bands. " if len(grid) else "")
        + "Dashed: chance."
    )
    figure = draw.realism_figure(answered, grid, simulated=evidence.results.simulated)
    return ReportFigure(figure, _alt(answered), caption, answered["series"].nunique() > draw.MANY_SERIES)


def _preference(evidence: Evidence, answered: pd.DataFrame) -> ReportFigure:
    limited = evidence.results.mode == "limited-time"
    labels = [exposure(value) for value in answered["exposure_ms"]] if limited else answered["series"]
    rows = answered.assign(label=labels)
    figure = draw.preference_figure(rows, limited=limited, simulated=evidence.results.simulated)
    caption = f"Preference rates with {_intervals(evidence)}" + (
        ". Thin lines: these intervals; pale lines: naive ones, which treat answers as independent."
        if limited
        else "."
    )
    many = answered["series"].nunique() > draw.MANY_SERIES
    return ReportFigure(figure, _alt(answered), caption, limited and many)


def _ranking(evidence: Evidence, strengths: pd.DataFrame) -> ReportFigure:
    limited = evidence.results.mode == "limited-time"
    figure = draw.ranking_figure(strengths, limited=limited, simulated=evidence.results.simulated)
    caption = (
        f"Bradley-Terry strengths with {level_text(evidence.settings.intervals.level)} intervals; "
        "a difference of 1 is an odds ratio of 2.7."
    )
    alt = "Bradley-Terry strength of each condition by exposure; the numbers are in the table."
    return ReportFigure(figure, alt, caption, wide=False)


def _metric(evidence: Evidence) -> ReportFigure:
    flips = facing(records(evidence.preference), evidence.results.real)
    figure, alt = figure_of(evidence.metrics, flips, simulated=evidence.results.simulated)
    caption = (
        "Each point is a pair of images: how much better the first-named condition's image is by a metric, "
        "and how often people chose it. Line: logistic fit through 1/2 at no "
        "difference. Above: how often the metric prefers the image that people chose."
    )
    return ReportFigure(figure, alt, caption, evidence.metrics.pairs["metric"].nunique() > 1)


def _intervals(evidence: Evidence) -> str:
    used = evidence.settings.intervals
    return f"{level_text(used.level)} intervals, {CLUSTERS[used.cluster].clustered}"


def _alt(rates: pd.DataFrame) -> str:
    parts = [f"{row['series']}{_at(row['exposure_ms'])}: {100 * row['rate']:.0f} %" for row in records(rates)]
    return "Preference rates. " + "; ".join(parts) + "."


def _at(exposure_ms: float | None) -> str:
    """An exposure after what was shown; nothing where it was unlimited."""
    return "" if pd.isna(exposure_ms) else f" at {exposure(exposure_ms)}"


def _workers(evidence: Evidence) -> ReportFigure:
    table, workers = evidence.exclusion.assignments, evidence.workers
    shown = workers[workers["n"] > 0]
    median = int(shown["n"].median()) if len(shown) else 1
    low, high = (coin_quantile(q, max(median, 1)) / max(median, 1) for q in (0.025, 0.975))
    filtered = evidence.settings.rules.sentinel_filter
    left_out = table.groupby("worker", observed=True)["excluded"].all()
    panels = pd.DataFrame(
        {
            "excluded": shown["worker"].map(left_out).astype(bool),
            "left_share": shown["left_share"],
            "median_response_ms": shown["median_response_ms"],
            "sentinel_share": 1 - shown["n_wrong"] / shown["n_sentinels"].where(shown["n_sentinels"] > 0),
        }
    )
    figure = draw.workers_figure(
        table["n_wrong"].to_numpy(int),
        panels,
        table["reasons"].str.contains(SENTINELS).to_numpy(bool),
        (low, high),
        _edges(max(median, 1)),
        simulated=evidence.results.simulated,
    )
    points = "each worker's speed and share of right sentinels; orange crosses: excluded"
    cloud = "speeds and shares of right sentinels; darker: more workers; orange: excluded"
    caption = (
        "Left: wrong sentinels per assignment; orange: what the rule excludes"
        + ("" if filtered else " (nothing: the filter is off)")
        + f". Middle: {cloud if len(panels.dropna()) > MANY_WORKERS else points}. Right: how often "
        "workers chose the left image; orange: excluded; grey: the range that chance gives for 95 % of them."
    )
    alt = "Sentinel errors, response times and side bias of the workers."
    return ReportFigure(figure, alt, caption, wide=True)


def _edges(answers: int) -> NDArray[np.float64]:
    """Edges of bars about 2.5 % wide, one of them centred on 1/2, that hold equally many shares each.

    answers: of a worker; its shares are multiples of 1 / answers, and none of them lies on an edge.
    """
    step = max(1, round(0.025 * answers))
    step += (step + answers + 1) % 2  # odd where the number of answers is even, else even
    half = np.arange(step / 2, answers / 2 + step, step)
    return np.asarray(0.5 + np.concatenate([-half[::-1], half]) / answers)


def _pairs(evidence: Evidence) -> ReportFigure | None:
    """Return the figure of pairs with their images, or None where images are missing."""
    table = evidence.pairs
    rows: list[tuple[list[tuple[Stimuli, str, tuple[str, str]]], str]] = []
    for contrast, end in dict.fromkeys(zip(table["contrast"], table["end"], strict=True)):
        part = table[(table["contrast"] == contrast) & (table["end"] == end)]
        panels: list[tuple[Stimuli, str, tuple[str, str]]] = []
        for index, row in zip(part.index, records(part), strict=True):
            stimuli = evidence.stimuli[int(str(index))]
            if stimuli is not None and (row["k"] or end == "least"):
                caption = f"{row['loser']} chosen by {row['k']} of {row['n']}{_at(row['exposure_ms'])}"
                panels.append((stimuli, caption, (row["winner"], row["loser"])))
        if panels:
            first = records(part)[0]
            real = first["winner"] == evidence.results.real
            rows.append(
                (
                    panels,
                    f"{first['loser']} against {first['winner']}: fooled people {end}"
                    if real
                    else f"{first['loser']} chosen over {first['winner']} {end} often",
                )
            )
    if not rows:
        return None
    figure = draw.pairs_figure(rows, simulated=evidence.results.simulated)
    caption = "The pairs in which the less preferred condition was chosen most and least often."
    return ReportFigure(figure, caption, caption, wide=True)


def write_report(files: Mapping[str, bytes | Parts], out: Path) -> None:
    """Write the folder `out` whole: beside it first, then in its place; an earlier report goes only then.

    Raises GlimpseError where `out` is something else than an earlier report.
    """
    check_out(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with naming(out):
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        try:
            _replace(out, files, work / "new", work / "old")
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _replace(out: Path, files: Mapping[str, bytes | Parts], new: Path, old: Path) -> None:
    for name, data in files.items():
        write_whole(new / name, data)
    if out.exists():
        out.replace(old)
    try:
        new.replace(out)
    except BaseException:
        if old.exists():
            old.replace(out)
        raise


def check_out(out: Path) -> None:
    """Raise GlimpseError unless `out` can be replaced: absent, empty, or a report with nothing else in
    it."""
    try:
        known = set(json.loads((out / OPENING).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    refuse_others(out, known, "report", "analyze", hidden=True)


def figure_formats(text: str) -> tuple[str, ...]:
    """Read "png,pdf" as formats; GlimpseError for what is none."""
    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in formats if name not in draw.FORMATS]
    if unknown or not formats:
        raise GlimpseError(f"--figures {text!r}: allowed are {', '.join(draw.FORMATS)}, separated by commas.")
    return formats
