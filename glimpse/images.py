"""The types of image that a study may have, and the files of people's folders that are images at all.

Stimuli are stored and hosted, uploads checked and pages made from the one table of types. Folders are
searched for more than that: for whatever can be read and stored as one of these.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ImageType:
    """One type of image, or of clip.

    name: as people write it; pillow: as Pillow does. endings: of files; the first is the one that is written.
    start: what its bytes begin with.
    """

    name: str
    pillow: str
    endings: tuple[str, ...]
    content_type: str
    start: re.Pattern[bytes]

    @property
    def encoding(self) -> str:
        """Its name as a value of an option."""
        return self.pillow.lower()


IMAGE_TYPES = (
    ImageType("PNG", "PNG", (".png",), "image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ImageType("JPEG", "JPEG", (".jpg", ".jpeg"), "image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ImageType("WebP", "WEBP", (".webp",), "image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
)
# Clips as pages show them; others are read and encoded as one of these (see `glimpse.clips`).
CLIP_TYPES = (
    ImageType("MP4", "", (".mp4",), "video/mp4", re.compile(rb".{4}ftyp", re.DOTALL)),
    ImageType("WebM", "", (".webm",), "video/webm", re.compile(rb"\x1a\x45\xdf\xa3")),
)
HOSTED = {ending: kind for kind in (*IMAGE_TYPES, *CLIP_TYPES) for ending in kind.endings}
HOSTED_ENDINGS = tuple(HOSTED)
BY_PILLOW = {kind.pillow: kind for kind in IMAGE_TYPES}
BY_ENCODING = {kind.encoding: kind for kind in IMAGE_TYPES}
BY_ENDING = {ending: kind for kind in IMAGE_TYPES for ending in kind.endings}
ENDINGS = tuple(BY_ENDING)
# What a folder of images may hold beside these; no page shows it, so that it is encoded anew.
READ_ENDINGS = (
    *ENDINGS,
    ".jfif", ".jpe", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".ppm", ".pgm", ".pnm", ".tga",
)  # fmt: skip
# Images that nothing here reads: whoever has some among the others should know.
_UNREAD = (
    ".heic", ".heif", ".jxl", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".psd", ".svg", ".npy",
)  # fmt: skip
# What systems and archives leave in folders; names that begin with a dot are passed over as well.
_LEFT_BEHIND = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"}


def type_names(last: str = "or", kinds: Sequence[ImageType] = IMAGE_TYPES) -> str:
    """Return the types in words.

    >>> type_names()
    'PNG, JPEG or WebP'
    """
    *names, end = (kind.name for kind in kinds)
    return f"{', '.join(names)} {last} {end}"


def content_type(name: str) -> str:
    """Return the content type that goes with the name of an image or clip, in any case.

    >>> content_type("stimulus.JPG")
    'image/jpeg'
    >>> content_type("notes")
    'application/octet-stream'
    """
    kind = HOSTED.get(PurePath(name).suffix.lower())
    return kind.content_type if kind else "application/octet-stream"


def content_type_of(data: bytes) -> str | None:
    """Return the content type that the first bytes say; None where they are none of these types."""
    return next((kind.content_type for kind in HOSTED.values() if kind.start.match(data)), None)


def is_left_behind(name: str) -> bool:
    """Tell whether a file or folder is none of the user's: hidden, or left by a system or an archive.

    >>> [is_left_behind(name) for name in ("._a.png", "Thumbs.db", "__MACOSX", "a.png")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def same_name(name: str) -> str:
    """Return a name in the one way of writing its accents (NFC): file systems and archives have two.

    >>> same_name("u\u0308") == "\u00fc"
    True
    """
    return unicodedata.normalize("NFC", name)


def item_of(path: PurePath) -> str:
    """Return the scene that an image shows: its file's name without ending."""
    return same_name(path.stem)


def is_image(path: PurePath) -> bool:
    """Tell by its name whether a file is an image that can be read, and somebody's own."""
    return path.suffix.lower() in READ_ENDINGS and not is_left_behind(path.name)


def image_files(folder: Path) -> list[Path]:
    """List a folder's images by name; other files, hidden ones and what systems leave are passed over.

    GlimpseError for images of a kind that nothing here reads, which would be missing without a word.
    """
    files = sorted(path for path in folder.iterdir() if not is_left_behind(path.name) and path.is_file())
    if unread := [path for path in files if path.suffix.lower() in _UNREAD]:
        more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        raise GlimpseError(
            f"{unread[0]}{more} cannot be read; images are {type_names()}, or AVIF, TIFF, BMP and the like. "
            "Convert or remove such files."
        )
    return [path for path in files if is_image(path)]
