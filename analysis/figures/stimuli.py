"""The images of pairs, found and read, if they are the ones that people saw."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from glimpse.images import ENDINGS

from ..reading.design import Problem, stimuli_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ..reading.results import Results

    Pixels = NDArray[np.uint8]
    Stimuli = tuple[Pixels, Pixels]
    Shown = tuple[str, str]  # condition, item


def load_stimuli(
    folder: Path, table: pd.DataFrame, results: Results, width: int = 640
) -> tuple[list[Stimuli | None], tuple[Problem, ...]]:
    """The images of pairs, and what is wrong with files that were found.

    folder: images/<condition>/<item>.<ext>, or a study's images/<stimulus>.<ext>. table: `pairs.pair_table`.
    Returns (winner, loser) of each row, HWC uint8 in [0, 255], at most `width` wide; None where an image is
    missing, cannot be read, or is neither the one that was shown nor the one it was made from with its pixels
    as they were: the study states the SHA-256 of both.
    """
    rows = [
        [(str(row[who]), str(row[f"item_{who}"])) for who in ("winner", "loser")]
        for row in table.to_dict("records")
    ]
    wanted = {shown for pair in rows for shown in pair}
    digests = _digests(results, wanted)
    read: dict[Shown, Pixels | None] = {}
    other, damaged = [], []
    for shown in sorted(wanted):
        path = _find(folder, shown, digests[shown])
        data = path.read_bytes() if path else b""
        read[shown] = None
        stated = {digest for both in digests[shown].values() for digest in both}
        if stated and data and hashlib.sha256(data).hexdigest() not in stated:
            other.append(path)
        elif data:
            try:
                read[shown] = _pixels(data, width)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                damaged.append(path)
    found = [(read[winner], read[loser]) for winner, loser in rows]
    problems = (*_not_shown(other, folder), *_not_images(damaged))
    return [(one, two) if one is not None and two is not None else None for one, two in found], problems


def _digests(results: Results, wanted: set[Shown]) -> dict[Shown, dict[str, list[str]]]:
    """Stimulus -> SHA-256 of each image wanted, as shown and as found; empty where no study states any."""
    stated: dict[str, Any] = {}
    for study in results.studies.values():
        stated |= study.get("stimuli") or {}
    found: dict[Shown, dict[str, list[str]]] = {shown: {} for shown in wanted}
    for folder in results.folders:
        for shown, stimulus in stimuli_of(folder, wanted):
            image = stated.get(stimulus, {})
            digests = [image[name] for name in ("sha256", "source_sha256") if image.get(name)]
            if digests:  # imported studies state none
                found[shown][stimulus] = digests
    return found


def _find(folder: Path, shown: Shown, stimuli: Iterable[str]) -> Path | None:
    condition, item = shown
    for name in (f"{condition}/{item}", *stimuli):
        for suffix in (*ENDINGS, *(ending.upper() for ending in ENDINGS)):
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None


def _not_shown(paths: list[Path | None], folder: Path) -> list[Problem]:
    """Say that files are not what was shown: another study's, or changed since."""
    if not paths:
        return []
    many = f"{len(paths)} images are" if len(paths) > 1 else "it is"
    text = (
        f"{many} not what was shown (the SHA-256 in study.json differs), and left out of the figure of "
        f"pairs. Name the folder of the study's images with --images. If build-hits encoded them anew, that "
        f"is images/ in the study folder"
    )
    return [Problem(str(paths[0] if len(paths) == 1 else folder), None, text)]


def _not_images(paths: list[Path | None]) -> list[Problem]:
    return [
        Problem(str(path), None, "it cannot be read as an image, and is left out of the figure of pairs")
        for path in paths
    ]


def _pixels(data: bytes, width: int) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        rgb = image.convert("RGB")
        if rgb.width > width:
            rgb = rgb.resize((width, max(1, round(rgb.height * width / rgb.width))), Image.Resampling.LANCZOS)
        return np.asarray(rgb, dtype=np.uint8)
