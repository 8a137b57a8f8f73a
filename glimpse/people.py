"""Who is who: pseudonyms, and workers.csv, the private list of results that tells them apart.

A row is `worker` (the pseudonym), `worker_id`, `participant`: the id under which a panel sent the person, a
lab's code, or the name that they signed in with; empty where there is none, or where nobody says. Files of
earlier versions have the first two columns.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from typing import TYPE_CHECKING

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


def workers_csv(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as the file has them; begin with WORKER_COLUMNS, or its first two."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_workers(path: Path) -> list[list[str]]:
    """Return the rows of the file, its head first; none when there is no file.

    GlimpseError where it is not a CSV file in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        return [row for row in csv.reader(io.StringIO(text)) if len(row) >= 2]
    except (UnicodeDecodeError, csv.Error) as error:
        raise GlimpseError(
            f"{path}: not a CSV file in UTF-8 ({error}). Save it as one, or move it."
        ) from None


def is_narrow(rows: list[list[str]]) -> bool:
    """Tell whether a file has the two columns of earlier versions."""
    return bool(rows) and tuple(rows[0]) == WORKER_COLUMNS[:2]


def widened(rows: list[list[str]], known: Mapping[str, str]) -> list[list[str]]:
    """Return the rows of a file of two columns with the third; `known` is worker id -> participant."""
    body = [[*row, known.get(row[1], "")] if len(row) == 2 else row for row in rows[1:]]
    return [list(WORKER_COLUMNS), *body]
