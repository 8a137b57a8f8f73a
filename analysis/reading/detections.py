"""Judgments of one image at a time: one row a trial, with what was shown, what was said, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from glimpse.questions import value_of
from glimpse.single import block_sizes
from glimpse.staircase import StaircaseSettings, exposures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from .judgments import Judgments

DETECTION_COLUMNS = (
    "assignment", "worker", "hit", "trial", "condition", "item", "exposure_ms", "shown_ms", "generated",
    "said_generated", "rating", "response_ms", "sentinel", "correct", "excluded", "reason", "source",
    "question",
)  # fmt: skip
_AS_READ = (
    "assignment", "worker", "hit", "trial", "condition_a", "item_a", "exposure_ms", "shown_ms", "choice",
    "response_ms", "sentinel", "correct", "excluded", "reason", "source", "question",
)  # fmt: skip


class Climbed(NamedTuple):
    """Staircases of exposures: their rule, how many blocks a HIT has, and each trial's place in its HIT.

    places: by trial, from 0, practice not counted; sizes: of the blocks, in their order.
    """

    settings: StaircaseSettings
    sizes: list[int]
    places: dict[str, int]

    @classmethod
    def of(cls, experiment: Mapping[str, Any], trials: pd.DataFrame) -> Climbed | None:
        """Return those of results; None where exposures were planned."""
        if experiment.get("staircase") is None:
            return None
        shown = trials[~trials["practice"]].sort_values("position", kind="stable")
        place = shown.groupby("hit", observed=True).cumcount()
        places = dict(zip(shown["trial"].astype(str), place.tolist(), strict=True))
        settings = StaircaseSettings.from_json(experiment["staircase"])
        return cls(settings, block_sizes(1 + max(places.values()), int(experiment.get("blocks", 1))), places)

    def exposures_ms(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Return the exposures of judgments, which follow from the answers before in their blocks."""
        place = table["trial"].astype(str).map(self.places).to_numpy(dtype=np.int64)
        block = np.searchsorted(np.cumsum(self.sizes), place, side="right")
        right, found = table["correct"].to_numpy(bool), np.empty(len(table))
        keys = pd.DataFrame({"assignment": table["assignment"].astype(str), "block": block})
        for rows in keys.groupby(["assignment", "block"], sort=False).indices.values():
            ordered = rows[np.argsort(place[rows], kind="stable")]
            found[ordered] = exposures(self.settings, right[ordered].tolist())[:-1]
        return found


def detections(judgments: Judgments, real: str, climbed: Climbed | None = None) -> Iterator[pd.DataFrame]:
    """Yield parts of a study of one image at a time, as `Judgments.parts` does.

    Args:
        judgments: Of one question, answered by real or generated, or by a rating.
        real: The condition of real images.
        climbed: What decided the exposures, where none were planned.

    Yields:
        DataFrames with DETECTION_COLUMNS. `generated` (bool) is the truth, `said_generated` (bool) what was
        answered, `rating` (int8) the answer as a number: negative for real, positive for generated, the
        further from 0 the surer. `correct` (bool) says whether the two agree. `exposure_ms` is NaN where the
        trial lasted until the answer. Sentinels are as their known answers say, of whatever condition.
    """
    for part in judgments.parts(_AS_READ):
        answers = part["choice"].cat
        value = np.array([value_of(answer) for answer in answers.categories], dtype=np.int8)
        rating = value[answers.codes.to_numpy()]
        said = rating > 0
        known = part["correct"].to_numpy(dtype=float, na_value=np.nan)
        generated = np.where(
            np.isnan(known), (part["condition_a"] != real).to_numpy(), said == (np.nan_to_num(known) == 1)
        )
        named = part.rename(columns={"condition_a": "condition", "item_a": "item"})
        table = named.assign(
            generated=generated.astype(bool), said_generated=said, rating=rating, correct=said == generated
        )
        if climbed is not None:
            table = table.assign(exposure_ms=climbed.exposures_ms(table))
        yield table[list(DETECTION_COLUMNS)]


def all_detections(judgments: Judgments, real: str, climbed: Climbed | None = None) -> pd.DataFrame:
    """Return all of `detections` as one table."""
    return pd.concat(detections(judgments, real, climbed), ignore_index=True)
