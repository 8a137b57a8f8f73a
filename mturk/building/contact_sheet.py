"""The contact sheet of a study's clips: a strip of frames of each clip, for some of the pairs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from glimpse.clips import frames_of

from .filming import Filming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..design.stimuli import Key, Pair
    from .imaging import Imaging

PAIRS = 6
FRAMES = 5
WIDTH = 150


@dataclass(frozen=True)
class FilmStrip:
    """Frames of a clip from its first to its last, beside each other: a caption, and a data: address."""

    caption: str
    address: str


def contact_sheet(pairs: Iterable[Pair], made: Imaging | Filming) -> list[tuple[FilmStrip, FilmStrip]]:
    """Return the strips of the first pairs of different items; none for a study of images."""
    if not isinstance(made, Filming):
        return []
    chosen: dict[tuple[str, str], Pair] = {}
    for left, right in pairs:
        chosen.setdefault((left[1], right[1]), (left, right))
        if len(chosen) == PAIRS:
            break
    return [(_strip(left, made), _strip(right, made)) for left, right in chosen.values()]


def _strip(key: Key, made: Filming) -> FilmStrip:
    source, cut = made.sources[key], made.cuts[key]
    kept = max(1, round(cut.seconds * float(source.clip.frame_rate)))
    frames = frames_of(source.path, FRAMES, WIDTH, first=kept)
    out = io.BytesIO()
    Image.fromarray(np.concatenate(frames, axis=1)).save(out, "JPEG", quality=80)
    caption = f"{key[0]}, {key[1]}: {cut.seconds:.2f} s"
    return FilmStrip(caption, f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}")
