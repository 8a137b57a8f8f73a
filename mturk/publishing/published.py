"""A published study by its folder: the study, a client of where it is published, its ledger."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.program import program
from glimpse.study import read_study

from .client import Requester, connect, data_option
from .client import endpoint as known_endpoint
from .ledger import Ledger, ledger_path, published_endpoints

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study


def find(folder: Path, on: str, url: str | None, data: Path) -> tuple[Study, Requester, Ledger]:
    """Return a study with its client and its ledger; `on` is an endpoint's name, or auto where there is one.

    Without `url`, the sandbox and the paid site are where the study was published. Lines of the ledger that
    cannot be read are listed in its `damaged`: they do not keep the others from being used.

    GlimpseError when the study is not published there, or at several places and none is named.
    """
    study = read_study(folder)
    names = published_endpoints(folder)
    publish = f"{program()} publish {shlex.quote(str(folder))}{data_option(data)}"
    if not names:
        raise GlimpseError(f"{folder} is not published yet. Publish it: {publish}")
    if on == "auto" and len(names) > 1:
        raise GlimpseError(f"{folder} is published at {' and '.join(names)}: say which with --on")
    name = names[0] if on == "auto" else on
    if name not in names:
        raise GlimpseError(
            f"{folder} is not published at {name}, but at {', '.join(names)}. "
            f"Publish it: {publish} --to {name}"
        )
    ledger = Ledger(ledger_path(folder, name), lenient=True)
    if url is None and name != "local":
        url = ledger.opened.get("url")
    target = known_endpoint(name, url, data)
    ledger.check(study, target)
    return study, connect(target), ledger
