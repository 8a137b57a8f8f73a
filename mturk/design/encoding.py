"""How stimuli are stored: metadata stripped without touching a pixel, or all of them encoded alike.

A browser receives the files, so nothing in them may tell conditions apart: no metadata, and one format with
one quality for all.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, JpegImagePlugin

from glimpse.errors import GlimpseError
from glimpse.images import BY_ENCODING, BY_PILLOW
from glimpse.pixels import as_rgb, changes, opened, read_rgb, upright_size

if TYPE_CHECKING:
    from pathlib import Path

    from .clip_sources import ClipSource

Limit = tuple[int, int] | None  # the largest width and height in pixels that a page can show; None: any
Encoding = str  # one of these
ENCODINGS = ("auto", "keep", *BY_ENCODING)
# How Pillow writes each type.
_SAVED: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 6},
    "JPEG": {"quality": 95, "subsampling": 0, "optimize": True},
    "WEBP": {"lossless": True, "quality": 60, "method": 3},
}
# Chunks that a decoder needs to find the same pixels.
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"ALPH", b"VP8X"}
_FROM_A_PHONE = "MPO"  # a JPEG that has another image behind it, which nothing shows


@dataclass(frozen=True)
class Source:
    """One image as found: size in pixels, format, how it is encoded, and the SHA-256 of its bytes.

    `style` is equal for images that are encoded alike. `changes` names what makes the pixels on the screen
    depend on more than the compressed pixels (an orientation, a colour profile, ...: see `glimpse.pixels`),
    so that stripping metadata would change them.
    """

    path: Path
    width: int
    height: int
    format: str
    style: str
    sha256: str
    changes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def inspect(path: Path) -> Source:
    """Read one image of any type that Pillow reads.

    GlimpseError when it is none, empty, damaged, cut short, animated, or has transparent pixels.
    """
    data = path.read_bytes()
    with opened(data, path) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format != _FROM_A_PHONE:
            kind = "has several pages" if image.format == "TIFF" else "is animated"
            raise GlimpseError(f"{path} {kind}; a stimulus is one still image. Save the one that is meant.")
        style, found = _style(image, data), changes(image)
        width, height = upright_size(image)
        kind = str(image.format)
    with opened(data, path) as image:
        _check_pixels(image, path)
    return Source(path, width, height, kind, style, hashlib.sha256(data).hexdigest(), found)


def choose(encoding: Encoding, sources: list[Source], limit: Limit = None) -> Encoding:
    """Turn `auto` into `keep` where all images can stay as they are, and into `png` where not.

    They can where all are encoded alike, in a type that pages show, nothing but the compressed pixels says
    how they look, and none is larger than `limit`. GlimpseError for `keep` where stripping would change an
    image, or where pages cannot show its type.
    """
    if encoding == "keep":
        for source in sources:
            _check_kept(source)
    if encoding != "auto":
        return encoding
    alike = len({source.style for source in sources}) == 1
    fit = all(can_stay(source) and hosted_size(source, limit) == source.size for source in sources)
    return "keep" if alike and fit else "png"


def can_stay(source: Source) -> bool:
    """Tell whether an image may be hosted as it is, without its metadata."""
    return source.format in BY_PILLOW and not source.changes


def _check_kept(source: Source) -> None:
    *names, last = BY_ENCODING
    others = f"use --encode auto, {', '.join(names)} or {last}."
    if source.format not in BY_PILLOW:
        raise GlimpseError(f"{source.path} is {source.format}, which pages do not show everywhere; {others}")
    if source.changes:
        raise GlimpseError(f"{source.path} has {source.changes[0]}, which stripping would lose; {others}")


def hosted_size(source: Source | ClipSource, limit: Limit) -> tuple[int, int]:
    """Return the size in pixels in which an image is hosted: its own, or what fits `limit` in its aspect."""
    if limit is None:
        return source.size
    factor = min(limit[0] / source.width, limit[1] / source.height)
    if factor >= 1:
        return source.size
    return max(1, round(source.width * factor)), max(1, round(source.height * factor))


def encode(source: Source, encoding: Encoding, limit: Limit = None) -> bytes:
    """Return the bytes to be hosted; `encoding` must not be `auto`.

    `keep` copies the compressed pixels and drops metadata, which gives the same bytes everywhere; the others
    decode and encode anew, scaled down to fit `limit`. GlimpseError when the file changed since it was
    inspected.
    """
    data = source.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise GlimpseError(f"{source.path} changed while the study was built; run build-hits again.")
    if encoding == "keep":
        return _STRIPPED[source.format](data)
    image = read_rgb(data, source.path)
    size = hosted_size(source, limit)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    kind = BY_ENCODING[encoding].pillow
    image.save(out, kind, **_SAVED[kind])
    return out.getvalue()


def keeps_pixels(source: Source, encoding: Encoding, limit: Limit = None) -> bool:
    """Tell whether what `encode` gives has the pixels of the source: all but JPEG is lossless."""
    if encoding == "keep":
        return True
    return not source.changes and encoding != "jpeg" and hosted_size(source, limit) == source.size


def extension(source: Source, encoding: Encoding) -> str:
    """Return the file extension that `encode` gives, without a dot."""
    kind = BY_PILLOW[source.format] if encoding == "keep" else BY_ENCODING[encoding]
    return kind.endings[0].removeprefix(".")


def _style(image: Image.Image, data: bytes) -> str:
    """Describe the encoding: format, mode and what a header tells of how the pixels were packed."""
    parts = [str(image.format), image.mode]
    if image.format == "PNG":
        parts.append(data[24:29].hex())  # bits, colour type, interlacing
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        tables = sorted((key, tuple(table)) for key, table in image.quantization.items())
        parts += [str(JpegImagePlugin.get_sampling(image)), hashlib.sha256(repr(tables).encode()).hexdigest()]
    if image.format == "WEBP":
        parts.append("lossless" if b"VP8L" in data[:256] else "lossy")
    return " ".join(parts)


def _check_pixels(image: Image.Image, path: Path) -> None:
    """Decode what is needed to know that the pixels are there; PNG has checksums, JPEG decodes small."""
    if (
        image.format == "PNG"
        and image.mode not in {"RGBA", "LA", "P", "PA"}
        and "transparency" not in image.info
    ):
        image.verify()
        return
    if image.format == "JPEG":
        image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    if image.mode in {"I", "F"}:
        as_rgb(image)  # refuses numbers without a stated range
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise GlimpseError(f"{path} has transparent pixels; a stimulus must be opaque. Flatten it first.")


def _strip_png(data: bytes) -> bytes:
    """Keep the chunks that hold pixels; these in one chunk, since each program splits them in its own way."""
    kept, pixels, position = [data[:8]], [], 8
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        name, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        if name == b"IDAT":
            pixels.append(body)
        elif name in _PNG_CHUNKS:
            if name == b"IEND":
                kept.append(_png_chunk(b"IDAT", b"".join(pixels)))
            kept.append(_png_chunk(name, body))
        position += 12 + length
    return b"".join(kept)


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _strip_jpeg(data: bytes) -> bytes:
    """Drop comments and application segments but JFIF's and Adobe's, which say how colours are stored."""
    kept, position = [data[:2]], 2
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == 0xDA:
            break
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        body = data[position + 4 : position + 2 + length]
        named = body.startswith((b"JFIF\0", b"Adobe"))
        if not (marker == 0xFE or (0xE0 <= marker <= 0xEF and not named)):
            kept.append(data[position : position + 2 + length])
        position += 2 + length
    # Some cameras append a preview after the end of the image.
    end = data.rfind(b"\xff\xd9", position)
    return b"".join(kept) + data[position : end + 2 if end >= 0 else len(data)]


def _strip_webp(data: bytes) -> bytes:
    """Drop EXIF, XMP and colour profile, and say so in the header's flags."""
    kept, position = [], 12
    while position + 8 <= len(data):
        name = data[position : position + 4]
        (length,) = struct.unpack("<I", data[position + 4 : position + 8])
        chunk = data[position : position + 8 + length + length % 2]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & 0b00010010]) + chunk[9:]
        if name in _WEBP_CHUNKS:
            kept.append(chunk)
        position += 8 + length + length % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_STRIPPED = {"PNG": _strip_png, "JPEG": _strip_jpeg, "WEBP": _strip_webp}
