"""People who took part in earlier studies, from the workers.csv of their results, and how they are kept out.

A panel keeps its own people out by a list of their ids. Our server keeps everybody out, whichever panel they
come by, from a list that holds digests alone.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.people import WORKERS, person_digest, read_workers

from ..panels.known import PANELS
from ..panels.prolific import PANEL as PROLIFIC

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Ids of Prolific are 24 hexadecimal digits.
_PROLIFIC_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class EarlierPerson:
    """Somebody of an earlier study: the id at their panel, and which panel; empty where that is not known."""

    panel: str
    id: str


def read_earlier(paths: Iterable[Path]) -> list[EarlierPerson]:
    """Return everybody in results folders or workers.csv files.

    GlimpseError where a file is missing, or tells of nobody.
    """
    found: dict[EarlierPerson, None] = {}
    for path in paths:
        file = path / WORKERS if path.is_dir() else path
        if not file.is_file():
            raise GlimpseError(
                f"--exclude {path}: there is no {WORKERS}, which `collect` writes; name a results folder, or "
                "the file itself"
            )
        rows, problems = read_workers(file)
        if problems:
            raise GlimpseError(f"--exclude: {problems[0]}. Mend the file: a person left out may come again")
        people = _people(rows)
        if not people:
            raise GlimpseError(f"--exclude {file}: nobody in it has an id of a panel (column participant)")
        found.update(dict.fromkeys(people))
    return list(found)


def _people(rows: list[list[str]]) -> list[EarlierPerson]:
    head = rows[0] if rows else []
    if "participant" not in head:
        return []
    at, panel_at = head.index("participant"), head.index("panel") if "panel" in head else None
    people = []
    for row in rows[1:]:
        name = row[at].strip().lstrip("'") if len(row) > at else ""
        panel = row[panel_at] if panel_at is not None and len(row) > panel_at else ""
        if name:
            people.append(EarlierPerson(panel or _panel_of(name), name))
    return people


def _panel_of(name: str) -> str:
    """Return the panel that an id's form tells; empty where it tells none."""
    return PROLIFIC.name if _PROLIFIC_ID.fullmatch(name) else ""


def prolific_ids(people: Iterable[EarlierPerson]) -> list[str]:
    """Return the ids that Prolific knows."""
    return sorted({one.id for one in people if one.panel == PROLIFIC.name})


def kept_out(people: Iterable[EarlierPerson], salt: str | None = None) -> dict[str, Any]:
    """Return the list that our server is given: a salt, and a digest of each person.

    A person whose panel is not known is kept out at every panel under the same id.
    """
    salt = salt or secrets.token_hex(16)
    names = list(dict.fromkeys(panel.name for panel in PANELS))
    digests = {
        person_digest(salt, panel, one.id)
        for one in people
        for panel in ([one.panel] if one.panel else names)
    }
    return {"salt": salt, "digests": sorted(digests)}
