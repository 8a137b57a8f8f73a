"""Clips of one size: the filling stands where players pass over it, and the boxes of all files are alike.

In MP4 the index (`moov`) is filled up by a `free` box within it, and the pictures' box (`mdat`) by bytes to
which no index points; in WebM the last cluster by a `Void` element. So a program that lists a file's boxes
and their sizes sees the same of every clip.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_SEGMENT, _CLUSTER, _VOID = 0x18538067, 0x1F43B675, 0xEC
_OFFSETS = {b"stco": "I", b"co64": "Q"}
_BOX = 8  # bytes of a box's header
_SIZE = 8  # bytes of an EBML size that we write


@dataclass(frozen=True)
class ClipParts:
    """A clip in parts: what stands before its pictures (`head`), what index it has, and the pictures."""

    head: bytes
    index: bytes
    pictures: bytes

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the index, and of the pictures with all else that is before and after them."""
        return len(self.index), len(self.head) + len(self.pictures)


def parts_of(data: bytes) -> ClipParts:
    """Take an MP4 (ftyp, moov, mdat) or a WebM apart; GlimpseError for bytes that are neither."""
    if data[4:8] == b"ftyp":
        boxes = {name: data[start:end] for name, start, end in _boxes(data, 0, len(data))}
        if b"moov" in boxes and b"mdat" in boxes:
            return ClipParts(boxes[b"ftyp"], boxes[b"moov"], boxes[b"mdat"])
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return _webm_parts(data)
    raise GlimpseError("Only MP4 and WebM files can be padded.")


def common_sizes(sizes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the sizes, as `ClipParts.sizes` has them, that all clips can be filled up to.

    >>> common_sizes([(700, 40_000), (760, 30_000)])
    (768, 40032)
    """
    indexes, pictures = zip(*sizes, strict=True)
    return max(indexes) + _BOX, max(pictures) + 4 * _BOX


def pad_clip(data: bytes, sizes: tuple[int, int], seed: str) -> bytes:
    """Return a clip with the same frames whose parts have `sizes` bytes; `seed` makes the filling.

    Every clip of a study is as long as its `sizes` together.
    """
    parts = parts_of(data)
    size = sizes[1] - len(parts.head)
    filling = hashlib.shake_256(seed.encode()).digest(size - len(parts.pictures))
    if parts.head[4:8] != b"ftyp":
        return _filled_webm(parts, sum(sizes), filling)
    hole = sizes[0] - len(parts.index)
    index = parts.index[_BOX:] + struct.pack(">I", hole) + b"free" + bytes(hole - _BOX)
    # The index says where in the file each run of frames begins.
    index = _moved(index, len(parts.head) + sizes[0] - data.index(parts.pictures))
    pictures = struct.pack(">I", size) + b"mdat" + parts.pictures[_BOX:] + filling
    return parts.head + struct.pack(">I", sizes[0]) + b"moov" + index + pictures


def stated_codec(data: bytes) -> bytes:
    """Return what a clip's header says of how its pictures are coded: equal for clips encoded alike."""
    parts = parts_of(data)
    if parts.head[4:8] != b"ftyp":
        found = re.search(rb"\x63\xa2(.)", parts.head, re.DOTALL)  # the codec's private data
        return parts.head[found.end() : found.end() + (found[1][0] & 0x7F)] if found else b""
    start = parts.index.index(b"stsd")
    (size,) = struct.unpack_from(">I", parts.index, start - 4)
    # Without sizes of buffers and rates of bits, which follow from the pictures.
    return re.sub(rb"btrt.{12}", b"", parts.index[start : start - 4 + size], flags=re.DOTALL)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's name, start and end; GlimpseError for a file of more than 4 GB or a damaged one."""
    while start + _BOX <= end:
        (size,) = struct.unpack_from(">I", data, start)
        if size < _BOX or start + size > end:
            raise GlimpseError("A clip's boxes are damaged, or it is larger than 4 GB.")
        yield data[start + 4 : start + 8], start, start + size
        start += size


def _moved(index: bytes, shift: int) -> bytes:
    """Return an index (without its own header) whose runs of frames begin `shift` bytes later."""
    out = bytearray(index)

    def walk(start: int, end: int) -> None:
        for name, box, after in _boxes(index, start, end):
            if name in _CONTAINERS:
                walk(box + _BOX, after)
            elif name in _OFFSETS:
                (count,) = struct.unpack_from(">I", index, box + 12)
                kind = f">{count}{_OFFSETS[name]}"
                moved = (offset + shift for offset in struct.unpack_from(kind, index, box + 16))
                struct.pack_into(kind, out, box + 16, *moved)

    walk(0, len(index))
    return bytes(out)


def _webm_parts(data: bytes) -> ClipParts:
    """Take a WebM apart: all before its last cluster, with which it ends, is the head."""
    _, _, body = _element(data, 0)
    name, inside, end = _element(data, body)
    at, last, kind = inside, 0, 0
    while name == _SEGMENT and at < end:
        last, (kind, _, at) = at, _element(data, at)
    if kind != _CLUSTER:
        raise GlimpseError("A clip's WebM does not end with its pictures.")
    return ClipParts(data[:last], b"", data[last:end])


def _filled_webm(parts: ClipParts, size: int, filling: bytes) -> bytes:
    """Put a Void element at the end of the last cluster, and state the sizes anew."""
    _, inside, end = _element(parts.pictures, 0)
    blocks = parts.pictures[inside:end]
    header = 4 + _SIZE  # of the cluster: its name and its size
    hole = size - len(parts.head) - header - len(blocks) - 1 - _SIZE
    void = bytes([_VOID]) + _stated(hole) + filling[:hole]
    cluster = _CLUSTER.to_bytes(4, "big") + _stated(len(blocks) + len(void)) + blocks + void
    _, _, segment = _element(parts.head, 0)
    _, inside, _ = _element(parts.head, segment)
    if inside != segment + 4 + _SIZE:
        raise GlimpseError("A clip's WebM states its length in a way that is not known.")
    length = _stated(len(parts.head) + len(cluster) - inside)
    return parts.head[: segment + 4] + length + parts.head[inside:] + cluster


def _stated(size: int) -> bytes:
    """Return a size as EBML has it, in eight bytes."""
    return (size | 1 << 56).to_bytes(_SIZE, "big")


def _element(data: bytes, start: int) -> tuple[int, int, int]:
    """Return an EBML element's name, and where its contents begin and end; one of unknown size ends last."""
    name_bytes = 9 - data[start].bit_length()
    at = start + name_bytes
    size_bytes = 9 - data[at].bit_length()
    stated = int.from_bytes(data[at : at + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
    inside = at + size_bytes
    unknown = stated == (1 << 7 * size_bytes) - 1
    end = len(data) if unknown else min(inside + stated, len(data))
    return int.from_bytes(data[start:at], "big"), inside, end
