"""Another reward for a study that is published: its HITs get another HIT type, each once.

Whoever is approved afterwards is paid the new reward, whoever was before has the old one. People at work and
those who wait were told the old one, so that a lower reward waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.pricing import CENT, fee_usd
from glimpse.progress import untracked

from ..publishing.ledger import Ledger, OnceCall, alone, call_once
from ..publishing.publication import reward_now
from ..publishing.publishing import Publisher
from .status import HitState, survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from glimpse.progress import Track
    from glimpse.study import Study

    from ..publishing.client import Requester

DECIDED = ("Approved", "Rejected")


@dataclass(frozen=True)
class RewardChange:
    """How a reward is changed, and what that costs at most for places that are not decided yet."""

    before: Decimal
    usd: Decimal
    hits: tuple[HitState, ...]
    places: int
    reward_usd: Decimal
    fees_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """What it costs beyond the old reward; negative where the new one is lower."""
        return self.reward_usd + self.fees_usd


def change_reward(
    study: Study,
    requester: Requester,
    ledger_file: Ledger,
    usd: Decimal,
    confirm: Callable[[RewardChange], None],
    *,
    track: Track = untracked,
) -> RewardChange:
    """Let every published HIT pay `usd` dollars; returns what was done: no HITs where they pay it.

    `confirm` gets the change before anything is done, and raises if the answer is no. GlimpseError for a
    lower reward while somebody counts on the old one, for too small a balance, and for another change that
    was broken off.
    """
    path = ledger_file.path
    with alone(path):
        ledger = Ledger(path)
        publisher = Publisher(study, requester, ledger)
        publisher.settle_pending()
        before, key = reward_now(study, ledger), _key(ledger, usd)
        if usd != usd.quantize(CENT):
            raise GlimpseError(f"--reward {usd}: an amount in dollars and cents, such as 1.50")
        if key not in ledger.pending and usd == before:
            return RewardChange(before, usd, (), 0, Decimal(0), Decimal(0))
        states = [state for state in survey(study, requester, ledger, track) if state.places]
        what = _change(states, before, usd, fees=requester.endpoint.name != "local")
        if key not in ledger.pending:
            _refuse_broken_promise(what)
        _check_balance(requester, what)
        confirm(what)
        facts = {"usd": f"{usd:.2f}", "before": f"{before:.2f}"}
        ledger.record("intent", key=key, operation="UpdateHITTypeOfHIT", hits=len(states), **facts)
        settings = publisher.settings()
        batches = dict.fromkeys(state.hit.part.batch for state in states)
        types = {batch: publisher.hit_type(batch, settings, usd) for batch in batches}
        for state in track(states, "Changing the reward", len(states)):
            once = _retyping(state, types[state.hit.part.batch], key, usd)
            call_once(ledger, requester, once, partial(_group, requester, once))
        ledger.record("outcome", key=key, hits=len(states), **facts)
        return what


def _key(ledger: Ledger, usd: Decimal) -> str:
    """Return the ledger's key of a change: that of one that was broken off, else a new one."""
    for key, line in ledger.pending.items():
        if key.startswith("reward:"):
            if Decimal(line["usd"]) != usd:
                raise GlimpseError(
                    f"--reward {usd}: a change to {line['usd']} was broken off. Finish that one first: "
                    f"publish --reward {line['usd']}"
                )
            return key
    return f"reward:{len(ledger.find('reward:')) + 1}"


def _change(states: list[HitState], before: Decimal, usd: Decimal, *, fees: bool) -> RewardChange:
    reward = charged = Decimal(0)
    places = 0
    for state in states:
        left = state.places - state.count(*DECIDED)
        places += left
        reward += (usd - before) * left
        if fees:
            charged += (fee_usd(usd, state.places) - fee_usd(before, state.places)) * left
    return RewardChange(before, usd, tuple(states), places, reward.quantize(CENT), charged.quantize(CENT))


def _refuse_broken_promise(what: RewardChange) -> None:
    working = sum(state.out for state in what.hits)
    waiting = sum(state.count("Submitted") for state in what.hits)
    if what.usd < what.before and (working or waiting):
        raise GlimpseError(
            f"--reward {what.usd}: {working} at work and {waiting} waiting for review were told "
            f"${what.before}. A lower reward is for those who come later: close the places (review --close), "
            "wait, approve, and then change it"
        )


def _check_balance(requester: Requester, what: RewardChange) -> None:
    if requester.endpoint.name == "local" or what.total_usd <= 0:
        return
    available = Decimal(requester.call("GetAccountBalance")["AvailableBalance"])
    if available < what.total_usd:
        raise GlimpseError(f"the account holds ${available}, and this needs up to ${what.total_usd} more")


def _retyping(state: HitState, hit_type_id: str, change: str, usd: Decimal) -> OnceCall:
    """Return the call that gives a HIT its new type; made again, as after a crash, it changes nothing."""
    hit_id, number = state.hit.hit_id, change.partition(":")[2]
    arguments = {"HITId": hit_id, "HITTypeId": hit_type_id}
    facts = {"hit": state.hit.part.hit, "hit_id": hit_id, "hit_type_id": hit_type_id, "usd": f"{usd:.2f}"}
    facts["since"] = datetime.now(UTC).isoformat()  # to the fraction of a second, as approvals have it
    return OnceCall(f"retype:{hit_id}:{number}", "UpdateHITTypeOfHIT", arguments, facts)


def _group(requester: Requester, once: OnceCall, _: dict[str, Any]) -> dict[str, Any]:
    """Return under which group workers find a HIT from now on."""
    found = requester.call("GetHIT", HITId=once.arguments["HITId"])["HIT"]
    return {"hit_group_id": found["HITGroupId"]}
