"""How a published study stands: places, people at work, submissions, exclusions so far, money."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.counting import Submitted, left_out, reason_left_out
from glimpse.pricing import CENT, FEE_RATE, fee_usd
from glimpse.progress import untracked
from glimpse.stopping import Observed, cell_means, cell_state, cell_trials, in_rounds, submission_order
from glimpse.submission import STATUSES, AnswerError

from ..answers import iso_time, read_submission
from ..page.pool import shown_trials
from ..publishing.client import TurkError
from ..publishing.publication import published_hits
from .participants import participants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from glimpse.progress import Track
    from glimpse.stopping import Cell, CellState
    from glimpse.study import Study

    from ..publishing.client import Requester
    from ..publishing.ledger import Ledger
    from ..publishing.publication import HitReward, PublishedHit


@dataclass(frozen=True)
class SubmittedAssignment:
    """A submitted assignment: whose, its state, and why the study's rules leave it out, if they do.

    approved_at: when it was approved, if it was. means: what it chose in each cell, where the study states a
    rule for stopping.
    """

    assignment_id: str
    worker_id: str
    status: str
    submitted_at: datetime | None
    reason: str | None
    means: Mapping[Cell, float] = field(default_factory=dict)
    approved_at: datetime | None = None

    @property
    def excluded(self) -> bool:
        """Whether it is left out of the analysis."""
        return self.reason is not None


@dataclass(frozen=True)
class Bonus:
    """A bonus that was paid."""

    assignment_id: str
    usd: Decimal
    reason: str


@dataclass(frozen=True)
class HitState:
    """A published HIT as the endpoint has it now.

    `places` are its assignments in all; `open` can be taken, `out` are accepted and not submitted. `expired`
    says that nobody can take the rest.
    """

    hit: PublishedHit
    status: str
    places: int
    open: int
    out: int
    expires: datetime | None
    expired: bool
    submitted: tuple[SubmittedAssignment, ...]
    bonuses: tuple[Bonus, ...] = ()

    def count(self, *statuses: str) -> int:
        """Return how many submitted assignments are in one of these states."""
        return sum(1 for one in self.submitted if one.status in statuses)


@dataclass(frozen=True)
class BatchStatus:
    """The counts of one batch; `paid_usd` is rewards, bonuses and fees of what was approved."""

    batch: str
    hits: int
    places: int
    open: int
    out: int
    submitted: int
    approved: int
    rejected: int
    excluded: int
    paid_usd: Decimal
    expired_places: int


def survey(
    study: Study,
    requester: Requester,
    ledger: Ledger,
    track: Track = untracked,
) -> list[HitState]:
    """Ask the endpoint about every published HIT and its assignments."""
    hits = published_hits(ledger)
    simulated = cache(lambda: participants(requester, study.study).simulated)
    states = [_state(study, requester, hit, simulated) for hit in track(hits, "Asking about HITs", len(hits))]
    return _mark_repeats(states)


def _state(
    study: Study, requester: Requester, hit: PublishedHit, simulated: Callable[[], frozenset[str]]
) -> HitState:
    try:
        found = requester.call("GetHIT", HITId=hit.hit_id)["HIT"]
    except TurkError:
        # Deleted, or disposed of long ago: its places are gone, what was collected is in the results.
        return HitState(hit, "Disposed", 0, 0, 0, None, expired=True, submitted=())
    seen = []
    pages = requester.pages(
        "ListAssignmentsForHIT", "Assignments", HITId=hit.hit_id, AssignmentStatuses=list(STATUSES)
    )
    for page in pages:
        seen += [_submitted(study, one, hit, simulated) for one in page]
    free = found["NumberOfAssignmentsAvailable"]
    is_open = found["HITStatus"] == "Assignable"
    return HitState(
        hit=hit,
        status=found["HITStatus"],
        places=found["MaxAssignments"],
        open=free if is_open else 0,
        out=found["NumberOfAssignmentsPending"],
        expires=found.get("Expiration"),
        expired=bool(free) and not is_open,
        submitted=tuple(seen),
        bonuses=_bonuses(requester, hit.hit_id) if seen else (),
    )


def _submitted(
    study: Study, one: dict[str, Any], hit: PublishedHit, simulated: Callable[[], frozenset[str]]
) -> SubmittedAssignment:
    submission, name, trials = None, hit.part.hit, study.trials_of(hit.part.hit)
    with suppress(AnswerError):
        submission = read_submission(one.get("Answer") or "")
        name, trials = shown_trials(study, hit.part.hit, one.get("Answer") or "")
        if submission.simulated and one["WorkerId"] not in simulated():
            submission = None  # `collect` leaves it out, too
    reason = reason_left_out(study, name, submission, trials)
    means: Mapping[Cell, float] = {}
    if study.experiment.stop_when and submission is not None and reason is None:
        means = cell_means(submission, trials, study.experiment.questions[0])
    return SubmittedAssignment(
        one["AssignmentId"],
        one["WorkerId"],
        one["AssignmentStatus"],
        one.get("SubmitTime"),
        reason,
        means,
        one.get("ApprovalTime"),
    )


def _bonuses(requester: Requester, hit_id: str) -> tuple[Bonus, ...]:
    pages = requester.pages("ListBonusPayments", "BonusPayments", HITId=hit_id)
    return tuple(
        Bonus(one["AssignmentId"], Decimal(one["BonusAmount"]), one.get("Reason", ""))
        for page in pages
        for one in page
    )


def _mark_repeats(states: list[HitState]) -> list[HitState]:
    """Leave out, as the analysis does, every assignment of a batch after a worker's first."""
    out = left_out(
        Submitted(
            one.assignment_id,
            one.worker_id,
            state.hit.part.batch,
            one.submitted_at and one.submitted_at.timestamp(),
            one.reason,
        )
        for state in states
        for one in state.submitted
    )
    return [
        replace(
            state,
            submitted=tuple(replace(one, reason=out.get(one.assignment_id)) for one in state.submitted),
        )
        for state in states
    ]


def stopping(study: Study, states: list[HitState]) -> list[CellState]:
    """Return how the study's rule for stopping stands in each cell that it names; none where it has none."""
    rule = study.experiment.stop_when
    if rule is None:
        return []
    counted = [(state.hit.part.hit, one) for state in states for one in state.submitted if not one.excluded]
    submitted = [(iso_time(one.submitted_at) or "", one.assignment_id) for _, one in counted]
    places = submission_order(submitted)
    workers = {name: number for number, name in enumerate({one.worker_id for _, one in counted})}
    times = [at for at, _ in sorted(submitted)]
    trials = cell_trials(study.trials)
    found = []
    for (a, b), exposure_ms in rule.cells(study.experiment.contrasts, study.experiment.exposures_ms):
        cell = (f"{a}:{b}", exposure_ms)
        hits = list(trials[cell])
        rows = [
            (hits.index(hit), workers[one.worker_id], place, one.means[cell])
            for (hit, one), place in zip(counted, places, strict=True)
            if cell in one.means
        ]
        columns = np.array(rows, dtype=float).reshape(-1, 4).T
        hit, worker, place = columns[:3].astype(np.int64)
        observed = Observed(hit, worker, place, columns[3])
        found.append(cell_state(cell, in_rounds(observed, trials[cell], times), rule))
    return found


def by_batch(
    states: list[HitState], reward_usd: Decimal, *, fees: bool, rewards: Sequence[HitReward] = ()
) -> list[BatchStatus]:
    """Return the counts of each batch, in the order of publication.

    `reward_usd` is what the HITs paid at first, `rewards` how that was changed, in order.
    """
    batches: dict[str, list[HitState]] = {}
    for state in states:
        batches.setdefault(state.hit.part.batch, []).append(state)
    return [
        BatchStatus(
            batch=batch,
            hits=len({state.hit.part.hit for state in group}),
            places=sum(state.places for state in group),
            open=sum(state.open for state in group),
            out=sum(state.out for state in group),
            submitted=sum(state.count("Submitted") for state in group),
            approved=sum(state.count("Approved") for state in group),
            rejected=sum(state.count("Rejected") for state in group),
            excluded=sum(one.excluded for state in group for one in state.submitted),
            paid_usd=sum(
                (_paid(state, reward_usd, rewards, fees=fees) for state in group), Decimal(0)
            ).quantize(CENT),
            expired_places=sum(
                state.places - len(state.submitted) - state.out for state in group if state.expired
            ),
        )
        for batch, group in batches.items()
    ]


def _paid_by(
    group: list[HitState], reward_usd: Decimal, rewards: Sequence[HitReward], *, fees: bool
) -> Decimal:
    return sum((_paid(one, reward_usd, rewards, fees=fees) for one in group), Decimal(0)).quantize(CENT)


def _paid(state: HitState, reward_usd: Decimal, rewards: Sequence[HitReward], *, fees: bool) -> Decimal:
    mine = [one for one in rewards if one.hit_id == state.hit.hit_id]
    total = Decimal(0)
    for one in state.submitted:
        if one.status == "Approved":
            # Amazon's times are whole seconds, as the ledger's are.
            held = [new.usd for new in mine if one.approved_at is None or one.approved_at >= new.since]
            usd = held[-1] if held else reward_usd
            total += usd + (fee_usd(usd, state.places) if fees else 0)
    bonuses = sum((bonus.usd for bonus in state.bonuses), Decimal(0))
    return total + bonuses * (1 + (FEE_RATE if fees else 0))
