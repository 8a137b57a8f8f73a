"""A participant withdraws: their identity goes, and if they wish their answers, on the server and in results.

The server comes first: what it no longer has, `collect` cannot bring back. workers.csv comes last: as long as
it says who somebody was, the same command can be run again and finishes what was broken off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glimpse.cells import guarded
from glimpse.errors import GlimpseError
from glimpse.files import Parts, write_whole
from glimpse.people import PRIVATE, WORKERS, pseudonym, read_workers
from glimpse.study import read_document
from glimpse.submission import ASSIGNMENTS, read_head

from ..publishing.client import CredentialsError, EndpointError
from ..publishing.client import endpoint as known_endpoint
from ..publishing.ledger import exclusive
from ..publishing.own_server import TIMEOUT_S, ask, listens, signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DEFAULT = Path("results")


class NobodyError(GlimpseError):
    """A server knows nobody of that name."""


@dataclass(frozen=True)
class Removed:
    """How many lines of assignments.jsonl and of workers.csv were removed from a results folder."""

    folder: Path
    assignments: int
    people: int


@dataclass(frozen=True)
class Withdrawn:
    """Whom a server forgot, by the worker ids that they had, and what was removed."""

    workers: tuple[str, ...] = ()
    assignments: int = 0
    answers: int = 0
    results: tuple[Removed, ...] = ()


def results_folders(named: Sequence[Path]) -> list[Path]:
    """Return the results folders to search: those named, or results/ where it is one.

    GlimpseError for a folder that holds no results.
    """
    if not named:
        return [DEFAULT] if (DEFAULT / ASSIGNMENTS).is_file() else []
    for folder in named:
        if not ((folder / "study.json").is_file() and (folder / ASSIGNMENTS).is_file()):
            raise GlimpseError(
                f"{folder} is not a results folder: it needs study.json and {ASSIGNMENTS}. Name another with "
                "--results; nothing was removed."
            )
    return list(dict.fromkeys(named))


def forget_person(
    data: Path, name: str, folders: Sequence[Path], stopped: Callable[[], Withdrawn], *, answers: bool
) -> Withdrawn:
    """Forget a person on the server of `data`, and with `answers` in results `folders`.

    `name` is the name that they signed in with, their id at a panel, or their worker id. `stopped` does it
    where no server runs; NobodyError of it says that nobody has that name. GlimpseError when neither the
    server nor a folder knows them.
    """
    nobody: NobodyError | None = None
    try:
        runs = (data / "endpoint").exists() and listens(data)
        found = _ask(data, name, answers=answers) if runs else stopped()
    except NobodyError as error:
        if not folders:
            raise
        nobody, found = error, Withdrawn()
    removed = tuple(remove_lines(folder, name, found.workers) for folder in folders)
    if nobody is not None and not any(one.assignments or one.people for one in removed):
        raise GlimpseError(f"{nobody} Nor do {', '.join(map(str, folders))}.")
    return Withdrawn(found.workers, found.assignments, found.answers, removed)


def _ask(data: Path, name: str, *, answers: bool) -> Withdrawn:
    """Ask a running server."""
    import httpx

    target = known_endpoint("local", None, data)
    url, body = f"{target.url}/forget", json.dumps({"name": name, "answers": answers}).encode()
    signed = signer(target)
    with httpx.Client(timeout=TIMEOUT_S) as client:
        # Once: an answer that got lost would make a second request say that there is nobody of that name.
        reply = ask(
            target, client, "POST", url, headers=lambda: signed("POST", url, body), attempts=1, content=body
        )
    try:
        said = reply.json()
        if reply.status_code == httpx.codes.OK:
            return Withdrawn(tuple(map(str, said["workers"])), said["assignments"], said["answers"])
        text = str(said["error"])
    except (ValueError, KeyError, TypeError):
        why = ". Run this command again."
        if reply.status_code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
            why = (
                ": the server that runs there is of an earlier version. Stop it, and run this command again."
            )
        raise EndpointError(f"{url} answers {reply.status_code}{why}") from None
    if reply.status_code == httpx.codes.FORBIDDEN:
        raise CredentialsError(f"{url} refuses the keys in {data}/credentials: {text}")
    raise NobodyError(text)


def remove_lines(folder: Path, name: str, workers: Sequence[str] = ()) -> Removed:
    """Remove a person's lines from a results folder: by name, or by the worker ids that a server knew.

    Waits for a `collect` that is at work there. Each file is replaced whole. GlimpseError when its study.json
    cannot be read.
    """
    with exclusive(folder / ".lock", f"{folder}: another command is at work there", wait=True):
        rows, _ = read_workers(folder / WORKERS)
        secret = str(read_document(folder / "study.json").get("secret", ""))
        names = {guarded(text) for text in (name, " ".join(name.split()), *workers)}
        theirs = {row[0] for row in rows[1:] if names & set(row[1:])}
        theirs |= {pseudonym(secret, worker) for worker in workers}
        lines = _drop_assignments(folder / ASSIGNMENTS, theirs)
        return Removed(folder, lines, _drop_people(folder / WORKERS, theirs))


def _drop_assignments(path: Path, theirs: set[str]) -> int:
    marks = [name.encode() for name in theirs]

    def is_theirs(raw: bytes) -> bool:
        if not any(mark in raw for mark in marks):
            return False
        head = read_head(raw)
        return head is None or head.get("worker") in theirs  # a damaged line that names them goes, too

    def lines(*, own: bool) -> Iterator[bytes]:
        with path.open("rb") as file:
            yield from (raw for raw in file if is_theirs(raw) is own)

    count = sum(1 for _ in lines(own=True))
    if count:
        write_whole(path, Parts(lambda: lines(own=False)), mode=path.stat().st_mode & 0o777)
    return count


def _drop_people(path: Path, theirs: set[str]) -> int:
    if not path.exists():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [
        line for line in lines if line.partition(b",")[0].decode(errors="replace").strip('"') not in theirs
    ]
    if len(kept) < len(lines):
        write_whole(path, b"".join(kept), mode=PRIVATE)
    return len(lines) - len(kept)
