"""Notes of statistics about a study of clips: they speak of clips where those of other studies say images."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from .evaluation import Evidence

# In what words notes speak of what people saw. Names of conditions stand in notes, too, and stay as they are.
_SPOKEN = re.compile(
    r"\b(?:one worker or one image only|workers (?:and|or) images|workers or of images"
    r"|chose the (?:left|right) image|nobody compared the images|both images of every pair)\b"
)


def of_clips(evidence: Evidence) -> Evidence:
    """Return what was found with its notes in the words of clips."""
    tables: dict[str, Any] = {
        one.name: _spoken(getattr(evidence, one.name))
        for one in fields(evidence)
        if isinstance(getattr(evidence, one.name), pd.DataFrame)
    }
    return replace(
        evidence,
        **tables,
        curves=[replace(one, note=note_of_clips(one.note)) for one in evidence.curves],
        rankings=[replace(one, note=note_of_clips(one.note)) for one in evidence.rankings],
        side_bias=replace(evidence.side_bias, note=note_of_clips(evidence.side_bias.note)),
        metrics=evidence.metrics._replace(table=_spoken(evidence.metrics.table)),
        others=tuple(of_clips(one) for one in evidence.others),
    )


def note_of_clips(note: str) -> str:
    """Return a note about images as it is of clips.

    >>> note_of_clips("image-space: one worker or one image only")
    'image-space: one worker or one clip only'
    """
    return _SPOKEN.sub(lambda found: found[0].replace("image", "clip"), note)


def _spoken(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(note=table["note"].map(note_of_clips)) if "note" in table else table
