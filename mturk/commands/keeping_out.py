"""Keeping out who took part before, as a study's file and `--exclude` say; our server is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from glimpse.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from glimpse.study import Study

    from ..publishing.client import Endpoint
    from ..recruiting.earlier import EarlierPerson


def people_of(console: Any, target: Endpoint, study: Study, options: Sequence[Path]) -> list[EarlierPerson]:
    """Return who took part in the studies that are to be kept out: those of the study's file, and `options`.

    A folder of the study's file that is gone is an error, until the server was told of its people.
    """
    from ..building.copies import STUDY_FILE
    from ..design.study_faults import faults_of
    from ..recruiting.earlier import read_earlier, stated_earlier
    from ..recruiting.own_side import OwnSide

    stated = stated_earlier(study)
    gone = [path for path in stated if not path.exists()]
    if gone and "people" in OwnSide(target, study.study).panels():
        console.warn(f"{gone[0]} is not there any more ([people] exclude); whom the server knew of stays out")
        stated = [path for path in stated if path not in gone]
    found = read_earlier(options)
    if stated and study.folder is not None:
        with faults_of(study.folder / STUDY_FILE):
            found += read_earlier(stated)
    return list(dict.fromkeys(found))


def people_at(console: Any, target: Endpoint, study: Study, options: Sequence[Path]) -> list[EarlierPerson]:
    """Return the same for any endpoint; UsageError at Amazon's, which does not know who these people are."""
    from ..recruiting.earlier import stated_earlier

    if target.name == "local":
        return people_of(console, target, study, options)
    if options:
        raise click.UsageError(
            f"--exclude is for studies on our own server; for --to {target.name} give a --qualification."
        )
    if stated := stated_earlier(study):
        raise click.UsageError(
            f"{study.folder}/study.toml keeps out who took part in {stated[0]} ([people] exclude), which is "
            f"for studies on our own server. For --to {target.name} take the key out of that file, and "
            "give a --qualification instead."
        )
    return []


def keep_out(console: Any, target: Endpoint, study: Study, people: Sequence[EarlierPerson]) -> None:
    """Let our server keep people out of a study, whichever panel they come by."""
    from ..recruiting.earlier import kept_out
    from ..recruiting.own_side import OwnSide

    if not people:
        return
    own = OwnSide(target, study.study)
    own.set_panel("people", kept_out(people, own.panels().get("people")))
    console.say(f"Kept out, as they took part before: {counted(len(people), 'participant')}.")
