"""How large images are shown, and in which window, in CSS pixels: as templates/page/screen.js reckons it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterable

DISPLAYS = ("fixed", "fit")
# What a window has beside and above the images, and the line that our own server puts above the page.
BESIDE, ABOVE, BAR = 108, 250, 56
# What a browser leaves of a laptop's screen of 1366x768, and the largest screen that images grow to fill.
LAPTOP, LARGE = (1280, 620), (2560, 1440)
LEAST_HEIGHT = 120  # below which prompts and references never make an image
UNLIMITED_LEAST = 0.3  # of the size, to which images shrink where time is unlimited


@dataclass(frozen=True)
class ShownSize:
    """The size of an image on the screen, and the least width to which pages shrink it.

    `least_width` None: not at all in limited time, and to 0.3 in unlimited time. `taken_px` is what prompts,
    long questions and scales take of a window's height beside them (see `layout`). `abreast` images stand
    beside each other.
    """

    width: int
    height: int
    least_width: int | None = None
    taken_px: int = 0
    abreast: int = 2


def shown_size(
    sizes: Iterable[tuple[int, int]],
    display_width: int | None = None,
    display: str = "fixed",
    *,
    taken_px: int = 0,
    abreast: int = 2,
) -> ShownSize:
    """Return the size in which images of `sizes` (width, height in pixels) are shown.

    Args:
        sizes: Of the images.
        display_width: The width that was asked for; None: their own, at most what fits a laptop's window or,
            with "fit", a large screen's.
        taken_px, abreast: As in `ShownSize`.
        display: "fixed", or "fit": as large as each participant's window has room for, up to that size.

    Raises:
        GlimpseError: Images would be smaller than 4 or larger than 4000 pixels; `display` is another word.
    """
    if display not in DISPLAYS:
        raise GlimpseError(f"--display is {display!r}; allowed are {', '.join(DISPLAYS)}.")
    found = set(sizes)
    widest, highest = max(width for width, _ in found), max(height for _, height in found)
    laptop = _factor(widest, highest, LAPTOP, taken_px, abreast)
    factor = _factor(widest, highest, LARGE, taken_px, abreast) if display == "fit" else laptop
    if display_width is not None:
        factor = display_width / widest
    width, height = round(widest * factor), round(highest * factor)
    if not (4 <= width <= 4000 and 4 <= height <= 4000):
        raise GlimpseError(
            f"both sides would be shown at {width}x{height} pixels; allowed are 4 to 4000 each way."
        )
    least = min(width, round(widest * laptop)) if display == "fit" else None
    return ShownSize(width, height, least, taken_px, abreast)


def _factor(width: int, height: int, window: tuple[int, int], taken_px: int = 0, abreast: int = 2) -> float:
    """Return by how much images must shrink for those of a trial to fit a window; 1 where they do."""
    room = max(LEAST_HEIGHT, window[1] - ABOVE - BAR - taken_px)
    return min(1.0, (window[0] - BESIDE) // abreast / width, room / height)


def window_of(width: float, height: float, abreast: int = 2) -> tuple[int, int]:
    """Return the window, below our server's line, in which two images of this size fit, or so many `abreast`.

    >>> window_of(420, 420)
    (948, 670)
    """
    return math.ceil(abreast * width + BESIDE), math.ceil(height + ABOVE)


def too_large(size: ShownSize, pixels: tuple[int, int], what: str = "images") -> str | None:
    """Say that most laptops are too small for images of `pixels` shown in `size`; None where they are not.

    `what`: images, or clips.
    """
    least = (size.least_width or size.width) / size.width
    width, height = window_of(size.width * least, size.height * least + size.taken_px, size.abreast)
    if width <= LAPTOP[0] and height + BAR <= LAPTOP[1]:
        return None
    fits = int(size.width * _factor(size.width, size.height, LAPTOP, size.taken_px, size.abreast))
    return (
        f"{pixels[0]}x{pixels[1]} {what} shown at {size.width}x{size.height} need a window of {width:,} x "
        f"{height + BAR:,}; most laptops are smaller. --display-width {fits} fits 1366x768."
    )
