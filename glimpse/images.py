"""The types of image that a study may have: their file endings, content types and names in Pillow.

Folders are searched, stimuli stored and hosted, uploads checked and pages made from this one table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class ImageType:
    """One type of image.

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
BY_PILLOW = {kind.pillow: kind for kind in IMAGE_TYPES}
BY_ENCODING = {kind.encoding: kind for kind in IMAGE_TYPES}
BY_ENDING = {ending: kind for kind in IMAGE_TYPES for ending in kind.endings}
ENDINGS = tuple(BY_ENDING)


def type_names(last: str = "or") -> str:
    """Return the types in words.

    >>> type_names()
    'PNG, JPEG or WebP'
    """
    *names, end = (kind.name for kind in IMAGE_TYPES)
    return f"{', '.join(names)} {last} {end}"


def content_type(name: str) -> str:
    """Return the content type that goes with a file's name, in any case.

    >>> content_type("stimulus.JPG")
    'image/jpeg'
    >>> content_type("notes")
    'application/octet-stream'
    """
    kind = BY_ENDING.get(PurePath(name).suffix.lower())
    return kind.content_type if kind else "application/octet-stream"


def content_type_of(data: bytes) -> str | None:
    """Return the content type that the first bytes say; None where they are no image of these types."""
    return next((kind.content_type for kind in IMAGE_TYPES if kind.start.match(data)), None)
