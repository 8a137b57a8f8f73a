"""Images of a drive, in their order, cut into clips of one length: a folder of clips a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from glimpse.errors import GlimpseError
from glimpse.images import image_files, item_of
from glimpse.pixels import read_rgb
from glimpse.progress import untracked

from .video import write_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from glimpse.progress import Track

# The study encodes them again, so that they keep more than a video that is only looked at.
CRF = 10


@dataclass(frozen=True)
class Cutting:
    """How drives are cut: into clips of `seconds`, at `frames_per_second`, in `folder`/<condition>/.

    What is left at the end of a drive, shorter than a clip, is in none.
    """

    folder: Path
    seconds: float
    frames_per_second: float

    @property
    def length(self) -> int:
        """How many frames a clip has."""
        return max(2, round(self.seconds * self.frames_per_second))

    def check(self, frames: int, *, drawn: bool = False) -> None:
        """GlimpseError where a drive of so many frames (of --frames, if `drawn`) is shorter than one clip."""
        if frames < self.length:
            raise GlimpseError(
                f"--clip-seconds {self.seconds:g}: a clip has {self.length} frames at "
                f"{self.frames_per_second:g} a second, and the drive has {frames}. Ask for shorter clips"
                + (", or for more --frames." if drawn else ", or give the label maps of a longer drive.")
            )

    def cut(self, condition: str, frames: Sequence[Path], track: Track = untracked) -> int:
        """Write the clips of one condition, 0001.mp4 and on, as large as the first frame; return how many."""
        self.check(len(frames))
        clips = len(frames) // self.length
        with Image.open(frames[0]) as first:
            size = first.size
        for number in track(range(clips), f"Cutting {condition}", clips):
            part = frames[number * self.length : (number + 1) * self.length]
            path = self.folder / condition / f"{number + 1:04d}.mp4"
            write_video(path, _resized(part, size), self.frames_per_second, crf=CRF)
        return clips

    def cut_photographs(
        self, photographs: Path, items: Sequence[str], size: tuple[int, int], track: Track = untracked
    ) -> int:
        """Cut a folder of photographs as the images of `items` are cut, resized to `size` (width, height).

        The clips are of condition `real`; returns how many. GlimpseError for items without a photograph.
        """
        found = photographs_of(photographs, items)
        clips = len(items) // self.length
        for number in track(range(clips), "Cutting photographs", clips):
            part = [found[item] for item in items[number * self.length : (number + 1) * self.length]]
            path = self.folder / "real" / f"{number + 1:04d}.mp4"
            write_video(path, _resized(part, size), self.frames_per_second, crf=CRF)
        return clips


def photographs_of(folder: Path, items: Sequence[str] = ()) -> dict[str, Path]:
    """Return a folder's photographs by item; GlimpseError where there are none, or `items` lack theirs."""
    found = {item_of(path): path for path in image_files(folder)} if folder.is_dir() else {}
    if not found:
        raise GlimpseError(f"{folder} is no folder of photographs; name one with --photographs.")
    missing = [item for item in items if item not in found]
    if missing:
        raise GlimpseError(
            f"{folder} lacks the photographs of {len(missing)} of {len(items)} label maps, the first "
            f"{missing[0]}. Photographs are named as the label maps are."
        )
    return found


def _resized(files: Sequence[Path], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield images as (H, W, 3) uint8 RGB of one size (width, height), one at a time."""
    for path in files:
        image = read_rgb(path)
        yield np.asarray(image if image.size == size else image.resize(size, Image.Resampling.LANCZOS))
