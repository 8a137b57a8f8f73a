"""The ledger of an endpoint: `study/published/<endpoint>.jsonl`, what was asked for and what came of it.

One JSON object a line, appended and synced, never edited. Every call that costs money or creates something
stands in it twice: as `intent` before it is made, as `outcome` after. An intent without an outcome is a call
that may or may not have happened; whoever finds one asks the endpoint before calling again.

    {"at": ..., "event": "opened", "endpoint": "local", "url": ..., "study": ..., "plan_sha256": ...,
     "pages_sha256": ...}
    {"at": ..., "event": "intent", "key": "hit:b1-h01:1", "operation": "CreateHITWithHITType", "token": ...}
    {"at": ..., "event": "outcome", "key": "hit:b1-h01:1", "hit_id": ..., ...}
    {"at": ..., "event": "refused", "key": "hit:b1-h01:1", "code": ..., "detail": ...}
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import append_line

from .client import NAMES, TurkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from glimpse.study import Study

    from .client import Endpoint, Requester

EVENTS = ("opened", "intent", "outcome", "refused")


def now() -> str:
    """Return the time as every file of Glimpse writes it: 2026-01-02T03:04:05Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(*parts: str) -> str:
    """Return a UniqueRequestToken: 64 characters, the same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Ledger:
    """The lines of one ledger, by key; `record` appends.

    `outcomes` holds the result of every finished call, `pending` the intents whose end is not known. A line
    that cannot be read is a GlimpseError; whoever only looks may ask for `damaged` to be listed instead, with
    the other lines read.
    """

    def __init__(self, path: Path, clock: Callable[[], str] = now, *, lenient: bool = False) -> None:
        self.path = path
        self.clock = clock
        self._writing = threading.Lock()
        self.damaged: list[str] = []
        self.opened: dict[str, Any] = {}
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.pending: dict[str, dict[str, Any]] = {}
        for line in _lines(path, self.damaged):
            self._take(line)
        if self.damaged and not lenient:
            raise GlimpseError(f"{self.damaged[0]}. Copy the file again from a backup, or move it away")

    def _take(self, line: dict[str, Any]) -> None:
        event, key = line["event"], str(line.get("key", ""))
        if event == "opened":
            self.opened = self.opened or line
        elif event == "intent":
            self.pending[key] = line
        else:
            self.pending.pop(key, None)
            if event == "outcome":
                self.outcomes[key] = line

    def record(self, event: str, **fields: Any) -> None:
        """Append one line; it is on the disk when this returns."""
        line = {"at": self.clock(), "event": event, **fields}
        with self._writing:
            append_line(self.path, json.dumps(line, ensure_ascii=False))
            self._take(line)

    def open(self, study: Study, endpoint: Endpoint) -> None:
        """Write down whose ledger this is, unless it says so already."""
        if not self.opened:
            self.record("opened", endpoint=endpoint.name, url=endpoint.url, **_marks(study))

    def check(self, study: Study, endpoint: Endpoint) -> None:
        """Raise GlimpseError when this ledger is of another study, of other pages, or of another address."""
        if not self.opened:
            return
        marks = _marks(study)
        # A ledger of an earlier version does not tell the pages.
        known = {"pages_sha256": marks["pages_sha256"], **self.opened}
        if any(known.get(name) != mark for name, mark in marks.items()):
            raise GlimpseError(
                f"{self.path} is of another study ({self.opened.get('study')}, not {study.study}) or of "
                "other pages; what was published must stay with its own study folder"
            )
        if endpoint.name != "local" and self.opened.get("url") != endpoint.url:
            raise GlimpseError(
                f"{self.path}: this study was published to {self.opened.get('url')}, not to {endpoint.url}; "
                "name that address with --endpoint, or publish a copy of the study folder"
            )

    def find(self, prefix: str) -> list[dict[str, Any]]:
        """Return the outcomes whose key starts with `prefix`, in the order in which they were made."""
        return [line for key, line in self.outcomes.items() if key.startswith(prefix)]


@dataclass(frozen=True)
class OnceCall:
    """A call that costs money or creates something: its key in the ledger, and what both lines say."""

    key: str
    operation: str
    arguments: dict[str, Any]
    facts: dict[str, Any]
    token: str | None = None


def call_once(
    ledger: Ledger,
    requester: Requester,
    once: OnceCall,
    result: Callable[[dict[str, Any]], dict[str, Any]],
    recover: Callable[[TurkError], dict[str, Any] | None] = lambda _error: None,
) -> dict[str, Any]:
    """Make a call once: intent, call, outcome; return the outcome's line.

    `result` turns the answer into what the outcome states. When the endpoint refuses, `recover` may find that
    the call had been made before and return what its answer would have been.
    """
    if once.key in ledger.outcomes:
        return ledger.outcomes[once.key]
    known = {"token": once.token} if once.token else {}
    ledger.record("intent", key=once.key, operation=once.operation, **known, **once.facts)
    token_argument = {"UniqueRequestToken": once.token} if once.token else {}
    try:
        answer = requester.call(once.operation, **once.arguments, **token_argument)
    except TurkError as error:
        found = recover(error)
        if found is None:
            ledger.record("refused", key=once.key, code=error.code, detail=error.detail)
            raise
        answer = found
    ledger.record("outcome", key=once.key, **{**once.facts, **result(answer)})
    return ledger.outcomes[once.key]


def ledger_path(study_folder: Path, endpoint: str) -> Path:
    """Return where the ledger of an endpoint stands."""
    return study_folder / "published" / f"{endpoint}.jsonl"


def published_endpoints(study_folder: Path) -> list[str]:
    """Return the names of the endpoints to which a study was published."""
    return [name for name in NAMES if ledger_path(study_folder, name).exists()]


def was_published(study_folder: Path) -> bool:
    """Tell whether HITs of a study exist, or may exist: an intent whose end is not known counts."""
    ledgers = [Ledger(ledger_path(study_folder, name)) for name in published_endpoints(study_folder)]
    return any(key.startswith("hit:") for books in ledgers for key in (*books.outcomes, *books.pending))


def _marks(study: Study) -> dict[str, str]:
    """Return what tells a study from every other."""
    pages = "\n".join(hit.page_sha256 for hit in study.hits)
    pages_sha256 = hashlib.sha256(pages.encode()).hexdigest()
    return {"study": study.study, "plan_sha256": study.plan_sha256, "pages_sha256": pages_sha256}


# What the rest of Glimpse reads of an outcome, by the beginning of its key.
_FACTS: dict[str, dict[str, type]] = {
    "hit:": {"hit": str, "batch": str, "part": int, "places": int, "hit_id": str, "hit_type_id": str},
    "grow:": {"hit_id": str, "places": int},
    "workers:": {"workers_per_hit": int},
    "reward:": {"usd": str, "before": str},
    "retype:": {"hit_id": str, "hit_type_id": str, "usd": str, "since": str},
    "images": {"base_url": str},
    "settings": {"settings": dict},
}


def _lines(path: Path, damaged: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a ledger; those that are none are named in `damaged`."""
    rows = path.read_bytes().split(b"\n") if path.exists() else []
    for number, row in enumerate(rows, start=1):
        try:
            line = json.loads(row)
        except (ValueError, RecursionError):
            # Cut short by a crash: an intent whose call was then not made, or an outcome whose intent stands.
            if not row or row.startswith(b"{"):
                continue
            line = None
        if _is_line(line):
            yield line
        else:
            damaged.append(f"{path}: line {number} is not a ledger's line: {row[:60]!r}")


def _is_line(line: Any) -> bool:
    if not isinstance(line, dict) or line.get("event") not in EVENTS:
        return False
    key = str(line.get("key", ""))
    facts = next((facts for start, facts in _FACTS.items() if key.startswith(start)), {})
    return line["event"] != "outcome" or all(isinstance(line.get(name), kind) for name, kind in facts.items())


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a ledger, so that one process at a time publishes, reviews or changes a study.

    path: of the ledger. GlimpseError where another process holds it.
    """
    busy = f"{path.parent}: another publish or review of this study is running; wait until it has ended"
    with exclusive(path.with_suffix(".lock"), busy):
        yield


@contextmanager
def exclusive(path: Path, busy: str, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file while the block runs; the system frees it even after a crash.

    GlimpseError with the text `busy` when another process holds it, unless `wait`.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise GlimpseError(busy) from None
        yield
