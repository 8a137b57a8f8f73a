"""The rules by which exposures are decided, one text a study, in the table `allocations`; the answers that
they are applied to are the progress that pages save.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...page.stairs import Decision, decide, first_needed
from ..protocol.errors import RequestError
from . import hits

if TYPE_CHECKING:
    from .database import Row, Transaction
    from .progress import Progress

_KEY = "staircase:"  # before a study's id: its trials are planned, and nothing is drawn
# By engine, so that two servers of one process share nothing. Rules never change.
_KNOWN: WeakKeyDictionary[Any, dict[str, dict[str, Any]]] = WeakKeyDictionary()


def put_rules(tx: Transaction, study: str, rules: str) -> None:
    """Keep a study's rules; RequestError where others are kept."""
    row = tx.one("SELECT pool FROM allocations WHERE study = ?", _KEY + study)
    if row is not None and row["pool"] != rules:
        raise RequestError("Other rules are kept for this study; a study is frozen.", "RulesExist")
    if row is None:
        tx.run("INSERT INTO allocations (study, pool, epoch) VALUES (?, ?, 0)", _KEY + study, rules)


def decision(tx: Transaction, assignment: Row, progress: Progress) -> Decision | None:
    """Return what follows from an assignment's progress; None where no exposures are decided.

    A page answers place by place, so that the answers needed are the last ones.
    """
    hit = hits.find_facts(tx, assignment["hit_id"])
    if hit["study"] is None:
        return None
    rules = _rules(tx, hit["study"])
    if rules is None:
        return None
    try:
        name, place = str(hit["name"]).partition(".")[0], progress.rest["at"]
        needed = place - first_needed(rules, name, place)
        answers = progress.answers[-needed:] if needed else []
        return decide(rules, name, json.loads(f"[{','.join(answers)}]"), place)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _rules(tx: Transaction, study: str) -> dict[str, Any] | None:
    known = _KNOWN.setdefault(tx.engine, {})
    if study not in known:
        row = tx.one("SELECT pool FROM allocations WHERE study = ?", _KEY + study)
        if row is None:
            return None
        known[study] = json.loads(row["pool"])
    return known[study]
