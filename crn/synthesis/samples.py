"""What comes with Glimpse to try it on: sample scenes, sample conditions, a drive made on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glimpse.errors import GlimpseError
from glimpse.files import write_whole
from glimpse.progress import untracked

from ..data.guessing import guess_label_set
from ..data.labels import class_mapping, label_map_files
from ..network.checkpoints import bundled_weights
from .synthesis import png

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.progress import Track

# Condition -> bundled weights: ours, and the two baselines that need no other network than their own.
SAMPLE_CONDITIONS = {
    "crn": "scenes-crn",
    "pix2pix": "scenes-pix2pix",
    "image-space": "scenes-image-space",
}
# Label set -> the bundled weights that are taken when none are named.
DEFAULT_WEIGHTS = {"cityscapes": "scenes-crn", "gta5": "scenes-crn", "camvid": "camvid-crn"}
DIVERSE_WEIGHTS = {"cityscapes": "scenes-diverse"}
DRIVE_SEED = 7


def default_weights(labels: str, mapping: str | None, *, diverse: bool = False) -> str:
    """Name the bundled weights for a label set (after `mapping`); GlimpseError when there are none."""
    target = class_mapping(mapping).target.name if mapping else labels
    name = (DIVERSE_WEIGHTS if diverse else DEFAULT_WEIGHTS).get(target)
    have = bundled_weights()
    if name is None or name not in have:
        kind = "diverse weights" if diverse else "weights"
        raise GlimpseError(
            f"no bundled {kind} take label set {target!r} (bundled: {', '.join(have) or 'none'}). "
            "Name a file with --weights, map to another label set with --map, or `train` your own."
        )
    return name


def choose_label_set(path: Path, label_set: str | None, mapping: str | None) -> str:
    """Name the label set of label maps: as asked, the mapping's source, or the only one that fits."""
    if label_set:
        return label_set
    if mapping:
        return class_mapping(mapping).source.name
    return guess_label_set(label_map_files(path))


def write_photographs(out: Path) -> tuple[int, int]:
    """Lay out the sample photographs as the condition `real`; return how many were written and kept."""
    from ..scenes import sample_items

    written = kept = 0
    for sample in sample_items():
        target = out / "real" / sample.photo.name
        content = sample.photo.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            kept += 1
            continue
        write_whole(target, content)
        written += 1
    return written, kept


def sample_label_maps() -> list[Path]:
    """List the label maps of the sample scenes (Cityscapes train ids)."""
    from ..scenes import sample_items

    return [sample.labels for sample in sample_items()]


def write_drive(out: Path, frames: int, size: tuple[int, int], track: Track = untracked) -> Path:
    """Draw a drive through a street: label maps (train ids) to out/labels, photographs to out/real.

    `size` is (height, width) in pixels. The same numbers give the same files. Returns the label maps' folder.
    """
    from ..scenes import drive, label_image

    scenes = track(drive(DRIVE_SEED, frames, *size), "drawing the drive", frames)
    for number, frame in enumerate(scenes, start=1):
        write_whole(out / "labels" / f"{number:06d}.png", png(np.asarray(label_image(frame.labels))))
        write_whole(out / "real" / f"{number:06d}.png", png(np.asarray(frame.photo)))
    return out / "labels"
