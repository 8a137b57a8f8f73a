"""summary.png: the report as one slide. Which figure is its main one, and what is said beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from glimpse.text import counted

from ..figures.drawing import PRINT_DPI, Drawing
from ..figures.series import MANY_CONTRASTS, MANY_SERIES, SlideWords
from .crowd import is_crowded
from .drawings import over_time
from .leaderboard import last_board, rank_set
from .pair_drawing import at, figure_name
from .single_wording import doubts, leading, statements
from .tables import records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..reading.results import Results
    from .evaluation import Evidence
    from .findings import Finding
    from .settings import AnalysisSettings
    from .single_tables import SingleStatistics

SLIDE = "summary"
MOST_RANKED = 42  # conditions on a slide


class MainFigure(NamedTuple):
    """The main figure, as `figures.slide.slide_figure` takes it; note: what of the study is not in it."""

    kind: str = ""
    tables: tuple[pd.DataFrame, ...] = ()
    options: Mapping[str, Any] = {}
    note: str = ""


def slide(
    evidence: Evidence, drawings: Mapping[str, Drawing], found: Sequence[Finding]
) -> dict[str, Drawing]:
    """Return the slide of a study of pairs, by name: about its first question, where there are several.

    drawings: the report's. found: `findings.findings`, of which it says the first main one.
    """
    results = evidence.results
    said = [one.text for one in found if one.main and one.question in {"", results.question.name}]
    main = _of_pairs(evidence, drawings)
    seen = counted(int(evidence.images["images"].sum()), results.stimulus, ",")
    parts = _numbers(evidence.counts["analysed_workers"], evidence.counts["analysed"], seen, main.note)
    texts = results.question.text, said, [one.text for one in found if one.doubt], parts
    return _slide(main, *texts, simulated=results.simulated)


def single_slide(
    first: SingleStatistics,
    answers: pd.DataFrame,
    results: Results,
    settings: AnalysisSettings,
    drawings: Mapping[str, Drawing],
) -> dict[str, Drawing]:
    """Return the slide of a study of single images, by name: about its first question.

    answers: to that question, those that count. drawings: the report's.
    """
    main = _of_singles(first, drawings)
    images = counted(len(answers[["condition", "item"]].drop_duplicates()), results.stimulus, ",")
    parts = _numbers(int(answers["worker"].nunique()), len(answers), images, main.note)
    said, doubtful = leading(first, settings), doubts(first)
    said += [text for text in statements(first, settings) if text not in {*said, *doubtful}]
    texts = first.question.text, said, doubtful, parts
    return _slide(main, *texts, simulated=results.simulated)


def _slide(
    main: MainFigure,
    question: str,
    said: Sequence[str],
    doubtful: Sequence[str],
    numbers: str,
    *,
    simulated: bool,
) -> dict[str, Drawing]:
    finding, *further = said or ["Nothing can be said yet."]
    words = SlideWords(question, finding, tuple(further), tuple(doubtful), numbers)
    tables = (main.kind, main.tables, dict(main.options))
    options = {"words": words, "simulated": simulated}
    return {SLIDE: Drawing("slide", tables, options, finding, finding, wide=True, pixels_dpi=PRINT_DPI)}


def _numbers(workers: int, answers: int, stimuli: str, note: str) -> str:
    people = counted(workers, "participant", ",")
    return " \u00b7 ".join(filter(None, [people, counted(answers, "answer", ","), stimuli, note]))


def _of_pairs(evidence: Evidence, drawings: Mapping[str, Drawing]) -> MainFigure:
    """The leaderboard of many conditions; else the rates, over exposure where that was limited."""
    results = evidence.results
    board = last_board(evidence.leaderboard)
    if len(board) and is_crowded(list(dict.fromkeys(evidence.preference["contrast"]))):
        when = at(board["exposure_ms"].iloc[0]) if results.mode == "limited-time" else ""
        labels = [f"{rank_set(row)}   {row['condition']}" for row in records(board)]
        rows = board[["strength", "low", "high"]].assign(condition=labels)
        note = f"rank sets and strengths{when}"
        if len(board) > MOST_RANKED:
            note += f"; the first {MOST_RANKED} of {counted(len(board), 'condition')}"
        return MainFigure("board", (rows.head(MOST_RANKED),), note=note)
    for kind, name in (("realism", over_time(results.question.name)), ("rates", "preference")):
        if drawing := drawings.get(figure_name(name, results)):
            most = MANY_SERIES if kind == "realism" else MANY_CONTRASTS
            return MainFigure(kind, *_few_contrasts(drawing.tables, results.real, most))
    return MainFigure()


def _few_contrasts(
    tables: tuple[pd.DataFrame, ...], real: str | None, most: int
) -> tuple[tuple[pd.DataFrame, ...], Mapping[str, Any], str]:
    """The contrasts that one pair of axes holds: all, or those with the real condition first."""
    names = list(dict.fromkeys(tables[0]["series"]))
    if len(names) <= most:
        return tables, {}, ""
    beside = tables[0][(tables[0]["winner"] == real) | (tables[0]["loser"] == real)]["series"].unique()
    shown = [name for name in names if name in set(beside)][:most] or names[:most]
    return tuple(table[table["series"].isin(shown)] for table in tables), {}, (
        f"drawn: {len(shown)} of {counted(len(names), 'contrast')}"
    )  # fmt: skip


def _of_singles(first: SingleStatistics, drawings: Mapping[str, Drawing]) -> MainFigure:
    """Thresholds where a staircase chose exposures; else how well people tell, d'."""
    if first.climbs:
        systems = first.climbs.systems
        value = systems["threshold_ms"]
        rows = pd.DataFrame(
            {"condition": systems["system"], "value": value,
             "low": systems["low"].fillna(value), "high": systems["high"].fillna(value)}
        )  # fmt: skip
        options = {"label": "Exposure that people need to tell (ms)", "percent": False, "chance": np.nan}
        return _few_conditions("by_condition", (rows,), options, MANY_CONTRASTS)
    drawing = drawings.get("d_prime") or drawings.get(f"d_prime-{first.question.name}")
    if drawing is None:
        return MainFigure()
    options = {name: drawing.options[name] for name in ("label", "percent", "chance")}
    options["label"] = "d\u2032 (dashed: people cannot tell)" if drawing.kind == "by_condition" else "d\u2032"
    most = MANY_SERIES if drawing.kind == "over_exposures" else MANY_CONTRASTS
    return _few_conditions(drawing.kind, drawing.tables, options, most)


def _few_conditions(
    kind: str, tables: tuple[pd.DataFrame, ...], options: Mapping[str, Any], most: int
) -> MainFigure:
    names = list(dict.fromkeys(tables[0]["condition"]))
    few = tuple(table[table["condition"].isin(names[:most])] for table in tables)
    note = f"drawn: {most} of {counted(len(names), 'condition')}" if len(names) > most else ""
    return MainFigure(kind, few, options, note)
