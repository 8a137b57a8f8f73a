"""The figures of a study of single images: which there are, and what each is drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..figures.drawing import PHOTO_DPI, Drawing
from ..figures.series import CURVE_POINTS
from ..statistics.mistaken import most_mistaken
from .formats import level_text, number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..figures.stimuli import Pixels, Shown
    from .settings import AnalysisSettings
    from .single_tables import Climbs, SingleStatistics

GRID = np.linspace(0.001, 0.999, 201)
MOST_LINES = 200  # staircases that are drawn one by one
MEASURES = {
    # kind of figure: value, low, high, label, percent, chance
    "taken_for_real": ("taken_for_real", "taken_low", "taken_high", "Taken for real", True, 0.5),
    "errors": ("errors", "errors_low", "errors_high", "Errors", True, 0.5),
    "d_prime": ("d_prime", "d_low", "d_high", "d\u2032", False, 0.0),
}


def single_drawings(
    found: SingleStatistics,
    settings: AnalysisSettings,
    pictures: Mapping[Shown, Pixels | None],
    *,
    simulated: bool,
) -> dict[str, Drawing]:
    """Return the figures of one question by name; pictures: of images that were mistaken most often."""
    level = level_text(settings.intervals.level)
    names = tuple(found.conditions["condition"])
    drawn: dict[str, Drawing] = {}
    for measure in ("taken_for_real", "d_prime") if found.by_exposure else ("errors", "d_prime"):
        one = _over_exposures if found.by_exposure else _by_condition
        drawing = one(found, measure, level)
        if drawing:
            drawn[measure] = drawing
    if len(found.roc):
        drawn["roc"] = _roc(found)
    if found.climbs:
        drawn["staircases"] = _staircases(found.climbs)
    mistaken = _mistaken(found, pictures)
    if mistaken:
        drawn["mistaken"] = mistaken
    return {
        name: one._replace(options=one.options | {"simulated": simulated}, names=names)
        for name, one in drawn.items()
    }


def _measured(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Rows with a number: condition, exposure_ms, value, low, high."""
    value, low, high, *_ = MEASURES[measure]
    found = table[["condition", "exposure_ms"]].assign(
        value=table[value], low=table[low].fillna(table[value]), high=table[high].fillna(table[value])
    )
    finite: pd.DataFrame = found[np.isfinite(found["value"].to_numpy(float))]
    return finite


def _options(measure: str) -> dict[str, Any]:
    *_, label, share, chance = MEASURES[measure]
    return {"label": label, "percent": share, "chance": chance}


def _alt(rows: pd.DataFrame, measure: str) -> str:
    label, share = MEASURES[measure][3:5]
    parts = [
        f"{row['condition']}"
        + ("" if np.isnan(row["exposure_ms"]) else f" at {row['exposure_ms']:g} ms")
        + f": {percent(row['value']) if share else number(row['value'])}"
        for row in rows.to_dict("records")
    ]
    return f"{label}. {'; '.join(parts)}."


def _by_condition(found: SingleStatistics, measure: str, level: str) -> Drawing | None:
    rows = _measured(found.conditions, measure)
    if not len(rows):
        return None
    what = {
        "errors": "Errors: the mean of the shares of errors on generated and on real images (HYPE-infinity's "
        "score); 50 % is chance.",
        "d_prime": "How well people tell generated images from real ones, d\u2032; 0 is not at all.",
    }
    caption = f"{what[measure]} Lines: {level} intervals over workers and images."
    return Drawing("by_condition", (rows,), _options(measure), _alt(rows, measure), caption, wide=False)


def _over_exposures(found: SingleStatistics, measure: str, level: str) -> Drawing | None:
    rows = _measured(found.exposures, measure)
    rows = rows[np.isfinite(rows["exposure_ms"].to_numpy(float))]
    if not len(rows):
        return None
    lines = pd.DataFrame(columns=["condition", "exposure_ms", "value", "low", "high"])
    if measure == "d_prime":
        ends = (rows["exposure_ms"].min(), rows["exposure_ms"].max())
        grid = np.geomspace(*ends, CURVE_POINTS)
        fitted = [one.at(grid).assign(condition=one.condition) for one in found.curves if one.identified]
        lines = pd.concat(fitted, ignore_index=True).rename(columns={"d_prime": "value"}) if fitted else lines
        caption = (
            "How well people tell generated images from real ones, d\u2032, by exposure. Points: "
            f"{level} intervals over workers and images; curves: fitted, with pointwise bands. Dashed: not "
            "at all."
        )
    else:
        caption = (
            "How often generated images are taken for real, by exposure, with "
            f"{level} intervals over workers and images. Dashed: half of them."
        )
    tables = (rows, lines)
    return Drawing("over_exposures", tables, _options(measure), _alt(rows, measure), caption, wide=False)


def _roc(found: SingleStatistics) -> Drawing:
    parts = [
        pd.DataFrame({"condition": name, "false_alarm_rate": GRID, "hit_rate": model.curve(GRID)})
        for name, model in found.binormal.items()
        if model
    ]
    empty = pd.DataFrame(columns=["condition", "false_alarm_rate", "hit_rate"])
    lines = pd.concat(parts, ignore_index=True) if parts else empty
    caption = (
        "Curves of confidence ratings (ROC): how many generated and real images were rated at least so "
        "generated, from the surest answer on. Lines: the binormal model. Dashed: telling nothing."
    )
    areas = [f"{row['condition']}: area {number(row['area'])}" for row in found.conditions.to_dict("records")]
    return Drawing(
        "roc", (found.roc, lines), {}, f"Curves of ratings. {'; '.join(areas)}.", caption, wide=False
    )


def _staircases(climbs: Climbs) -> Drawing:
    rows = climbs.rows
    means = rows.groupby(["system", "trial"], sort=True)["exposure_ms"].mean().reset_index()
    lines = rows[["system", "line"]].drop_duplicates()
    step = max(1, -(-len(lines) // MOST_LINES))
    shown = rows[rows["line"].isin(lines["line"].to_numpy()[::step])]
    caption = (
        "Staircases: the exposure of each image of a block"
        + (f", one block in {step}" if step > 1 else "")
        + "; thick: the mean over blocks. Dashed: the mean threshold of the workers (HYPE-time)."
    )
    alt = "; ".join(
        f"{row['system']}: {row['threshold_ms']:.0f} ms" for row in climbs.systems.to_dict("records")
    )
    systems = climbs.systems[["system", "threshold_ms"]]
    return Drawing("staircases", (shown, means, systems), {}, f"Staircases. Mean thresholds: {alt}.", caption,
                   wide=len(systems) > 1)  # fmt: skip


def _mistaken(found: SingleStatistics, pictures: Mapping[Shown, Pixels | None]) -> Drawing | None:
    """The images of each condition that were mistaken most often, as far as they were found."""
    rows: list[tuple[list[tuple[Pixels, str]], str]] = []
    for condition, table in most_mistaken(found.images).groupby("condition", sort=False):
        taken = "taken for real" if table["generated"].iloc[0] else "taken for generated"
        panels = []
        for row in table.to_dict("records"):
            picture = pictures.get((str(row["condition"]), str(row["item"])))
            if picture is not None:
                panels.append((picture, f"{row['item']}: by {row['wrong']} of {row['n']}"))
        if panels:
            rows.append((panels, f"{condition}: {taken}"))
    if not rows:
        return None
    caption = (
        "The images of each condition that were mistaken most often: generated ones taken for real, real "
        "ones taken for generated."
    )
    return Drawing("mistaken", (rows,), {}, caption, caption, wide=True, pixels_dpi=PHOTO_DPI)
