"""A study written to its folder, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.files import naming
from glimpse.registration import REGISTRATION
from glimpse.study import read_study
from glimpse.trials import trials_csv

from ..publishing.ledger import was_published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from glimpse.study import Stimulus, Study


def write_study(
    study: Study,
    target: Path,
    pages: Mapping[str, str],
    write_images: Callable[[Path], Mapping[str, Stimulus]],
    extra: Mapping[str, bytes],
    *,
    replace: bool = False,
) -> Study:
    """Write a study folder that appears whole or not at all, and return the study in it.

    `pages` maps HIT names to HTML; `write_images` fills the folder that it is given and returns the stimuli
    with their digests; `extra` maps further file names to contents. GlimpseError when `target` exists, unless
    `replace`, and always once it was published.
    """
    refuse_existing(target, replace=replace)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    with naming(target):
        try:
            (draft / "images").mkdir(parents=True)
            (draft / "pages").mkdir()
            study = dataclasses.replace(study, stimuli=write_images(draft / "images"))
            for name, page in pages.items():
                (draft / study.hit(name).page).write_bytes(page.encode())
            (draft / "trials.csv").write_bytes(trials_csv(study.trials).encode())
            for name, data in extra.items():
                (draft / name).write_bytes(data)
            (draft / "study.json").write_bytes((json.dumps(study.to_json(), indent=1) + "\n").encode())
            # One flush for all files: a flush each would take longer than copying them.
            getattr(os, "sync", lambda: None)()
            _swap(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return read_study(target)


def refuse_existing(target: Path, *, replace: bool) -> None:
    """Raise GlimpseError when `target` may not be written: it exists, or HITs of it do."""
    if not target.exists():
        return
    if was_published(target):
        raise GlimpseError(
            f"{target} was published; it is never overwritten. Choose another folder with --out."
        )
    if (target / REGISTRATION).exists():
        raise GlimpseError(
            f"{target} was registered ({REGISTRATION}); it is never overwritten. Choose another folder with "
            "--out."
        )
    if not (target / "study.json").is_file() and (not target.is_dir() or any(target.iterdir())):
        raise GlimpseError(
            f"{target} is not a study folder; --force replaces only study folders. Choose another --out."
        )
    if not replace:
        raise GlimpseError(
            f"{target} already exists, and a study is frozen. Choose another folder with --out, or replace "
            "it, which is possible as long as it was never published, with --force."
        )


def _swap(draft: Path, target: Path) -> None:
    """Put `draft` in the place of `target`; what was there is removed only afterwards."""
    old = None
    if target.exists():
        old = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        if old is not None:
            old.rename(target)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
