"""The report: tables, figures and page of a study, as one folder that appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from glimpse.files import Parts, naming, refuse_others, write_whole

from ..figures.drawing import DrawingBoard
from ..statistics.choices import CLUSTERS
from ..statistics.curve import curves_table
from ..statistics.ranked import differences_table, ranking_table
from .crowd import is_crowded
from .drawings import drawings_of
from .findings import Finding, findings
from .leaderboard import leaderboard_tex, several_pairs
from .methods import methods_text
from .page import picture, render, with_figures
from .slides import slide
from .summary import summarize
from .tables import csv_parts, csv_text, preference_tex, turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .evaluation import Evidence

OPENING = "summary.json"  # by which a folder is known to be a report
IN_MEMORY = 100_000  # judgments of which judgments.csv is made while figures are drawn


def build_report(
    evidence: Evidence, versions: Mapping[str, str], board: DrawingBoard | None = None
) -> tuple[dict[str, bytes | Parts], list[Finding]]:
    """Return all files of the report by name, and the findings. Nothing is written.

    board: has the figures drawn, and may have begun with some. judgments.csv comes as `Parts` where it is
    large, the others as bytes.
    """
    board = board or DrawingBoard()
    drawings = drawings_of(evidence)
    facts = summarize(evidence, versions)
    found = findings(facts)
    drawings |= slide(evidence, drawings, found)
    board.begin(drawings)  # in one go, as a single figure keeps one core waiting
    used = evidence.settings.intervals
    rates = by_question(evidence, [turned(one.preference, one.results.real) for one in evidence.each])
    cluster = CLUSTERS[used.cluster].spoken(evidence.results.stimulus)
    tex = preference_tex(rates, used.alpha, used.level, cluster, simulated=evidence.results.simulated)
    methods = methods_text(facts)
    files: dict[str, bytes | Parts] = {"judgments.csv": _judgments(evidence)}
    files |= {name: text.encode() for name, text in _tables(evidence).items()}
    facts |= {"findings": [finding.as_text() for finding in found], "methods": methods}
    ranked = by_question(evidence, [one.leaderboard for one in evidence.each])
    best = leaderboard_tex(ranked, used.level, simulated=evidence.results.simulated) if len(ranked) else ""
    crowded = bool(best) and is_crowded(rates["contrast"].unique().tolist())
    shown = ("leaderboard.tex", best) if crowded else ("preference.tex", tex)
    page = render(facts, found, methods, shown, {name: picture(name, one) for name, one in drawings.items()})
    drawn = board.drawn()
    page = with_figures(page, drawings, drawn)
    wanted = {f"{name}.{kind}" for name, one in drawings.items() for kind in one.kinds(board.formats)}
    files |= {name: data for name, data in drawn.files.items() if name in wanted}
    texts = {"leaderboard.tex": best} if best else {}
    texts |= {"preference.tex": tex, "methods.txt": methods + "\n", "report.html": page}
    files |= {name: text.encode() for name, text in texts.items()}
    facts["files"] = sorted([*files, OPENING])
    files[OPENING] = (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    return files, found


def _judgments(evidence: Evidence) -> bytes | Parts:
    """judgments.csv: all answers, those to the first question first."""

    def parts() -> Iterator[str]:
        asked = [one.exclusion.judgments for one in evidence.each]
        return csv_parts(chain.from_iterable(one.parts(one.columns) for one in asked))

    small = sum(len(one.exclusion.judgments) for one in evidence.each) <= IN_MEMORY
    return "".join(parts()).encode() if small else Parts(parts)


def by_question(evidence: Evidence, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of all questions as one, with `question` first where there are several."""
    if len(tables) == 1:
        return tables[0]
    names = [one.results.question.name for one in evidence.each]
    named = [table.copy() for table in tables]
    for table, name in zip(named, names, strict=True):
        table.insert(0, "question", name)
    return pd.concat([table for table in named if len(table)] or named[:1], ignore_index=True)


def _of_question(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """The tables that are about a question, by the name of their files."""
    return {
        "preference.csv": pd.concat([evidence.preference, evidence.unfiltered], ignore_index=True),
        "curves.csv": curves_table(evidence.curves),
        "ranking.csv": ranking_table(evidence.rankings),
        "ranking_differences.csv": differences_table(evidence.rankings),
        "leaderboard.csv": evidence.leaderboard,
        "win_matrix.csv": evidence.wins if several_pairs(evidence.wins) else evidence.wins.iloc[:0],
        "ranking_groups.csv": evidence.groups,
        "differences.csv": evidence.differences,
        "agreement.csv": evidence.agreement,
        "sensitivity.csv": evidence.sensitivity,
        "comparison.csv": evidence.comparison,
        "panels.csv": evidence.panels,
        "metric.csv": evidence.metrics.table,
        "metric_pairs.csv": evidence.metrics.pairs,
        "ties.csv": evidence.ties,
        "scale.csv": evidence.scale,
        "distribution.csv": evidence.distribution,
        "davidson.csv": evidence.davidson,
    }


# Tables that are no files where they have no rows.
WHERE_ASKED = frozenset({
    "comparison.csv", "panels.csv", "metric.csv", "metric_pairs.csv", "ties.csv", "scale.csv",
    "distribution.csv",
    "davidson.csv", "correlation.csv", "leaderboard.csv", "win_matrix.csv", "ranking_groups.csv",
})  # fmt: skip


def _tables(evidence: Evidence) -> dict[str, str]:
    tables = {
        "exclusions.csv": evidence.exclusion.assignments,
        "workers.csv": evidence.workers,
        "participants.csv": evidence.participants,
        "correlation.csv": evidence.correlation,
    }
    each = [_of_question(one) for one in evidence.each]
    tables |= {name: by_question(evidence, [own[name] for own in each]) for name in each[0]}
    return {name: csv_text(table) for name, table in tables.items() if len(table) or name not in WHERE_ASKED}


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
