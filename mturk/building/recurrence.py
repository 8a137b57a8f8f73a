"""How often images recur in the cells of a study, and what that costs in the width of its intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from glimpse.precision import CellSize, as_equal, interval_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from glimpse.trials import Trial

WORTH_SAYING = 1.1  # intervals this many times as wide


@dataclass(frozen=True)
class Recurrence:
    """Of the images that a study shows: the fewest and most of a condition; means over the cells.

    trials: of a cell. trials_per_image: of these, how many an image stands in that the cell shows. widening:
    how many times as wide intervals are as if every image stood in one pair, where workers, pairs and images
    differ as they usually do (`glimpse.precision.TYPICAL`).
    """

    fewest: int
    most: int
    trials: float
    trials_per_image: float
    widening: float

    @property
    def percent(self) -> int:
        """By how many percent intervals are wider, in steps that suit an estimate."""
        wider = 100 * (self.widening - 1)
        return round(wider) if wider < 10 else 5 * round(wider / 5)

    @property
    def images(self) -> str:
        """How many images a condition shows, in words."""
        return f"{self.most}" if self.fewest == self.most else f"{self.fewest} to {self.most}"

    def warnings(self, stimulus: str = "image") -> Iterator[str]:
        """Say what few images cost, where it is worth saying; `stimulus` is what one is called."""
        if self.widening >= WORTH_SAYING:
            yield (
                f"Each condition shows {self.images} {stimulus}s, and one stands in "
                f"{self.trials_per_image:.1f} of a cell's {self.trials:.0f} trials on average. Answers about "
                f"one {stimulus} are alike, so intervals will be about {self.percent} % wider than if every "
                f"{stimulus} stood in one trial. "
                f"More {stimulus}s make them narrower; power shows by how much."
            )


def recurrence(trials: Iterable[Trial], workers_per_hit: int) -> Recurrence | None:
    """Count how often images recur in the compared trials of a study; None where it has none."""
    cells: dict[tuple[str, float | None], list[Trial]] = {}
    images: dict[str, set[str]] = {}
    for trial in trials:
        if trial.sentinel or trial.practice:
            continue
        cells.setdefault((trial.contrast, trial.exposure_ms), []).append(trial)
        images.setdefault(trial.condition_left, set()).add(trial.item_left)
        if not trial.single:
            images.setdefault(trial.condition_right, set()).add(trial.item_right)
    if not cells:
        return None
    widths = [_widths(cell, workers_per_hit) for cell in cells.values()]
    counts = [len(items) for items in images.values()]
    return Recurrence(
        fewest=min(counts),
        most=max(counts),
        trials=fmean(len(cell) for cell in cells.values()),
        trials_per_image=fmean(_per_image(cell) for cell in cells.values()),
        widening=fmean(width / once for width, once in widths),
    )


def _per_image(cell: list[Trial]) -> float:
    """Return in how many of a cell's trials an image stands."""
    shown = [(one.condition_left, one.item_left) for one in cell]
    shown += [(one.condition_right, one.item_right) for one in cell if not one.single]
    return len(shown) / len(set(shown))


def _images(cell: list[Trial]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the images of a cell's first condition and of its second, one an entry a trial."""
    first = cell[0].contrast.partition(":")[0]
    sides = [((one.condition_left, one.item_left), (one.condition_right, one.item_right)) for one in cell]
    ordered = [side if side[0][0] == first else side[::-1] for side in sides]
    return [a for a, _ in ordered], [b for _, b in ordered]


def _widths(cell: list[Trial], workers_per_hit: int) -> tuple[float, float]:
    """Return how wide a cell's interval is, and how wide if every image stood in one pair."""
    a, b = _images(cell)
    if cell[0].single:
        return _widths_of_one(cell, workers_per_hit)
    size = CellSize(
        answers=len(cell) * workers_per_hit,
        workers=len({trial.hit for trial in cell}) * workers_per_hit,
        pairs=as_equal(zip(a, b, strict=True)),
        images_a=as_equal(a),
        images_b=as_equal(b),
    )
    pairs = len(cell)
    return interval_width(size), interval_width(replace(size, pairs=pairs, images_a=pairs, images_b=pairs))


def _widths_of_one(cell: list[Trial], workers_per_hit: int) -> tuple[float, float]:
    """Return the same of a cell of one image at a time: only its images are alike."""
    size = CellSize(
        answers=len(cell) * workers_per_hit,
        workers=len({trial.hit for trial in cell}) * workers_per_hit,
        pairs=as_equal((one.condition_left, one.item_left) for one in cell),
        images_a=as_equal((one.condition_left, one.item_left) for one in cell),
        images_b=math.inf,
    )
    trials = len(cell)
    return interval_width(size), interval_width(replace(size, pairs=trials, images_a=trials))
