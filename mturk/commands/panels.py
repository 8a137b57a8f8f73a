"""What `status`, `collect` and `review` do for a study that recruits at Prolific."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from glimpse.errors import GlimpseError
from glimpse.text import counted

from .asking import agree
from .recruiting import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from glimpse.study import Study

    from ..collecting.reviewing import Review, Wishes
    from ..publishing.client import Requester
    from ..recruiting.marking import PanelMarks
    from ..recruiting.matching import Participation
    from ..recruiting.reviewing import PanelReview, PanelReviewer, PanelWishes

MOST_NAMED = 5


def has_panels(study: Study, requester: Requester) -> bool:
    """Tell whether results of a study say by which panel somebody came."""
    from ..recruiting.by_links import is_fed_by_links

    by_links = requester.endpoint.name == "local" and is_fed_by_links(study)
    return by_links or is_at_panel(study, requester)


def is_at_panel(study: Study, requester: Requester) -> bool:
    """Tell whether a study recruits at Prolific, and is asked for where its people come."""
    from ..recruiting.books import is_recruited

    return requester.endpoint.name == "local" and is_recruited(study)


# status


def show_panel(console: Any, study: Study, requester: Requester) -> None:
    """Say how a study stands at its panels, and what is only in one of Prolific's list and ours."""
    _show_fed(console, study, requester)
    if not is_at_panel(study, requester):
        return
    try:
        lines = _panel_lines(study, requester)
    except GlimpseError as error:
        console.warn(f"Prolific was not asked: {error}")
        return
    for line in lines:
        console.say(line)


def _show_fed(console: Any, study: Study, requester: Requester) -> None:
    """Say how many places the people of each panel hold that has links alone."""
    from ..recruiting.by_links import fed, is_fed_by_links, taken
    from ..recruiting.own_side import OwnSide

    if requester.endpoint.name != "local" or not is_fed_by_links(study):
        return
    held = taken(OwnSide(requester.endpoint, study.study).arrivals())
    for one in fed(study):
        of = "" if one.places is None else f" of {one.places}"
        console.say(f"{one.panel.title}: {held[one.panel.name]}{of} places taken.")


def _panel_lines(study: Study, requester: Requester) -> list[str]:
    from ..publishing.ledger import Ledger
    from ..recruiting.books import books_path, check, current_study
    from ..recruiting.own_side import OwnSide
    from ..recruiting.publishing import Recruiter
    from ..recruiting.reviewing import pairs_of, undecided

    with connected() as client:
        ledger = Ledger(books_path(study.folder or _nowhere()))
        check(ledger, study, client.url)
        if not current_study(ledger)[1]:
            return ["At Prolific: nothing yet; `publish --to prolific` goes on."]
        found = Recruiter(study, client, ledger).found()
        pairs = pairs_of(client, ledger, OwnSide(requester.endpoint, study.study))
    taken = sum(pair.there is not None and pair.there.status not in _free() for pair in pairs)
    places = int(found["total_available_places"])
    head = f"At Prolific ({client.url}): study {found['id']}, {found['status']}"
    lines = [f"{head}, {taken} of {counted(places, 'place')} taken."]
    lines += side_by_side_lines(pairs)
    lines += [
        f"Perhaps unpaid: bonus {line['bulk_id']}, {counted(len(line['submissions']), 'submission')}. "
        "`review` says what to do."
        for line in undecided(ledger)
    ]
    return lines


def _nowhere() -> Path:
    raise GlimpseError("the study is not on the disk")


def _free() -> tuple[str, ...]:
    from ..recruiting.matching import GIVEN_UP

    return GIVEN_UP


def side_by_side_lines(pairs: Sequence[Participation]) -> list[str]:
    """Return both lists side by side in words, those by name that a person should look at."""
    from ..recruiting.matching import KINDS, STRANGE, counts

    lines = []
    for kind, count in counts(pairs).items():
        text = f"  {count:>4}  {KINDS[kind]}"
        if kind in STRANGE:
            names = [_named(pair) for pair in pairs if pair.kind == kind]
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            text += f": {', '.join(names[:MOST_NAMED])}{more}"
        lines.append(text)
    return lines


def _named(pair: Participation) -> str:
    """Return the ids of a participation, without who it is."""
    parts = []
    if pair.there is not None:
        parts.append(f"submission {pair.there.id}")
        if pair.kind == "no_answers" and pair.there.code:
            parts.append(f"code {pair.there.code[:20]}")
    if pair.here is not None:
        parts.append(f"assignment {pair.here.assignment_id}")
    return " ".join(parts)


# collect


def panel_marks(study: Study, requester: Requester, *, only_verified: bool) -> PanelMarks | None:
    """Return what says by which panel assignments came; None for a study that recruits at none."""
    from ..recruiting.marking import PanelMarks

    if not has_panels(study, requester):
        if only_verified:
            raise click.UsageError(
                "--only-verified is for studies that recruit at a panel; this one does not."
            )
        return None
    return PanelMarks(lambda: _both_lists(study, requester), only_verified=only_verified)


def _both_lists(study: Study, requester: Requester) -> Any:
    from ..publishing.ledger import Ledger
    from ..recruiting.books import books_path, check, current_study
    from ..recruiting.matching import submission
    from ..recruiting.own_side import OwnSide

    own = OwnSide(requester.endpoint, study.study)
    if not is_at_panel(study, requester):
        return None, own.arrivals()
    with connected() as client:
        ledger = Ledger(books_path(study.folder or _nowhere()))
        check(ledger, study, client.url)
        line = current_study(ledger)[1]
        if not line:
            return None, own.arrivals()
        # Ours first: whoever takes a place meanwhile is then in both lists, or in Prolific's alone.
        here = own.arrivals()
        rows = client.pages("list submissions", "api/v1/submissions/", study=line["study_id"])
        return [submission(row) for row in rows], here


def free_places(console: Any, study: Study, requester: Requester) -> None:
    """Free the places here of people who returned theirs at Prolific, or ran out of time there."""
    from ..recruiting.matching import side_by_side, to_free
    from ..recruiting.own_side import OwnSide

    if not is_at_panel(study, requester):
        return
    there, here = _both_lists(study, requester)
    if there is None:
        return
    freed = OwnSide(requester.endpoint, study.study).release(to_free(side_by_side(there, here)))
    if freed:
        console.say(f"Free again here, as their people gave up at Prolific: {counted(len(freed), 'place')}.")


# review


def panel_review_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `review` that concern a panel."""
    options = [
        click.option("--category", metavar="WORD", default="", show_default="none",
                     help="With --reject at Prolific: its category, such as LOW_EFFORT or NO_DATA."),
        click.option("--bonus-was-paid", metavar="BULK", show_default="none",
                     help="You looked at Prolific: this bonus, whose end was not known, was paid."),
        click.option("--bonus-was-not-paid", metavar="BULK", show_default="none",
                     help="You looked at Prolific: this bonus was not paid; it may be paid now."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@dataclass
class PanelStep:
    """The part of a review that happens at Prolific; `what` is planned when our own part is."""

    study: Study
    reviewer: PanelReviewer
    pairs: list[Participation]
    wishes: PanelWishes
    what: PanelReview | None = None

    def plan(self, own: Review) -> PanelReview:
        """Return what is to be done at Prolific beside what is done here."""
        from dataclasses import replace

        from ..recruiting.reviewing import plan

        wishes = replace(self.wishes, excluded=frozenset(own.left_out))
        self.reviewer.wishes = wishes
        self.what = plan(self.pairs, wishes, self.reviewer.ledger)
        return self.what

    def price(self) -> tuple[Decimal, str]:
        """Return what bonuses and new places cost with fees and tax, and the currency."""
        from ..recruiting.publishing import account, agreed, quote

        client, what = self.reviewer.client, self.what
        owner = account(client)
        given = agreed(self.reviewer.ledger)
        total = Decimal(0)
        if what and what.bonus and self.wishes.bonus:
            total += quote(client, owner, self.wishes.bonus, len(what.bonus), 0).total
        if what and what.new_places and given:
            total += quote(client, owner, given.reward, what.new_places, 0).total
        return total, owner.currency

    def confirm(self, console: Any, own: Review, *, dry_run: bool, yes: bool) -> None:
        """Say what is done at Prolific and what it costs; go on only with a clear yes.

        Rejections are taken back at once, before anything is changed here: Prolific may not allow it.
        """
        what = self.plan(own)
        self._ask(console, what, dry_run=dry_run, yes=yes)
        if not dry_run:
            self.reviewer.overturn(what)

    def _ask(self, console: Any, what: PanelReview, *, dry_run: bool, yes: bool) -> None:
        for line in review_lines(what, self.wishes, dry_run=dry_run):
            console.say(line)
        if what.bonus:
            self.reviewer.refuse_undecided()
        if not what.bonus and not what.new_places:
            return
        total, currency = self.price()
        console.say(f"Price at Prolific, with fees and tax: {total} {currency}.")
        if not dry_run and not yes:
            agree(total, "nothing was done or paid", currency)

    def execute(self) -> None:
        """Do it."""
        if self.what is not None:
            self.reviewer.execute(self.what)


def review_lines(what: PanelReview, wishes: PanelWishes, *, dry_run: bool) -> list[str]:
    """Return in words what a review does at Prolific, or would do."""
    verb = "would " if dry_run else ""
    steps = [
        (len(what.approve), f"approve {counted(len(what.approve), 'submission')}"),
        (len(what.reject), f"reject {counted(len(what.reject), 'submission')} ({wishes.category})"),
        (len(what.overturn), f"take back the rejection of {counted(len(what.overturn), 'submission')}"),
        (len(what.bonus), f"pay {counted(len(what.bonus), 'submission')} a bonus of {wishes.bonus or 0:.2f}"),
        (what.new_places, f"add {counted(what.new_places, 'place')} for excluded assignments"),
    ]
    said = [f"At Prolific: {verb}{text}." for count, text in steps if count]
    if what.unreplaced:
        said.append(
            f"At Prolific: --replace adds {counted(what.unreplaced, 'place')} for excluded assignments."
        )
    return said or ["At Prolific: nothing is waiting."]


@contextmanager
def panel_step(
    study: Study, requester: Requester, wishes: Wishes, options: dict[str, Any], *, dry_run: bool
) -> Iterator[PanelStep | None]:
    """Give the part of a review that happens at Prolific; None for a study that recruits at none."""
    from ..recruiting.books import opened
    from ..recruiting.own_side import OwnSide
    from ..recruiting.reviewing import PanelReviewer, PanelWishes, decide, pairs_of

    if not is_at_panel(study, requester):
        _refuse_without(options)
        yield None
        return
    asked = PanelWishes(
        approve=wishes.approve, reject=wishes.reject, overturn=wishes.overturn, reason=wishes.reason,
        category=options["category"], bonus=wishes.bonus_usd, bonus_to=wishes.bonus_to,
        bonus_reason=wishes.bonus_reason, replace=wishes.replace,
    )  # fmt: skip
    with ExitStack() as stack:
        client = stack.enter_context(connected())
        ledger = stack.enter_context(opened(study, client.url))
        for name, paid in (("bonus_was_paid", True), ("bonus_was_not_paid", False)):
            if options[name]:
                decide(ledger, options[name], paid=paid)
        reviewer = PanelReviewer(study, client, ledger, asked)
        if not dry_run:
            reviewer.settle()
        pairs = pairs_of(client, ledger, OwnSide(requester.endpoint, study.study))
        yield PanelStep(study, reviewer, pairs, asked)


def _refuse_without(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value:
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for studies that recruit at Prolific; this one does not."
            )
