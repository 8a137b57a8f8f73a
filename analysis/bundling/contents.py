"""What of a study and of its results goes into a bundle, and in which form."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import tomlkit
from PIL import Image
from tomlkit.exceptions import ParseError

from glimpse.clips import is_video
from glimpse.errors import GlimpseError
from glimpse.files import read_json, write_json, write_whole
from glimpse.pixels import UnreadableImageError, read_rgb
from glimpse.registration import REGISTRATION
from glimpse.study import identity, read_document, read_study

from ..reading.item_groups import found_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from glimpse.study import Study

    from .anonymous import Anonymizer

KEY_LEFT_OUT = "the study's secret key, which made the opaque names and the pseudonyms"
PREVIEW_PX = 96  # the longer side of a preview
# Beside study.json, trials.csv, pages/ and images/: copies of what the study file names, with any ending,
# and what was registered.
_COPIES = ("prompts", "sentinels", "hits", "consent", "wording", "registration")
_PRIVATE = frozenset({"published", "workers.csv"})
_SHOWN = frozenset({"study.json", "trials.csv", "study.toml", "pages", "images", "design.html"})


def check_same(study: Path, results: Path) -> None:
    """Refuse results of another study."""
    stated = identity(read_document(study / "study.json"))
    answered = identity(read_document(results / "study.json"))
    if stated != answered:
        raise GlimpseError(
            f"{results} has the answers to study {answered[0]}, {study} is {stated[0]}, or of another plan; "
            "name the folders of one study."
        )


def imported(folder: Path) -> bool:
    """Tell whether a study is what import-results wrote, in the folder of its results: it has no pages."""
    document = read_json(folder / "study.json")
    return bool(document.get("imported_from")) and not (folder / "pages").is_dir()


def opaque_names(folder: Path) -> frozenset[str]:
    """Return the opaque names of an imported study's images: 24 digits, as ids of Prolific have."""
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return frozenset(
            row[column] for row in csv.DictReader(file) for column in ("stimulus_left", "stimulus_right")
        ) - {""}


def stage_study(folder: Path, into: Path, images: str) -> list[str]:
    """Copy a study as it may be shared, and return what was left out.

    images: `all`; `previews`, small ones; or `digests`, none but their SHA-256 in study.json. The design page
    has pictures, and goes only with all of them. GlimpseError where the study is not as it was frozen.
    """
    write_json(into / "study.json", without_secret(folder / "study.json"))
    shutil.copyfile(folder / "trials.csv", into / "trials.csv")
    if imported(folder):
        return [KEY_LEFT_OUT, "images and pages, which an imported study does not have"]
    return [KEY_LEFT_OUT, *_stage_pages(folder, into, images)]


def _stage_pages(folder: Path, into: Path, images: str) -> list[str]:
    """Copy pages, images and what the study file names; return what was left out."""
    study = read_study(folder)
    study.check_images()
    for hit in study.hits:
        _copy(folder / hit.page, into / hit.page)
    notes: list[str] = []
    if (folder / "study.toml").is_file():
        text, removed = cleaned_toml(folder / "study.toml")
        write_whole(into / "study.toml", text)
        notes += removed
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.stem in _COPIES:
            _copy(path, into / path.name)
        elif path.name not in _SHOWN | _PRIVATE and not path.name.startswith("."):
            notes.append(f"{path.name} in {folder.name}/, which build-hits did not write")
    if images == "all":
        for stimulus in study.stimuli:
            _copy(study.image_path(stimulus), into / "images" / study.stimuli[stimulus].file)
        if (folder / "design.html").is_file():
            _copy(folder / "design.html", into / "design.html")
        return notes
    kind = "clips" if study.moving else "images"
    notes.append(f"the {len(study.stimuli)} {kind}, whose SHA-256 stand in study/study.json")
    notes.append("the design page, which shows them")
    if images == "previews":
        _previews(study, into / "previews")
    return notes


def stage_results(folder: Path, into: Path, anonymizer: Anonymizer) -> None:
    """Copy results as they may be shared: lines without ids, the design, groups of items."""
    write_json(into / "study.json", without_secret(folder / "study.json"))
    shutil.copyfile(folder / "trials.csv", into / "trials.csv")
    with (into / "assignments.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(anonymizer.lines(folder))
    for name in ("simulation.json", REGISTRATION):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, into / name)
    if groups := found_beside([folder]):
        shutil.copyfile(groups, into / "items.csv")


def without_secret(path: Path) -> dict[str, Any]:
    """Return a study.json without its secret."""
    return {name: value for name, value in read_json(path).items() if name != "secret"}


def cleaned_toml(path: Path) -> tuple[str, list[str]]:
    """Return a study file without whom it keeps out and without the folders of a computer; and what went."""
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
    except (ParseError, UnicodeDecodeError) as error:
        raise GlimpseError(f"{path}: not a TOML file in UTF-8 ({error}); mend it, or move it away.") from None
    notes = []
    people = document.get("people")
    if isinstance(people, dict) and "exclude" in people:
        del people["exclude"]
        notes.append("[people] exclude of study.toml, which names folders of other studies")
    if _shorten(document):
        notes.append("folders of this computer in study.toml, but for their last part")
    return tomlkit.dumps(document), notes


def _shorten(table: Any) -> bool:
    """Replace absolute paths in a table, and in those inside it, by their last part."""
    entries: Iterable[tuple[Any, Any]] = table.items() if isinstance(table, dict) else enumerate(table)
    changed = False
    for name, value in list(entries):
        if isinstance(value, dict | list):
            changed |= _shorten(value)
        elif isinstance(value, str) and re.match(r"(?:/|~/|[A-Za-z]:[\\/]).", value) and "\n" not in value:
            table[name] = PurePath(value.replace("\\", "/")).name
            changed = True
    return changed


def _previews(study: Study, into: Path) -> None:
    """Write a small picture of each image; clips, and images that cannot be read, have none."""
    into.mkdir(parents=True)
    for name, stimulus in study.stimuli.items():
        path = study.image_path(name)
        if stimulus.frames is not None or is_video(path):
            continue
        try:
            picture = read_rgb(path.read_bytes())
        except UnreadableImageError:
            continue
        picture.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=70)
        (into / f"{name}.jpg").write_bytes(data.getvalue())


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def said_in_public(document: Mapping[str, Any], *others: str) -> str:
    """Return what participants were shown, in which the requester's own address may stand."""
    shown = {name: document.get(name) for name in ("title", "description", "page", "forms")}
    return "\n".join([json.dumps(shown, ensure_ascii=False), *others])
