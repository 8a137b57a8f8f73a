"""`bundle`: a study, its answers and its report as one file, with nothing in it that is private."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import Parts, file_digest, read_json, write_json, write_whole
from glimpse.registration import not_carried
from glimpse.stated import allowed_wrong
from glimpse.study import read_document
from glimpse.version import __version__

from .anonymous import Anonymizer
from .archive import PART, holds, write_archive
from .comparing import Comparison, compare_values
from .contents import check_same, imported, opaque_names, said_in_public, stage_results, stage_study
from .describing import DESCRIPTION, dataset_description, readme, stage_tables, summary_sentence
from .hugging_face import check_dataset_folder, write_dataset
from .people import read_people
from .promises import promised
from .scanning import Scanner, public_addresses
from .settings import Recipe, environment, usual, write_report_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scanning import Leak

MANIFEST = "bundle.json"
SCHEMA_VERSION = 1
IMAGES = ("all", "previews", "digests")
NO_IMAGES = "none"  # of studies that were imported
LEAKS_SHOWN = 10
BINARY = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".apng", ".mp4", ".webm", ".pdf"})


@dataclass(frozen=True)
class BundleOptions:
    """What goes into a bundle, as its author decides.

    images: one of IMAGES. comments: keep what participants wrote, where it names nobody. coarsen: `day` or
    `hour`, or None. licence, cite: as text. metrics, directions, items: as `AnalysisSettings` has them.
    hugging_face: a folder for the tables as a dataset, beside the bundle.
    """

    images: str = "all"
    comments: bool = False
    coarsen: str | None = None
    licence: str = ""
    cite: str = ""
    metrics: tuple[Path, ...] = ()
    directions: tuple[str, ...] = ()
    items: Path | None = None
    hugging_face: Path | None = None


@dataclass(frozen=True)
class MadeBundle:
    """What was written: the manifest, the file's SHA-256 and size in bytes, and what the report said before.

    differs: where the given report says something else than the answers do now. promise: words of the consent
    by which answers are published in summary alone; empty where there are none. unregistered: what to say
    where the results lack the study's registration; empty where they do not.
    """

    manifest: dict[str, Any]
    sha256: str
    size: int
    differs: tuple[str, ...] = ()
    promise: str = ""
    unregistered: str = ""


def make_bundle(
    study: Path, results: Path, report: Path | None, out: Path, options: BundleOptions
) -> MadeBundle:
    """Write a study, its results and its report as one zip file; the same files make the same bytes.

    The report inside is made anew from the answers as the bundle has them, with the settings of `report`,
    or the usual ones. GlimpseError where a folder is missing or changed, belongs to another study, or where
    something private would go in; then nothing is written.
    """
    _check(study, results, out)
    unregistered = not_carried(study, results)
    summary = _summary(report, results, options) if report else {}
    if options.hugging_face:
        check_dataset_folder(options.hugging_face)
    with tempfile.TemporaryDirectory(prefix="bundle-") as work:
        folder = Path(work) / "bundle"
        folder.mkdir()
        manifest, scanner = _fill(study, results, folder, options, summary)
        made = read_json(folder / "report" / "summary.json")
        differs = _differences(summary, made, options) if summary else ()
        tables = _describe(folder, manifest, made)
        _refuse(scan(folder, scanner))
        manifest["files"] = {name: file_digest(folder / name) for name in _names(folder)}
        write_json(folder / MANIFEST, manifest)
        packed = Path(work) / "bundle.zip"
        write_archive(folder, packed)
        write_whole(out, Parts(lambda: _parts(packed)))
        if options.hugging_face:
            write_dataset(folder, tables, manifest, made, options.hugging_face)
    size = out.stat().st_size
    return MadeBundle(manifest, file_digest(out), size, differs, promised(study), unregistered)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


def _check(study: Path, results: Path, out: Path) -> None:
    for folder, names in (
        (study, ("study.json",)),
        (results, ("study.json", "trials.csv", "assignments.jsonl")),
    ):
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise GlimpseError(
                f"{folder} has no {' and no '.join(missing)}; bundle takes the folder of a study, then the "
                "folder of its results, then that of the report."
            )
    check_same(study, results)
    if out.exists() and not (out.is_file() and holds(out, MANIFEST)):
        raise GlimpseError(
            f"{out} is there and no bundle (a zip file with {MANIFEST}), so it is not replaced; name another "
            "file with --out."
        )
    for above in out.parents:
        if above.exists() and not above.is_dir():
            raise GlimpseError(f"{above} is a file, so that {out} cannot be there; name another with --out.")


def _summary(report: Path, results: Path, options: BundleOptions) -> dict[str, Any]:
    """Read the report's summary.json; GlimpseError where it is no report of these answers."""
    path = report / "summary.json"
    if not path.is_file():
        raise GlimpseError(f"{report} has no summary.json; name the folder that analyze wrote.")
    summary = read_json(path)
    sources = summary.get("sources") or []
    if len(sources) > 1:
        names = ", ".join(str(one.get("folder")) for one in sources)
        raise GlimpseError(f"{report} pools {names}; a bundle holds one study: analyse {results} alone.")
    now = file_digest(results / "assignments.jsonl")
    if [one.get("answers_sha256") for one in sources] != [now]:
        raise GlimpseError(
            f"{report} was made of other answers than {results} holds now; run analyze again, then bundle."
        )
    if summary.get("metrics") and not options.metrics:
        raise GlimpseError(f"{report} has metrics; name their files with --metric, as analyze had them.")
    return summary


def _fill(
    study: Path, results: Path, folder: Path, options: BundleOptions, summary: dict[str, Any]
) -> tuple[dict[str, Any], Scanner]:
    """Put everything but the descriptions into the folder; return the manifest and what to look for."""
    document = read_document(results / "study.json")
    people = read_people(results)
    secrets = {str(read_json(one / "study.json").get("secret") or "") for one in (study, results)}
    public = public_addresses(said_in_public(document, options.licence, options.cite))
    if imported(study):
        public |= opaque_names(results) - people.ids
    scanner = Scanner(people.ids, frozenset(secrets - {""}), public)
    forms = {str(one.get("name")): str(one.get("kind")) for one in document.get("forms") or ()}
    anonymizer = Anonymizer(people, scanner, forms, options.comments, options.coarsen)
    for name in ("study", "results"):
        (folder / name).mkdir()
    left_out = ["who took part (workers.csv); the ids of participants, assignments and HITs"]
    left_out += stage_study(study, folder / "study", options.images)
    stage_results(results, folder / "results", anonymizer)
    left_out += [f"{count:,} x {what}" for what, count in sorted(anonymizer.said.items())]
    _refuse(scan(folder, scanner))  # before the analysis, which takes longer
    recipe = _recipe(folder, summary, allowed_wrong(document["experiment"]), options)
    with _as_typed(recipe, options):
        write_report_again(folder, recipe, folder / "report")
    return {
        "schema_version": SCHEMA_VERSION,
        "study": document["study"],
        "title": document.get("title") or "A study",
        "images": NO_IMAGES if imported(study) else options.images,
        "times": options.coarsen or "as recorded",
        "licence": options.licence,
        "cite": options.cite,
        "analysis": recipe.to_json(),
        "environment": environment(),
        "left_out": left_out,
    }, scanner


def _recipe(folder: Path, summary: dict[str, Any], own_wrong: int, options: BundleOptions) -> Recipe:
    """Copy the files that the analysis needs beside the answers, and return how to run it."""
    found = Recipe.from_summary(summary, own_wrong) if summary else Recipe(usual())
    given = [*options.metrics, *([options.items] if options.items else [])]
    names: dict[Path, str] = {}
    for path in given:
        if not path.is_file():
            raise GlimpseError(f"{path} is no file; name a CSV file.")
        names[path] = f"analysis/{path.name}"
        if (folder / names[path]).exists():
            raise GlimpseError(f"two files are called {path.name}; rename one.")
        (folder / "analysis").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / names[path])
    metrics = tuple(names[path] for path in options.metrics)
    items = names[options.items] if options.items else None
    return Recipe(found.settings, found.max_wrong, found.formats, metrics, options.directions, items)


@contextmanager
def _as_typed(recipe: Recipe, options: BundleOptions) -> Iterator[None]:
    """Let a GlimpseError within name files of metrics and groups as they were typed, not their copies."""
    copies = dict(zip(recipe.metrics, options.metrics, strict=True))
    if recipe.items and options.items:
        copies[recipe.items] = options.items
    try:
        yield
    except GlimpseError as error:
        said = str(error)
        # The longest first: one name may begin another.
        for copy in sorted(copies, key=len, reverse=True):
            said = said.replace(copy, str(copies[copy]))
        raise GlimpseError(said) from None


def _describe(folder: Path, manifest: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    tables = stage_tables(folder, str(manifest["study"]))
    write_whole(folder / DESCRIPTION, dataset_description(manifest, tables, summary_sentence(summary)))
    write_whole(folder / "README.md", readme(manifest, summary, [*_names(folder), DESCRIPTION]))
    return sorted(tables, key=lambda name: "judgments" not in name)  # judgments first


# Of summary.json: who and where, not what was found.
_NOT_COMPARED = ("versions", "sources", "files", "problems", "problem_count", "pairs", "findings", "methods")


# What coarser times change: nobody may be able to tell whether a registration was before the first answer.
_TIMES = re.compile(
    r"^counts\.(first|last)_submitted_at$|^registrations.*(first_answer_at|before_first_answer|why_unknown)$"
)


def _differences(was: dict[str, Any], now: dict[str, Any], options: BundleOptions) -> tuple[str, ...]:
    """Return where the report that was given says other numbers than the one that was made now."""
    found = Comparison()
    before, after = (
        {name: value for name, value in one.items() if name not in _NOT_COMPARED} for one in (was, now)
    )
    compare_values(found, before, after, "REPORT")
    words = [one for one in found.words if not (options.coarsen and _TIMES.search(one.place))]
    return tuple(f"{one.place}: {one.was} there, {one.now} now" for one in (*found.deviations, *words))


def scan(folder: Path, scanner: Scanner) -> Iterator[Leak]:
    """Look through every text of a folder, and through the names of its files."""
    for name in _names(folder):
        yield from scanner.leaks(name, name)
        path = folder / name
        if path.suffix.lower() in BINARY:
            continue
        yield from scanner.leaks(path.read_text(encoding="utf-8", errors="replace"), name)


def _refuse(leaks: Iterator[Leak]) -> None:
    found = list(leaks)
    if not found:
        return
    listed = "\n".join(f"  {leak}" for leak in found[:LEAKS_SHOWN])
    more = f"\n  and {len(found) - LEAKS_SHOWN} more" if len(found) > LEAKS_SHOWN else ""
    raise GlimpseError(
        f"nothing was written: {len(found)} place{'s' * (len(found) != 1)} would tell who somebody is, or a "
        f"key:\n{listed}{more}\nRemove them from the study or its results, or leave those files out."
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def read_manifest(path: Path) -> dict[str, Any]:
    """Read bundle.json; GlimpseError where it is none that this version reads."""
    manifest = read_json(path)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise GlimpseError(
            f"{MANIFEST}: schema_version is {json.dumps(manifest.get('schema_version'))}; Glimpse "
            f"{__version__} reads {SCHEMA_VERSION}. Use a later version."
        )
    for name, kind in (("files", dict), ("environment", dict), ("analysis", dict), ("study", str)):
        if not isinstance(manifest.get(name), kind):
            raise GlimpseError(
                f"{MANIFEST}: field {name!r} is missing or damaged. Get the bundle again from its authors."
            )
    return manifest
