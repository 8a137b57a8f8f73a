"""`serve`: the MTurk-compatible server with its pages for workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.program import command
from glimpse.text import counted

from .following import given
from .places import link_to_hand_out

if TYPE_CHECKING:
    from ..server.site import Site

SHOWN_LINKS = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 picks one."
)
@click.option(
    "--data",
    default=Path("server"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database, the keys and the images.",
)
@click.option(
    "--study",
    "studies",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    show_default="study/, where it exists",
    help="Study whose exclusions the dashboard counts (repeatable).",
)
@click.option(
    "--lab",
    is_flag=True,
    show_default=True,
    help="Participants take turns at one browser: each enters a name or number.",
)
@click.option(
    "--sign-in/--no-sign-in",
    "sign_in",
    default=None,
    show_default="on, but off behind --public-url",
    help="Whether workers may sign in with any name.",
)
@click.option(
    "--public-url",
    metavar="URL",
    show_default="none",
    help="Public address of the proxy in front of this server, with its path if it has one.",
)
@click.option(
    "--worker-locale",
    metavar="COUNTRY",
    show_default="none",
    help="Where workers are, for HITs that require a location: US, or US-CA.",
)
@click.option(
    "--completion-url", metavar="URL", show_default="none", help="Where participants go when they are done."
)
@click.option(
    "--forget",
    metavar="NAME",
    show_default="nobody",
    help="Remove a person's identity from DATA, keep their answers, and exit. The server may run meanwhile.",
)
@click.option(
    "--answers",
    is_flag=True,
    show_default=True,
    help="With --forget: remove their answers, too, here and in results. What was paid stays on record.",
)
@click.option(
    "--results",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    show_default="results/, where it exists",
    help="With --answers: results folder that holds their lines (repeatable).",
)
@click.option(
    "--backup",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="none",
    help="Write DATA, with its images and keys, into one file, and exit. The server may run meanwhile.",
)
@click.option(
    "--restore",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    show_default="none",
    help="Put a backup into DATA, and exit.",
)
@click.option(
    "--replace", is_flag=True, show_default=True, help="With --restore: move what DATA holds already aside."
)
@click.option(
    "--accept-clock",
    is_flag=True,
    show_default=True,
    help="The clock is right, though it is more than a day from when the server last ran.",
)
@click.option(
    "--database",
    metavar="ADDRESS",
    envvar="GLIMPSE_DATABASE",
    show_default="a file in DATA",
    help="PostgreSQL database that several servers share: postgresql://USER@HOST/NAME.",
)
@click.option(
    "--fake-prolific",
    is_flag=True,
    show_default=True,
    help="Add a made-up Prolific to rehearse with: nobody is paid, and it forgets everything when it stops.",
)
@click.option("--open", "open_", is_flag=True, show_default=True, help="Open the dashboard in the browser.")
def serve(  # noqa: PLR0917 - one an option
    host: str,
    port: int,
    data: Path,
    studies: tuple[Path, ...],
    lab: bool,
    sign_in: bool | None,
    public_url: str | None,
    worker_locale: str | None,
    completion_url: str | None,
    forget: str | None,
    answers: bool,
    results: tuple[Path, ...],
    backup: Path | None,
    restore: Path | None,
    replace: bool,
    accept_clock: bool,
    database: str | None,
    fake_prolific: bool,
    open_: bool,
) -> None:
    """Run the MTurk-compatible server with its pages for workers.

    It speaks MTurk's protocol at its own address, so that `publish --to local`, and any boto3 program, can
    use it. On the first start it makes a key pair in DATA/credentials. Stop it with Ctrl-C.

    \b
    Examples:
      python cli.py serve --port 8080
      python cli.py publish --to local
      python cli.py serve --forget P-1234 --answers
    """  # fmt: skip
    from ..rehearsal.app import REHEARSAL
    from ..server import running
    from ..server.clock import jump_text
    from ..server.site import ServerSettings

    console = click.get_current_context().obj
    tasks = [task for task in (forget, backup, restore) if task is not None]
    _refuse_misplaced(tasks, forget, restore, database, replace=replace, answers=answers, results=results)
    if forget is not None:
        _forget(console, data, forget, database, results if answers else None)
    elif tasks:
        _care_for(console, data, backup, restore, replace=replace)
    if tasks:
        return
    if not studies and Path("study/study.json").is_file():
        studies = (Path("study"),)
    settings = ServerSettings(
        data=data, studies=studies, lab=lab, sign_in=public_url is None if sign_in is None else sign_in,
        public_url=public_url, worker_locale=worker_locale, completion_url=completion_url,
        database=database, rehearsal=fake_prolific,
    )  # fmt: skip

    def started(site: Site, url: str) -> None:
        public = settings.public_url or url
        link = f"{public}/dashboard/?token={site.requester_token}"
        console.say(f"Workers' site:     {public}/worker/")
        console.say(f"Dashboard:         {link}")
        for line in _links(site, public):
            console.say(f"Link to hand out:  {line}")
        console.say(f"boto3 endpoint:    {public}/  with AWS_SHARED_CREDENTIALS_FILE={data / 'credentials'}")
        if fake_prolific:
            console.say(
                f"Rehearsal:         {url}{REHEARSAL}/  (PROLIFIC_URL={url}{REHEARSAL} and any token)"
            )
        if site.clock_jump_s:
            console.warn(jump_text(site.clock_jump_s))
        console.say(f"Stop with Ctrl-C, or from another terminal: kill {os.getpid()}")
        named = given("studies")[1:] if len(studies) == 1 else []
        console.next(
            command("publish", *named, "--to", "prolific" if fake_prolific else "local", *given("data"))
        )
        if open_:
            click.launch(link)

    running.serve(settings, host, port, started=started, accept_clock=accept_clock)


def _refuse_misplaced(
    tasks: list[Any],
    forget: str | None,
    restore: Path | None,
    database: str | None,
    *,
    replace: bool,
    answers: bool,
    results: tuple[Path, ...],
) -> None:
    """Raise UsageError for options that do not go together."""
    if replace and restore is None:
        raise click.UsageError("--replace goes with --restore FILE.")
    if (answers and forget is None) or (results and not answers):
        raise click.UsageError("--answers goes with --forget NAME, and --results with --answers.")
    if len(tasks) > 1:
        raise click.UsageError("--forget, --backup and --restore: give one of them.")
    if tasks and forget is None and database is not None:
        raise click.UsageError(
            "--backup and --restore are for the file in DATA. Back a PostgreSQL database up with "
            "pg_dump, and copy `credentials`, `dashboard-token` and `media` from DATA."
        )


def _forget(
    console: Any, data: Path, name: str, database: str | None, results: tuple[Path, ...] | None
) -> None:
    """Remove a person, with `results` (may be empty) their answers, too, and say what was done."""
    from ..collecting.withdrawing import NobodyError, Withdrawn, forget_person, results_folders
    from ..server import running
    from ..server.protocol.errors import RequestError

    def stopped() -> Withdrawn:
        try:
            done = running.forget(data, name, database, answers=results is not None)
        except RequestError as error:
            raise NobodyError(error.message) from None
        return Withdrawn(tuple(done.workers), done.assignments, done.answers)

    folders = [] if results is None else results_folders(results)
    found = forget_person(data, name, folders, stopped, answers=results is not None)
    console.say(
        f"Identities removed: {len(found.workers)}. Assignments kept without a name: {found.assignments}."
    )
    if results is None:
        console.say("Delete the line of results/workers.csv too, and old backups.")
    else:
        console.say(f"Answers removed from {data}: {found.answers}. What was paid stays on record.")
        for one in found.results:
            console.say(
                f"Removed from {one.folder}: {counted(one.assignments, 'line')} of assignments.jsonl, "
                f"{one.people} of workers.csv."
            )
        if not folders:
            console.warn("no results folder was searched: name each that holds their answers with --results")
        console.say("Delete old backups and copies of results, and analyze again: reports still count them.")
    for copy in sorted(data.glob("before-restore-*")):
        console.warn(f"{copy} still holds the database as it was before a restore. Delete it.")


def _care_for(console: Any, data: Path, backup: Path | None, restore: Path | None, *, replace: bool) -> None:
    """Back the data up or restore it, and say what was done."""
    from ..server import backup as backups

    if backup is not None:
        images = backups.backup(data, backup)
        console.say(f"Written: {backup}, with the database, the keys and {counted(images, 'image')}.")
    elif restore is not None:
        aside = backups.restore(restore, data, replace=replace)
        console.say(f"Restored: {data} from {restore}.")
        if aside is not None:
            console.say(f"What was there is in {aside}.")
        console.next(command("serve", *given("data")))


def _links(site: Site, public: str) -> list[str]:
    """Return the addresses of the studies of which the server has HITs, or how to get one."""
    from ..server.storage import tallies

    found = [row["study"] for row in site.store.read(tallies.studies) if row["study"] != tallies.NO_STUDY]
    lines = [link_to_hand_out(site, public, study) for study in found[:SHOWN_LINKS]]
    if not lines:
        return ["none yet; `publish` prints it"]
    whose = (
        "for Prolific; the dashboard has those of other"
        if site.settings.panels_only
        else "the dashboard has those of"
    )
    lines[-1] += f"  ({whose} panels)"
    if len(found) > SHOWN_LINKS:
        lines.append(f"... and {len(found) - SHOWN_LINKS} more, on the dashboard")
    return lines
