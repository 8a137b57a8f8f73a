"""A published study by its folder: the study, a client of where it is published, its ledger."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mturk.client import Requester, connect, data_option
from mturk.client import endpoint as known_endpoint
from mturk.errors import MTurkError
from mturk.ledger import Ledger, ledger_path, published_endpoints
from mturk.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from mturk.study import Study


def find(folder: Path, on: str, url: str | None, data: Path) -> tuple[Study, Requester, Ledger]:
    """Return a study with its client and its ledger; `on` is an endpoint's name, or auto where there is one.

    Without `url`, the sandbox and the paid site are where the study was published. MTurkError when the study
    is not published there, or at several places and none is named.
    """
    study = read_study(folder)
    names = published_endpoints(folder)
    publish = f"python cli.py publish {shlex.quote(str(folder))}{data_option(data)}"
    if not names:
        raise MTurkError(f"{folder} is not published yet. Publish it: {publish}")
    if on == "auto" and len(names) > 1:
        raise MTurkError(f"{folder} is published at {' and '.join(names)}: say which with --on")
    name = names[0] if on == "auto" else on
    if name not in names:
        raise MTurkError(
            f"{folder} is not published at {name}, but at {', '.join(names)}. "
            f"Publish it: {publish} --to {name}"
        )
    ledger = Ledger(ledger_path(folder, name))
    if url is None and name != "local":
        url = ledger.opened.get("url")
    target = known_endpoint(name, url, data)
    ledger.check(study, target)
    return study, connect(target), ledger
