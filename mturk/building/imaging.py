"""What is done with a study's images: which are looked at, how they are stored, and what that changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

from ..design.context import REFERENCE
from ..design.encoding import Encoding, Limit, Source, can_stay, choose, hosted_size
from ..page.sizes import BAR, ShownSize, too_large, window_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ..design.stimuli import Images, Key, Pair
    from ..page.settings import PageSettings

CHECKS = ("auto", "all", "drawn")
# Reading more images than this takes minutes; the others may never be shown.
MOST_CHECKED = 5000
# Device pixels of a CSS pixel that images are kept for: most screens have one or two.
PIXEL_RATIO = 2.0


@dataclass(frozen=True)
class LookedAt:
    """Images that are looked at though no trial shows them; how many are, in all, and how many there are."""

    others: tuple[Key, ...]
    number: int
    found: int

    def said(self, what: str) -> str:
        """Say how many of `what` (images or clips) were looked at."""
        if self.number < self.found:
            return f"{self.number} of {self.found} {what}; --check all looks at the others, too"
        return f"all {self.found} {what}"


def looked_at(
    images: Images, conditions: Collection[str], pairs: Iterable[Pair], check: str = "auto"
) -> LookedAt:
    """Say which images are looked at beside those that `pairs` show.

    GlimpseError for another word than `auto` (all up to 5,000 images), `all` and `drawn`.
    """
    if check not in CHECKS:
        raise GlimpseError(f"--check is {check!r}; allowed are {', '.join(CHECKS)}.")
    found = {(condition, item) for condition in conditions for item in images.paths.get(condition, ())}
    drawn = {key for pair in pairs for key in pair}
    if check == "drawn" or (check == "auto" and len(found) > MOST_CHECKED):
        return LookedAt((), len(drawn), len(found))
    return LookedAt(tuple(sorted(found - drawn)), len(found | drawn), len(found | drawn))


def imaged(
    looked: LookedAt,
    sources: Mapping[Key, Source],
    page: PageSettings,
    encoding: Encoding,
    pixel_ratio: float,
    taken_px: int = 0,
    abreast: int = 2,
) -> Imaging:
    """Decide how the images of a study are stored: those of pairs, and the reference images.

    `taken_px` is what pages need of a window's height beside the images (see `page.layout`), of which
    `abreast` stand beside each other.
    """
    shown = tuple(sources.values())
    pictures = [source for key, source in sources.items() if key[0] != REFERENCE]
    largest = max(one.width for one in pictures), max(one.height for one in pictures)
    limit = pixel_limit(page, encoding, pixel_ratio)
    size = ShownSize(page.width, page.height, page.least_width, taken_px, abreast)
    return Imaging(shown, looked, choose(encoding, list(shown), limit), limit, size, largest)


def pixel_limit(page: PageSettings, encoding: Encoding, pixel_ratio: float) -> Limit:
    """Return the most pixels of an image that a page can show; None for `keep`, which leaves them alone."""
    if not 1 <= pixel_ratio <= 8:
        raise GlimpseError(f"--pixel-ratio is {pixel_ratio:g}; allowed are 1 to 8.")
    if encoding == "keep":
        return None
    return round(page.width * pixel_ratio), round(page.height * pixel_ratio)


@dataclass(frozen=True)
class Imaging:
    """What was done: images looked at and found, and how those shown are stored and shown.

    `largest` is the width of the widest image of a pair and the height of the highest, in pixels.
    """

    sources: tuple[Source, ...]
    looked: LookedAt
    encoding: Encoding
    limit: Limit
    size: ShownSize
    largest: tuple[int, int]

    def stored(self) -> Encoding | tuple[Encoding, Limit]:
        """What decides a hosted file beside its source: the encoding, and a limit that any image exceeds."""
        scaled = any(hosted_size(one, self.limit) != one.size for one in self.sources)
        return (self.encoding, self.limit) if scaled else self.encoding

    def warnings(self) -> Iterator[str]:
        """Say what people's windows are too small for."""
        yield from size_warnings(self.size, self.largest)

    def lines(self, file_bytes: int) -> Iterator[tuple[str, str]]:
        """Say what was done, a label and a text a line; `file_bytes` is the size that all files have."""
        stored = f"{self.encoding}, {in_bytes(file_bytes)} each"
        yield "images", f"{len(self.sources)} under opaque names ({stored})"
        for text in self.changed():
            yield "", text
        yield "checked", self.looked.said("images")
        yield "shown", shown_in(self.size)

    def changed(self) -> Iterator[str]:
        """Say what encoding anew changed, and of how many images."""
        if self.encoding == "keep":
            return
        scaled = Counter(
            (one.size, hosted_size(one, self.limit))
            for one in self.sources
            if hosted_size(one, self.limit) != one.size
        )
        for (before, after), count in scaled.most_common(3):
            yield f"{count} scaled down from {_by(before)} to {_by(after)} pixels"
        if len(scaled) > 3:
            yield f"{sum(scaled.values())} scaled down in all"
        for change, count in Counter(name for one in self.sources for name in one.changes).items():
            yield f"{count} had {change}"
        formats = Counter(one.format for one in self.sources if not can_stay(one) and not one.changes)
        for name, count in formats.items():
            yield f"{count} were {name}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def size_warnings(size: ShownSize, pixels: tuple[int, int], what: str = "images") -> Iterator[str]:
    """Say what people's windows are too small for."""
    if text := too_large(size, pixels, what):
        yield text


def shown_in(size: ShownSize) -> str:
    """Say in which size images are shown, and in which window."""
    least = (size.least_width or size.width) / size.width
    width, height = window_of(size.width * least, size.height * least + size.taken_px, size.abreast)
    smaller = f" at most, {size.least_width} wide at least" if size.least_width else ""
    return f"{size.width}x{size.height}{smaller}, in windows of {width:,} x {height + BAR:,} or larger"


def in_bytes(number: int) -> str:
    """Write a size of a file.

    >>> in_bytes(1_234_567), in_bytes(56_789), in_bytes(900)
    ('1.2 MB', '57 kB', '1 kB')
    """
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{max(1, round(number / 1e3))} kB"
