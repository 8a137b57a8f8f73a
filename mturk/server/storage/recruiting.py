"""What panels are told of a study and told us, in `meta`; and who came for it by which link.

Of a study, by panel: `ways`, reason -> address and code with which people go back; `keys_url`, where the keys
are that sign the panel's links; `places`, how many of the study's its people may take. And `people`, who is
kept out: a salt, and a digest of each person's id.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from glimpse.people import person_digest

from ..protocol.errors import RequestError

if TYPE_CHECKING:
    from .database import Transaction

PEOPLE = "people"
NO_PLACE = "NoHITsAvailable"  # whoever comes by a link reads of it what `leaving` says
SIGNED = "signed"  # of an arrival: the panel's signature was checked
LOOKED_UP = "looked_up"  # of an arrival: the panel was asked for it; yes or no


def settings(tx: Transaction, study: str) -> dict[str, Any]:
    """Return what is known of a study's panels, by panel; empty for a study that is at none."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", f"panels:{study}")
    found: dict[str, Any] = json.loads(row["value"]) if row else {}
    return found


def set_settings(tx: Transaction, study: str, name: str, value: dict[str, Any]) -> None:
    """Keep what is known of one of a study's panels, or who is kept out."""
    tx.run(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        f"panels:{study}", json.dumps({**settings(tx, study), name: value}),
    )  # fmt: skip


def refuse_kept_out(tx: Transaction, study: str, panel: str, person: str) -> None:
    """Raise RequestError for somebody who took part in a study whose people are kept out of this one."""
    people = settings(tx, study).get(PEOPLE)
    if people and person_digest(str(people["salt"]), panel, person) in set(people["digests"]):
        raise RequestError("You took part in an earlier study of this kind.", NO_PLACE)


def refuse_full(tx: Transaction, study: str, panel: str) -> None:
    """Raise RequestError where people of a panel hold as many places of a study as were given to it."""
    places = settings(tx, study).get(panel, {}).get("places")
    if places is None:
        return
    row = tx.one(
        "SELECT COUNT(*) AS held FROM assignments AS a JOIN hits AS h ON h.hit_id = a.hit_id "
        "JOIN arrivals AS r ON r.id = a.arrival WHERE h.study = ? AND r.panel = ? "
        "AND a.status NOT IN ('Returned', 'Abandoned')",
        study, panel,
    )  # fmt: skip
    if row is not None and int(row["held"]) >= int(places):
        raise RequestError("This panel's places are taken.", NO_PLACE)


def arrivals(tx: Transaction, study: str) -> list[dict[str, Any]]:
    """Return every assignment of a study that a panel's link led to, with who came and whether it was signed.

    `parameters` are the link's. A person whose signature was checked once in a session counts as checked,
    whenever they come again; so does one whom the panel was asked for (`looked_up`: yes, no, or empty).
    """
    rows = tx.all(
        "SELECT a.assignment_id, a.worker_id, a.status, h.name AS hit, r.panel, r.parameters "
        "FROM assignments AS a JOIN hits AS h ON h.hit_id = a.hit_id JOIN arrivals AS r ON r.id = a.arrival "
        "WHERE h.study = ? ORDER BY a.seq",
        study,
    )  # fmt: skip
    signed, asked = _signed(tx, study)
    found = []
    for row in rows:
        parameters = json.loads(row["parameters"])
        found.append(
            {
                "assignment_id": row["assignment_id"],
                "worker_id": row["worker_id"],
                "status": row["status"],
                "hit": row["hit"],
                "panel": row["panel"],
                "parameters": parameters,
                "signed": _mark(row["worker_id"], parameters) in signed,
                "looked_up": asked.get(_mark(row["worker_id"], parameters), ""),
            }
        )
    return found


def note_looked_up(tx: Transaction, arrival: int, *, listed: bool) -> None:
    """Keep what a panel said of an arrival: whether it knows of this participation of this person."""
    row = tx.one("SELECT parameters FROM arrivals WHERE id = ?", arrival)
    if row is not None:
        kept = {**json.loads(row["parameters"]), LOOKED_UP: "yes" if listed else "no"}
        tx.run("UPDATE arrivals SET parameters = ? WHERE id = ?", json.dumps(kept), arrival)


def _signed(tx: Transaction, study: str) -> tuple[set[str], dict[str, str]]:
    """Return who came by a link that was signed, and of whom the panel was asked, with its answer."""
    rows = tx.all("SELECT worker_id, parameters FROM arrivals WHERE study = ? ORDER BY id", study)
    read = [(row["worker_id"], json.loads(row["parameters"])) for row in rows]
    signed = {_mark(worker, parameters) for worker, parameters in read if parameters.get(SIGNED)}
    asked = {_mark(worker, one): one[LOOKED_UP] for worker, one in read if one.get(LOOKED_UP)}
    return signed, asked


def _mark(worker: str, parameters: dict[str, str]) -> str:
    told = {SIGNED, LOOKED_UP}
    return json.dumps([worker, sorted((k, v) for k, v in parameters.items() if k not in told)])
