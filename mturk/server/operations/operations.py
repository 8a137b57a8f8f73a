"""The table of MTurk's operations, and what all of them share: paging, tokens, what is not supported.

An operation is a function of a transaction and its checked parameters; it returns what the model calls the
operation's output. It knows nothing of HTTP.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ..protocol import lifecycle
from ..protocol.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..storage.store import Row, Transaction

Parameters = dict[str, Any]
Result = dict[str, Any]
BALANCE_USD = "10000.00"


@dataclass(frozen=True)
class Operation:
    """What an operation does, and whether it changes anything."""

    name: str
    function: Callable[[Transaction, Parameters], Result]
    writes: bool


OPERATIONS: dict[str, Operation] = {}

NOT_SUPPORTED = {
    "GetFileUploadURL": "File uploads belong to QuestionForm questions. Let your page send the file.",
    "ListReviewPolicyResultsForHIT": "Review policies are not run here. Review with ApproveAssignment.",
}


def operation(
    name: str, *, writes: bool = False
) -> Callable[[Callable[[Transaction, Parameters], Result]], Callable[[Transaction, Parameters], Result]]:
    """Enter a function into the table under its MTurk name."""

    def enter(
        function: Callable[[Transaction, Parameters], Result],
    ) -> Callable[[Transaction, Parameters], Result]:
        OPERATIONS[name] = Operation(name, function, writes)
        return function

    return enter


def find(name: str) -> Operation:
    """Return an operation of the model; RequestError when this server does not do it."""
    # Importing the rooms fills the table.
    from . import assignments as operations_assignments
    from . import hits as operations_hits
    from . import qualifications as operations_qualifications
    from . import workers as operations_workers

    del operations_assignments, operations_hits, operations_qualifications, operations_workers
    if name not in OPERATIONS:
        refuse(name, NOT_SUPPORTED.get(name, ""))
    return OPERATIONS[name]


def refuse(what: str, instead: str) -> NoReturn:
    """Say that the server does not do something that MTurk did."""
    raise RequestError(f"{what} is not supported by this server. {instead}".strip(), "NotSupported")


@operation("GetAccountBalance")
def get_account_balance(_tx: Transaction, _parameters: Parameters) -> Result:
    """Return the sandbox's balance: no money moves here."""
    return {"AvailableBalance": BALANCE_USD}


# Tokens


def once(tx: Transaction, name: str, token: str | None, answer: Callable[[], tuple[str, Result]]) -> Result:
    """Run `answer` (what it made, result) unless its UniqueRequestToken was used within 24 hours.

    A token used again is an error whose message holds the id of what the first call made.
    """
    if token is None:
        return answer()[1]
    tx.run("DELETE FROM tokens WHERE at <= ?", tx.now - lifecycle.TOKEN_LIFE_S)
    used = tx.one("SELECT result FROM tokens WHERE operation = ? AND token = ?", name, token)
    if used:
        made = used["result"]
        if name in {"CreateHIT", "CreateHITWithHITType"}:
            raise RequestError(
                f'The HIT with ID "{made}" already exists: it was created with this UniqueRequestToken.',
                "HitAlreadyExists",
            )
        raise RequestError(
            f'This UniqueRequestToken was already used; the request ID of the first call is "{made}".',
            "DuplicateRequest",
        )
    made, result = answer()
    tx.run("INSERT INTO tokens VALUES (?, ?, ?, ?)", name, token, tx.now, made)
    return result


# Paging


def page(
    tx: Transaction,
    parameters: Parameters,
    sql: str,
    values: tuple[Any, ...],
    *,
    order: str,
    descending: bool = False,
    most: int = 10,
) -> tuple[list[Row], Result]:
    """Return one page of a list, and the NumResults and NextToken that go with it.

    `sql` ends in a WHERE clause that can be extended; `order` is a unique growing column. The token holds the
    last value seen, so a list that grows meanwhile loses nothing and repeats nothing. `most` is the page's
    size when the caller names none.
    """
    size = parameters.get("MaxResults") or most
    after = _cursor(parameters.get("NextToken"), order)
    if after is not None:
        sql += f" AND {order} {'<' if descending else '>'} ?"
        values = (*values, after)
    sql += f" ORDER BY {order} {'DESC' if descending else 'ASC'} LIMIT ?"
    rows = tx.all(sql, *values, size + 1)
    result: Result = {"NumResults": min(len(rows), size)}
    if len(rows) > size:
        rows = rows[:size]
        result["NextToken"] = _token(order, rows[-1][order.rpartition(".")[2]])
    return rows, result


def _token(order: str, last: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, last]).encode()).decode()


def _cursor(token: str | None, order: str) -> int | None:
    if token is None:
        return None
    try:
        column, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, RecursionError):
        column, last = None, None
    if column != order or not isinstance(last, int) or abs(last) >= 2**63:
        raise RequestError("NextToken is not one that this list gave.", "InvalidPaginationToken")
    return last


# Limits that the model does not state


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
