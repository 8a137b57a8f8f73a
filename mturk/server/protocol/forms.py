"""Forms as browsers send them: bytes in, fields out, whatever their charset. Pure.

Nothing is refused for its characters. They are decoded as the form declares (the media type's `charset`, or a
field `_charset_`, which browsers fill in), else as UTF-8, else as windows-1252, which is what a browser takes
a page for that declares nothing.
"""

from __future__ import annotations

import codecs
from binascii import a2b_qp
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import MultipartParser, parse_options_header

from .errors import RequestError

MAX_FIELDS = 1000
_LEGACY = "windows-1252"
# What browsers call these is windows-1252: it has all of their characters.
_MEANS_LEGACY = {"iso8859-1", "ascii"}
# https://encoding.spec.whatwg.org, as Python calls them.
_CHARSETS = {
    "utf-8", "cp866", "cp874", *(f"cp125{page}" for page in range(9)),
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "gbk", "gb2312", "gb18030", "big5", "big5hkscs",
    "euc_jp", "iso2022_jp", "shift_jis", "cp932", "euc_kr", "cp949",
}  # fmt: skip
_RAW = "latin-1"  # every byte is a character, and the other way round


@dataclass(frozen=True)
class Form:
    """A form's `fields` in order, and the names of the `files` that came with it and were not kept."""

    fields: list[tuple[str, str]]
    files: list[str] = field(default_factory=list)


def urlencoded(body: bytes, charset: str | None = None) -> Form:
    """Return the fields of application/x-www-form-urlencoded; RequestError for more than MAX_FIELDS."""
    parts = body.split(b"&")
    if len(parts) > MAX_FIELDS:
        raise _too_many()
    pairs = (part.partition(b"=") for part in parts if part)
    return Form(_decoded([(_unescaped(name), _unescaped(value)) for name, _, value in pairs], charset))


def _unescaped(text: bytes) -> bytes:
    """Return a name or value without its escapes (`+`, `%20`); what is no escape stays.

    An answer has thousands of them. Python's own decoder takes longer than all else that a submission costs;
    written as quoted-printable, which has the same escapes behind another sign, they are decoded in C. Line
    breaks mean something there. A sign that begins no escape is told by the length: an escape alone takes two
    bytes away.
    """
    text = text.replace(b"+", b" ")
    if b"\r" not in text and b"\n" not in text:
        found = a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))
        if len(found) == len(text) - 2 * text.count(b"%"):
            return found
    return unquote_to_bytes(text)


def _unreadable(error: Exception) -> RequestError:
    return RequestError(f"The form cannot be read: {error}.", "MalformedForm")


def _too_many() -> RequestError:
    return RequestError(f"The form has more than {MAX_FIELDS} fields.", "MalformedForm")


def _decoded(pairs: list[tuple[bytes, bytes]], charset: str | None) -> list[tuple[str, str]]:
    stated = charset or next((value.decode(_RAW) for name, value in pairs if name == b"_charset_"), None)
    codec = _codec(stated)
    return [(_text(name, codec), _text(value, codec)) for name, value in pairs]


def _codec(charset: str | None) -> str | None:
    """Return the codec of a charset that browsers use for forms; None for any other, and for none."""
    try:
        name = codecs.lookup(charset or "").name
    except (LookupError, ValueError):
        return None
    return _LEGACY if name in _MEANS_LEGACY else name if name in _CHARSETS else None


def _text(raw: bytes, codec: str | None) -> str:
    if codec:
        return raw.decode(codec, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(_LEGACY, "replace")


class Multipart:
    """Reads multipart/form-data piece by piece. Of a file only the name is kept; its bytes are passed over.

    `most` bounds the bytes that are kept. RequestError for what cannot be read.
    """

    def __init__(self, content_type: str, most: int) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise RequestError("The form states no boundary between its fields.", "MalformedForm")
        self._charset = options.get(b"charset", b"").decode(_RAW) or None
        self._most = most
        self._pairs: list[tuple[bytes, bytes]] = []
        self._files: list[tuple[bytes, bytes]] = []
        self._ended = False
        self._begin()
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._grow("_header", data[start:end]),
            "on_header_value": lambda data, start, end: self._grow("_value", data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except ValueError as error:
            raise _unreadable(error) from None

    def feed(self, piece: bytes) -> None:
        """Read the next bytes of the body."""
        try:
            self._parser.write(piece)
        except ValueError as error:
            raise _unreadable(error) from None

    def form(self) -> Form:
        """Return what was read, after the last byte; a file's field says that it was not kept."""
        if not self._ended:
            raise RequestError("The form breaks off before its end.", "MalformedForm")
        fields = _decoded(self._pairs, self._charset)
        files = [name for _, name in _decoded(self._files, self._charset)]
        return Form(fields, files)

    def _begin(self) -> None:
        self._header, self._value, self._content = b"", b"", b""
        self._name = b""
        self._file: bytes | None = None
        if len(self._pairs) >= MAX_FIELDS:
            raise _too_many()

    def _grow(self, where: str, data: bytes) -> None:
        self._most -= len(data)
        if self._most < 0:
            raise RequestError("The form is too long.", "FormTooLong")
        setattr(self, where, getattr(self, where) + data)

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name, self._file = options.get(b"name", b""), options.get(b"filename")
        self._header, self._value = b"", b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._grow("_content", data[start:end])

    def _end(self) -> None:
        if self._file is None:
            self._pairs.append((self._name, self._content))
        elif self._file:  # a file input that was left empty sends an empty name
            self._files.append((self._name, self._file))
            self._pairs.append((self._name, b"[file not kept: " + self._file + b"]"))

    def _finish(self) -> None:
        self._ended = True
