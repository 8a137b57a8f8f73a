"""How a report was made: its settings as a bundle keeps them, and the analysis run again with them."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.console import versions
from glimpse.errors import GlimpseError
from glimpse.files import naming

from ..figures.drawing import DrawingBoard
from ..figures.series import FORMATS
from ..reading.exclusion import Rules
from ..report.evaluation import evaluate
from ..report.report import build_report
from ..report.settings import AnalysisSettings
from ..report.single_report import build_single, evaluate_single, shows_single
from ..report.slides import SLIDE
from ..statistics.preference import Intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.files import Parts

PACKAGES = ("numpy", "scipy", "pandas", "matplotlib", "pillow")
REPORTED = PACKAGES[:4]  # those that a report states
DRAWN = frozenset({".png", ".pdf", ".svg"})


@dataclass(frozen=True)
class Recipe:
    """What makes a report of results/ again. Files are named as they lie in the bundle.

    settings: those of summary.json. max_wrong: the number of wrong sentinels allowed, where it is not the
    study's own. formats: of the figures.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    max_wrong: int | None = None
    formats: tuple[str, ...] = FORMATS
    metrics: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    items: str | None = None

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], own_max_wrong: int | None) -> Recipe:
        """Return the recipe of a report by its summary.json, without the files of metrics and groups."""
        settings = dict(summary.get("settings") or {})
        allowed = settings.get("max_wrong_sentinels")
        pixels = ("hardest_pairs", f"{SLIDE}.")  # PNG in every report
        names = {
            Path(str(name)).suffix[1:]
            for name in summary.get("files") or ()
            if not str(name).startswith(pixels)
        }
        formats = tuple(kind for kind in FORMATS if kind in names)
        return cls(settings, None if allowed == own_max_wrong else allowed, formats or FORMATS)

    @classmethod
    def from_json(cls, value: Any) -> Recipe:
        """Read what `to_json` returned; GlimpseError for anything else."""
        try:
            return cls(
                dict(value["settings"]), value["max_wrong"], tuple(map(str, value["formats"])),
                tuple(map(str, value["metrics"])), tuple(map(str, value["directions"])),
                None if value["items"] is None else str(value["items"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise GlimpseError(
                f"bundle.json: field 'analysis' is damaged ({error!r}). Get the bundle again from its "
                "authors."
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return it as bundle.json holds it."""
        return {
            "settings": dict(self.settings),
            "max_wrong": self.max_wrong,
            "formats": list(self.formats),
            "metrics": list(self.metrics),
            "directions": list(self.directions),
            "items": self.items,
        }

    def choices(self) -> AnalysisSettings:
        """Return the settings of the analysis; GlimpseError for one that is not allowed."""
        one = {**usual(), **self.settings}
        filtered = bool(one["sentinel_filter"])
        rules = Rules(
            filtered,
            self.max_wrong if filtered else None,
            one["repeat_workers"],
            one["max_exposure_error_ms"],
        )
        intervals = Intervals(
            one["level"], one["cluster"], one["adjust"], one["resamples"], equivalence=one["equivalence"]
        )
        return AnalysisSettings(
            rules, intervals, one["curve"], one["exposure"], one["threshold"], False, one["seed"],
            tuple(map(Path, self.metrics)), self.directions, Path(self.items) if self.items else None,
        )  # fmt: skip


def usual() -> dict[str, Any]:
    """Return the settings that analyze has where nothing is said, but for those that follow from others."""
    stated = AnalysisSettings().to_json(None)
    return {name: stated[name] for name in stated if name not in {"max_wrong_sentinels", "alpha", "compare"}}


def write_report_again(folder: Path, recipe: Recipe, out: Path) -> None:
    """Analyse the results/ of an unpacked bundle, and write the report into the folder `out`.

    It runs inside the folder, so that messages name files as they are named in every copy of the bundle.
    """
    out = out.resolve()
    out.mkdir(parents=True)
    try:
        with contextlib.chdir(folder):
            board = DrawingBoard(recipe.formats)
            files = _report_again(recipe.choices(), board)
    except (KeyError, TypeError, ValueError) as error:
        raise GlimpseError(
            f"the settings in bundle.json cannot be used ({error!r}). Get the bundle again from its authors."
        ) from None
    for name, data in files.items():
        parts = [data] if isinstance(data, bytes) else data.make()
        with naming(out / name), (out / name).open("wb") as file:
            for part in parts:
                file.write(part.encode() if isinstance(part, str) else part)


def _report_again(settings: AnalysisSettings, board: DrawingBoard) -> Mapping[str, bytes | Parts]:
    """The files of the report of results/, of pairs or of single images."""
    folders, used = [Path("results")], versions(*REPORTED)
    if shows_single(folders):
        return build_single(evaluate_single(folders, settings), used, board)
    return build_report(evaluate(folders, settings, Path("study/images"), board=board), used, board)[0]


def environment() -> dict[str, Any]:
    """Return what numbers and figures may depend on: versions, system, and the processor's instructions."""
    found = np.show_config(mode="dicts") or {}
    return {
        "versions": versions(*PACKAGES),
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "instructions": ", ".join((found.get("SIMD Extensions") or {}).get("found") or []),
        },
    }
