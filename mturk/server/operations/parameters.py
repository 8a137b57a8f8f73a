"""An operation's parameters and its result, and the limits of parameters that the model does not state."""

from __future__ import annotations

from typing import Any, NoReturn

from ..protocol.errors import RequestError

Parameters = dict[str, Any]
Result = dict[str, Any]


def within(name: str, value: int, low: int, high: int) -> int:
    """Return `value`; RequestError unless it lies in [low, high]."""
    if not low <= value <= high:
        raise RequestError(f"{name} is {value}; allowed: {low} to {high}.")
    return value


def at_most(name: str, text: str, characters: int) -> str:
    """Return `text`; RequestError when it is longer than `characters`."""
    if len(text) > characters:
        raise RequestError(f"{name} has {len(text)} characters; allowed: {characters}.")
    return text


def money(amount: str) -> str:
    """Return an amount in US dollars with two decimals; the model has checked its form."""
    whole, _, cents = amount.partition(".")
    if len(whole) > 6:
        raise RequestError(f"The amount {amount[:20]} is too large.")
    return f"{int(whole)}.{cents:0<2}"


def refuse(what: str, instead: str) -> NoReturn:
    """Say that the server does not do something that MTurk did."""
    raise RequestError(f"{what} is not supported by this server. {instead}".strip(), "NotSupported")
