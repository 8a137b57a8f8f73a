"""The study file and what it names, copied into the study's folder: it can be reviewed and rerun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..design.study_file import read_study_file
from ..design.study_writing import amended, study_text
from .requested import stated_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from glimpse.experiment import Experiment

STUDY_FILE = "study.toml"
# Files that are copied, and their names beside the study; folders stay where they are.
NAMES = {
    "context_text": "prompts",
    "sentinel_file": "sentinels",
    "from_hits": "hits",
    "consent": "consent",
    "wording": "wording",
}


def copies(
    said: Mapping[str, Any],
    target: Path,
    images: Path,
    *,
    file: Path | None = None,
    experiment: Experiment | None = None,
) -> dict[str, bytes]:
    """Return the files to write beside a study, by name: study.toml, and copies of what it names.

    `file` is the study file that was read: its copy keeps its comments, and says what options changed.
    Without one, the copy says all that `experiment` does, what is usual today too.
    """
    found = {}
    here = {**(stated_by(experiment) if experiment and not file else {}), **said, "images": images}
    for name, stem in NAMES.items():
        value = said.get(name)
        if isinstance(value, str):
            found[f"{stem}.md"] = value.encode()
            here[name] = target / f"{stem}.md"
        elif value is not None and value.is_file():
            found[stem + value.suffix] = value.read_bytes()
            here[name] = target / (stem + value.suffix)
    text = study_text(here, target, comments=False)
    if file is not None:
        text = amended(file.read_text(encoding="utf-8-sig"), here, read_study_file(file), target)
    return {**found, STUDY_FILE: text.encode()}
