"""After the answers: approve, bonus, replace, and reject only who is named.

What to do is planned first (`plan`, pure, so that `--dry-run` and the price say exactly what will happen)
and then done call by call through the ledger (`execute`). Every number is derived from what the endpoint has
now, so that a review that was interrupted, or is run twice, does nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.pricing import CENT, FEE_RATE, fee_usd
from glimpse.progress import untracked

from ..publishing.client import NO_MORE_PLACES, WRONG_STATE, TurkError
from ..publishing.ledger import Ledger, OnceCall, alone, call_once, token
from ..publishing.publication import Part, PublishedHit, cost, reward_now
from ..publishing.publishing import Publisher
from .bonuses import due_bonuses
from .placing import AddedPlaces, filled_or_open, open_places, workers_per_hit
from .status import HitState, SubmittedAssignment, survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.progress import Track
    from glimpse.study import Study

    from ..publishing.client import Requester

LARGEST_BONUS_USD = 10_000


@dataclass(frozen=True)
class Wishes:
    """What the requester asked for.

    `approve` everybody who waits, but `reject` (assignment ids, with `reason`); `overturn` rejections;
    `bonus_usd` to `bonus_to` (empty: everybody approved), with `bonus_reason`; `replace` excluded
    assignments by new places; `extend_days` opens expired places again.
    """

    approve: bool = True
    reject: tuple[str, ...] = ()
    reason: str = ""
    overturn: tuple[str, ...] = ()
    bonus_usd: Decimal | None = None
    bonus_to: tuple[str, ...] = ()
    bonus_reason: str = "Thank you for your careful work."
    replace: bool = False
    extend_days: float | None = None

    def __post_init__(self) -> None:
        if self.reject and not self.reason.strip():
            raise GlimpseError("--reject needs --reason TEXT: whoever is refused payment is told why")
        if self.reason and not self.reject:
            raise GlimpseError("--reason goes with --reject ASSIGNMENT_ID; nobody is rejected unless named")
        if both := sorted({*self.reject} & {*self.overturn}):
            raise GlimpseError(f"--reject {both[0]} and --overturn {both[0]}: give one of them")
        if self.bonus_to and self.bonus_usd is None:
            raise GlimpseError("--bonus-to needs --bonus USD, the amount for each")
        usd = self.bonus_usd
        if usd is not None and not (0 < usd <= LARGEST_BONUS_USD and usd == usd.quantize(CENT)):
            raise GlimpseError(
                f"--bonus {usd}: an amount in dollars and cents above 0 and at most {LARGEST_BONUS_USD}, "
                "such as 0.50"
            )
        if self.extend_days is not None and not 1 / 24 <= self.extend_days <= 365:
            raise GlimpseError(f"--extend {self.extend_days:g}: allowed are 0.05 to 365 days")


@dataclass(frozen=True)
class Review:
    """What a review will do, and what the new places and bonuses cost in US dollars.

    `left_out` are the assignments that the study's rules exclude from the analysis.
    """

    approve: tuple[SubmittedAssignment, ...] = ()
    reject: tuple[SubmittedAssignment, ...] = ()
    overturn: tuple[SubmittedAssignment, ...] = ()
    bonus: tuple[SubmittedAssignment, ...] = ()
    grow: tuple[AddedPlaces, ...] = ()
    create: tuple[Part, ...] = ()
    extend: tuple[PublishedHit, ...] = ()
    reward_usd: Decimal = Decimal(0)
    fees_usd: Decimal = Decimal(0)
    bonus_usd: Decimal = Decimal(0)
    excluded: int = 0
    unreplaced: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def total_usd(self) -> Decimal:
        """What it costs beyond the rewards that publishing has set aside."""
        return (self.reward_usd + self.fees_usd + self.bonus_usd).quantize(CENT)

    @property
    def steps(self) -> int:
        """How many calls will be made."""
        groups = (self.approve, self.reject, self.overturn, self.bonus, self.grow, self.create, self.extend)
        return sum(map(len, groups))

    @property
    def replacements(self) -> int:
        """How many new places are opened."""
        return sum(one.places - one.before for one in self.grow) + sum(part.places for part in self.create)


def plan_review(
    study: Study, states: list[HitState], wishes: Wishes, ledger: Ledger, *, fees: bool
) -> Review:
    """Return what has to be done.

    GlimpseError names an assignment that is unknown or cannot be treated so.
    """
    seen = {one.assignment_id: one for state in states for one in state.submitted}
    reject = [one for one in _named(seen, wishes.reject, "--reject") if one.status != "Rejected"]
    for one in reject:
        if one.status == "Approved":
            raise GlimpseError(
                f"--reject {one.assignment_id}: it is approved already, which cannot be taken back"
            )
    named = _named(seen, wishes.overturn, "--overturn")
    overturn = [one for one in named if one.status == "Rejected"]
    refused = {one.assignment_id for one in reject}
    approve = [
        one
        for one in seen.values()
        if (wishes.approve or one in named) and one.status == "Submitted" and one.assignment_id not in refused
    ]
    bonus = _bonuses(states, seen, wishes, ledger, [*approve, *overturn])
    grow, create = _replacements(workers_per_hit(study, ledger), states, fees=fees)
    missing = sum(one.places - one.before for one in grow) + sum(part.places for part in create)
    if not wishes.replace:
        grow, create = [], []
    reward, charged = _price(reward_now(study, ledger), grow, create, states, overturn, fees=fees)
    rate = 1 + (FEE_RATE if fees else Decimal(0))
    return Review(
        approve=tuple(approve),
        reject=tuple(reject),
        overturn=tuple(overturn),
        bonus=tuple(bonus),
        grow=tuple(grow),
        create=tuple(create),
        extend=tuple(state.hit for state in states if state.expired and wishes.extend_days and state.places),
        reward_usd=reward,
        fees_usd=charged,
        bonus_usd=((wishes.bonus_usd or Decimal(0)) * rate * len(bonus)).quantize(CENT),
        excluded=sum(one.excluded for one in seen.values()),
        left_out=tuple(one.assignment_id for one in seen.values() if one.excluded),
        unreplaced=0 if wishes.replace else missing,
    )


def _named(
    seen: dict[str, SubmittedAssignment], ids: tuple[str, ...], option: str
) -> list[SubmittedAssignment]:
    for name in ids:
        if name not in seen:
            raise GlimpseError(f"{option} {name}: this study has no submitted assignment of that id")
    return [seen[name] for name in dict.fromkeys(ids)]


def bonus_key(assignment_id: str, wishes: Wishes) -> str:
    """Return the ledger's key of a bonus: one for the same assignment, amount and reason."""
    return f"bonus:{assignment_id}:{wishes.bonus_usd:.2f}:{token(wishes.bonus_reason)[:12]}"


def _bonuses(
    states: list[HitState],
    seen: dict[str, SubmittedAssignment],
    wishes: Wishes,
    ledger: Ledger,
    approve: list[SubmittedAssignment],
) -> list[SubmittedAssignment]:
    """Return to whom the bonus goes who does not have it: neither by the ledger nor by the endpoint."""
    if wishes.bonus_usd is None:
        return []
    coming = {one.assignment_id for one in approve}
    paid = {
        bonus.assignment_id
        for state in states
        for bonus in state.bonuses
        if (bonus.usd, bonus.reason) == (wishes.bonus_usd, wishes.bonus_reason)
    }
    return due_bonuses(
        _named(seen, wishes.bonus_to, "--bonus-to") if wishes.bonus_to else None,
        seen.values(),
        lambda one: one.status == "Approved" or one.assignment_id in coming,
        lambda one: one.assignment_id in paid or bonus_key(one.assignment_id, wishes) in ledger.outcomes,
    )


def _replacements(
    workers: int, states: list[HitState], *, fees: bool
) -> tuple[list[AddedPlaces], list[Part]]:
    """Return how to open places until every HIT has its workers beside the excluded ones."""
    hits: dict[str, list[HitState]] = {}
    for state in states:
        hits.setdefault(state.hit.part.hit, []).append(state)
    grow: list[AddedPlaces] = []
    create: list[Part] = []
    for group in hits.values():
        excluded = sum(one.excluded for state in group for one in state.submitted)
        missing = workers + excluded - sum(filled_or_open(state) for state in group)
        more, new = open_places(group, missing, fees=fees)
        grow += more
        create += new
    return grow, create


def _price(
    usd: Decimal,
    grow: list[AddedPlaces],
    create: list[Part],
    states: list[HitState],
    overturn: list[SubmittedAssignment],
    *,
    fees: bool,
) -> tuple[Decimal, Decimal]:
    """Return rewards and fees of new places, and of rejections that are overturned: these were given back."""
    new = [one.places - one.before for one in grow] + [part.places for part in create]
    # Every part stays below ten places where fees are taken, so that each place costs the lower fee.
    reward, charged = cost(usd, new, fees=fees)
    for state in states:
        again = sum(one in overturn for one in state.submitted)
        reward += usd * again
        charged += fee_usd(usd, state.places) * again if fees else 0
    return reward.quantize(CENT), charged.quantize(CENT)


class Reviewer:
    """Does what a plan says, call by call, through the ledger."""

    def __init__(self, study: Study, requester: Requester, ledger: Ledger, wishes: Wishes) -> None:
        self.study, self.requester, self.ledger, self.wishes = study, requester, ledger, wishes
        self.publisher = Publisher(study, requester, ledger)

    def execute(self, what: Review, track: Track) -> None:
        """Do everything; what was done before an error stays done, and is not done again."""
        steps: list[tuple[Callable[[Any], None], Any]] = [
            *((self._reject, one) for one in what.reject),
            *((self._overturn, one) for one in what.overturn),
            *((self._approve, one) for one in what.approve),
            *((self._bonus, one) for one in what.bonus),
            *((self._grow, one) for one in what.grow),
            *((self._create, one) for one in what.create),
            *((self._extend, one) for one in what.extend),
        ]
        for step, subject in track(steps, "Reviewing", len(steps)):
            step(subject)

    def settle_pending(self) -> None:
        """Find out what became of calls that a crash interrupted, and write it down."""
        self.publisher.settle_pending()
        for key, line in list(self.ledger.pending.items()):
            kind, _, rest = key.partition(":")
            if kind in ("approved", "rejected"):
                found = self.requester.call("GetAssignment", AssignmentId=rest)["Assignment"]
                happened = found["AssignmentStatus"].lower() == kind
            elif kind == "bonus":
                happened = self._was_paid(line["assignment_id"], line["usd"], rest.rpartition(":")[2])
            else:
                continue
            if happened:
                self.ledger.record("outcome", key=key, assignment_id=line["assignment_id"], found=True)

    def _decide(self, one: SubmittedAssignment, operation: str, becomes: str, **arguments: Any) -> None:
        def recover(error: TurkError) -> dict[str, Any] | None:
            if error.code != WRONG_STATE:
                return None
            found = self.requester.call("GetAssignment", AssignmentId=one.assignment_id)["Assignment"]
            return {} if found["AssignmentStatus"] == becomes else None

        key = f"{becomes.lower()}:{one.assignment_id}"
        facts = {"assignment_id": one.assignment_id}
        once = OnceCall(key, operation, {"AssignmentId": one.assignment_id, **arguments}, facts)
        call_once(self.ledger, self.requester, once, lambda _: {}, recover)

    def _approve(self, one: SubmittedAssignment) -> None:
        self._decide(one, "ApproveAssignment", "Approved")

    def _overturn(self, one: SubmittedAssignment) -> None:
        self._decide(one, "ApproveAssignment", "Approved", OverrideRejection=True)

    def _reject(self, one: SubmittedAssignment) -> None:
        self._decide(one, "RejectAssignment", "Rejected", RequesterFeedback=self.wishes.reason)

    def _bonus(self, one: SubmittedAssignment) -> None:
        wishes = self.wishes
        amount = f"{wishes.bonus_usd:.2f}"
        key = bonus_key(one.assignment_id, wishes)
        facts = {"assignment_id": one.assignment_id, "usd": amount}
        arguments = {
            "WorkerId": one.worker_id,
            "AssignmentId": one.assignment_id,
            "BonusAmount": amount,
            "Reason": wishes.bonus_reason,
        }
        once = OnceCall(key, "SendBonus", arguments, facts, token(self.study.study, key))
        call_once(
            self.ledger,
            self.requester,
            once,
            lambda _: {},
            lambda _error: {} if self._was_paid(one.assignment_id, amount, key.rpartition(":")[2]) else None,
        )

    def _was_paid(self, assignment_id: str, amount: str, reason: str) -> bool:
        """Tell whether a bonus of this amount was paid; `reason` is the beginning of its reason's token."""
        pages = self.requester.pages("ListBonusPayments", "BonusPayments", AssignmentId=assignment_id)
        return any(
            Decimal(bonus["BonusAmount"]) == Decimal(amount)
            and token(bonus.get("Reason", "")).startswith(reason)
            for page in pages
            for bonus in page
        )

    def _grow(self, added: AddedPlaces) -> None:
        hit_id = added.hit.hit_id
        key = f"grow:{hit_id}:{added.places}"

        def recover(_error: TurkError) -> dict[str, Any] | None:
            hit = self.requester.call("GetHIT", HITId=hit_id)["HIT"]
            return {} if hit["MaxAssignments"] >= added.places else None

        count = added.places - added.before
        arguments = {"HITId": hit_id, "NumberOfAdditionalAssignments": count}
        facts = {"hit": added.hit.part.hit, "hit_id": hit_id, "places": added.places}
        once = OnceCall(
            key, "CreateAdditionalAssignmentsForHIT", arguments, facts, token(self.study.study, key)
        )
        try:
            call_once(self.ledger, self.requester, once, lambda _: {}, recover)
        except TurkError as error:
            if error.code not in NO_MORE_PLACES:
                raise
            self._create(Part(added.hit.part.hit, added.hit.part.batch, 2, count))

    def _create(self, part: Part) -> None:
        while part.key in self.ledger.outcomes:
            part = replace(part, number=part.number + 1)
        settings = self.publisher.settings()
        base_url = self.publisher.base_url()
        if base_url is None:
            raise GlimpseError(f"{self.ledger.path} does not say where the images are; run publish again")
        self.publisher.create(part, self.publisher.hit_type(part.batch, settings), base_url, settings)

    def _extend(self, hit: PublishedHit) -> None:
        until = datetime.now(UTC) + timedelta(days=self.wishes.extend_days or 0)
        self.requester.call("UpdateExpirationForHIT", HITId=hit.hit_id, ExpireAt=until)


def review(
    study: Study,
    requester: Requester,
    ledger_file: Ledger,
    wishes: Wishes,
    confirm: Callable[[Review], bool],
    *,
    dry_run: bool = False,
    track: Track = untracked,
) -> Review:
    """Survey, plan, confirm, do; returns the plan. `confirm` gets it before anything is done and may raise.

    One process at a time reviews or publishes a study; a dry run changes nothing, here or there.
    """
    path = ledger_file.path
    with alone(path):
        ledger = Ledger(path)
        reviewer = Reviewer(study, requester, ledger, wishes)
        if not dry_run:
            reviewer.settle_pending()
        fees = requester.endpoint.name != "local"
        what = plan_review(study, survey(study, requester, ledger, track), wishes, ledger, fees=fees)
        if confirm(what) and not dry_run:
            reviewer.execute(what, track)
        return what
