"""After the answers, at Prolific: approve in bulk, pay bonuses once, reject by name or take that back, grow.

What to do is planned first, from both lists and the ledger, and then done call by call. Approving and
rejecting may be repeated. Paying may not: a bonus is set up (which pays nothing), and then paid by one call
that is sent once. If its end is not known, nothing more is paid until a person has decided.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

from ..collecting.bonuses import due_bonuses
from .books import once, study_id
from .client import OutcomeUnknownError, ProlificError, ProlificTokenError, Repeat, UnsentError
from .matching import APPROVED, REJECTED, WAITING, Participation, side_by_side, submission
from .publishing import Recruiter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from glimpse.study import Study

    from ..publishing.ledger import Ledger
    from .client import ProlificClient
    from .matching import PanelSubmission
    from .own_side import OwnSide

MOST_APPROVED, MOST_BONUSES = 1000, 200
SHORTEST_REASON = 100
CATEGORIES = (
    "TOO_QUICKLY", "TOO_SLOWLY", "FAILED_INSTRUCTIONS", "INCOMP_LONGITUDINAL", "FAILED_CHECK", "LOW_EFFORT",
    "MALINGERING", "NO_CODE", "BAD_CODE", "NO_DATA", "UNSUPP_DEVICE", "OTHER",
)  # fmt: skip


class UnpaidOrPaidError(GlimpseError):
    """Nobody knows whether bonuses were paid; a person has to look, and to say."""


@dataclass(frozen=True)
class PanelWishes:
    """What the requester asked for at Prolific; assignments are named by our ids.

    `bonus` in the account's currency goes to `bonus_to` (empty: everybody approved); `reject` needs `reason`
    of 100 characters and a `category`; `overturn` takes rejections back; `excluded` are those that the
    analysis leaves out, for `replace`.
    """

    approve: bool = True
    reject: tuple[str, ...] = ()
    overturn: tuple[str, ...] = ()
    reason: str = ""
    category: str = ""
    bonus: Decimal | None = None
    bonus_to: tuple[str, ...] = ()
    bonus_reason: str = ""
    replace: bool = False
    excluded: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.reject and len(self.reason.strip()) < SHORTEST_REASON:
            raise GlimpseError(
                f"--reason has {len(self.reason.strip())} characters; Prolific asks for {SHORTEST_REASON} or "
                "more, that tell the participant what was wrong"
            )
        if self.reject and self.category not in CATEGORIES:
            raise GlimpseError(
                f"--category {self.category or 'is missing'}: Prolific asks for one of "
                f"{', '.join(CATEGORIES)}"
            )


@dataclass(frozen=True)
class PanelReview:
    """What a review will do at Prolific: submissions to approve, to reject and to pay, and new places.

    `overturn` are those whose rejection is taken back; they are among those to approve.
    """

    approve: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    overturn: tuple[str, ...] = ()
    bonus: tuple[str, ...] = ()
    new_places: int = 0
    replaced: int = 0
    unreplaced: int = 0

    @property
    def steps(self) -> int:
        """How much there is to do."""
        return sum(map(len, (self.approve, self.reject, self.overturn, self.bonus))) + self.new_places


def pairs_of(client: ProlificClient, ledger: Ledger, own: OwnSide) -> list[Participation]:
    """Return both lists side by side; nothing before there is a study at Prolific."""
    name = study_id(ledger)
    # Ours first: whoever takes a place meanwhile is then in both lists, or in Prolific's alone.
    here = own.arrivals()
    rows = client.pages("list submissions", "api/v1/submissions/", study=name)
    return side_by_side([submission(row) for row in rows], here)


def plan(pairs: Sequence[Participation], wishes: PanelWishes, ledger: Ledger) -> PanelReview:
    """Return what has to be done; GlimpseError names an assignment that Prolific does not know."""
    known = {pair.here.assignment_id: pair for pair in pairs if pair.here and pair.is_verified}
    reject = [_submission(known, name, "--reject") for name in dict.fromkeys(wishes.reject)]
    for one in reject:
        if one.status == APPROVED:
            raise GlimpseError(f"--reject: submission {one.id} is approved at Prolific, which stays")
    refused = {one.id for one in reject}
    overturn = _overturned(known, wishes)
    approve = [
        pair.there.id
        for pair in pairs
        if wishes.approve and pair.to_approve and pair.there and pair.there.id not in refused
    ]
    approve = list(dict.fromkeys([*approve, *(one.id for one in overturn)]))
    replaced = [name for name in wishes.excluded if name in known]
    before = max((int(line.get("replaced", 0)) for line in ledger.find("places:")), default=0)
    new = max(0, len(replaced) - before)
    return PanelReview(
        approve=tuple(approve),
        reject=tuple(one.id for one in reject if one.status != REJECTED),
        overturn=tuple(one.id for one in overturn if one.status == REJECTED),
        bonus=tuple(one.id for one in _bonuses(pairs, known, wishes, ledger, set(approve))),
        new_places=new if wishes.replace else 0,
        replaced=len(replaced),
        unreplaced=0 if wishes.replace else new,
    )


def _overturned(known: dict[str, Participation], wishes: PanelWishes) -> list[PanelSubmission]:
    """Return the submissions that are to be approved after all; those that are approved are left."""
    named = [_submission(known, name, "--overturn") for name in dict.fromkeys(wishes.overturn)]
    for one in named:
        if one.status not in {REJECTED, WAITING, APPROVED}:
            raise GlimpseError(f"--overturn: submission {one.id} is {one.status} at Prolific, not rejected")
    return [one for one in named if one.status != APPROVED]


def _submission(known: dict[str, Participation], name: str, option: str) -> PanelSubmission:
    pair = known.get(name)
    if pair is None or pair.there is None:
        raise GlimpseError(f"{option} {name}: Prolific has no submission of that assignment")
    return pair.there


def _bonuses(
    pairs: Sequence[Participation],
    known: dict[str, Participation],
    wishes: PanelWishes,
    ledger: Ledger,
    coming: set[str],
) -> list[PanelSubmission]:
    """Return the submissions that get the bonus and do not have it by the ledger."""
    if wishes.bonus is None:
        return []
    has = paid_to(ledger, bonus_mark(wishes))

    def is_approved(one: PanelSubmission) -> bool:
        return one.status == APPROVED or one.id in coming

    named = [_submission(known, name, "--bonus-to") for name in dict.fromkeys(wishes.bonus_to)]
    for one in named:
        if not is_approved(one) and one.id not in has and one.status != WAITING:
            raise GlimpseError(
                f"--bonus-to: submission {one.id} is {one.status} at Prolific; approve it first"
            )
    return due_bonuses(
        list(filter(is_approved, named)) if wishes.bonus_to else None,
        [pair.there for pair in pairs if pair.there and pair.is_verified],
        is_approved,
        lambda one: one.id in has,
    )


def bonus_mark(wishes: PanelWishes) -> str:
    """Return what tells one bonus from another: its amount and its reason."""
    reason = hashlib.sha256(wishes.bonus_reason.encode()).hexdigest()[:12]
    return f"{wishes.bonus:.2f}:{reason}"


def paid_to(ledger: Ledger, mark: str) -> set[str]:
    """Return the submissions that have a bonus by the ledger."""
    return {name for line in ledger.find("pay:") if line.get("mark") == mark and not line.get("unpaid")
            for name in line["submissions"]}  # fmt: skip


def undecided(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the payments whose end is not known."""
    return [line for key, line in ledger.pending.items() if key.startswith("pay:")]


def decide(ledger: Ledger, bulk: str, *, paid: bool) -> None:
    """Write down what a person found out about a payment; GlimpseError for one that is not open."""
    line = ledger.pending.get(f"pay:{bulk}")
    if line is None:
        open_ones = ", ".join(str(one["bulk_id"]) for one in undecided(ledger)) or "none"
        raise GlimpseError(f"no payment {bulk} waits for a decision; those that do: {open_ones}")
    facts = {name: line[name] for name in ("bulk_id", "mark", "submissions", "amount")}
    ledger.record("outcome", key=f"pay:{bulk}", **facts, decided=True, unpaid=not paid)


class PanelReviewer:
    """Does at Prolific what a plan says, call by call, through the ledger."""

    def __init__(self, study: Study, client: ProlificClient, ledger: Ledger, wishes: PanelWishes) -> None:
        self.client, self.ledger, self.wishes = client, ledger, wishes
        self.recruiter = Recruiter(study, client, ledger)

    def settle(self) -> None:
        """Find out what became of calls that were interrupted; payments are left to a person."""
        for key, line in list(self.ledger.pending.items()):
            grown = key.startswith("places:") and self._places() >= int(line["places"])
            if grown:
                facts = {name: line[name] for name in line if name not in {"at", "event", "key"}}
                self.ledger.record("outcome", key=key, **facts, found=True)

    def _places(self) -> int:
        return int(self.recruiter.found()["total_available_places"])

    def refuse_undecided(self) -> None:
        """Raise UnpaidOrPaidError while it is not known whether an earlier bonus was paid."""
        for line in undecided(self.ledger):
            raise UnpaidOrPaidError(self._question(line))

    def _question(self, line: dict[str, Any]) -> str:
        bulk, people, amount = line["bulk_id"], line["submissions"], Decimal(line["amount"])
        has = sum(self._has_bonus(name, amount) for name in people)
        return (
            f"it is not known whether the bonus {bulk} was paid: {len(people)} submissions, {amount} each. "
            f"Prolific shows a bonus of that amount in {has} of them now; payments may take some minutes to "
            "show. Look at Prolific, and say which it is: review STUDY --bonus-was-paid "
            f"{bulk}, or --bonus-was-not-paid {bulk}. Nothing is paid until then"
        )

    def _has_bonus(self, name: str, amount: Decimal) -> bool:
        found = self.client.get("show a submission", f"api/v1/submissions/{name}/")
        return any(Decimal(str(one)) == amount * 100 for one in found.get("bonus_payments") or [])

    def execute(self, what: PanelReview) -> None:
        """Do everything; what was done before an error stays done, and is not done again."""
        if what.bonus:
            self.refuse_undecided()
        for name in what.reject:
            self._reject(name)
        for chunk in _chunks(what.approve, MOST_APPROVED):
            self._approve(chunk)
        for chunk in _chunks(what.bonus, MOST_BONUSES):
            self._pay(chunk)
        if what.new_places:
            self._replace(what)

    def overturn(self, what: PanelReview) -> None:
        """Take rejections back: they wait for approval again. GlimpseError where Prolific does not allow it.

        It may be repeated. The document has the action, but says of rejections that they stay; so this comes
        before anything else is done.
        """
        for name in what.overturn:
            key, path = f"unreject:{name}", f"api/v1/submissions/{name}/transition/"
            self.ledger.record("intent", key=key, operation="UNREJECT", submission=name)
            try:
                self.client.send("take a rejection back", "POST", path, {"action": "UNREJECT"})
            except ProlificError as error:
                self.ledger.record("refused", key=key, detail=str(error))
                raise GlimpseError(
                    f"{error}. Submission {name} stays rejected, and nothing was changed here. Ask "
                    "Prolific's support to take the rejection back"
                ) from None
            self.ledger.record("outcome", key=key, submission=name)

    def _approve(self, names: tuple[str, ...]) -> None:
        key, facts = f"approve:{_digest(names)}", {"submissions": list(names)}
        self.ledger.record("intent", key=key, operation="POST bulk-approve", **facts)
        # It may be repeated: nobody is approved, or paid, once more. So what Prolific still lists as waiting
        # is sent again, whatever the ledger says.
        body = {"submission_ids": list(names)}
        self.client.send("approve submissions", "POST", "api/v1/submissions/bulk-approve/", body)
        self.ledger.record("outcome", key=key, **facts)

    def _reject(self, name: str) -> None:
        wishes = self.wishes
        body = {"action": "REJECT", "message": wishes.reason.strip(), "rejection_category": wishes.category}

        def call() -> dict[str, Any]:
            path = f"api/v1/submissions/{name}/transition/"
            self.client.send("reject a submission", "POST", path, body)
            return {}

        facts = {"submission": name, "category": wishes.category}
        once(self.ledger, f"reject:{name}", "REJECT", facts, call)

    def _pay(self, names: tuple[str, ...]) -> None:
        """Set a bonus up and pay it: one call, sent once."""
        amount, mark = f"{self.wishes.bonus:.2f}", bonus_mark(self.wishes)
        facts = {"submissions": list(names), "amount": amount, "mark": mark}
        csv = "".join(f"{name},{amount}\n" for name in names)
        body = {"study_id": study_id(self.ledger), "csv_bonuses": csv}
        key = f"setup:{_digest(names)}:{mark}"
        self.ledger.record("intent", key=key, operation="POST bonus-payments", **facts)
        # Setting up pays nothing: one that was set up and not paid is left, and another is set up.
        made = self.client.send("set up bonuses", "POST", "api/v1/submissions/bonus-payments/", body)
        bulk = str(made["id"])
        self.ledger.record("outcome", key=key, bulk_id=bulk, **facts)
        self.ledger.record("intent", key=f"pay:{bulk}", operation="POST pay", bulk_id=bulk, **facts)
        path = f"api/v1/bulk-bonus-payments/{bulk}/pay/"
        try:
            self.client.send("pay bonuses", "POST", path, repeat=Repeat.NEVER)
        except (ProlificError, ProlificTokenError, UnsentError) as error:
            self.ledger.record("refused", key=f"pay:{bulk}", detail=str(error))
            raise
        except OutcomeUnknownError:
            raise UnpaidOrPaidError(self._question(self.ledger.pending[f"pay:{bulk}"])) from None
        self.ledger.record("outcome", key=f"pay:{bulk}", bulk_id=bulk, **facts)

    def _replace(self, what: PanelReview) -> None:
        """Grow by the excluded ones that were not replaced yet."""
        held = self._places()
        places, name = held + what.new_places, study_id(self.ledger)
        body = {"total_available_places": places}

        def call() -> dict[str, Any]:
            self.client.send("add places", "PATCH", f"api/v1/studies/{name}/", body)
            return {}

        facts = {"study_id": name, "places": places, "before": held, "why": "replace"}
        once(self.ledger, f"places:{name}:{places}", "PATCH studies", {**facts, "replaced": what.replaced},
             call)  # fmt: skip


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:16]


def _chunks(names: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]
