"""When a study may stop before all places are filled: the rule that study.json states as `stop_when`."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.text import exposure_name, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST, ALL = "longest", "all"
LARGEST_LEVEL = 0.999999  # beyond it, intervals are those of rounding errors
EXAMPLE = 'for example "excludes-chance", or "width=0.10 contrast=crn:real"'


@dataclass(frozen=True)
class StopRule:
    """A study may stop when, in every cell named, the interval that holds at every look is as wanted.

    Attributes:
        excludes: The rate that the interval must leave out, in (0, 1); 0.5 is chance. None: none. Any
            other needs contrasts: it is the rate of the condition that a contrast names first.
        width: The most that the interval may be wide, in (0, 1), 0.1 for ten points. None: any.
        level: The interval's confidence level.
        contrasts: The contrasts meant; None: all of the study's.
        exposures_ms: The exposures meant: "longest", "all", or some of the study's in ms.

    >>> StopRule(excludes=0.5).text()
    'the 95 % interval leaves out 50 % in every contrast at the longest exposure'
    """

    excludes: float | None = None
    width: float | None = None
    level: float = 0.95
    contrasts: tuple[tuple[str, str], ...] | None = None
    exposures_ms: str | tuple[int, ...] = LONGEST

    def __post_init__(self) -> None:
        """Refuse what can be no rule; GlimpseError names the part."""
        if self.excludes is None and self.width is None:
            raise GlimpseError(
                f"stop_when says neither what the interval must leave out nor its width; {EXAMPLE}."
            )
        for name in ("excludes", "width", "level"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < 1):
                raise GlimpseError(f"stop_when: {name} is {value!r}; it must be a number between 0 and 1.")
        check_level("stop_when: level", self.level)
        if self.excludes not in (None, 0.5) and not self.contrasts:
            raise GlimpseError(
                f"stop_when: excludes={self.excludes:g} needs a contrast, which says whose rate is meant; "
                f'for example "excludes={self.excludes:g} contrast=real:crn" is the rate of real.'
            )
        named = self.exposures_ms
        listed_ms = isinstance(named, tuple) and named and all(map(_is_number, named))
        if named not in (LONGEST, ALL) and not listed_ms:
            raise GlimpseError(
                f"stop_when: exposures_ms is {named!r}; allowed are {LONGEST!r}, {ALL!r}, or exposures in ms."
            )

    def check(self, contrasts: Sequence[tuple[str, str]], exposures_ms: Sequence[float | None]) -> None:
        """Refuse contrasts and exposures that the study does not have."""
        known = {frozenset(pair) for pair in contrasts}
        for a, b in self.contrasts or ():
            if frozenset((a, b)) not in known:
                has = ", ".join(":".join(pair) for pair in contrasts)
                raise GlimpseError(f"stop_when names the contrast {a}:{b}; the study has {has}.")
        for exposure_ms in self.exposures_ms if isinstance(self.exposures_ms, tuple) else ():
            if exposure_ms not in exposures_ms:
                has = ", ".join("unlimited" if value is None else f"{value:g}" for value in exposures_ms)
                raise GlimpseError(
                    f"stop_when names the exposure {exposure_ms!r} ms; the study's exposures are {has}."
                )

    def cells(
        self, contrasts: Sequence[tuple[str, str]], exposures_ms: Sequence[float | None]
    ) -> list[tuple[tuple[str, str], float | None]]:
        """Return the cells meant, of a study with these contrasts and exposures: (contrast, exposure)."""
        named = {frozenset(pair) for pair in self.contrasts or contrasts}
        meant: Sequence[float | None] = exposures_ms
        if self.exposures_ms == LONGEST:
            meant = [max(exposures_ms, key=lambda value: float("inf") if value is None else value)]
        elif self.exposures_ms != ALL:
            meant = [value for value in exposures_ms if value in self.exposures_ms]
        return [(pair, value) for pair in contrasts if frozenset(pair) in named for value in meant]

    def seen_from(self, contrast: tuple[str, str]) -> StopRule:
        """Return the rule for the rate of a contrast's first condition, whichever the rule names first."""
        turned = contrast[::-1] in (self.contrasts or ())
        return replace(self, excludes=1 - self.excludes) if turned and self.excludes is not None else self

    def holds(self, low: float, high: float) -> bool:
        """Tell whether an interval is as the rule wants it."""
        out = self.excludes is None or not low <= self.excludes <= high
        return out and (self.width is None or high - low <= self.width)

    def text(self, *, limited: bool = True) -> str:
        """Return the rule in words, to follow "the study may stop when"; limited: exposures are."""
        wanted = []
        if self.excludes is not None:
            wanted.append(f"leaves out {_percent(self.excludes)}")
        if self.width is not None:
            points = "point" if self.width == 0.01 else "points"
            wanted.append(f"is at most {100 * self.width:.10g} percentage {points} wide")
        where = "every contrast"
        if self.contrasts is not None:
            where = listed([":".join(pair) for pair in self.contrasts])
        if isinstance(self.exposures_ms, tuple):
            when = listed([exposure_name(value) for value in self.exposures_ms])
        else:
            when = "the longest exposure" if self.exposures_ms == LONGEST else "every exposure"
        at = f" at {when}" if limited else ""
        return f"the {_percent(self.level)} interval {' and '.join(wanted)} in {where}{at}"

    def to_json(self) -> dict[str, Any]:
        """Return the rule as study.json holds it; `from_json` reads it back."""
        value = {field.name: getattr(self, field.name) for field in fields(self)}
        contrasts = self.contrasts
        value["contrasts"] = ALL if contrasts is None else [list(pair) for pair in contrasts]
        if isinstance(self.exposures_ms, tuple):
            value["exposures_ms"] = list(self.exposures_ms)
        return value

    @classmethod
    def from_json(cls, value: Any) -> StopRule:
        """Read what `to_json` wrote; what is left out has its default. GlimpseError names what is wrong."""
        if not isinstance(value, dict):
            raise GlimpseError(
                f"stop_when is {value!r}; it must be an object; {EXAMPLE} on the command line."
            )
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(value) - set(known)):
            raise GlimpseError(
                f"stop_when has unknown keys: {', '.join(unknown)}. Known are {', '.join(known)}."
            )
        return cls(**{**value, **_lists(value)})

    def typed(self) -> str:
        """Return the rule as it is typed.

        >>> StopRule.parse("width=0.10, exposure=all").typed()
        'width=0.1 exposure=all'
        """
        numbers = {"excludes": self.excludes, "width": self.width}
        words = [f"{name}={value!r}" for name, value in numbers.items() if value is not None]
        words += [f"level={self.level!r}"] if self.level != StopRule.level else []
        words += [f"contrast={a}:{b}" for a, b in self.contrasts or ()]
        named = self.exposures_ms if isinstance(self.exposures_ms, tuple) else (self.exposures_ms,)
        return " ".join([*words, *(f"exposure={exposure}" for exposure in named if exposure != LONGEST)])

    @classmethod
    def parse(cls, text: str) -> StopRule:
        """Read the rule as it is typed: words apart by spaces or commas.

        `excludes-chance`, `excludes=RATE`, `width=WIDTH`, `level=LEVEL`, `contrast=A:B` and `exposure=MS`
        (several of these two; `exposure=longest` and `exposure=all`). GlimpseError names the word.

        >>> StopRule.parse("width=0.10 exposure=all")
        StopRule(excludes=None, width=0.1, level=0.95, contrasts=None, exposures_ms='all')
        """
        found: dict[str, Any] = {}
        contrasts: list[tuple[str, ...]] = []
        exposures: list[Any] = []
        for word in text.replace(",", " ").split():
            name, equals, value = word.partition("=")
            name = "excludes" if word == "excludes-chance" else name
            if name in found:
                raise GlimpseError(f"stop_when says {name} twice, the second time as {word!r}; say it once.")
            if word == "excludes-chance":
                found["excludes"] = 0.5
            elif name in {"excludes", "width", "level"} and equals:
                found[name] = _number(name, value)
            elif name == "contrast" and value.count(":") == 1:
                contrasts.append(tuple(value.split(":")))
            elif name == "exposure" and (value in {LONGEST, ALL} or value.isdecimal()):
                exposures.append(int(value) if value.isdecimal() else value)
            else:
                raise GlimpseError(
                    f"stop_when: {word!r} is no part of a rule; allowed are excludes-chance, excludes=RATE, "
                    "width=WIDTH, level=LEVEL, contrast=A:B and exposure=MS (or longest, or all)."
                )
        if any(isinstance(value, str) for value in exposures):
            if len(exposures) > 1:
                raise GlimpseError(f"stop_when: exposure={LONGEST} and exposure={ALL} stand alone.")
            found["exposures_ms"] = exposures[0]
        elif exposures:
            found["exposures_ms"] = tuple(exposures)
        return cls(**found, contrasts=tuple((a, b) for a, b in contrasts) or None)


def check_level(name: str, level: float) -> None:
    """Refuse a confidence level that is none, or beyond LARGEST_LEVEL; GlimpseError calls it `name`."""
    if not 0 < level < 1:
        raise GlimpseError(f"{name} is {level}; it must lie between 0 and 1, such as 0.95.")
    if level > LARGEST_LEVEL:
        raise GlimpseError(f"{name} is {level}; the highest is {LARGEST_LEVEL}.")


def _lists(value: Mapping[str, Any]) -> dict[str, Any]:
    """Read the two parts that JSON holds as lists."""
    read: dict[str, Any] = {}
    contrasts = value.get("contrasts", ALL)
    if contrasts == ALL:
        read["contrasts"] = None
    elif (
        isinstance(contrasts, list)
        and contrasts
        and all(isinstance(pair, list) and [type(name) for name in pair] == [str, str] for pair in contrasts)
    ):
        read["contrasts"] = tuple((a, b) for a, b in contrasts)
    else:
        raise GlimpseError(
            f"stop_when: contrasts is {contrasts!r}; allowed are {ALL!r} or a list of pairs of conditions."
        )
    exposures_ms = value.get("exposures_ms", LONGEST)
    if isinstance(exposures_ms, list):
        read["exposures_ms"] = tuple(exposures_ms)
    return read


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GlimpseError(f"stop_when: {name} is {text!r}; it must be a number between 0 and 1.") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _percent(share: float) -> str:
    return f"{round(100 * share, 10):g} %"
