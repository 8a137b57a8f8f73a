"""Clips as they were found: what each is, what cannot be shown honestly, and what encoding will change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.clips import Clip, probe
from glimpse.errors import GlimpseError
from glimpse.files import file_digest

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

# Transfer functions and matrices of pictures that reach beyond what every screen shows.
_WIDE = {"smpte2084": "HDR (PQ)", "arib-std-b67": "HDR (HLG)"}
_WIDE_COLOURS = {"bt2020nc", "bt2020c", "bt2020-10", "bt2020-12", "ictcp"}
_TRANSPARENT = ("yuva", "rgba", "argb", "bgra", "abgr", "gbrap", "ya8", "ya16")
SOUND, TURNED, UNEVEN, DEEP, WIDE_PIXELS = (
    "sound",
    "a rotation",
    "a variable frame rate",
    "more than 8 bits a channel",
    "pixels that are not square",
)


@dataclass(frozen=True)
class ClipSource:
    """One clip as found, with the SHA-256 of its file; it has the size and path that an image source has."""

    clip: Clip
    sha256: str

    @property
    def path(self) -> Path:
        """Its file."""
        return self.clip.path

    @property
    def width(self) -> int:
        """Width in pixels, upright and with square pixels."""
        return self.clip.width

    @property
    def height(self) -> int:
        """Height in pixels, upright and with square pixels."""
        return self.clip.height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.clip.width, self.clip.height

    @property
    def changes(self) -> tuple[str, ...]:
        """What it has that no study's clip has, in words that follow "had"."""
        clip = self.clip
        found = {
            SOUND: clip.sound,
            TURNED: clip.rotation != 0,
            UNEVEN: not clip.steady,
            DEEP: is_deep(clip),
            WIDE_PIXELS: not clip.square,
        }
        return tuple(name for name, is_so in found.items() if is_so)

    @property
    def style(self) -> tuple[str, str, Fraction]:
        """What is equal for clips that are encoded alike, as far as their containers say."""
        return self.clip.codec, self.clip.pixel_format, self.clip.frame_rate


def is_deep(clip: Clip) -> bool:
    """Tell whether a clip has more than 8 bits a channel: pixel formats end in their bits then."""
    name = clip.pixel_format.removesuffix("le").removesuffix("be")
    return name.endswith(("p9", "p10", "p12", "p14", "p16", "48", "64")) or name in {"gray10", "p010"}


def inspect_clip(path: Path) -> ClipSource:
    """Look at one clip; GlimpseError for one that is none, is damaged, HDR, transparent, or interlaced.

    HDR is refused, since each way to show it on usual screens looks different; interlaced clips likewise.
    """
    clip = probe(path)
    if clip.transfer in _WIDE or clip.matrix in _WIDE_COLOURS:
        kind = _WIDE.get(clip.transfer, "of wide colours (BT.2020)")
        raise GlimpseError(
            f"{path} is {kind}, which most screens do not show, and each conversion looks different. Convert "
            "it as you want it seen, for example with `ffmpeg -i IN -vf "
            "zscale=t=linear:npl=100,tonemap=hable,zscale=p=bt709:t=bt709:m=bt709,format=yuv420p OUT.mp4`."
        )
    if clip.pixel_format.startswith(_TRANSPARENT):
        raise GlimpseError(
            f"{path} has an alpha channel ({clip.pixel_format}); a stimulus must be opaque. Flatten it first."
        )
    if clip.interlaced:
        raise GlimpseError(
            f"{path} is interlaced, which no page shows as it is. Convert it, for example with "
            "`ffmpeg -i IN -vf bwdif OUT.mp4`."
        )
    return ClipSource(clip, file_digest(path))
