"""Prolific's ledger of a study: `study/published/prolific.jsonl`, in the form of the other ledgers.

codes                     the token, and the completion code of each outcome
study:N                   the draft: `study_id`, and what it was made of
pays:STUDY_ID:N           the draft pays another reward, in cents
group:N                   the group of earlier participants who are kept out
publish:STUDY_ID          it was published
places:STUDY_ID:N         it has N places
action:N                  it was paused, started or stopped
approve:DIGEST            submissions that were approved together
reject:SUBMISSION_ID      one that was rejected
unreject:SUBMISSION_ID    one whose rejection was taken back
setup:DIGEST              bonuses that were set up: `bulk_id`, and who gets what
pay:BULK_ID               that they were paid; without an outcome nobody knows, and a person decides
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

from ..publishing.client import Endpoint
from ..publishing.ledger import Ledger, exclusive, ledger_path
from .client import OutcomeUnknownError, ProlificError, ProlificTokenError, UnsentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glimpse.study import Study

NAME = "prolific"


def books_path(folder: Path) -> Path:
    """Return where the ledger of a study folder stands."""
    return ledger_path(folder, NAME)


def is_recruited(study: Study) -> bool:
    """Tell whether a study was given to Prolific, or may have been."""
    return study.folder is not None and books_path(study.folder).exists()


@contextmanager
def opened(study: Study, url: str) -> Iterator[Ledger]:
    """Hold the ledger of a study, alone; `url` is Prolific's address.

    GlimpseError where the ledger is of another study, of another address, or in use.
    """
    path = books_path(study.folder or Path())
    busy = f"{path.parent}: another command is recruiting for this study; wait until it has ended"
    with exclusive(path.with_suffix(".lock"), busy):
        ledger = Ledger(path)
        check(ledger, study, url)
        yield ledger


def check(ledger: Ledger, study: Study, url: str) -> None:
    """Raise GlimpseError where a ledger is of another study, or of another address than Prolific has now."""
    known = ledger.opened.get("url")
    if known is not None and known != url:
        raise GlimpseError(
            f"{ledger.path}: this study was given to {known}, and PROLIFIC_URL says {url}. Set PROLIFIC_URL "
            "to that address; a rehearsal and the real study need a folder each (cp -r)"
        )
    ledger.check(study, Endpoint(NAME, url, Path()))


def begin(ledger: Ledger, study: Study, url: str) -> None:
    """Write down whose ledger this is, unless it says so."""
    ledger.open(study, Endpoint(NAME, url, Path()))


def once(
    ledger: Ledger,
    key: str,
    operation: str,
    facts: dict[str, Any],
    call: Callable[[], dict[str, Any]],
    look: Callable[[], dict[str, Any] | None] = lambda: None,
) -> dict[str, Any]:
    """Make a call once, with a line before and one after; returns the outcome's line.

    `look` finds out at Prolific whether the call was carried out, and returns what its answer would have
    been. It is asked where an earlier call's end is not known, and after one that nobody acknowledged.
    """
    if key in ledger.outcomes:
        return ledger.outcomes[key]
    found = look() if key in ledger.pending else None
    if found is None:
        ledger.record("intent", key=key, operation=operation, **facts)
        found = _called(ledger, key, call, look)
        ledger.record("outcome", key=key, **{**facts, **found})
    else:
        ledger.record("outcome", key=key, **{**facts, **found}, found=True)
    return ledger.outcomes[key]


def _called(
    ledger: Ledger,
    key: str,
    call: Callable[[], dict[str, Any]],
    look: Callable[[], dict[str, Any] | None],
) -> dict[str, Any]:
    try:
        return call()
    except (ProlificError, ProlificTokenError, UnsentError) as error:
        ledger.record("refused", key=key, detail=str(error))
        raise
    except OutcomeUnknownError as error:
        found = look()
        if found is None:
            raise OutcomeUnknownError(
                error.what, f"{error.reason}; run the same command again: it looks first"
            ) from None
        return found


def current_study(ledger: Ledger) -> tuple[str, dict[str, Any]]:
    """Return the ledger's key of the present draft or study, and its line; a key alone before there is one.

    A draft that was deleted at Prolific is `gone`, and another takes its place.
    """
    number = 1
    while f"gone:{number}" in ledger.outcomes:
        number += 1
    key = f"study:{number}"
    return key, ledger.outcomes.get(key, {})


def asked_of(ledger: Ledger) -> dict[str, Any]:
    """Return what the present draft or study was made of, its reward as it was changed last; empty before."""
    line = current_study(ledger)[1]
    changed = ledger.find(f"pays:{line['study_id']}:") if line else []
    return {**line["body"], **({"reward": changed[-1]["reward"]} if changed else {})} if line else {}


def study_id(ledger: Ledger) -> str:
    """Return Prolific's id of the study; GlimpseError before there is one."""
    line = current_study(ledger)[1]
    if not line:
        raise GlimpseError(f"{ledger.path}: the study is not at Prolific yet. Run publish --to prolific")
    return str(line["study_id"])
