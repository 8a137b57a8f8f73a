"""Lists that come page by page: MaxResults and NextToken."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from ..protocol.errors import RequestError

if TYPE_CHECKING:
    from ..storage.database import Row, Transaction
    from ..storage.listing import Listing
    from .parameters import Parameters, Result

_PAGE = 10


def page(tx: Transaction, parameters: Parameters, listing: Listing) -> tuple[list[Row], Result]:
    """Return the page that MaxResults and NextToken ask for, and the NumResults and NextToken to answer.

    As on MTurk every page but an empty one has a NextToken: there are clients that take it without asking.
    """
    size = parameters.get("MaxResults") or _PAGE
    rows = listing.rows(tx, _position(parameters.get("NextToken"), listing.order), size)
    result: Result = {"NumResults": len(rows)}
    if rows:
        result["NextToken"] = _token(listing.order, listing.position(rows[-1]))
    return rows, result


def _token(order: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, position]).encode()).decode()


def _position(token: str | None, order: str) -> int | None:
    if token is None:
        return None
    try:
        column, position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, RecursionError):
        column, position = None, None
    if column != order or not isinstance(position, int) or abs(position) >= 2**63:
        raise RequestError("NextToken is not one that this list gave.", "InvalidPaginationToken")
    return position
