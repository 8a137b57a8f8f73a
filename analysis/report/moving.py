"""Notes of statistics about a study of clips: they speak of clips where those of other studies say images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# In what words notes speak of what people saw. Names of conditions stand in notes, too, and stay as they are.
_SPOKEN = re.compile(
    r"\b(?:one worker or one image only|workers (?:and|or) images|workers or of images"
    r"|chose the (?:left|right) image|nobody compared the images|about (?:real|generated) images"
    r"|both images of every pair)\b"
)


def note_of_clips(note: str) -> str:
    """Return a note about images as it is of clips.

    >>> note_of_clips("image-space: one worker or one image only")
    'image-space: one worker or one clip only'
    """
    return _SPOKEN.sub(lambda found: found[0].replace("image", "clip"), note)


def table_of_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its notes as they are of clips."""
    return table.assign(note=table["note"].map(note_of_clips)) if "note" in table else table
