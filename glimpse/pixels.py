"""An image file as the pixels that it means: RGB of 8 bits in sRGB, upright; and what that changes.

Every reader of people's images goes through here, so that a study, its report and a network's training see
the same picture.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError, features

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ORIENTATION = 0x0112
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}
# Modes that a colour profile may belong to as they are; the others are brought to one of them first.
_PROFILED = ("L", "RGB", "CMYK", "LAB")
_BITS_PER_SAMPLE = 258  # TIFF
PROFILE, BITS, CMYK, TURNED = "a colour profile", "16 bits a channel", "CMYK", "an orientation"


class UnreadableImageError(GlimpseError):
    """A file that is no image, or one of which a part is missing; the text names it and says why."""


@contextlib.contextmanager
def opened(source: Path | bytes, name: Path | str) -> Iterator[Image.Image]:
    """Open an image; what goes wrong within, while it is decoded too, is an UnreadableImageError.

    Raises:
        UnreadableImageError: `name` is empty, no image, damaged or cut short.
        FileNotFoundError: There is no such file.
    """
    try:
        if not (source if isinstance(source, bytes) else source.stat().st_size):
            raise UnreadableImageError(f"{name} is empty (0 bytes); replace or remove it.")
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            yield image
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(
            f"{name} cannot be read as an image ({_reason(error, str(name))}); replace or remove it."
        ) from error


def _reason(error: Exception, name: str) -> str:
    if not isinstance(error, UnidentifiedImageError):
        return str(error)
    if name.lower().endswith(".avif") and not features.check("avif"):
        return "this Pillow reads no AVIF; install pillow 11.3 or later, or convert it"
    return "no image, or damaged from the start"


def read_rgb(source: Path | bytes, name: Path | str = "") -> Image.Image:
    """Read an image as 8-bit RGB in sRGB, turned as its orientation says; errors as of `opened`.

    `name`: what messages call it, if not by its path.
    """
    with opened(source, name or (source if isinstance(source, Path) else "the image")) as image:
        return as_rgb(image)


def as_rgb(image: Image.Image) -> Image.Image:
    """Return an opened image as 8-bit RGB in sRGB, upright, without metadata.

    16 bits are scaled to 8 as libpng does, by the higher byte: 65535 is white. ValueError where the numbers
    have no stated range: 32 bits, floating point.
    """
    image.load()
    turn = _TURNED.get(image.getexif().get(_ORIENTATION, 1))
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    if profile and not is_srgb(profile):
        image = _in_srgb(image, profile)
    image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}
    return image


def changes(image: Image.Image) -> tuple[str, ...]:
    """Name what an opened image has that `as_rgb` acts upon, in words that follow "has"; mostly nothing."""
    deep = bits(image) > 8  # first: once an image is decoded, its file's layout is forgotten
    profile = image.info.get("icc_profile")
    found = {
        TURNED: image.getexif().get(_ORIENTATION, 1) in _TURNED,
        PROFILE: profile is not None and not is_srgb(profile),
        CMYK: image.mode == "CMYK",
        BITS: deep,
    }
    return tuple(name for name, is_so in found.items() if is_so)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height of an opened image once it is turned as its orientation says."""
    width, height = image.size
    return (height, width) if image.getexif().get(_ORIENTATION, 1) in _SIDEWAYS else (width, height)


def bits(image: Image.Image) -> int:
    """Return the bits of a channel, as far as they matter: 16 or 8."""
    if image.mode.startswith("I"):
        return 16
    if image.format == "TIFF":
        stated = image.tag_v2.get(_BITS_PER_SAMPLE, (8,))  # type: ignore[attr-defined]
        return 16 if max(stated) > 8 else 8
    # Pillow reads 16-bit colours as 8-bit ones, and says so nowhere but in how it unpacks them.
    tiles = getattr(image, "tile", ())
    return 16 if any("16" in str(tile[3]) for tile in tiles) else 8


def is_srgb(profile: bytes) -> bool:
    """Tell whether a colour profile is sRGB, which screens and pages take for granted."""
    try:
        return "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower()
    except (ImageCms.PyCMSError, OSError):
        return False


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring an image to 8 bits a channel, in a mode that its colour profile can be for."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        kind = "whole numbers of 32 bits" if image.mode == "I" else "floating-point numbers"
        raise ValueError(f"it holds {kind}, whose black and white are not stated; save it with 8 or 16 bits")
    if image.mode in _PROFILED:
        return image
    return image.convert("L" if image.mode in {"1", "LA", "La"} else "RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from a colour profile; one that is damaged, or for another kind of image, is passed over."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return found or image
