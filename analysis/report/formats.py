"""Numbers in words, for tables, figures and, as filters, templates of the report. Nothing is computed."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from glimpse.text import FRACTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

DASH = "–"
NBSP = "\u00a0"
SOME_NAMED = 3  # of many, in a sentence


def exposure(exposure_ms: float | None) -> str:
    """Name an exposure: 125 -> "1/8 s", 2000 -> "2 s", NaN or None -> "unlimited"."""
    if exposure_ms is None or not math.isfinite(exposure_ms):
        return "unlimited"
    return f"{FRACTIONS.get(round(exposure_ms), f'{exposure_ms / 1000:g}')}{NBSP}s"


def exposures(exposures_ms: Sequence[float | None], last: str = "and") -> str:
    """Exposures in a sentence, with the unit once: "1/8, 1 and 3 s"."""
    unit = f"{NBSP}s"
    times = [exposure(value) for value in exposures_ms]
    return series([time.removesuffix(unit) for time in times[:-1]] + times[-1:], last)


def seconds(milliseconds: float, *, unit: bool = True) -> str:
    """A time in seconds with two significant digits: 868.9 -> "0.87 s"."""
    value = milliseconds / 1000
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 3)}f}" + (f"{NBSP}s" if unit else "")


def percent(rate: float | None, digits: int = 1) -> str:
    """0.7834 -> "78.3 %"; a dash where there is no number."""
    return DASH if rate is None or not math.isfinite(rate) else f"{100 * rate:.{digits}f}{NBSP}%"


def level_text(level: float) -> str:
    """The level of an interval, unrounded: 0.95 -> "95 %", 0.9999999 -> "99.99999 %"."""
    return f"{(100 * Decimal(str(level))).normalize():f}{NBSP}%"


def interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """Two rates -> "74.0–82.1 %"; a dash where there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    return f"{100 * low:.{digits}f}{DASH}{100 * high:.{digits}f}{NBSP}%"


def number(value: float | None, digits: int = 2) -> str:
    """A number with `digits` decimals, a true minus sign, a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    rounded = round(value, digits) + 0.0  # no negative zero
    return f"{rounded:.{digits}f}".replace("-", "\u2212")


def p_text(p: float | None) -> str:
    """A p-value as papers print it: "0.032", "< 0.001", a dash where there is none."""
    if p is None or not math.isfinite(p):
        return DASH
    return f"<{NBSP}0.001" if p < 0.001 else f"{p:.3f}"


def p_equal(p: float | None) -> str:
    """A p-value after the letter: "p = 0.032", "p < 0.001"."""
    text = p_text(p)
    return f"p{NBSP}{text}" if text.startswith("<") else f"p{NBSP}={NBSP}{text}"


def thousands(value: int) -> str:
    """A count with its thousands apart: 12345 -> "12,345"."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """A count with its noun: 1 assignment, 2 assignments."""
    return f"{value:,}{NBSP}{noun}" + ("" if value == 1 else "s")


def series(items: Sequence[object], last: str = "and") -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"; or with another word before the last."""
    names = [str(item) for item in items]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def spread(values: Sequence[int]) -> str:
    """Counts that may differ: "24", or the least and the most, "15 to 17"."""
    return " to ".join(str(value) for value in dict.fromkeys([min(values), max(values)]))


def some(names: Sequence[object], noun: str) -> str:
    """Up to three names and how many more there are: "a, b, c and 2 other pairs"."""
    more = len(names) - SOME_NAMED
    return series([*names[:SOME_NAMED], *([counted(more, f"other {noun}")] if more > 0 else [])])


def dollars(amount: object) -> str:
    """An amount of money as study.json has it: "1" -> "$1.00"."""
    try:
        return f"${Decimal(str(amount)):.2f}"
    except InvalidOperation:
        return f"${amount}"


def against(contrast: str) -> str:
    """A contrast as a reader names it: "crn:real" -> "crn against real"."""
    return contrast.replace(":", " against ")


def milliseconds(value: float) -> str:
    """A time in milliseconds: 12.5 -> "12.5 ms"."""
    return f"{value:g}{NBSP}ms"


def points(difference: float) -> str:
    """A difference of two rates: -0.059 -> "−5.9 percentage points", with a true minus sign."""
    return f"{number(100 * difference, 1)}{NBSP}percentage points"


def quoted(text: str) -> str:
    """A text in quotation marks."""
    return f'"{text}"'


FILTERS = {
    "against": against,
    "counted": counted,
    "dollars": dollars,
    "exposure": exposure,
    "exposures": exposures,
    "interval": interval,
    "level": level_text,
    "milliseconds": milliseconds,
    "number": number,
    "p": p_text,
    "p_equal": p_equal,
    "percent": percent,
    "points": points,
    "quoted": quoted,
    "seconds": seconds,
    "series": series,
    "some": some,
    "spread": spread,
    "thousands": thousands,
}
