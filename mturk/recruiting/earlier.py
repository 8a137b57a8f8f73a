"""People who took part in earlier studies, from the workers.csv of their results, and how they are kept out.

A panel keeps its own people out by a list of their ids. Our server keeps everybody out, whichever panel they
come by, from a list that holds digests alone.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.people import WORKER_COLUMNS, WORKERS, person_digest, read_workers
from glimpse.study import identity, read_document
from glimpse.toml import read_toml

from ..building.copies import STUDY_FILE
from ..panels.known import PANELS
from ..panels.prolific import PANEL as PROLIFIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from glimpse.study import Study

# Ids of Prolific are 24 hexadecimal digits.
_PROLIFIC_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class EarlierPerson:
    """Somebody of an earlier study: the id at their panel, and which panel; empty where that is not known."""

    panel: str
    id: str


def stated_earlier(study: Study) -> list[Path]:
    """Return what a study's own file says of earlier studies, `[people] exclude`, as paths from here.

    GlimpseError where the file cannot be read, or the key is no list of paths.
    """
    file = (study.folder or Path()) / STUDY_FILE
    if study.folder is None or not file.is_file():
        return []
    read = read_toml(file)
    people = read.values.get("people", {})
    stated = people.get("exclude", []) if isinstance(people, dict) else []
    if not isinstance(stated, list) or not all(isinstance(one, str) and one.strip() for one in stated):
        raise GlimpseError(
            f"{read.where('people', 'exclude')}: people.exclude is {str(stated)[:60]!r}; write folders or "
            'files in a list, such as ["pilot/"].'
        )
    return [Path(os.path.normpath(file.parent / one)) for one in stated]


def check_earlier(paths: Iterable[str | Path]) -> None:
    """Raise GlimpseError for what tells of nobody, or never will: done before a study is built.

    A study's folder passes: its results may come until it is published.
    """
    for path in map(Path, paths):
        if not _is_study(path):
            read_earlier([path])


def read_earlier(paths: Iterable[Path]) -> list[EarlierPerson]:
    """Return everybody in results folders, in the results of studies' folders, or in workers.csv files.

    GlimpseError where a file is missing, or tells of nobody.
    """
    found: dict[EarlierPerson, None] = {}
    for path in paths:
        for file in _lists(path):
            rows, problems = read_workers(file)
            if problems:
                raise GlimpseError(
                    f"--exclude: {problems[0]}. Mend the file: a person left out may come again"
                )
            people = _people(rows)
            if not people:
                raise GlimpseError(
                    f"--exclude {file}: nobody in it has an id of a panel (column participant)"
                )
            found.update(dict.fromkeys(people))
    return list(found)


def _lists(path: Path) -> list[Path]:
    """Return the lists of people that a path names."""
    if _is_study(path):
        found = sorted(_results_of(path))
        if not found:
            raise GlimpseError(
                f"--exclude {path}: this is a study, and no results of it are beside it or here. Collect "
                "them, or name the folder into which they were collected"
            )
        return found
    file = path / WORKERS if path.is_dir() else path
    if not file.is_file():
        what = f"there is no {WORKERS}, which `collect` writes" if path.is_dir() else "there is no such file"
        raise GlimpseError(
            f"--exclude {path}: {what}; name a results folder, a study's folder, or a {WORKERS}"
        )
    if not path.is_dir() and not _is_list(file):
        raise GlimpseError(
            f"--exclude {path} is no {WORKERS}, whose first line is {','.join(WORKER_COLUMNS)}; name a "
            "results folder, a study's folder, or that file"
        )
    return [file]


def _is_study(path: Path) -> bool:
    return (path / "study.json").is_file() and (path / "pages").is_dir()


def _is_list(file: Path) -> bool:
    """Tell whether a file begins as a list of workers does."""
    with file.open("rb") as opened:
        head = opened.readline(4096).decode("utf-8", "replace").lstrip("\ufeff")
    return head.strip().split(",")[:2] == list(WORKER_COLUMNS[:2])


def _results_of(study: Path) -> set[Path]:
    """Return the lists of people of a study's results: they are beside it, or where the program runs."""
    wanted = identity(read_document(study / "study.json"))
    near = {one.resolve() for base in (study.resolve().parent, Path.cwd()) for one in base.iterdir()}
    return {one / WORKERS for one in near if (one / WORKERS).is_file() and _identity(one) == wanted}


def _identity(results: Path) -> tuple[Any, Any] | None:
    """Return whose results a folder holds; None where that cannot be read."""
    try:
        return identity(read_document(results / "study.json"))
    except (GlimpseError, OSError):
        return None


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


def kept_out(people: Iterable[EarlierPerson], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the list that our server is given: a salt, and a digest of each person.

    `before` is the list that it has; whoever is in it stays. A person whose panel is not known is kept out
    at every panel under the same id.
    """
    known = before or {}
    salt = str(known.get("salt") or secrets.token_hex(16))
    names = list(dict.fromkeys(panel.name for panel in PANELS))
    digests = {
        person_digest(salt, panel, one.id)
        for one in people
        for panel in ([one.panel] if one.panel else names)
    }
    return {"salt": salt, "digests": sorted(digests | set(known.get("digests", [])))}
