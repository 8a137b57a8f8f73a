"""The study file and what it names, copied into the study's folder: it can be reviewed and rerun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..design.study_file import read_study_file
from ..design.study_writing import amended, study_text

if TYPE_CHECKING:
    from collections.abc import Mapping

STUDY_FILE = "study.toml"
# Files that are copied, and their names beside the study; folders stay where they are.
NAMES = {
    "context_text": "prompts",
    "sentinel_file": "sentinels",
    "from_hits": "hits",
    "consent": "consent",
    "wording": "wording",
}


def copies(said: Mapping[str, Any], target: Path, images: Path, file: Path | None = None) -> dict[str, bytes]:
    """Return the files to write beside a study, by name: study.toml, and copies of what it names.

    `file` is the study file that was read: its copy keeps its comments, and says what options changed.
    """
    found = {}
    here = {**said, "images": images}
    for name, stem in NAMES.items():
        path = said.get(name)
        if path is not None and Path(path).is_file():
            copied = stem + Path(path).suffix
            found[copied] = Path(path).read_bytes()
            here[name] = target / copied
    text = study_text(here, target, comments=False)
    if file is not None:
        text = amended(file.read_text(encoding="utf-8-sig"), here, read_study_file(file), target)
    return {**found, STUDY_FILE: text.encode()}
