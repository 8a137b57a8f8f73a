"""Whether the parts of an unpacked bundle belong together: study, answers, report and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import file_digest
from glimpse.study import identity, is_own_plan, read_document

from .describing import TABLES, table_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = (
    "results/study.json", "results/trials.csv", "results/assignments.jsonl", "report/summary.json",
    "study/study.json", "study/trials.csv",
)  # fmt: skip
ASK_AUTHORS = "Get the bundle again from its authors."


def check_parts(path: Path, folder: Path) -> None:
    """Refuse a bundle whose parts do not belong together.

    path: the bundle, which messages name. GlimpseError where answers or report are missing, where images or
    pages are not those of the study, the answers are those of another study, or a table of data/ is not that
    of the report or the plan.
    """
    for name in NEEDED:
        if not (folder / name).is_file():
            raise GlimpseError(f"{path} has no {name}: it is no whole bundle. {ASK_AUTHORS}")
    study, answered = (_document(path, folder, part) for part in ("study", "results"))
    for name, digest in _files_shown(path, study):
        file = folder / "study" / name
        if name.startswith(("images/", "pages/")) and file.is_file() and file_digest(file) != digest:
            raise GlimpseError(f"{path}: study/{name} is not what study/study.json says it is. {ASK_AUTHORS}")
    if not is_own_plan(study, folder / "study" / "trials.csv"):
        raise GlimpseError(f"{path}: study/trials.csv is not the plan of study/study.json. {ASK_AUTHORS}")
    if (identity(study), study.get("stimuli")) != (identity(answered), answered.get("stimuli")):
        raise GlimpseError(
            f"{path}: results/ has the answers to another study than study/, or to other images: their "
            f"study.json differ. {ASK_AUTHORS}"
        )
    for source, kind in TABLES.items():
        table, origin = folder / table_name(str(study["study"]), kind), folder / source
        if not table.is_file() or not origin.is_file() or file_digest(table) != file_digest(origin):
            raise GlimpseError(
                f"{path}: {table.relative_to(folder)} is missing, or is not {source}, of which it is a copy. "
                f"{ASK_AUTHORS}"
            )


def _document(path: Path, folder: Path, part: str) -> dict[str, Any]:
    try:
        return read_document(folder / part / "study.json")
    except GlimpseError as error:
        text = str(error).replace(f"{folder}/", "")
        raise GlimpseError(f"{path}: {text} {ASK_AUTHORS}") from None


def _files_shown(path: Path, study: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and SHA-256 of each image and page, as study.json states them."""
    stimuli, hits = study.get("stimuli") or {}, study.get("hits") or []
    if not isinstance(stimuli, dict) or not all(isinstance(one, dict) for one in stimuli.values()):
        raise GlimpseError(f"{path}: study/study.json: field 'stimuli' is damaged. {ASK_AUTHORS}")
    if not isinstance(hits, list) or not all(isinstance(one, dict) for one in hits):
        raise GlimpseError(f"{path}: study/study.json: field 'hits' is damaged. {ASK_AUTHORS}")
    for one in stimuli.values():
        yield f"images/{one.get('file')}", one.get("sha256")
    for one in hits:
        yield str(one.get("page")), one.get("page_sha256")
