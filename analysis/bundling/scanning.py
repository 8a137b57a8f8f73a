"""What must not leave the house: ids of people, addresses, browsers' full names and keys, found in text."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ID = "the id of a participant or an assignment"
SHORTEST = 6  # characters of an id that is looked for in every file; shorter ones only in what people wrote
_WORD = re.compile(r"[A-Za-z0-9_@.+-]+")
_EMBEDDED = re.compile(r"(?<=;base64,)[A-Za-z0-9+/=\s]{40,}")
# Letters of every script; a full-width @ counts, too.
_EMAIL = re.compile(r"[\w.%+-]+[@\uff20][\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_IP4 = re.compile(r"(?<![\w./-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]*\d)(?!\w)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4})+(?![\w:])")
_AGENT = re.compile(r"Mozilla/\d\.\d \([^)\n]{3,}\)")
_PANEL = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{24}|[0-9A-F]{24})(?![0-9A-Za-z])")
_MTURK = re.compile(r"(?<![0-9A-Za-z])A(?=[0-9A-Z]*\d)[0-9A-Z]{12,20}(?![0-9A-Za-z])")
_KEY = re.compile(
    r"(?<![0-9A-Za-z])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?i:aws_secret_access_key|\bapi[_-]?key|\bpassword)[\"']?\s*[=:]\s*[\"']?[^\s\"'<>(){};,]{8,}"
    r"|\w://[^\s/:@\"'<>]+:[^\s/@\"'<>]+@\w"
    r"|(?<![0-9A-Za-z])(?:ghp_|gho_|github_pat_|hf_|sk-|xox[abp]-)[0-9A-Za-z_-]{20,}"
    r"|(?i:bearer|token)\s+[0-9A-Za-z_.-]{40,}"
)
_PATTERNS = {
    "an e-mail address": _EMAIL,
    "an IP address": _IP4,
    "an IPv6 address": _IP6,
    "a browser's full name": _AGENT,
    "an id like those of Prolific": _PANEL,
    "an id like MTurk's worker ids": _MTURK,
    "a secret key": _KEY,
}
# What people write otherwise than programs do; looked for in what participants wrote alone.
_WRITTEN = {
    "an e-mail address": re.compile(r"\w\s*[(\[{]\s*at\s*[)\]}]\s*\w", re.IGNORECASE),
    "a phone number": re.compile(r"(?<![\w.])\+?(?:\d[ ()/.-]{0,2}){9,}(?![\w.]*\d)"),
}
# A pattern is tried where its mark is: pages and figures have megabytes without one.
_MARKS = {"an e-mail address": ("@", "\uff20"), "a browser's full name": ("Mozilla/",)}


class Leak(NamedTuple):
    """Something private in a text: the file, the line from 1, what it is, and how it begins."""

    file: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        shown = self.text[:3] + "..." if len(self.text) > 3 else self.text
        return f"{self.file}, line {self.line}: {self.kind} ({shown})"


@dataclass(frozen=True)
class Scanner:
    """Looks for what must not be in a bundle.

    ids: of people and their assignments. secrets: keys of studies. public: what may stand, such as the
    address that participants were told to write to.
    """

    ids: Collection[str]
    secrets: Collection[str] = ()
    public: Collection[str] = ()

    def leaks(self, text: str, file: str = "") -> Iterator[Leak]:
        """Yield what is found in a file's text, by line."""
        if ";base64," in text:
            text = _EMBEDDED.sub("", text)
        for number, line in enumerate(text.splitlines(), start=1):
            yield from self._of_line(line, Place(file, number))

    def of_words(self, text: str) -> list[Leak]:
        """Return what is found in what somebody wrote, in which short ids and names count, too."""
        folded = text.casefold()
        found = _WORD.findall(folded)
        words = {*found, *(word.strip(".@+-_") for word in found)}
        named = [
            Leak("", 1, ID, one)
            for one in self.ids
            if one.casefold() in words or (one in self._telling and one.casefold() in folded)
        ]
        written = [
            Leak("", 1, kind, one.group())
            for kind, pattern in _WRITTEN.items()
            for one in pattern.finditer(text)
        ]
        return [*named, *self.leaks(text), *written]

    @cached_property
    def _telling(self) -> frozenset[str]:
        return frozenset(one for one in self.ids if is_telling(one))

    @cached_property
    def _several(self) -> list[str]:
        """Ids of several words."""
        return sorted(one for one in self._telling if not _WORD.fullmatch(one))

    def _of_line(self, line: str, place: Place) -> Iterator[Leak]:
        words = {part for word in _WORD.findall(line) for part in (word, word.strip(".@+-_"))}
        found = [(one, ID) for one in sorted(words & self._telling)]
        found += [(one, ID) for one in self._several if one in line]
        found += [(one, "the study's secret key") for one in self.secrets if one and one in line]
        for kind, pattern in _PATTERNS.items():
            if any(mark in line for mark in _MARKS.get(kind, ("",))):
                found += [
                    (one.group(), kind) for one in pattern.finditer(line) if _is_meant(one.group(), kind)
                ]
        for text, kind in dict.fromkeys(found):
            if text not in self.public:
                yield Leak(*place, kind, text)


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


def is_telling(name: str) -> bool:
    """Tell whether an id can be told from other words: long enough, and no short number or plain word.

    >>> [is_telling(name) for name in ("A1B2C3D4E5", "12", "left", "000001", "ann.smith@lab.org")]
    [True, False, False, False, True]
    """
    if name.isdigit():
        return len(name) >= SHORTEST + 2
    return len(name) >= SHORTEST and not (name.isalpha() and name.islower())


def _is_meant(text: str, kind: str) -> bool:
    """Tell an address on a network from version numbers, times, and the computer's own."""
    if kind not in {"an IP address", "an IPv6 address"}:
        return True
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def public_addresses(text: str) -> frozenset[str]:
    """Return the e-mail addresses in a text that everybody may read."""
    return frozenset(_EMAIL.findall(text))
