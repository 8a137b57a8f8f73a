"""`publish --to prolific`: price, draft, confirmation, publication; later more places, a pause, the end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from glimpse.duration import study_minutes
from glimpse.errors import GlimpseError
from glimpse.program import command
from glimpse.study import read_study
from glimpse.text import counted

from .asking import agree
from .following import given, results_option
from .keeping_out import keep_out, people_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glimpse.study import Study

    from ..publishing.client import Endpoint
    from ..publishing.publication import PublicationSettings
    from ..recruiting.client import ProlificClient
    from ..recruiting.draft import Recruitment
    from ..recruiting.earlier import EarlierPerson
    from ..recruiting.publishing import Account, PanelQuote, Recruiter
    from .recruit_options import PanelOptions

SPARE_MINUTES = 5  # that Prolific gives people beyond our time, to come and to go


@dataclass(frozen=True)
class Asked:
    """What `publish --to prolific` works with."""

    study: Study
    target: Endpoint
    options: PanelOptions
    settings: PublicationSettings
    yes: bool


@contextmanager
def connected() -> Iterator[ProlificClient]:
    """Give a client of Prolific, with the token of this person."""
    from ..recruiting.client import ProlificClient, known_address

    with ProlificClient(known_address()) as client:
        yield client


def recruit(
    console: Any, folder: Path, options: PanelOptions, settings: PublicationSettings, target: Endpoint,
    *, yes: bool,
) -> None:  # fmt: skip
    """Give a study to Prolific, or do with it there what the options say."""
    from ..recruiting.books import opened
    from ..recruiting.draft import check_open_to_all, study_link
    from ..recruiting.publishing import Recruiter

    asked = Asked(read_study(folder), target, options, settings, yes)
    people = [] if options.action else people_of(console, target, asked.study, options.exclude)
    with connected() as client:
        if not options.action:
            check_open_to_all(study_link(target.people_url, asked.study.study), client.url)
        with opened(asked.study, client.url) as ledger:
            recruiter = Recruiter(asked.study, client, ledger)
            if options.action:
                found = recruiter.transition(options.action.upper())
                console.say(f"The study is now {found['status']} at Prolific.")
                return
            found = _publish(console, asked, recruiter, people)
    console.say(f"At Prolific: study {found['id']}, {found['status']}, "
                f"{counted(int(found['total_available_places']), 'place')}.")  # fmt: skip
    if options.draft:
        console.say("Nothing was published, and nothing is paid. Look at the draft at Prolific, then:")
        console.next(command("publish", *given(without=("draft",))))
        return
    named = [*given("study", "data", "endpoint"), *results_option(asked.study)]
    console.next(command("collect", *named, "--watch"))


def _publish(console: Any, asked: Asked, recruiter: Recruiter, people: list[EarlierPerson]) -> dict[str, Any]:
    """Say the price, let it be confirmed, and do what is missing; returns the study as Prolific has it."""
    from ..recruiting.earlier import prolific_ids
    from ..recruiting.own_side import OwnSide
    from ..recruiting.publishing import account, quote

    owner = account(recruiter.client, asked.options.workspace)
    held = int(recruiter.found()["total_available_places"]) if recruiter.is_published else 0
    wanted = _wanted(asked, recruiter, owner, held)
    price = quote(recruiter.client, owner, wanted.reward, max(0, wanted.places - held), wanted.places)
    for line in price_lines(price, wanted.reward, wanted.minutes):
        console.say(line)
    if not asked.options.draft and price.places:
        _confirm(price, yes=asked.yes)
    own = OwnSide(asked.target, asked.study.study)
    _publish_here(console, asked)
    keep_out(console, asked.target, asked.study, people)
    found = recruiter.draft(wanted, owner, prolific_ids(people))
    recruiter.tell_server(own)
    if int(found["total_available_places"]) != wanted.places:
        found = recruiter.grow(wanted.places, "asked")
    return found if asked.options.draft else recruiter.publish()


def feed_panels(console: Any, target: Endpoint, study: Study, options: PanelOptions) -> None:
    """Give places to panels that have no API, and say their links and codes."""
    from ..recruiting.by_links import feed, read_panel
    from ..recruiting.own_side import OwnSide
    from ..server.pages.panels import links

    if not options.panels:
        return
    wanted = [read_panel(text) for text in options.panels]
    own = OwnSide(target, study.study)
    addresses = dict(links(target.people_url, study.study))
    for one in feed(study, own, wanted):
        places = "any number of places" if one.places is None else counted(one.places, "place")
        console.say(f"{one.panel.title}, {places}: {addresses[one.panel.title]}")
        for outcome in one.panel.outcomes:
            console.say(f"  code {one.codes[outcome.name]}: {outcome.name}, {outcome.kind} there")


def _wanted(asked: Asked, recruiter: Recruiter, owner: Account, held: int) -> Recruitment:
    """Return what Prolific is asked for: as before, where there is a draft or a study."""
    from ..recruiting.draft import Recruitment, check_places, least_allowed_minutes, study_link
    from ..recruiting.publishing import agreed

    experiment, options = asked.study.experiment, asked.options
    own = own_places(asked.study)
    before = agreed(recruiter.ledger)
    places = options.places or held or (before.places if before else own)
    check_places(places, own)
    reward = _reward(asked, owner, before, published=recruiter.is_published)
    minutes = study_minutes(asked.study)
    allowed = max(experiment.time_allotted_minutes + SPARE_MINUTES, least_allowed_minutes(minutes))
    link = study_link(asked.target.people_url, asked.study.study)
    if before and before.link != link:
        raise GlimpseError(
            f"Prolific has the link {before.link.partition('?')[0]}, and the server is now at "
            f"{asked.target.people_url}. Start it again with the --public-url that it had"
        )
    return Recruitment(
        places, reward, minutes, allowed, link, token="", signed_links=options.signed_links,
        project=options.project,
    )  # fmt: skip


def _reward(asked: Asked, owner: Account, before: Recruitment | None, *, published: bool) -> Decimal:
    """Return the reward in the account's currency; GlimpseError where it would have to be guessed."""
    given_reward, usd = asked.options.reward, asked.study.experiment.reward_usd
    if before is not None:
        if published and given_reward not in {None, before.reward}:
            raise GlimpseError(
                f"--reward {given_reward}: Prolific has this study with {before.reward} {owner.currency}, "
                "and lets nobody change the reward of a published study. Pay the difference as a bonus: "
                "review --bonus"
            )
        return given_reward or before.reward
    if given_reward is None and owner.currency != "USD":
        raise GlimpseError(
            f"the study pays ${usd}, and the workspace {owner.title} pays in {owner.currency}. Say how much "
            "that is: --reward AMOUNT"
        )
    return given_reward or usd


def own_places(study: Study) -> int:
    """Return how many places a study has here: as published, or as it will be."""
    from ..publishing.ledger import Ledger, ledger_path
    from ..publishing.publication import places, published_hits

    if study.folder is None:
        raise GlimpseError("the study is not on the disk; only a study folder can be published")
    ledger = Ledger(ledger_path(study.folder, "local"), lenient=True)
    known = published_hits(ledger)
    if len({hit.part.hit for hit in known}) == len(study.hits):
        return sum(places(ledger, hit) for hit in known)
    return len(study.hits) * study.experiment.workers_per_hit


def _publish_here(console: Any, asked: Asked) -> None:
    """Create the HITs at our server that are missing: there people take part."""
    from ..publishing.client import connect
    from ..publishing.hosting import LocalHosting
    from ..publishing.publishing import publish

    hits = publish(
        asked.study, connect(asked.target), LocalHosting(asked.target), lambda _quote: None, asked.settings,
        track=console.track,
    )  # fmt: skip
    console.say(f"At your server: {counted(len(hits), 'HIT')}.")


def price_lines(price: PanelQuote, reward: Decimal, minutes: int) -> list[str]:
    """Return in words what it costs and what is left."""
    owner = price.account
    money = owner.currency
    available = Decimal(owner.available_cents) / 100
    hourly = (reward * 60 / minutes).quantize(Decimal("0.01"))
    people = f"{counted(price.total_places, 'place')}, {reward:.2f} {money} each"
    pay = f"about {counted(minutes, 'minute')}: {hourly} {money} an hour"
    lines = [f"Prolific, workspace {owner.title} ({owner.email}): {people}, {pay}."]
    if price.places:
        lines.append(
            f"Price of {counted(price.places, 'new place')}, with fees and tax: {price.total} {money}. "
            f"Balance: {available:.2f} {money}."
        )
    return lines


def _confirm(price: PanelQuote, *, yes: bool) -> None:
    """Go on only with money enough and a clear yes."""
    money = price.account.currency
    if not price.is_affordable:
        raise GlimpseError(
            f"the workspace holds {Decimal(price.account.available_cents) / 100:.2f} {money}, and this needs "
            f"{price.total} {money}; nothing was published. Add money at Prolific, or start with fewer "
            "--places. With --draft the study is made there, and costs nothing"
        )
    if not yes:
        agree(price.total, "nothing was published or paid", money)
