"""`publish --reward`: another reward for HITs that are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpse.text import counted

from .asking import agree

if TYPE_CHECKING:
    from decimal import Decimal

    from glimpse.study import Study

    from ..collecting.rewards import RewardChange
    from ..publishing.client import Endpoint, Requester


def refuse_without_hits(study: Study, target: Endpoint, reward: Decimal | None) -> None:
    """Raise UsageError where a reward is given for a study that is not published: its own counts then."""
    from pathlib import Path

    from ..publishing.ledger import Ledger, ledger_path
    from ..publishing.publication import published_hits

    if reward is None:
        return
    if not published_hits(Ledger(ledger_path(study.folder or Path(), target.name))):
        raise click.UsageError(
            f"--reward changes what a published study pays, and {study.folder} is not published at "
            f"{target.name} yet. Build it with --reward-usd {reward}, or publish it first."
        )


def reprice(console: Any, study: Study, requester: Requester, reward: Decimal | None, *, yes: bool) -> None:
    """Let published HITs pay another reward; on the paid site only with a clear yes."""
    from pathlib import Path

    from ..collecting.rewards import change_reward
    from ..publishing.ledger import Ledger, ledger_path

    if reward is None:
        return

    def confirm(what: RewardChange) -> None:
        fees = f" + ${what.fees_usd} fees" if what.fees_usd else ""
        console.say(
            f"Reward: from ${what.before} to ${what.usd}, for {counted(what.places, 'place')} that are not "
            f"decided yet: at most ${what.reward_usd} more{fees}. Who was approved keeps the old one."
        )
        if requester.endpoint.costs_money and what.total_usd > 0 and not yes:
            agree(what.total_usd, "no reward was changed")

    ledger = Ledger(ledger_path(study.folder or Path(), requester.endpoint.name))
    done = change_reward(study, requester, ledger, reward, confirm, track=console.track)
    said = f"{counted(len(done.hits), 'HIT')} pay ${done.usd} now." if done.hits else f"HITs pay ${done.usd}."
    console.say(said)
