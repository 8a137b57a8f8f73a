"""Bundles in Python: a study as one file, and such a file checked and analysed again."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from glimpse.calling import flag, in_python, number, path_of, refuse, warn, word, words
from glimpse.errors import GlimpseError
from glimpse.study import Study

from ..bundling.comparing import RELATIVE
from ..bundling.making import IMAGES, BundleOptions, make_bundle
from ..bundling.promises import warning_of
from ..bundling.reproducing import open_bundle
from ..bundling.reproducing import reproduce as run_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..bundling.making import MadeBundle
    from ..bundling.reproducing import Reproduction

PathLike = str | os.PathLike[str]


@in_python
def bundle(
    study: Study | PathLike,
    results: PathLike,
    report: PathLike | None = None,
    out: PathLike = "study.zip",
    *,
    images: str = "all",
    comments: bool = False,
    coarsen_times: str | None = None,
    licence: str = "",
    cite: str = "",
    scores: Sequence[PathLike] = (),
    direction: Sequence[str] = (),
    items: PathLike | None = None,
) -> MadeBundle:
    """Pack a study, its answers and its report into one file without anybody's id.

    Numbers stand for people; ids, addresses and keys are looked for in every file, and nothing is written
    where one is found. Warns where the consent promises that answers are published in summary alone, and
    where the given report says something else than the answers do now. The same folders make the same bytes.

    Args:
        study: What `glimpse.build_study` returned, or a study's folder; of imported results their folder.
        results: The folder of its results.
        report: The folder of its report, whose settings are kept; None: the usual settings.
        out: The zip file to write.
        images: "all"; where images may not be shared, "previews" (96 pixels) or "digests" (their SHA-256).
        comments: Keep what participants wrote, where it names nobody.
        coarsen_times: Move submissions back to the full "hour" or "day"; None: times stay.
        licence, cite: What others may do with the data, and how to cite the study, as text.
        scores, direction, items: Files of metrics' scores with their directions, and the file of groups of
            items, that the report used.

    Returns:
        What was written: `manifest` (a dict, as in bundle.json), `sha256`, `size` (bytes), `differs` and
        `promise` (what was warned of).

    Raises:
        ArgumentError: An argument is of a wrong kind.
        GlimpseError: A folder is missing, was changed or belongs to another study; something private would go
            in, by file and line.

    Example:
        >>> import glimpse
        >>> made = glimpse.bundle("single-study", "single-results", out="shared.zip", images="digests")
        >>> made.manifest["times"], made.promise
        ('as recorded', '')
    """
    given = study.folder if isinstance(study, Study) else study
    folder = path_of("study", given, "give a study's folder, or what glimpse.build_study returned")
    answers, target = (
        path_of(name, one, "give a path") for name, one in (("results", results), ("out", out))
    )
    before = None if report is None else path_of("report", report, "give a path")
    groups = None if items is None else path_of("items", items, "give a path")
    if not isinstance(scores, list | tuple):
        refuse("scores", scores, "give a list of paths")
    options = BundleOptions(
        word("images", images, IMAGES),
        flag("comments", comments),
        None if coarsen_times is None else word("coarsen_times", coarsen_times, ("hour", "day")),
        word("licence", licence),
        word("cite", cite),
        tuple(path_of("scores", one, "give a list of paths") for one in scores),
        words("direction", direction),
        groups,
    )
    made = make_bundle(folder, answers, before, target, options)
    for text in made.differs:
        warn(f"the report in the bundle is not the one given: {text}")
    if made.promise:
        warn(warning_of(made.promise))
    return made


@in_python
def reproduce(path: PathLike, out: PathLike | None = None, *, tolerance: float = RELATIVE) -> Reproduction:
    """Check a bundle, analyse its answers again, and compare every number with those in its report.

    Args:
        path: The file that `glimpse.bundle` wrote.
        out: A new folder for the unpacked bundle and its new report (report-again/); None: they are removed.
        tolerance: How far two numbers may differ, as a share of the larger one, 0 to 0.1.

    Returns:
        What came of it: `reproduced` (every number came out again, and with the same versions every word and
        figure), `comparison` (`numbers` compared, `deviations`, `words`, `pictures`, `missing`, `added`,
        `largest` difference that counts as none) and `elsewhere` (how this computer differs from the one
        that made the bundle).

    Raises:
        ArgumentError: An argument is of a wrong kind.
        GlimpseError: The file was changed, is damaged or is no bundle; `out` is there and not empty.

    Example:
        >>> import glimpse
        >>> made = glimpse.bundle("single-study", "single-results", out="again.zip", images="digests")
        >>> glimpse.reproduce("again.zip").reproduced
        True
    """
    packed = path_of("path", path, "give the path of a bundle")
    relative = number("tolerance", tolerance)
    if not 0 <= relative <= 0.1:
        raise GlimpseError(f"tolerance is {tolerance!r}; it must be between 0 and 0.1.")
    if out is None:
        with tempfile.TemporaryDirectory(prefix="reproduce-") as folder:
            return run_again(open_bundle(packed, Path(folder) / "bundle"), relative)
    target = path_of("out", out, "give the path of a new folder")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise GlimpseError(f"{target} is there and not empty; name a new folder with `out`.")
    try:
        return run_again(open_bundle(packed, target), relative)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)  # nothing half-filled stays
        raise
