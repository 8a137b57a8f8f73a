"""Judgments of one image at a time: one row a trial, with what was shown, what was said, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from glimpse.errors import GlimpseError
from glimpse.questions import value_of
from glimpse.single import block_sizes
from glimpse.staircase import StaircaseSettings, exposures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from .exclusion import Exclusion
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


def question_detections(exclusion: Exclusion, question: str | None = None) -> pd.DataFrame:
    """Return the judgments of one question (None: the one that was asked for), with DETECTION_COLUMNS.

    Exposures of a staircase follow from the answers to the question that known answers are known to,
    whichever question is asked for. GlimpseError where no condition is real.
    """
    results = exclusion.results
    real, name = results.real, question or results.question.name
    if real is None:
        raise GlimpseError(
            f"{results.folders[0]}: no condition is real, so that no answer is right or wrong."
        )
    found = all_detections(_marked(exclusion, name), real)
    climbed = Climbed.of(results.experiment, results.trials)
    if climbed is None:
        return found
    deciding = (
        found if name == results.judged_by else all_detections(_marked(exclusion, results.judged_by), real)
    )
    exposure = pd.Series(climbed.exposures_ms(deciding), index=_keys(deciding))
    return found.assign(exposure_ms=exposure.reindex(_keys(found)).to_numpy())


def _marked(exclusion: Exclusion, question: str) -> Judgments:
    known = exclusion.judgments
    return exclusion.results.asked(question).judgments.marked(known.reason, known.max_error_ms)


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([table["assignment"].astype(str), table["trial"].astype(str)])
