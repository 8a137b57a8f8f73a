"""The table `workers`: who works here, by worker ids for people who name themselves or come from a panel."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from ...answers import WITHDRAWN
from ..protocol import lifecycle
from ..protocol.errors import RequestError
from . import draws, events
from .database import new_id

if TYPE_CHECKING:
    from .database import Transaction

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MTURK_ID = re.compile(r"A[A-Z0-9]{4,63}")
MAX_NAME = 100
# Who named themselves on the worker site; who came by a link that names nobody; the requester's simulator.
LOCAL, GUEST, SIMULATOR = "local", "guest", "simulator"


def worker_for(tx: Transaction, secret: str, panel: str, name: str) -> str:
    """Return the worker id of a person, the same one each time; a new person is entered.

    `panel` keeps people apart who have the same name in different places. On the local site a name that looks
    like an MTurk worker id is taken as that id, so that a requester can grant qualifications beforehand; one
    that belongs to somebody of a panel is refused. Simulated workers are called by such ids, too.
    """
    name = clean_name(name)
    known = tx.one("SELECT worker_id FROM workers WHERE panel = ? AND name = ?", panel, name)
    if known:
        return str(known["worker_id"])
    if panel in {LOCAL, SIMULATOR} and _MTURK_ID.fullmatch(name):
        if tx.one("SELECT 1 FROM workers WHERE worker_id = ?", name):
            raise RequestError("This worker id belongs to somebody else.", "NotYours")
        worker_id = name
    else:
        worker_id = derived_id(secret, panel, name)
    tx.run(
        "INSERT INTO workers (worker_id, panel, name, created) VALUES (?, ?, ?, ?)",
        worker_id, panel, name, tx.now,
    )  # fmt: skip
    events.log(tx, "WorkerArrived", worker=worker_id, panel=panel)
    return worker_id


def name_of(tx: Transaction, worker_id: str) -> str:
    """Return how a worker is called where they came from; the worker id where that is not known."""
    row = tx.one("SELECT name FROM workers WHERE worker_id = ?", worker_id)
    return str(row["name"]) if row else worker_id


def panel_of(tx: Transaction, worker_id: str) -> str | None:
    """Return the panel that a worker came from; None where that is not known."""
    row = tx.one("SELECT panel FROM workers WHERE worker_id = ?", worker_id)
    return str(row["panel"]) if row else None


def set_locale(tx: Transaction, worker_id: str, place: str) -> None:
    """Keep where a worker says to be: `US`, or `US-CA`, in any case; RequestError for anything else."""
    said = place.strip().upper()
    if not lifecycle.PLACE.fullmatch(said):
        raise RequestError(
            f"Where you are is {place[:20]!r}; needed: the two letters of your country, such as US.",
            "NotAPlace",
        )
    tx.run("UPDATE workers SET locale = ? WHERE worker_id = ?", said, worker_id)


def locale(tx: Transaction, worker_id: str) -> dict[str, str] | None:
    """Return where a worker says to be, as MTurk writes a locale; None where they were not asked."""
    row = tx.one("SELECT locale FROM workers WHERE worker_id = ?", worker_id)
    return lifecycle.locale(row["locale"]) if row and row["locale"] else None


def studies_open_to(tx: Transaction, worker_id: str) -> set[str] | None:
    """Return the studies whose links a worker came by; None for who signed in by name, to whom all are open.

    A link opens its own study: whoever came by one neither sees nor takes HITs of another.
    """
    row = tx.one("SELECT panel FROM workers WHERE worker_id = ?", worker_id)
    if row is None or row["panel"] in {LOCAL, SIMULATOR}:
        return None
    rows = tx.all("SELECT DISTINCT study FROM arrivals WHERE worker_id = ?", worker_id)
    return {row["study"] for row in rows}


def decided(tx: Transaction, worker_id: str) -> tuple[int, int]:
    """Return how many assignments of a worker are approved and rejected."""
    row = tx.one("SELECT approved, rejected FROM workers WHERE worker_id = ?", worker_id)
    return (row["approved"], row["rejected"]) if row else (0, 0)


def most_approved(tx: Transaction) -> int:
    """Return how many approved assignments the worker has who has most."""
    row = tx.one("SELECT MAX(approved) AS most FROM workers")
    return (row["most"] if row else 0) or 0


def add_decided(tx: Transaction, worker_id: str, *, approved: int = 0, rejected: int = 0) -> None:
    """Add to the numbers of a worker's approved and rejected assignments."""
    tx.run(
        "UPDATE workers SET approved = approved + ?, rejected = rejected + ? WHERE worker_id = ?",
        approved, rejected, worker_id,
    )  # fmt: skip


def participants_of(tx: Transaction, study: str) -> dict[str, str]:
    """Return, by worker id, as whom everybody who took an assignment of a study came; empty for a guest.

    That is the id at the panel, the lab's code, or the name that they signed in with.
    """
    rows = tx.all(
        "SELECT worker_id, panel, name FROM workers WHERE worker_id IN "
        "(SELECT assignments.worker_id FROM assignments JOIN hits USING (hit_id) WHERE study = ?)",
        study,
    )  # fmt: skip
    nameless = {row["worker_id"] for row in rows if row["panel"] == GUEST or row["name"] == row["worker_id"]}
    return {row["worker_id"]: "" if row["worker_id"] in nameless else row["name"] for row in rows}


def simulated_of(tx: Transaction, study: str) -> list[str]:
    """Return the ids of our simulator's workers who took an assignment of a study."""
    rows = tx.all(
        "SELECT DISTINCT worker_id FROM workers JOIN assignments USING (worker_id) JOIN hits USING (hit_id) "
        "WHERE panel = ? AND study = ?",
        SIMULATOR, study,
    )  # fmt: skip
    return [row["worker_id"] for row in rows]


_TRACES = (
    "UPDATE assignments SET worker_id = ?1, progress = NULL WHERE worker_id = ?2",
    "UPDATE arrivals SET worker_id = ?1, parameters = '{}' WHERE worker_id = ?2",
    "UPDATE qualifications SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE qualification_requests SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE test_attempts SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE bonuses SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE blocks SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE events SET worker_id = ?1 WHERE worker_id = ?2",
    "UPDATE workers SET worker_id = ?1, name = ?1, locale = NULL WHERE worker_id = ?2",
)


class Forgotten(NamedTuple):
    """The worker ids that a person had, and how many assignments and answers of theirs it concerned."""

    workers: list[str]
    assignments: int
    answers: int


def forget(tx: Transaction, name: str, *, answers: bool = False) -> Forgotten:
    """Cut the tie between a person and their answers; with `answers`, remove these, too.

    `name` is the name they signed in with, their id at a panel, or their worker id. They get a worker id at
    random, from which nothing leads back; messages to them go. What was paid, and that an assignment was
    submitted, stays. RequestError when nobody has that name.
    """
    tx.erase_for_good()
    people = tx.all("SELECT worker_id FROM workers WHERE name = ?1 OR worker_id = ?1", " ".join(name.split()))
    if not people:
        raise RequestError(
            f"Nobody on this server has the name or id {name[:MAX_NAME]!r}.", "WorkerDoesNotExist"
        )
    assignments = removed = 0
    for person in people:
        stranger = new_id("A")
        tx.run("DELETE FROM messages WHERE worker_id = ?", person["worker_id"])
        if answers:
            draws.forget(tx, person["worker_id"])
            removed += tx.run(
                "UPDATE assignments SET answer = ? WHERE worker_id = ? AND answer IS NOT NULL",
                WITHDRAWN, person["worker_id"],
            )  # fmt: skip
            tx.run("UPDATE test_attempts SET answer = NULL WHERE worker_id = ?", person["worker_id"])
        for sql in _TRACES:
            changed = tx.run(sql, stranger, person["worker_id"])
            assignments += changed if sql is _TRACES[0] else 0
    events.log(tx, "ParticipantForgotten", answers=answers)
    return Forgotten([person["worker_id"] for person in people], assignments, removed)


def clean_name(name: str) -> str:
    """Return a name as it is stored; RequestError when it is empty, too long, or cannot be written."""
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise RequestError(f"A name or id has 1 to {MAX_NAME} printable characters.", "InvalidName")
    return name


def derived_id(secret: str, panel: str, name: str) -> str:
    """Return a worker id in MTurk's form (A and 15 characters) that does not tell the name."""
    number = int.from_bytes(
        hmac.new(secret.encode(), f"worker:{panel}:{name}".encode(), hashlib.sha256).digest(), "big"
    )
    characters = []
    for _ in range(15):
        number, digit = divmod(number, len(_DIGITS))
        characters.append(_DIGITS[digit])
    return "A" + "".join(characters)
