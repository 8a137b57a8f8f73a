"""How large a planned study is: what determines a cell, what its images are, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.experiment_checks import LARGEST_REWARD_USD
from glimpse.plan import Layout
from glimpse.precision import PAPER_IMAGES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class StudySize:
    """Counts of a batch, which determine a cell; its reward; how many batches are paid; its images.

    cells: of all batches. images: of each condition. same_item: whether both sides of a pair show one scene.
    replacement: whether scenes are drawn at random instead of dealt evenly. sentinels, practice: trials a
    HIT, which show images too. spread: compared trials of a HIT where cells are spread over HITs; then `hits`
    are those that show a cell, and `batch_hits` all of them.
    """

    hits: int
    workers_per_hit: int
    trials_per_cell: int
    reward_usd: Decimal
    batches: int = 1
    cells: int = 21
    images: int = PAPER_IMAGES
    same_item: bool = False
    replacement: bool = False
    sentinels: int = 5
    practice: int = 0
    spread: int | None = None

    def __post_init__(self) -> None:
        """Check every number once."""
        for name in ("hits", "workers_per_hit", "trials_per_cell", "batches", "cells"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise GlimpseError(f"plan: {name} is {value!r}; it must be a whole number, 1 or more.")
        if not is_amount(self.reward_usd):
            raise GlimpseError(
                f"plan: reward_usd is {self.reward_usd}; it must be dollars and cents from 0 to "
                f"{LARGEST_REWARD_USD}, for example 1.50."
            )
        if self.workers < 2 or self.pairs < 2:
            raise GlimpseError(
                f"plan: a cell has workers {self.workers}, trials {self.pairs}; it needs 2 of each at least. "
                "Raise --hits, --workers-per-hit or --trials-per-cell."
            )
        if self.images < 2:
            raise GlimpseError(
                f"plan: a condition has {self.images} images; intervals need 2 at least. Raise --images."
            )

    @property
    def workers(self) -> int:
        """Distinct workers of a cell."""
        return self.hits * self.workers_per_hit

    @property
    def pairs(self) -> int:
        """Trials of a cell, in all its HITs: a pair of images each, of which one may come again."""
        return self.hits * self.trials_per_cell

    @property
    def answers(self) -> int:
        """Answers in a cell."""
        return self.workers * self.trials_per_cell

    @property
    def batch_hits(self) -> int:
        """HITs of a batch, those too that do not show a cell."""
        if self.spread is None:
            return self.hits
        return max(self.hits, round(self.hits * self.trials_per_cell * self.cells / self.spread))

    @property
    def all_hits(self) -> int:
        """HITs over all batches, which are paid for."""
        return self.batch_hits * self.batches

    @property
    def layout(self) -> Layout:
        """The counts of a batch, as `glimpse.plan` deals them."""
        return Layout(
            hits=self.hits,
            contrasts=max(1, (self.spread or 0) // self.trials_per_cell or self.cells // self.batches),
            exposures=1,
            trials_per_cell=self.trials_per_cell,
            sentinels=self.sentinels,
            practice=self.practice,
            max_sentinels_in_a_row=max(1, self.sentinels),
        )


def is_amount(usd: Decimal) -> bool:
    """Whether `usd` is a reward that build-hits takes."""
    return usd.is_finite() and 0 <= usd <= LARGEST_REWARD_USD and usd == usd.quantize(Decimal("0.01"))


def size_of(experiment: Mapping[str, Any], **changes: int | str | None) -> StudySize:
    """Read a study's size from the `experiment` of study.json; `changes` that are not None take precedence.

    Raises GlimpseError that names the field that is missing or of a wrong kind.
    """
    try:
        batches = experiment["batches"]
        values = {
            "hits": int(experiment["hits_per_batch"]),
            "workers_per_hit": int(experiment["workers_per_hit"]),
            "trials_per_cell": int(experiment["trials_per_cell"]),
            "reward_usd": str(experiment["reward_usd"]),
            "cells": len(experiment["contrasts"]) * len(experiment["exposures_ms"]),
            "same_item": experiment.get("pairing") == "same-item",
            "replacement": experiment.get("scenes") == "with-replacement",
            "sentinels": int(experiment.get("sentinels_per_hit") or 0),
            "practice": int(experiment.get("practice_trials") or 0),
        } | {name: value for name, value in changes.items() if value is not None}
        reward = Decimal(str(values.pop("reward_usd")))
        if experiment.get("hit_trials") is not None and changes.get("trials_per_cell") is None:
            hits, cells, often, *known = (
                int(values[name]) for name in ("hits", "cells", "trials_per_cell", "sentinels", "practice")
            )
            compared = int(experiment["hit_trials"]) - sum(known)
            shown = hits * compared / (cells * often)
            values |= {"spread": compared, "hits": max(1, round(shown))}
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise GlimpseError(f"experiment: {type(error).__name__} {error}; build the study again.") from None
    return StudySize(reward_usd=reward, batches=len(batches), **values)  # type: ignore[arg-type]
