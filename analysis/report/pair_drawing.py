"""The figure of pairs with their images, which is drawn while the rest of the report is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from glimpse.questions import DEFAULT_QUESTION

from ..figures.drawing import PHOTO_DPI, Drawing
from .formats import exposure
from .prompts import drawable
from .tables import records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..figures.stimuli import Stimuli
    from ..reading.results import Results


def figure_name(name: str, results: Results) -> str:
    """Return how a figure's files are called: with its question where there are several."""
    return f"{name}-{results.question.name}" if len(results.questions) > 1 else name


def marked(drawing: Drawing, results: Results) -> Drawing:
    """A figure that says whether answers were simulated."""
    return drawing._replace(options=drawing.options | {"simulated": results.simulated})


def at(exposure_ms: float | None) -> str:
    """An exposure after what was shown; nothing where it was unlimited."""
    return "" if pd.isna(exposure_ms) else f" at {exposure(exposure_ms)}"


def pairs_drawing(
    results: Results, table: pd.DataFrame, stimuli: Sequence[Stimuli | None]
) -> dict[str, Drawing]:
    """Return the figure of pairs with their images, by name; none where images are missing.

    table: `pairs.pair_table` with the prompt of each pair. stimuli: the images of each.
    """
    rows: list[tuple[list[tuple[Stimuli, str, tuple[str, str], str]], str]] = []
    for contrast, end in dict.fromkeys(zip(table["contrast"], table["end"], strict=True)):
        part = table[(table["contrast"] == contrast) & (table["end"] == end)]
        panels: list[tuple[Stimuli, str, tuple[str, str], str]] = []
        for index, row in zip(part.index, records(part), strict=True):
            images = stimuli[int(str(index))]
            if images is not None and (row["k"] or end == "least"):
                caption = f"{row['loser']} chosen by {row['k']:g} of {row['n']}{at(row['exposure_ms'])}"
                prompt = row["prompt"] if drawable(row["prompt"]) else ""
                panels.append((images, caption, (row["winner"], row["loser"]), prompt))
        if panels:
            rows.append((panels, _title(records(part)[0], end, results)))
    if not rows:
        return {}
    caption = "The pairs in which the less preferred condition was chosen most and least often."
    if results.moving:
        caption += " Of each clip frames are shown, evenly spread from its first at the top to its last."
    names = dict.fromkeys(name for panels, _ in rows for _, _, both, _ in panels for name in both)
    drawing = Drawing("pairs", (rows,), {}, caption, caption, True, tuple(names), pixels_dpi=PHOTO_DPI)
    return {figure_name("hardest_pairs", results): marked(drawing, results)}


def _title(row: Mapping[str, Any], end: str, results: Results) -> str:
    """What stands above the pairs at one end of a contrast."""
    if row["winner"] == results.real and results.question.name == DEFAULT_QUESTION.name:
        return f"{row['loser']} against {row['winner']}: fooled people {end}"
    return f"{row['loser']} chosen over {row['winner']} {end} often"
