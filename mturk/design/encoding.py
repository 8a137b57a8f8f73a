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

from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, UnidentifiedImageError

from glimpse.errors import GlimpseError
from glimpse.images import BY_ENCODING, BY_PILLOW, type_names

if TYPE_CHECKING:
    from pathlib import Path

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
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Source:
    """One image as found: size in pixels, format, how it is encoded, and the SHA-256 of its bytes.

    `style` is equal for images that are encoded alike; `plain` is False where the pixels on the screen depend
    on metadata (an orientation, a colour profile), so that stripping it would change them.
    """

    path: Path
    width: int
    height: int
    format: str
    style: str
    plain: bool
    sha256: str


def inspect(path: Path) -> Source:
    """Read one PNG, JPEG or WebP.

    GlimpseError when it is none, damaged, animated or has transparent pixels.
    """
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in BY_PILLOW:
                raise GlimpseError(f"{path} is {image.format}; images are {type_names()}.")
            if getattr(image, "n_frames", 1) > 1:
                raise GlimpseError(f"{path} is animated; a stimulus is a still image.")
            style = _style(image, data)
            plain = image.getexif().get(_EXIF_ORIENTATION, 1) == 1 and not image.info.get("icc_profile")
            width, height = image.size
            kind = str(image.format)
        with Image.open(io.BytesIO(data)) as image:
            _check_pixels(image, path)
    except GlimpseError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise GlimpseError(f"{path} cannot be read as an image ({error}); replace or remove it.") from error
    if not plain:
        width, height = _upright(data).size
    return Source(path, width, height, kind, style, plain, hashlib.sha256(data).hexdigest())


def choose(encoding: Encoding, sources: list[Source]) -> Encoding:
    """Turn `auto` into `keep` where all images are encoded alike already, and into `png` where not."""
    if encoding == "keep" and (odd := next((source for source in sources if not source.plain), None)):
        *names, last = BY_ENCODING
        raise GlimpseError(
            f"{odd.path} has an orientation or a colour profile, which stripping would lose; "
            f"use --encode auto, {', '.join(names)} or {last}."
        )
    if encoding != "auto":
        return encoding
    alike = len({source.style for source in sources}) == 1 and all(source.plain for source in sources)
    return "keep" if alike else "png"


def encode(source: Source, encoding: Encoding) -> bytes:
    """Return the bytes to be hosted; `encoding` must not be `auto`.

    `keep` copies the compressed pixels and drops metadata, which gives the same bytes everywhere; the others
    decode and encode anew. GlimpseError when the file changed since it was inspected.
    """
    data = source.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise GlimpseError(f"{source.path} changed while the study was built; run build-hits again.")
    if encoding == "keep":
        return _STRIPPED[source.format](data)
    image = _upright(data)
    out = io.BytesIO()
    kind = BY_ENCODING[encoding].pillow
    image.save(out, kind, **_SAVED[kind])
    return out.getvalue()


def keeps_pixels(source: Source, encoding: Encoding) -> bool:
    """Tell whether what `encode` gives has the pixels of the source: all but JPEG is lossless."""
    return source.plain and encoding != "jpeg"


def extension(source: Source, encoding: Encoding) -> str:
    """Return the file extension that `encode` gives, without a dot."""
    kind = BY_PILLOW[source.format] if encoding == "keep" else BY_ENCODING[encoding]
    return kind.endings[0].removeprefix(".")


def _style(image: Image.Image, data: bytes) -> str:
    """Describe the encoding: format and mode; for JPEG also subsampling and quantisation."""
    parts = [str(image.format), image.mode]
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
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise GlimpseError(f"{path} has transparent pixels; a stimulus must be opaque. Flatten it first.")


def _upright(data: bytes) -> Image.Image:
    """Decode to RGB in sRGB, turned as its orientation says."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        profile = opened.info.get("icc_profile")
        image = ImageOps.exif_transpose(opened) or opened
        if profile:
            try:
                source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                converted = ImageCms.profileToProfile(
                    image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
                )
                image = converted or image
            except ImageCms.PyCMSError:
                image = image.convert("RGB")
        image = image.convert("RGB")
    image.info = {}
    return image


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
