"""The images of pairs, found and read, if they are the ones that people saw; of clips some frames."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from glimpse.animated import UnreadableClipError
from glimpse.clips import frames_of, is_video, probe
from glimpse.errors import GlimpseError
from glimpse.files import read_json
from glimpse.images import is_image, is_left_behind, item_of, same_name
from glimpse.pixels import UnreadableImageError, read_rgb

from ..reading.design import Problem, stimuli_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ..reading.results import Results

    Pixels = NDArray[np.uint8]
    Stimuli = tuple[Pixels, Pixels]
    Shown = tuple[str, str]  # condition, item

WIDE = 1.5  # width by height of clips of which a strip has four frames


def load_stimuli(
    folder: Path, table: pd.DataFrame, results: Results, width: int = 640
) -> tuple[list[Stimuli | None], tuple[Problem, ...]]:
    """The images of pairs, and what is wrong with files that were found.

    folder: images/<condition>/<item>.<ext>, or a study's images/<stimulus>.<ext>. The study's own images/ is
    looked into first, where its folder is beside the results or in the working directory. table:
    `pairs.pair_table`.
    Returns (winner, loser) of each row, HWC uint8 in [0, 255], at most `width` wide, of a clip some frames
    (`film_strip`); None where an image is missing, cannot be read, or is neither the one that was shown nor
    the one it was made from with its pixels as they were: the study states the SHA-256 of both.
    """
    rows = [
        [(str(row[who]), str(row[f"item_{who}"])) for who in ("winner", "loser")]
        for row in table.to_dict("records")
    ]
    read, problems = load_images(folder, {shown for pair in rows for shown in pair}, results, width)
    found = [(read[winner], read[loser]) for winner, loser in rows]
    return [(one, two) if one is not None and two is not None else None for one, two in found], problems


def load_images(
    folder: Path, wanted: set[Shown], results: Results, width: int = 640
) -> tuple[dict[Shown, Pixels | None], tuple[Problem, ...]]:
    """Images by condition and item, each as `load_stimuli` has them, and what is wrong with their files."""
    digests = _digests(results, wanted)
    places = [_listed(home) for home in (*_own_images(results), folder)]
    read: dict[Shown, Pixels | None] = {}
    other, damaged = [], []
    for shown in sorted(wanted):
        read[shown] = None
        stated = {digest for both in digests[shown].values() for digest in both}
        path, data = _find(places, shown, digests[shown], stated)
        if path and stated and hashlib.sha256(data).hexdigest() not in stated:
            other.append(path)
        elif path:
            try:
                read[shown] = film_strip(path, width) if is_video(path) else _pixels(data, width)
            except (UnreadableImageError, UnreadableClipError):
                damaged.append(path)
    return read, (*_not_shown(other, folder, results), *_unreadable(damaged, results))


def _own_images(results: Results) -> list[Path]:
    """Find images/ in the studies' own folders: those beside the results, or in the working directory."""
    homes = dict.fromkeys([*(folder.resolve().parent for folder in results.folders), Path.cwd()])
    found = []
    for path in (path for home in homes for path in sorted(home.glob("*/study.json"))):
        with contextlib.suppress(GlimpseError, OSError):
            if (path.parent / "images").is_dir() and read_json(path).get("study") in results.studies:
                found.append(path.parent / "images")
    return found


def _listed(folder: Path) -> dict[Shown, Path]:
    """List a folder's images by (condition, item); those beside the conditions by ("", name)."""
    if not folder.is_dir():
        return {}
    inside = [path for path in folder.iterdir() if not is_left_behind(path.name)]
    files = [("", path) for path in inside]
    files += [(same_name(one.name), path) for one in inside if one.is_dir() for path in one.iterdir()]
    return {
        (condition, item_of(path)): path
        for condition, path in sorted(files)
        if is_image(path) or is_video(path)
    }


def _find(
    places: Sequence[Mapping[Shown, Path]], shown: Shown, stimuli: Iterable[str], stated: Container[str]
) -> tuple[Path | None, bytes]:
    """Return an image and its bytes: the first that is what was shown, else the last that was found."""
    found: tuple[Path | None, bytes] = None, b""
    names = [(same_name(shown[0]), same_name(shown[1])), *(("", stimulus) for stimulus in stimuli)]
    for path in [place[name] for place in places for name in names if name in place]:
        found = path, path.read_bytes()
        if hashlib.sha256(found[1]).hexdigest() in stated:
            break
    return found


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


def _figure_of(results: Results) -> str:
    single = results.experiment.get("task") == "single"
    return f"the figure of {'images' if single else 'pairs'}"


def _not_shown(paths: list[Path], folder: Path, results: Results) -> list[Problem]:
    """Say that files are not what was shown: another study's, or changed since."""
    if not paths:
        return []
    stimulus = results.stimulus
    many = f"{len(paths)} {stimulus}s are" if len(paths) > 1 else "it is"
    text = (
        f"{many} not what was shown (the SHA-256 in study.json differs), and left out of "
        f"{_figure_of(results)}. Name the folder of the study's {stimulus}s with --images. If build-hits "
        "encoded them anew, that is images/ in the study folder"
    )
    return [Problem(str(paths[0] if len(paths) == 1 else folder), None, text)]


def _unreadable(paths: list[Path], results: Results) -> list[Problem]:
    what = "a clip" if results.stimulus == "clip" else "an image"
    text = f"it cannot be read as {what}, and is left out of {_figure_of(results)}"
    return [Problem(str(path), None, text) for path in paths]


def film_strip(path: Path, width: int) -> Pixels:
    """Return three frames of a clip, or of a wide one four, one below the other: HWC uint8 in [0, 255].

    They are spread evenly from the first to the last: in clips of one length, rows are of one time.
    """
    clip = probe(path)
    shown = frames_of(path, 4 if clip.width >= WIDE * clip.height else 3, min(width, clip.width))
    gap = np.full((max(1, shown[0].shape[0] // 40), shown[0].shape[1], 3), 255, dtype=np.uint8)
    parts = [part for frame in shown for part in (frame, gap)]
    return np.concatenate(parts[:-1])


def _pixels(data: bytes, width: int) -> Pixels:
    rgb = read_rgb(data)
    if rgb.width > width:
        rgb = rgb.resize((width, max(1, round(rgb.height * width / rgb.width))), Image.Resampling.LANCZOS)
    return np.asarray(rgb, dtype=np.uint8)
