"""Files of one size: an image says nothing of its condition by how many bytes it has.

Synthesized images are smoother than photographs, and their files smaller: who compares sizes tells them apart
without looking. The filling stands inside the file, where decoders pass over it, so that the pixels stay as
they are, wherever the images are hosted. Its bytes look random: no compression on the way undoes it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Callable

# The smallest filling of each kind of file has as many bytes as its own header.
SMALLEST = 12
_PNG_END = b"IEND"
_COMMENT = 65_533  # bytes of a JPEG comment at most


def padded_size(sizes: list[int]) -> int:
    """Return the size that files of `sizes` bytes can all have.

    >>> padded_size([100, 2001])
    2014
    """
    largest = max(sizes) + SMALLEST
    return largest + largest % 2


def pad(data: bytes, size: int, seed: str) -> bytes:
    """Return a PNG, JPEG or WebP with the same pixels and `size` bytes, at least SMALLEST more than it has.

    `seed` makes the filling. GlimpseError for bytes that are none of the three.
    """
    for start, filled in _FILLED.items():
        if data.startswith(start):
            more = size - len(data)
            return filled(data, more, hashlib.shake_256(seed.encode()).digest(more))
    raise GlimpseError("Only PNG, JPEG and WebP files can be padded.")


def _png(data: bytes, more: int, filling: bytes) -> bytes:
    """Put a private chunk before the last one; decoders pass over it, since its name begins in lower case."""
    body = b"glPd" + filling[: more - 12]
    chunk = struct.pack(">I", more - 12) + body + struct.pack(">I", zlib.crc32(body))
    end = data.rindex(_PNG_END) - 4
    return data[:end] + chunk + data[end:]


def _jpeg(data: bytes, more: int, filling: bytes) -> bytes:
    """Put comments behind the application segments, which must come first."""
    position = 2
    while data[position] == 0xFF and 0xE0 <= data[position + 1] <= 0xEF:
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    parts = []
    while more:
        # Whatever is left must be a comment of its own: at least its four bytes.
        length = min(more - 4, _COMMENT)
        length -= 4 if 0 < more - 4 - length < 4 else 0
        parts.append(b"\xff\xfe" + struct.pack(">H", length + 2) + filling[:length])
        more -= length + 4
    return data[:position] + b"".join(parts) + data[position:]


def _webp(data: bytes, more: int, filling: bytes) -> bytes:
    """Append a chunk of our own, which decoders pass over; WebP files have even sizes."""
    chunk = b"GLPD" + struct.pack("<I", more - 8) + filling[: more - 8]
    body = data[8:] + chunk
    return data[:4] + struct.pack("<I", len(body)) + body


_FILLED: dict[bytes, Callable[[bytes, int, bytes], bytes]] = {
    b"\x89PNG": _png,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
}
