"""Calls that may be repeated: a UniqueRequestToken makes the second one change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.errors import RequestError
from ..storage import tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..storage.database import Transaction
    from .parameters import Parameters, Result


def once(
    tx: Transaction, name: str, parameters: Parameters, make: Callable[[], tuple[str, Result]]
) -> Result:
    """Run `make` (what it made, result) unless the call's UniqueRequestToken was used within 24 hours.

    A token used again is an error whose message holds the id of what the first call made.
    """
    token = parameters.get("UniqueRequestToken")
    if token is None:
        return make()[1]
    before = tokens.made_with(tx, name, token)
    if before is not None:
        if name in {"CreateHIT", "CreateHITWithHITType"}:
            raise RequestError(
                f'The HIT with ID "{before}" already exists: it was created with this UniqueRequestToken.',
                "HitAlreadyExists",
            )
        raise RequestError(
            f'This UniqueRequestToken was already used; the request ID of the first call is "{before}".',
            "DuplicateRequest",
        )
    made, result = make()
    tokens.keep(tx, name, token, made)
    return result
