"""`register`: what a study plans, with a time stamp, before anybody answers."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.given import is_given, refuse_given
from glimpse.program import command

from .evidence import check_options, evidence_options, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.registration import Registration

    from ..registering.registering import Requested

FILES = ("metrics", "items")
# Analyses that a report shows anyway, and that count as exploratory unless they are registered.
ALSO = ("agreement", "correlation", "pairs", "panels", "sensitivity", "sides", "times", "workers")


@click.command()
@click.argument("study", type=click.Path(path_type=Path), default=Path("study"))
@click.option(
    "--hypothesis",
    "hypotheses",
    metavar="TEXT",
    multiple=True,
    show_default="none",
    help="A hypothesis of your own, with its direction; those that follow from the design come after it. "
    "Repeatable.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice(ALSO),
    show_default="none",
    help="Register this analysis, too; otherwise it counts as exploratory. Repeatable.",
)
@click.option(
    "--replace-excluded",
    is_flag=True,
    help="State that excluded assignments are replaced, which review --replace does.",
)
@click.option(
    "--rate",
    "rates",
    type=float,
    multiple=True,
    default=(0.55, 0.6, 0.75),
    show_default=True,
    help="A true preference rate, between 0 and 1, for which to state expected width and power. Repeatable.",
)
@click.option(
    "--d-prime",
    "d_primes",
    type=float,
    multiple=True,
    default=(0.25, 0.5, 1.0),
    show_default=True,
    help="Of one image at a time: a true d' for which to state expected width and power. Repeatable.",
)
@evidence_options
@click.option(
    "--amend",
    "reason",
    metavar="REASON",
    default=None,
    show_default="nothing is amended",
    help="Add a dated amendment to what was registered, for this reason. Options that you do not name stay "
    "as registered.",
)
def register(*, study: Path, reason: str | None, **options: Any) -> None:
    """Write down what a study plans, with a time stamp.

    Writes STUDY/registration.md, a text to paste into OSF or AsPredicted: hypotheses, design, participants,
    exclusions, when to stop, tests, expected width and power. STUDY/registration.json has the same for
    programs. The options of analyze are registered; the report says what was done otherwise. Nothing that was
    registered is overwritten.

    \b
    Examples:
      python cli.py register study/
      python cli.py register study/ --equivalence 5 --hypothesis "People prefer crn to pix2pix at 1 s."
      python cli.py register study/ --level 0.99 --amend "A reviewer asked for it, before any answer."
    """
    if reason is not None and not reason.strip():
        raise click.BadParameter("it is empty; say why you amend.", param_hint="--amend")
    if any(not text.strip() for text in options["hypotheses"]):
        raise click.BadParameter("it is empty; write a sentence.", param_hint="--hypothesis")
    _refuse_other_task(study)
    from ..registering.registering import earlier_options
    from ..registering.registering import register as write_registration

    requested = _requested(options, earlier_options(study))
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found, new = write_registration(study, requested, " ".join(reason.split()) if reason else None, at)
    _say(study, found, new=new)


def _refuse_other_task(study: Path) -> None:
    """Raise UsageError for rates of a study of single images, and for d' of one of pairs or a staircase."""
    from glimpse.study import read_document

    path = study / "study.json"
    if not (is_given("rates") or is_given("d_primes")) or not path.is_file():
        return
    one = read_document(path)["experiment"]
    if one.get("task") != "single":
        refuse_given(
            ["d_primes"], "is for studies of one image at a time; this one shows pairs. Leave it out."
        )
        return
    refuse_given(["rates"], "is for studies of pairs; this one shows one image at a time. Leave it out.")
    if one.get("staircase"):
        refuse_given(
            ["d_primes"], "says nothing of a staircase, of which nothing is predicted. Leave it out."
        )


def _requested(options: Mapping[str, Any], earlier: Mapping[str, Any]) -> Requested:
    """Return what is to be registered: options given now, else those registered earlier, else the usual."""
    from ..registering.registering import Requested, as_registered

    given = {name: value for name, value in options.items() if is_given(name)}
    chosen = {**options, **{name: _typed(name, value) for name, value in earlier.items() if name in options}}
    _check_earlier(chosen, earlier)
    chosen |= given
    check_options(chosen)
    settings = settings_of(chosen)
    stated = {name: _plain(value) for name, value in given.items() if name not in FILES}
    stated |= {
        name: [as_registered(path, name) for path in _paths(given[name])] for name in FILES if given.get(name)
    }
    stated = {**earlier, **stated}
    return Requested(
        settings, stated, stated.get("hypotheses", ()), chosen["also"], chosen["replace_excluded"],
        chosen["rates"], chosen["d_primes"], _analyze(stated),
    )  # fmt: skip


def _typed(name: str, value: Any) -> Any:
    """Return a registered option as the command has it; files are registered by name, and are not read."""
    if name in FILES:
        return () if name == "metrics" else None
    return tuple(value) if isinstance(value, list) else value


def _check_earlier(chosen: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
    """Refuse options of registration.json that the command would not take."""
    from glimpse.registration import REGISTRATION

    context = click.get_current_context()
    for option in context.command.params:
        name = str(option.name)
        if name not in earlier or name in FILES:
            continue
        try:
            if chosen[name] is None or (option.multiple and not isinstance(chosen[name], tuple)):
                raise click.BadParameter("a value or a list is needed.")
            option.type_cast_value(context, chosen[name])
        except (click.UsageError, TypeError, ValueError):
            raise click.ClickException(
                f"{context.params['study'] / REGISTRATION}: option {name!r} was registered as "
                f"{earlier[name]!r}, which register does not take. Copy the file again from where you "
                "registered it."
            ) from None


def _plain(value: Any) -> Any:
    """Return an option's value as JSON holds it; sentences without line breaks."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def _paths(value: Any) -> list[Path]:
    return [value] if isinstance(value, Path) else list(value)


def _analyze(stated: Mapping[str, Any]) -> str:
    """Return the command that analyses as registered; it is written for any computer."""
    from .evidence import EVIDENCE

    words = ["glimpse", "analyze", "results/"]
    for option in click.Command("analyze", params=_parameters(EVIDENCE)).params:
        value = stated.get(str(option.name))
        if value is None or value is False:
            continue
        flag = option.opts[0]
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                words += [flag, str(one["file"])]
            else:
                words += [flag] if one is True else [flag, f"{one:g}" if isinstance(one, float) else str(one)]
    return shlex.join(words)


def _parameters(decorators: Any) -> list[click.Parameter]:
    """Return the options that decorators would give a command."""

    def nothing() -> None:
        """Stands for a command."""

    for decorate in reversed(decorators):
        decorate(nothing)
    found: list[click.Parameter] = list(reversed(nothing.__click_params__))  # type: ignore[attr-defined]
    return found


def _say(study: Path, found: Registration, *, new: bool) -> None:
    """Print what was written, and what comes next."""
    from glimpse.files import file_digest
    from glimpse.registration import REGISTRATION, REGISTRATION_TEXT, change_in_words

    console = click.get_current_context().obj
    latest = found.latest
    if not new:
        console.say(f"{study} was registered like this at {latest.registered_at}; nothing new was written.")
        return
    for text in latest.hypotheses:
        console.say(click.wrap_text(text, 100, "- ", "  "))
    for change in latest.changes:
        console.say(click.wrap_text(f"Amended: {change_in_words(change)}", 100, "", "  "))
    if latest.published:
        console.warn("HITs of this study exist already, so that answers may, too; the registration says so.")
    digest = file_digest(study / REGISTRATION)
    console.say(
        f"\nWrote {study / REGISTRATION_TEXT} and {study / REGISTRATION} (SHA-256 {digest}).\nThe time, "
        f"{latest.registered_at}, is this computer's. To prove it, paste {REGISTRATION_TEXT} into a public "
        "registry,\nsuch as osf.io or aspredicted.org, before anybody answers."
    )
    console.next(command("publish", str(study), "--to", "local"))
