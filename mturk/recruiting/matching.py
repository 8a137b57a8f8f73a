"""Two lists side by side: Prolific's submissions and our assignments, by session id. Pure.

What is only in one of the lists is shown, not guessed about. A match needs both the session and the person:
whoever writes a link by hand knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .own_side import PanelArrival

WAITING, APPROVED, REJECTED = "AWAITING REVIEW", "APPROVED", "REJECTED"
AT_WORK = ("RESERVED", "ACTIVE")
GIVEN_UP = ("RETURNED", "TIMED-OUT", "SCREENED OUT")
KINDS = {
    "finished": "finished on both sides",
    "working": "at work on both sides",
    "finished_open": "finished here, not handed in there yet",
    "finished_gone": "finished here, returned or timed out there",
    "gone_there": "at work here, returned or timed out there",
    "gone_here": "given back here, still open there",
    "gone": "given back on both sides",
    "only_here": "finished here, unknown there (a link written by hand?)",
    "only_here_working": "at work here, unknown there",
    "other_person": "the session is another person's there",
    "no_answers": "handed in there, no answers here",
    "not_begun": "at work there, not begun here",
}
# Those that a person should look at.
STRANGE = ("finished_gone", "only_here", "only_here_working", "other_person", "no_answers")


@dataclass(frozen=True)
class PanelSubmission:
    """A submission as Prolific lists it; `code` is the one that was entered."""

    id: str
    participant: str
    status: str
    code: str


@dataclass(frozen=True)
class Participation:
    """One participation: Prolific's record of it, ours, or both; `kind` is one of `KINDS`."""

    kind: str
    there: PanelSubmission | None
    here: PanelArrival | None

    @property
    def is_verified(self) -> bool:
        """Whether Prolific knows this participation: the session and the person are one in both lists."""
        return self.here is not None and self.there is not None and self.kind != "other_person"

    @property
    def to_approve(self) -> bool:
        """Whether it is to be approved there: answers are here, it waits there, and nobody refused it."""
        return (
            self.is_verified
            and self.here is not None
            and self.there is not None
            and self.here.status in {"Submitted", "Approved"}
            and self.there.status == WAITING
        )


def submission(row: Mapping[str, Any]) -> PanelSubmission:
    """Read a row of Prolific's list."""
    return PanelSubmission(
        str(row["id"]), str(row["participant_id"]), str(row["status"]), str(row.get("study_code") or "")
    )


def side_by_side(
    there: Iterable[PanelSubmission], here: Iterable[PanelArrival], panel: str = "prolific"
) -> list[Participation]:
    """Match both lists; Prolific's order first, then what is only here.

    Of several assignments of one session (one given back and taken again) the furthest counts.
    """
    mine: dict[str, PanelArrival] = {}
    for one in here:
        if one.panel == panel:
            held = mine.get(one.session)
            if held is None or _rank(one) >= _rank(held):
                mine[one.session] = one
    pairs = [_pair(one, mine.pop(one.id, None)) for one in there]
    return pairs + [_pair(None, one) for one in mine.values()]


def _rank(one: PanelArrival) -> int:
    return 2 if one.is_finished else 1 if one.status == "Accepted" else 0


def _pair(there: PanelSubmission | None, here: PanelArrival | None) -> Participation:
    if here is None:
        open_there = there is not None and there.status in AT_WORK
        gone = there is not None and there.status in GIVEN_UP
        return Participation("not_begun" if open_there else "gone" if gone else "no_answers", there, None)
    if there is None:
        kinds = {2: "only_here", 1: "only_here_working", 0: "gone"}
        return Participation(kinds[_rank(here)], None, here)
    if there.participant != here.participant:
        return Participation("other_person", there, here)
    return Participation(_kind(there, here), there, here)


def _kind(there: PanelSubmission, here: PanelArrival) -> str:
    """Return how the two records of one participation stand to each other."""
    gone = there.status in GIVEN_UP
    if here.is_finished:
        return "finished_gone" if gone else "finished_open" if there.status in AT_WORK else "finished"
    if here.status == "Accepted":
        return "gone_there" if gone else "working" if there.status in AT_WORK else "no_answers"
    return "gone" if gone else "gone_here" if there.status in AT_WORK else "no_answers"


def counts(pairs: Iterable[Participation]) -> dict[str, int]:
    """Return how many pairs there are of each kind, in the order of `KINDS`, without those of none."""
    found = dict.fromkeys(KINDS, 0)
    for pair in pairs:
        found[pair.kind] += 1
    return {kind: count for kind, count in found.items() if count}


def to_free(pairs: Iterable[Participation]) -> list[str]:
    """Return our assignments whose people gave up at Prolific: their places can be free again."""
    return [pair.here.assignment_id for pair in pairs if pair.kind == "gone_there" and pair.here]


def verified(pairs: Iterable[Participation]) -> dict[str, str]:
    """Return, by assignment id, how a participation was verified: `signed`, `listed`, or `no`."""
    return {
        pair.here.assignment_id: "signed"
        if pair.here.signed
        else "listed"
        if pair.is_verified or pair.here.looked_up == "yes"
        else "no"
        for pair in pairs
        if pair.here is not None
    }
