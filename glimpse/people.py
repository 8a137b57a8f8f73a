"""Who is who: pseudonyms, and workers.csv, the private list of results that tells them apart.

A row is `worker` (the pseudonym), `worker_id`, `participant`: the id under which a panel sent the person, a
lab's code, or the name that they signed in with; empty where there is none, or where nobody says. Files of
earlier versions have the first two columns. Cells are `guarded`.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from typing import TYPE_CHECKING

from glimpse.cells import guarded
from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

WORKERS = "workers.csv"
WORKER_COLUMNS = ("worker", "worker_id", "participant")
PRIVATE = 0o600  # only its owner may read it


def pseudonym(secret: str, worker_id: str) -> str:
    """Return the name under which a worker appears in a study's results: `w` and 12 hexadecimal digits.

    By HMAC with the study's secret, so that nobody without it can find out who it is.

    >>> pseudonym("secret", "A1B2C3")
    'w496a279afe11'
    """
    return "w" + hmac.new(secret.encode(), worker_id.encode(), hashlib.sha256).hexdigest()[:12]


def person_digest(salt: str, panel: str, person: str) -> str:
    """Return a mark by which a person is known again at the same panel, and which does not tell who it is.

    >>> person_digest("salt", "prolific", "5f1b")[:12]
    '6b5621769361'
    """
    return hmac.new(salt.encode(), f"{panel}\0{person}".encode(), hashlib.sha256).hexdigest()


def workers_csv(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as the file has them; begin with WORKER_COLUMNS, or its first two.

    Participants chose their names: no cell is a formula for the spreadsheet that opens the file.
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(map(guarded, row) for row in rows)
    return text.getvalue()


def read_workers(path: Path) -> tuple[list[list[str]], list[str]]:
    """Return the rows of the file, its head first, and what is wrong with others; none without a file.

    A row that is not CSV in UTF-8 is named and left; it keeps nobody from reading the others. GlimpseError
    where no row can be read.
    """
    if not path.exists():
        return [], []
    rows, problems = [], []
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            row = next(csv.reader([raw.decode("utf-8")], strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            problems.append(f"{path}, line {number}: not CSV in UTF-8 ({error})")
            continue
        if len(row) >= 2:
            rows.append(row)
        elif row:
            problems.append(f"{path}, line {number}: {len(row)} cell where {len(WORKER_COLUMNS)} are needed")
    if problems and not rows:
        raise GlimpseError(f"{problems[0]}. Save it as CSV in UTF-8, or move it.")
    return rows, problems


def is_narrow(rows: list[list[str]]) -> bool:
    """Tell whether a file has the two columns of earlier versions."""
    return bool(rows) and tuple(rows[0]) == WORKER_COLUMNS[:2]


def widened(rows: list[list[str]], known: Mapping[str, str]) -> list[list[str]]:
    """Return the rows of a file of two columns with the third; `known` is worker id -> participant."""
    body = [[*row, known.get(row[1], "")] if len(row) == 2 else row for row in rows[1:]]
    return [list(WORKER_COLUMNS), *body]
