"""`reproduce`: a bundle unpacked, checked, analysed again, and compared with what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.files import file_digest, read_json

from .archive import unpack
from .checking import ASK_AUTHORS, check_parts
from .comparing import RELATIVE, Comparison, compare_reports
from .making import MANIFEST, NO_IMAGES, read_manifest
from .settings import Recipe, environment, write_report_again

if TYPE_CHECKING:
    from pathlib import Path

    from .archive import Limits

AGAIN = "report-again"  # the folder, beside report/, of the report that is made now


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle whose files are what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def title(self) -> str:
        """What participants read as the study's title, in one line without control characters."""
        text = " ".join(str(self.manifest.get("title") or self.manifest["study"]).split())
        return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)

    def page_of(self, hit: str | None = None) -> tuple[Path, str]:
        """Return a HIT's page and name, of the first HIT without one; GlimpseError where there is none.

        Images must be in the bundle, or the page shows none.
        """
        if self.manifest.get("images") == NO_IMAGES:
            raise GlimpseError("the study in this bundle was imported: its pages are not known.")
        if self.manifest.get("images") != "all":
            raise GlimpseError(
                f"this bundle has no images ({self.manifest.get('images')} only), so its pages show nothing; "
                "ask the authors for them."
            )
        hits = read_json(self.folder / "study" / "study.json").get("hits") or []
        pages = {str(one["hit"]): self.folder / "study" / str(one["page"]) for one in hits}
        name = hit or next(iter(pages), "")
        if name not in pages or f"study/pages/{pages[name].name}" not in self.manifest["files"]:
            listed = ", ".join(list(pages)[:4]) + (" ..." if len(pages) > 4 else "")
            raise GlimpseError(f"There is no HIT {name!r} in this bundle; it has {listed or 'none'}.")
        return self.folder / "study" / "pages" / pages[name].name, name


@dataclass(frozen=True)
class Reproduction:
    """What came of running a bundle's analysis again.

    elsewhere: how this computer differs from the one that made the bundle: `numpy 2.4.6 there, 2.5.0 here`.
    same_program: whether the same version of Glimpse ran.
    """

    bundle: Bundle
    comparison: Comparison
    elsewhere: tuple[str, ...]
    same_program: bool

    @property
    def reproduced(self) -> bool:
        """Whether it came out again: every number; and where the same programs ran, every word and figure.

        Another version may say the same in other words, and another Matplotlib draws other bytes.
        """
        found = self.comparison
        if not found.same_numbers:
            return False
        return (not found.words or not self.same_program) and (not found.pictures or bool(self.elsewhere))


def open_bundle(path: Path, folder: Path, limits: Limits | None = None) -> Bundle:
    """Unpack a bundle into a new folder, and compare every file with its digest.

    GlimpseError where it cannot be unpacked safely, where a file is missing, was changed or is not in the
    manifest, or where another version wrote it.
    """
    names = set(unpack(path, folder, limits))
    if MANIFEST not in names:
        raise GlimpseError(f"{path} has no {MANIFEST}: it is no bundle. Name the file that bundle wrote.")
    manifest = read_manifest(folder / MANIFEST)
    digests = manifest["files"]
    for name in sorted(name for name in names if name.partition("/")[0] == AGAIN):
        raise GlimpseError(f"{path}: {name} stands where the new report goes. {ASK_AUTHORS}")
    for name in sorted(names - {MANIFEST} - digests.keys()):
        raise GlimpseError(f"{path}: {name} is not in {MANIFEST}: it was put in afterwards. {ASK_AUTHORS}")
    for name, stated in digests.items():
        if name not in names:
            raise GlimpseError(f"{path}: {name} is missing; {MANIFEST} lists it. {ASK_AUTHORS}")
        if file_digest(folder / name) != stated:
            raise GlimpseError(
                f"{path}: {name} was changed: its SHA-256 is not that of {MANIFEST}. {ASK_AUTHORS}"
            )
    check_parts(path, folder)
    return Bundle(folder, manifest)


def reproduce(bundle: Bundle, relative: float = RELATIVE) -> Reproduction:
    """Analyse a bundle's answers again, and compare the report with the one that it holds.

    relative: how far two numbers may differ, as a share of the larger one. The new report lies in the
    bundle's folder AGAIN.
    """
    recipe = Recipe.from_json(bundle.manifest["analysis"])
    for name in (*recipe.metrics, *filter(None, [recipe.items])):
        if name not in bundle.manifest["files"]:
            raise GlimpseError(
                f"{MANIFEST}: the analysis needs {name}, which is not in the bundle. {ASK_AUTHORS}"
            )
    try:
        recipe.choices()
    except GlimpseError as error:
        raise GlimpseError(f"{MANIFEST}, field 'analysis': {error} {ASK_AUTHORS}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise GlimpseError(f"{MANIFEST}: field 'analysis' is damaged ({error!r}). {ASK_AUTHORS}") from None
    write_report_again(bundle.folder, recipe, bundle.folder / AGAIN)
    there, here = bundle.manifest["environment"], environment()
    elsewhere = _elsewhere(there, here)
    programs = [str(one.get("versions", {}).get("glimpse")) for one in (there, here)]
    words = {str(version) for one in (there, here) for version in (one.get("versions") or {}).values()}
    found = compare_reports(bundle.folder / "report", bundle.folder / AGAIN, sorted(words), relative)
    return Reproduction(bundle, found, elsewhere, programs[0] == programs[1])


def _elsewhere(there: dict[str, Any], here: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for part in ("versions", "platform"):
        stated = there.get(part) if isinstance(there.get(part), dict) else {}
        for name, now in here[part].items():
            was = (stated or {}).get(name, "unknown")
            if was != now:
                found.append(f"{name} {was} there, {now or 'unknown'} here")
    return tuple(found)
