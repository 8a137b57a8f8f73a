"""What a Python caller meets: arguments checked by name, and every message in Python's words.

The functions of the API share their insides with the commands, whose messages name options (`--out`). Where
such a message leaves a function of the API, `in_python` puts the argument in the option's place.
"""

from __future__ import annotations

import operator
import os
import re
import sys
import warnings
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, signature
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

from glimpse.errors import ArgumentError, GlimpseError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

P = ParamSpec("P")
T = TypeVar("T")

# Options whose argument has another name. Others keep theirs: --label-set is label_set.
ARGUMENTS = {
    "--baseline": "baselines",
    "--contrast": "contrasts",
    "--encode": "encoding",
    "--exposure-ms": "exposures_ms",
    "--hits": "hits_per_batch",
    "--map": "mapping",
    "--max-wrong": "max_wrong_sentinels",
    "--metric": "scores",
    "--metric-direction": "direction",
    "--rate": "rates",
    "--reward": "reward_usd",
    "--spread": "spreads",
}
SEVERAL = ("baselines", "contrasts", "exposures_ms", "rates", "spreads")  # arguments that take a list
WHOLE = {
    "--allow-missing": "allow_missing=True",
    "--force": "replace=True",
    "--no-sentinel-filter": "sentinel_filter=False",
    "--repeat-workers keep": 'repeat_workers="keep"',
    "--unknown void": "unknown_to_void=True",
}
# Commands that have a function of their own; `collect` and others have none, and keep their names.
FUNCTIONS = {
    "build-hits": "glimpse.build_study",
    "bundle": "glimpse.bundle",
    "power": "glimpse.power_table",
    "reproduce": "glimpse.reproduce",
    "simulate": "glimpse.simulate",
    "synthesize": "glimpse.synthesize",
}
_CALL = re.compile(
    rf"`?(?:python cli\.py|python -m glimpse|glimpse) ({'|'.join(FUNCTIONS)})(?: --\S+ \S+)*`?"
)
_NAME = re.compile(r"(?<![\w./-])`?(build-hits|simulate|synthesize)`?(?![\w/-])")
_WHOLE = re.compile("|".join(rf"(?<![\w/-]){option}(?![\w-])" for option in WHOLE))
# An option, and its value where no other word of a sentence looks like it: 0, 1.5, same-item, crn:real.
_OPTION = re.compile(
    r"(?<![\w/-])(--[a-z][a-z-]*)(?: ([\d.]*\d|[a-z]+(?:-[a-z]+)+|\w[\w-]*:\w[\w-]*)(?![\w.-]*\w))?( is |: )?"
)


def in_python_words(message: str) -> str:
    """Return a message with functions and arguments where it names commands and options.

    >>> in_python_words("study exists already. Choose another folder with --out, or replace it with --force.")
    'study exists already. Choose another folder with `out`, or replace it with `replace=True`.'
    >>> in_python_words("Name one with --sentinel, or do without: --sentinels-per-hit 0.")
    'Name one with `sentinel`, or do without: `sentinels_per_hit=0`.'
    >>> in_python_words("--ours belongs to --mode unlimited-time; use --contrast A:B here.")
    '`ours` belongs to `mode="unlimited-time"`; use `contrasts=["A:B"]` here.'
    >>> in_python_words("--rate is 3; it must lie between 0 and 1, for example 0.6.")
    'rates is 3; it must lie between 0 and 1, for example 0.6.'
    """
    message = _CALL.sub(lambda match: f"{FUNCTIONS[match[1]]}(...)", message)
    message = _NAME.sub(lambda match: FUNCTIONS[match[1]], message)
    message = _WHOLE.sub(lambda match: f"`{WHOLE[match[0]]}`", message)
    return _OPTION.sub(_argument, message)


def _argument(match: re.Match[str]) -> str:
    """Return an option's argument, with its value where there is one."""
    option, value, after = match.groups(default="")
    name = ARGUMENTS.get(option, option.removeprefix("--").replace("-", "_"))
    if not value:
        return f"{name}{after}" if after else f"`{name}`"
    value = value if value[-1].isdigit() and value[0] in ".0123456789" else f'"{value}"'
    return f"`{name}=[{value}]`{after}" if name in SEVERAL else f"`{name}={value}`{after}"


def in_python(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function's errors speak of its arguments, not of the options of a command.

    A keyword argument that it does not have is an ArgumentError, with the nearest name.
    """
    parameters = signature(function).parameters
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if not takes_any:
            known(function.__name__, kwargs, parameters)
        try:
            return function(*args, **kwargs)
        except GlimpseError as error:
            error.args = (in_python_words(str(error)), *error.args[1:])
            raise

    return call


def warn(message: str) -> None:
    """Warn whoever called into Glimpse, in Python's words."""
    frame, level = sys._getframe(1), 2  # noqa: SLF001 - as warnings does
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("glimpse."):
        frame, level = frame.f_back, level + 1
    warnings.warn(in_python_words(message), UserWarning, stacklevel=level)


def refuse(name: str, value: object, wanted: str) -> NoReturn:
    """Raise ArgumentError: what an argument is, and what to give.

    >>> refuse("folders", 3, "give the path of a results folder")
    Traceback (most recent call last):
    glimpse.errors.ArgumentError: folders is 3 (int); give the path of a results folder.
    """
    text, kind = repr(value), type(value).__name__
    short = len(text) <= 60 and "\n" not in text and not text.startswith("<")
    raise ArgumentError(f"{name} is {f'{text} ({kind})' if short else f'of type {kind}'}; {wanted}.")


def path_of(name: str, value: object, wanted: str) -> Path:
    """Return a path; ArgumentError for what is none."""
    if isinstance(value, str | os.PathLike) and value:
        found = os.fspath(value)
        if isinstance(found, str):
            return Path(found)
    refuse(name, value, wanted)


def word(name: str, value: object, allowed: Collection[str] = ()) -> str:
    """Return a text, one of `allowed` where these are named."""
    if isinstance(value, str) and (not allowed or value in allowed):
        return value
    refuse(name, value, f"allowed are {', '.join(map(repr, allowed))}" if allowed else "give a text")


def words(name: str, value: object) -> tuple[str, ...]:
    """Return texts in a sequence; one text alone counts as a sequence of one."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        found = tuple(value)
        if all(isinstance(item, str) for item in found):
            return found
    refuse(name, value, "give a text, or a list of texts")


def whole(name: str, value: object, least: int = 0) -> int:
    """Return a whole number of at least `least`."""
    if not isinstance(value, bool):
        try:
            found = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            found = least - 1
        if found >= least:
            return found
    refuse(name, value, f"give a whole number of at least {least}")


def number(name: str, value: object) -> float:
    """Return a number as a float; its limits are checked where it is used."""
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        return float(value)
    refuse(name, value, "give a number")


def numbers(name: str, value: object) -> tuple[float, ...]:
    """Return numbers in a sequence; one number alone counts as a sequence of one."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(number(f"{name}[{place}]", item) for place, item in enumerate(value))
    return (number(name, value),)


def flag(name: str, value: object) -> bool:
    """Return True or False."""
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's is no subclass
        return bool(value)
    refuse(name, value, "give True or False")


def known(function: str, given: Iterable[str], names: Collection[str]) -> None:
    """Raise ArgumentError for a keyword argument that a function does not have, with the nearest name."""
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}."
            raise ArgumentError(f"{function}() has no argument {name!r}; {hint}")
