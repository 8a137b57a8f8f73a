"""How a study is published: its settings, the parts of its HITs, what they cost. Pure.

A HIT of the study is published in one or more parts: where fees are taken, 20 places cost less as 9 + 9 + 2.
All parts show the same page. Part 1 carries the annotation `glimpse:<study>:<batch>:<hit>`, part n the same
with `.n` behind the HIT's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.pricing import CENT, fee_usd, price

from .qualifications import MAX_REQUIREMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from glimpse.study import Study

    from .ledger import Ledger

DAY_S = 86_400


@dataclass(frozen=True)
class PublicationSettings:
    """How a study is published: decided once, then kept in the ledger for every later run.

    `expires_days` is how long places stay open, `auto_approve_days` after how long a submission that nobody
    reviewed is approved; `requirements` are QualificationRequirements beside the study's own.
    """

    expires_days: float = 7.0
    auto_approve_days: float = 7.0
    in_nines: bool = True
    requirements: tuple[dict[str, Any], ...] = field(default=())

    def __post_init__(self) -> None:
        if not 1 / 24 <= self.expires_days <= 365:
            raise GlimpseError(f"--expires {self.expires_days:g}: allowed are 0.05 to 365 days")
        if not 0 <= self.auto_approve_days <= 30:
            raise GlimpseError(f"--auto-approve {self.auto_approve_days:g}: allowed are 0 to 30 days")
        if len(self.requirements) >= MAX_REQUIREMENTS:
            raise GlimpseError(
                f"{len(self.requirements)} qualifications; MTurk allows {MAX_REQUIREMENTS}, "
                "and one of them is the study's own"
            )


@dataclass(frozen=True)
class Part:
    """A HIT as it is published: which HIT of the study, which part of it, how many places."""

    hit: str
    batch: str
    number: int
    places: int

    @property
    def key(self) -> str:
        """The part's key in the ledger."""
        return f"hit:{self.hit}:{self.number}"

    def annotation(self, study: str) -> str:
        """Return the RequesterAnnotation that tells whose HIT this is."""
        suffix = f".{self.number}" if self.number > 1 else ""
        return f"glimpse:{study}:{self.batch}:{self.hit}{suffix}"


@dataclass(frozen=True)
class PublishedHit:
    """A HIT that exists at the endpoint."""

    part: Part
    hit_id: str
    hit_type_id: str
    hit_group_id: str


@dataclass(frozen=True)
class Quote:
    """What remains to be published and what it costs, in US dollars.

    `published` counts the HITs that exist already; at `local` there are no fees and no money moves.
    """

    endpoint: str
    hits: int
    published: int
    places: int
    reward_usd: Decimal
    fees_usd: Decimal
    total_usd: Decimal
    saved_usd: Decimal
    nines: bool


def published_hits(ledger: Ledger) -> list[PublishedHit]:
    """Return the HITs of a ledger in the order of their names (b1-h9 before b1-h10), whichever came first."""
    retyped = {line["hit_id"]: line for line in ledger.find("retype:")}
    found = []
    for line in ledger.find("hit:"):
        now = retyped.get(line["hit_id"], line)
        part = Part(line["hit"], line["batch"], line["part"], line["places"])
        group = now.get("hit_group_id", "")
        found.append(PublishedHit(part, line["hit_id"], now["hit_type_id"], group))
    return sorted(found, key=lambda hit: (_numbered(hit.part.hit), hit.part.number))


def reward_now(study: Study, ledger: Ledger) -> Decimal:
    """Return what a HIT pays, in US dollars: as the study says, or as `publish --reward` said last."""
    lines = ledger.find("reward:")
    return Decimal(lines[-1]["usd"]) if lines else study.experiment.reward_usd


@dataclass(frozen=True)
class HitReward:
    """What a HIT pays to whoever is approved from a moment on."""

    hit_id: str
    since: datetime
    usd: Decimal


def rewards_of(ledger: Ledger) -> list[HitReward]:
    """Return how the rewards of published HITs were changed, in order."""
    return [
        HitReward(line["hit_id"], datetime.fromisoformat(line["since"]), Decimal(line["usd"]))
        for line in ledger.find("retype:")
    ]


def _numbered(name: str) -> list[str | int]:
    """Return a name in pieces, texts and numbers in turn, by which names are put in order."""
    return [int(piece) if place % 2 else piece for place, piece in enumerate(re.split(r"(\d+)", name))]


def places(ledger: Ledger, hit: PublishedHit) -> int:
    """Return how many assignments a HIT may have by now, with what `review` added or has begun to add."""
    lines = (*ledger.find("grow:"), *ledger.pending.values())
    return max(
        [hit.part.places, *(int(line["places"]) for line in lines if line.get("hit_id") == hit.hit_id)]
    )


def parts(study: Study, *, in_nines: bool) -> list[Part]:
    """Return the parts in which the HITs of a study are published, batch by batch."""
    experiment = study.experiment
    split = price(experiment.reward_usd, experiment.workers_per_hit, 1, in_nines=in_nines).parts
    return [
        Part(hit.hit, hit.batch, number, places)
        for hit in study.hits
        for number, places in enumerate(split, start=1)
    ]


def cost(reward_usd: Decimal, places: Iterable[int], *, fees: bool) -> tuple[Decimal, Decimal]:
    """Return rewards and fees in US dollars of HITs with so many places each."""
    counts = list(places)
    charged = (
        sum((fee_usd(reward_usd, count) * count for count in counts), Decimal(0)) if fees else Decimal(0)
    )
    return (reward_usd * sum(counts)).quantize(CENT), charged.quantize(CENT)
