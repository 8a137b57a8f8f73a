"""The tables `allocations` and `draws`: which trials an assignment has where the server draws them.

A study with adaptive allocation brings a pool (`mturk.page.pool`). At each accept, in the same transaction,
the assignment's trials are drawn and stored; at submission its outcomes are. What is known of the ranking
follows from these rows alone, so that it survives whatever ends the process; a process keeps the sums of
those that it has read. The draw of a number depends on the seed, the number, and the rows before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from glimpse.allocation import Allocation, DrawCounts, DrawnPair, Posterior, draw, expected_ranks, posterior
from glimpse.counting import is_wrong
from glimpse.drawn import DrawnTrials
from glimpse.submission import ONLY, AnswerError

from ...answers import encode, parse_answer_xml, read_submission
from ...page.pool import DRAWN, drawn_trials
from ..protocol.errors import RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glimpse.submission import Submission

    from .database import Row, Transaction

_LEFT, _RIGHT, _TIE, _NONE = "LRT-"
_SHARE = {_LEFT: 1.0, _RIGHT: 0.0, _TIE: 0.5}


@dataclass
class _Sums:
    """What the rows of a study say that were read so far, and which were the last: drawn, and settled.

    `last` has the assignments of these two: others stand in their places where a commit failed.
    """

    pool: dict[str, Any]
    allocation: Allocation
    epoch: int
    shown: DrawCounts
    wins: NDArray[np.float64]
    drawn: int = 0
    settled: int = 0
    last: tuple[str, str] = ("", "")
    number: int = 0
    counted: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, pool: dict[str, Any], epoch: int) -> _Sums:
        conditions, items = len(pool["conditions"]), len(pool["items"])
        allowed = np.zeros((conditions, conditions), dtype=np.bool_)
        for a, b in pool["contrasts"]:
            allowed[a, b] = True
        shown = DrawCounts.none(conditions, items, len(pool["exposures"]))
        wins = np.zeros((conditions, conditions))
        how = Allocation(allowed=allowed, first=pool.get("leading"))
        return cls(pool, how, epoch, shown, wins)


# By engine, so that two servers of one process share nothing.
_KNOWN: WeakKeyDictionary[Any, dict[str, _Sums]] = WeakKeyDictionary()


def put_pool(tx: Transaction, study: str, pool: str) -> None:
    """Keep a study's pool; RequestError where another is kept."""
    row = tx.one("SELECT pool FROM allocations WHERE study = ?", study)
    if row is not None and row["pool"] != pool:
        raise RequestError("Another pool is kept for this study; a study is frozen.", "PoolExists")
    if row is None:
        tx.run("INSERT INTO allocations (study, pool, epoch) VALUES (?, ?, 0)", study, pool)


def assign(tx: Transaction, hit: Row, assignment_id: str, worker_id: str) -> None:
    """Draw the trials of an assignment that was accepted, where its study has a pool.

    Who had an assignment of the same HIT before gets its trials again, since the progress is kept, too.
    """
    if hit["study"] is None or tx.one("SELECT 1 FROM allocations WHERE study = ?", hit["study"]) is None:
        return
    before = tx.one(
        "SELECT number, pairs, trials FROM draws JOIN assignments USING (assignment_id) "
        "WHERE hit_id = ? AND worker_id = ? ORDER BY draws.seq DESC LIMIT 1",
        hit["hit_id"], worker_id,
    )  # fmt: skip
    values = _draw(tx, hit) if before is None else (before["number"], before["pairs"], before["trials"])
    tx.run(
        "INSERT INTO draws (assignment_id, study, number, pairs, trials) VALUES (?, ?, ?, ?, ?)",
        assignment_id, hit["study"], *values,
    )  # fmt: skip


def _draw(tx: Transaction, hit: Row) -> tuple[int, str, str]:
    """Draw the trials of a HIT's next assignment: its number, the pairs, and the trials as text."""
    sums = _sums(tx, hit["study"])
    pool, number = sums.pool, sums.number + 1
    template = str(hit["name"]).partition(".")[0]
    planned = pool["hits"][template]
    shown = DrawCounts(sums.shown.images.copy(), sums.shown.sides.copy(), sums.shown.exposures.copy())
    known = posterior(sums.wins, sums.allocation, _pending(tx, hit["study"], sums))
    rng = np.random.default_rng([pool["seed"], number])
    drawn = draw(known, shown, planned["trials"] - len(planned["known"]), rng, sums.allocation)
    trials = drawn_trials(pool, template, number, drawn)
    return number, json.dumps(drawn, separators=(",", ":")), trials.to_text()


def _pending(tx: Transaction, study: str, sums: _Sums) -> NDArray[np.float64]:
    """Return how many answers about each pair are still to come from those at work."""
    found = np.zeros_like(sums.wins)
    rows = tx.all(
        "SELECT pairs FROM draws JOIN assignments USING (assignment_id) "
        "WHERE study = ? AND status = 'Accepted'",
        study,
    )
    for row in rows:
        ends = np.array([pair[:2] for pair in json.loads(row["pairs"])])
        np.add.at(found, (ends[:, 0], ends[:, 1]), 1)
    return found + found.T


def _sums(tx: Transaction, study: str) -> _Sums:
    """Return the sums of a study's rows, those read that are new."""
    known = _KNOWN.setdefault(tx.engine, {})
    row = tx.one("SELECT epoch FROM allocations WHERE study = ?", study)
    epoch = row["epoch"] if row else 0
    if study not in known or known[study].epoch != epoch or not _stands(tx, study, known[study]):
        kept = tx.one("SELECT pool FROM allocations WHERE study = ?", study)
        known[study] = _Sums.of(json.loads(kept["pool"] if kept else "{}"), epoch)
    sums = known[study]
    rows = tx.all(
        "SELECT seq, assignment_id, number, pairs FROM draws WHERE study = ? AND seq > ? ORDER BY seq",
        study, sums.drawn,
    )  # fmt: skip
    for one in rows:
        sums.drawn, sums.number = one["seq"], max(sums.number, one["number"])
        sums.last = (one["assignment_id"], sums.last[1])
        if one["number"] not in sums.counted:
            sums.counted.add(one["number"])
            for pair in json.loads(one["pairs"]):
                sums.shown.add(DrawnPair(*pair))
    rows = tx.all(
        "SELECT settled, assignment_id, pairs, outcome FROM draws "
        "WHERE study = ? AND settled > ? ORDER BY settled",
        study, sums.settled,
    )  # fmt: skip
    for one in rows:
        sums.settled, sums.last = one["settled"], (sums.last[0], one["assignment_id"])
        _add_wins(sums.wins, json.loads(one["pairs"]), one["outcome"])
    return sums


def _stands(tx: Transaction, study: str, sums: _Sums) -> bool:
    """Tell whether the rows that were read last are still there."""
    for column, place, assignment in (
        ("seq", sums.drawn, sums.last[0]),
        ("settled", sums.settled, sums.last[1]),
    ):
        sql = f"SELECT assignment_id FROM draws WHERE study = ? AND {column} = ?"  # noqa: S608 - a column
        row = tx.one(sql, study, place) if place else None
        if place and (row is None or row["assignment_id"] != assignment):
            return False
    return True


def _add_wins(wins: NDArray[np.float64], pairs: list[list[int]], outcome: str) -> None:
    """Add an assignment's outcomes, one a pair."""
    for (left, right, *_), chosen in zip(pairs, outcome, strict=False):
        if chosen in _SHARE:
            wins[left, right] += _SHARE[chosen]
            wins[right, left] += 1 - _SHARE[chosen]


# Submission


def drawn_of(tx: Transaction, assignment_id: str) -> str | None:
    """Return the trials that were drawn for an assignment, as text; None where none were."""
    row = tx.one("SELECT trials FROM draws WHERE assignment_id = ?", assignment_id)
    return str(row["trials"]) if row else None


def settle(tx: Transaction, assignment_id: str, answer: str, order: int) -> str:
    """Keep what an assignment's answers say of its pairs, and return the answer with what was drawn.

    `order` is its place among all submissions. Answers that the study's rule leaves out say nothing, nor do
    those that cannot be read.
    """
    row = tx.one("SELECT study, pairs, trials FROM draws WHERE assignment_id = ?", assignment_id)
    if row is None:
        return answer
    pairs, pool = json.loads(row["pairs"]), _sums(tx, row["study"]).pool
    try:
        outcome = _outcome(pool, DrawnTrials.from_text(row["trials"]), read_submission(answer))
    except (AnswerError, KeyError):
        outcome = _NONE * len(pairs)
    tx.run("UPDATE draws SET outcome = ?, settled = ? WHERE assignment_id = ?", outcome, order, assignment_id)
    # Whatever a page sent under that name gives way.
    return encode(parse_answer_xml(answer) | {DRAWN: row["trials"]})


def _outcome(pool: dict[str, Any], drawn: DrawnTrials, sent: Submission) -> str:
    """Return what was chosen of each pair, in their order: a letter each."""
    hit = pool["hits"][drawn.template]
    known, count = hit["known"], hit["trials"]
    answers = {answer.trial.lstrip("t").lstrip("0"): answer.choices for answer in sent.answers}

    def choice(place: int, question: str) -> Any:
        choices = answers.get(str(drawn.first + place), {})
        return choices.get(question, choices.get(ONLY))

    wrong = sum(
        is_wrong(choice(int(place), pool["judged_by"]), correct)
        for place, (_, correct, scored, _) in known.items()
        if scored
    )
    places = [place for place in range(count) if str(place) not in known]
    if wrong > pool["max_wrong"]:
        return _NONE * len(places)
    return "".join(_letter(choice(place, pool["question"])) for place in places)


def _letter(chosen: Any) -> str:
    """Return which side an answer favours."""
    if isinstance(chosen, int) and not isinstance(chosen, bool):
        return _LEFT if chosen < 0 else _RIGHT if chosen > 0 else _TIE
    return {"left": _LEFT, "right": _RIGHT, "tie": _TIE}.get(chosen, _NONE)


def forget(tx: Transaction, worker_id: str) -> None:
    """Let a worker's answers say nothing any more: they were withdrawn."""
    rows = tx.all(
        "SELECT assignment_id, study FROM draws JOIN assignments USING (assignment_id) WHERE worker_id = ?",
        worker_id,
    )
    for row in rows:
        tx.run("UPDATE draws SET outcome = '' WHERE assignment_id = ?", row["assignment_id"])
        tx.run("UPDATE allocations SET epoch = epoch + 1 WHERE study = ?", row["study"])


# Standings


@dataclass(frozen=True)
class Standing:
    """A condition as the ranking stands: log strength, its standard deviation, expected rank, answers."""

    condition: str
    strength: float
    sd: float
    rank: float
    answers: int


def standings(tx: Transaction, study: str) -> list[Standing] | None:
    """Return how the conditions of a study stand, the strongest first; None where nothing is drawn."""
    if tx.one("SELECT 1 FROM allocations WHERE study = ?", study) is None:
        return None
    kept = tx.one("SELECT pool FROM allocations WHERE study = ?", study)
    pool = json.loads(kept["pool"] if kept else "{}")
    wins = np.zeros((len(pool["conditions"]),) * 2)
    for row in tx.all("SELECT pairs, outcome FROM draws WHERE study = ? AND outcome IS NOT NULL", study):
        _add_wins(wins, json.loads(row["pairs"]), row["outcome"])
    known = posterior(wins)
    found = _listed(pool["conditions"], known, wins)
    return sorted(found, key=lambda one: (-one.strength, one.condition))


def _listed(conditions: list[str], known: Posterior, wins: NDArray[np.float64]) -> list[Standing]:
    # Of strengths against their mean: all of them together are known by the prior alone.
    center = np.eye(len(conditions)) - 1 / len(conditions)
    sds = np.sqrt(np.diag(center @ known.covariance @ center))
    answers = (wins + wins.T).sum(axis=1)
    columns = (
        conditions,
        known.mean.tolist(),
        sds.tolist(),
        expected_ranks(known).tolist(),
        answers.tolist(),
    )
    return [
        Standing(name, mean, sd, rank, round(number))
        for name, mean, sd, rank, number in zip(*columns, strict=True)
    ]
