"""Which bundled label set label maps are in, where nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from .labels import BUNDLED, LabelSet, UnknownValueError, bundled_label_set, read_label_map

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def guess_label_set(files: Sequence[Path]) -> str:
    """Name the only bundled label set that every label map fits; GlimpseError when none or several do.

    GTA5 writes what Cityscapes writes, so it is never guessed.
    """
    fitting = [name for name in BUNDLED if name != "gta5"]
    for file in files:
        fitting = [name for name in fitting if _fits(file, bundled_label_set(name))]
        if not fitting:
            break
    if len(fitting) == 1:
        return fitting[0]
    found = f"fit {' and '.join(fitting)}" if fitting else f"fit none of {', '.join(BUNDLED)}"
    raise GlimpseError(
        f"{files[0].parent}: its label maps {found}; say which label set they are in with --label-set."
    )


def _fits(file: Path, labels: LabelSet) -> bool:
    """Tell whether a file can be read as a label map of a set; GlimpseError when it is no image at all."""
    try:
        read_label_map(file, labels)
    except UnknownValueError:
        return False
    return True
