"""Animated images (GIF, APNG, WebP): their frames as Pillow reads them; which are damaged, and where."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from PIL import Image, ImageSequence, UnidentifiedImageError

from glimpse.errors import GlimpseError
from glimpse.pixels import UnreadableImageError, as_rgb, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANIMATED_ENDINGS = (".gif", ".png", ".apng", ".webp")
# Chromium, Firefox and Safari show a frame that asks for 10 ms or less for 100 ms.
TOO_SHORT_MS, INSTEAD_MS = 10, 100
# What Pillow raises at bytes that make no sense.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError),
    *(struct.error, Image.DecompressionBombError),
)


class UnreadableClipError(GlimpseError):
    """A file that is no clip, or one of which a part is missing; the text names it and says why."""


def animated_frames(path: Path) -> Iterator[Image.Image]:
    """Yield the frames of an animated image, RGB; UnreadableClipError where one is damaged or transparent."""
    for frame in drawn_frames(path):
        whole = frame.convert("RGBA")
        if whole.getchannel("A").getextrema()[0] != 255:
            raise UnreadableClipError(
                f"{path} has transparent pixels; a stimulus must be opaque. Flatten it first."
            )
        yield as_rgb(whole)


def is_animated(path: Path) -> bool:
    """Tell whether an image file has several frames that follow each other in time; errors as of `opened`."""
    if path.suffix.lower() not in ANIMATED_ENDINGS:
        return False
    try:
        with opened(path, path) as image:
            return getattr(image, "n_frames", 1) > 1
    except _DAMAGED as error:
        raise UnreadableImageError(f"{path} is damaged ({_said(error)}); replace or remove it.") from error


def drawn_frames(path: Path) -> Iterator[Image.Image]:
    """Yield the decoded frames of an animated image; UnreadableClipError names the frame that is damaged.

    A picture that an APNG holds for programs that cannot play it is no frame.
    """
    number = 0
    try:
        with Image.open(path) as image:
            for number, frame in enumerate(ImageSequence.Iterator(image), 1):
                frame.load()
                if number > 1 or not frame.info.get("default_image"):
                    yield frame
    except FileNotFoundError:
        raise
    except _DAMAGED as error:
        where = f"is damaged or was cut short near frame {number}" if number else "cannot be read as a clip"
        raise UnreadableClipError(f"{path} {where} ({_said(error)}); copy it again, or remove it.") from error
    if path.suffix.lower() == ".gif" and not _ends_as_gif(path):
        raise UnreadableClipError(f"{path} was cut short after {number} frames; copy it again, or remove it.")


def _said(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no image, or damaged from its start"
    return str(error) or type(error).__name__


def _ends_as_gif(path: Path) -> bool:
    """Tell whether a GIF ends with its trailer; one that was cut between two frames ends with a zero."""
    tail = path.read_bytes()[-64:]
    return tail.rstrip(b"\0").endswith(b";") or not tail.endswith(b"\0")
