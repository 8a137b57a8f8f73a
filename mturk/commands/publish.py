"""`publish`: host the images, create the HITs, say where people go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.duration import hourly_usd, study_minutes
from glimpse.experiment_checks import MOST_WORKERS_PER_HIT
from glimpse.given import is_given
from glimpse.program import command
from glimpse.text import counted

from .asking import agree
from .following import given, results_option
from .keeping_out import keep_out, people_at
from .options import endpoint_options
from .places import where_people_go
from .recruit_options import panel_options, read_options, refuse_without_panel
from .recruiting import feed_panels, recruit
from .rewarding import refuse_without_hits, reprice

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..publishing.client import Requester
    from ..publishing.publication import Quote
    from .recruit_options import PanelOptions


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@click.option(
    "--to",
    type=click.Choice(["local", "prolific", "sandbox", "production"]),
    default="local",
    show_default=True,
    help="The server of `serve`; that server, with people from Prolific; Amazon's sandbox; the paid site.",
)
@click.option("--yes", is_flag=True, help="Accept the price without being asked.", show_default=True)
@click.option("--s3-bucket", metavar="NAME", help="Upload the images to this S3 bucket.", show_default="none")
@click.option(
    "--s3-prefix", metavar="FOLDER", default="glimpse", show_default=True, help="Folder in the bucket."
)
@click.option("--s3-endpoint", metavar="URL", help="An S3-compatible store.", show_default="Amazon's")
@click.option(
    "--image-url-prefix",
    metavar="URL",
    help="Address at which you have put the files of STUDY/images/, under the same names.",
    show_default="none",
)
@click.option(
    "--qualification",
    "qualifications",
    multiple=True,
    metavar="RULE",
    help="Who may take part: approval-rate>=95, approved>=500, locale=US,CA, adult=1, or ID>=N for a type of "
    "your own; repeatable.",
    show_default="everybody",
)
@click.option("--expires", "expires_days", metavar="DAYS", type=float, default=7, show_default=True,
              help="How long places stay open.")  # fmt: skip
@click.option("--auto-approve", "auto_approve_days", metavar="DAYS", type=float, default=7, show_default=True,
              help="Approve submissions automatically after this many days without review.")  # fmt: skip
@click.option(
    "--nines",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    show_default=True,
    help="Split HITs into parts of at most nine places, on which the fee is 20 % instead of 40 %. "
    "auto: where there are fees.",
)
@click.option(
    "--workers-per-hit",
    metavar="N",
    type=click.IntRange(1, MOST_WORKERS_PER_HIT),
    show_default="as the study says",
    help="Open places of a published study until each HIT is for so many workers.",
)
@panel_options
@endpoint_options
@click.pass_context
def publish(
    ctx: click.Context,
    /,
    *,
    study: Path,
    to: str,
    yes: bool,
    s3_bucket: str | None,
    s3_prefix: str,
    s3_endpoint: str | None,
    image_url_prefix: str | None,
    qualifications: tuple[str, ...],
    expires_days: float,
    auto_approve_days: float,
    nines: str,
    workers_per_hit: int | None,
    data: Path,
    endpoint: str | None,
    **panel: Any,
) -> None:
    """Show the price, host the images and create the HITs.

    STUDY is the folder that build-hits wrote. Rerun an interrupted command: it resumes, and nothing is
    created or paid twice. STUDY/published/ records what was done.

    \b
    Examples:
      python cli.py publish
      python cli.py publish --to sandbox --s3-bucket my-images
      python cli.py publish --to production --s3-bucket my-images --qualification "approval-rate>=95"
      python cli.py publish --to prolific --places 10
    """
    from glimpse.study import read_study

    from ..publishing.client import connect
    from ..publishing.client import endpoint as known_endpoint
    from ..publishing.ledger import published_endpoints
    from ..publishing.own_server import await_start
    from ..publishing.publication import PublicationSettings
    from ..publishing.publishing import publish as publish_study
    from ..publishing.qualifications import requirement

    console, own = ctx.obj, to in {"local", "prolific"}
    options = read_options(panel)
    frozen = read_study(study)
    settings = PublicationSettings(
        expires_days=expires_days,
        auto_approve_days=auto_approve_days,
        in_nines=not own if nines == "auto" else nines == "yes",
        requirements=tuple(requirement(text) for text in qualifications),
    )
    if own and endpoint is None:
        await_start(data, console.say)
    target = known_endpoint("local" if own else to, endpoint, data)
    if to == "prolific" and not options.panels:
        recruit(console, study, options, settings, target, yes=yes)
        return
    refuse_without_panel(options, to)
    refuse_without_hits(frozen, target, options.reward)
    earlier = people_at(console, target, frozen, options.exclude)
    hosting = _hosting(target, s3_bucket, s3_prefix, s3_endpoint, image_url_prefix)
    requester = connect(target)
    publish_study(
        frozen,
        requester,
        hosting,
        lambda quote: _confirm(console, frozen, quote, yes=yes),
        settings,
        given=_given(),
        track=console.track,
    )
    keep_out(console, target, frozen, earlier)
    _go_on(console, frozen, requester, options, workers_per_hit, yes=yes)
    console.say(f"Written: {study / 'published' / to}.jsonl")
    where = ["--on", to] if len(published_endpoints(study)) > 1 else []
    named = [*given("study"), *where, *given("data", "endpoint"), *results_option(frozen)]
    console.next(command("collect", *named, "--watch"))


def _go_on(
    console: Any, study: Study, requester: Requester, options: PanelOptions, workers: int | None, *, yes: bool
) -> None:
    """Change what a published study pays and for how many it is, give panels their places, and say where."""
    reprice(console, study, requester, options.reward, yes=yes)
    grow_study(console, study, requester, workers, yes=yes)
    _say_where(console, study, requester)
    feed_panels(console, requester.endpoint, study, options)


def grow_study(console: Any, study: Study, requester: Requester, workers: int | None, *, yes: bool) -> None:
    """Open places for more workers; on the paid site only with a clear yes."""
    from ..collecting.growing import Growth, grow
    from ..publishing.ledger import Ledger, ledger_path

    def confirm(growth: Growth) -> None:
        fees = f" + ${growth.fees_usd} fees" if growth.fees_usd else ""
        console.say(
            f"From {growth.before} to {counted(growth.workers, 'worker')} a HIT: "
            f"{counted(growth.places, 'new place')}, ${growth.reward_usd} rewards{fees}."
        )
        if requester.endpoint.costs_money and growth.total_usd and not yes:
            agree(growth.total_usd, "no place was opened")

    if workers is None:
        return
    ledger = Ledger(ledger_path(study.folder or Path(), requester.endpoint.name))
    grow(study, requester, ledger, workers, confirm, track=console.track)


def _say_where(console: Any, study: Study, requester: Requester) -> None:
    """Say how many places the study has, those for more workers among them, and where people find them."""
    from ..publishing.ledger import Ledger, ledger_path
    from ..publishing.publication import places, published_hits

    ledger = Ledger(ledger_path(study.folder or Path(), requester.endpoint.name))
    hits = published_hits(ledger)
    held = sum(places(ledger, hit) for hit in hits)
    console.say(f"Published: {counted(len(hits), 'HIT')}, {counted(held, 'place')}. Workers find them here:")
    for address in where_people_go(study, requester, hits):
        console.say(f"  {address}")


def _given() -> list[str]:
    """Return the settings that stand on the command line; the others are those of the first run."""
    names = {
        "expires_days": "expires_days",
        "auto_approve_days": "auto_approve_days",
        "nines": "in_nines",
        "qualifications": "requirements",
    }
    return [field for option, field in names.items() if is_given(option)]


def _hosting(
    target: Any, bucket: str | None, prefix: str, store: str | None, image_url_prefix: str | None
) -> Any:
    """Return where the images go; None when no option says and the endpoint has no place of its own."""
    from ..publishing.hosting import LocalHosting, PrefixHosting, S3Hosting

    if bucket and image_url_prefix:
        raise click.UsageError("--s3-bucket and --image-url-prefix: give one of them.")
    if store and not bucket:
        raise click.UsageError("--s3-endpoint goes with --s3-bucket NAME.")
    if bucket:
        return S3Hosting(target, bucket, prefix, store)
    if image_url_prefix:
        return PrefixHosting(image_url_prefix, secure=target.name != "local")
    return LocalHosting(target) if target.name == "local" else None


def _confirm(console: Any, study: Study, quote: Quote, *, yes: bool) -> None:
    """Say what is published and what it costs; on the paid site, go on only with a clear yes."""
    if quote.published:
        console.say(f"Published before: {counted(quote.published, 'HIT')}.")
    if not quote.hits:
        console.say("Nothing is missing.")
        return
    experiment = study.experiment
    console.say(
        f"Study {study.study}: {counted(quote.hits, 'HIT')} with {counted(quote.places, 'place')}, "
        f"${experiment.reward_usd} each, {counted(experiment.time_allotted_minutes, 'minute')} allotted."
    )
    minutes = study_minutes(study)
    hourly = hourly_usd(experiment.reward_usd, minutes)
    console.say(f"A HIT takes about {counted(minutes, 'minute')}: ${hourly} an hour.")
    for line in price_lines(quote):
        console.say(line)
    if quote.endpoint == "production" and not yes:
        agree(quote.total_usd, "nothing was published or paid")


def price_lines(quote: Quote) -> list[str]:
    """Return the price in words."""
    if quote.endpoint == "local":
        return [f"Rewards: ${quote.reward_usd}. The local server moves no money: you pay people yourself."]
    kind = " in play money" if quote.endpoint == "sandbox" else ""
    text = f"Price{kind}: ${quote.reward_usd} rewards + ${quote.fees_usd} fees = ${quote.total_usd}."
    if quote.saved_usd:
        text += f" Parts of at most nine places save ${quote.saved_usd} of fees."
    return [text]
