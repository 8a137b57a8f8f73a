"""HIT files of other scripts, read as designs: the CRN authors' and AMT_Real_vs_Fake's.

Both hold one HIT a row and a group of columns a trial. A condition is the folder in an image's address, an
item its file name without ending. The answers to such HITs are read by `mturk.importing.batch_results`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from glimpse.errors import GlimpseError
from glimpse.experiment import Batch, Contrast, Experiment, designed, preset
from glimpse.images import item_of, same_name
from glimpse.tables import read_table
from glimpse.trials import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..design.stimuli import Images

CRN_AUTHORS = "crn-authors"
AMT_REAL_VS_FAKE = "amt-real-vs-fake"
# What AMT_Real_vs_Fake's own settings and page say; its HIT file does not.
AMT_PRACTICE = 10
AMT_EXPOSURE_MS = 1000
# What MTurk's result files put before a HIT file's columns, of which the first tell whose they are.
INPUT = "Input."
FIRST_COLUMNS = ("image_A_url_1", "image_B_url_1", "images_left0", "images_right0")
Image = tuple[str, str]


@dataclass(frozen=True)
class Pair:
    """One trial of a HIT file: (condition, item) on each side; `exposure_ms` None where the file has none."""

    left: Image
    right: Image
    exposure_ms: int | None
    practice: bool

    def contrast(self, real: str) -> Contrast:
        """Return the pair's conditions: the real one last, others by name."""
        a, b = sorted((self.left[0], self.right[0]))
        return (b, a) if a == real else (a, b)

    def is_sentinel(self, real: str, sentinels: Sequence[str | None]) -> bool:
        """Tell whether one of the `sentinels` (None is no condition) stands beside the real condition."""
        return any({self.left[0], self.right[0]} == {real, name} for name in sentinels)


@dataclass(frozen=True)
class HitFile:
    """A design that was read: its experiment and its trials, whose stimuli have no names yet."""

    experiment: Experiment
    trials: tuple[Trial, ...]
    warnings: tuple[str, ...]


def read_hit_file(
    path: Path,
    images: Images | None = None,
    *,
    real: str,
    sentinel: str | None = None,
    practice_trials: int | None = None,
    exposure_ms: int | None = None,
) -> HitFile:
    """Read a HIT file; `sentinel` names the condition whose trials against `real` are sentinels.

    For AMT_Real_vs_Fake the first `practice_trials` (10) of a HIT are practice and every trial is shown
    `exposure_ms` (1000). GlimpseError names the file, row and column of what cannot be read, and the first
    image that `images` lacks.
    """
    hits = read_pairs(path, practice_trials=practice_trials, exposure_ms=exposure_ms)
    experiment = _experiment(hits, real, sentinel, str(path))
    trials = tuple(_trials(hits, experiment, sentinel))
    if images is not None:
        _check_images(trials, images)
    return HitFile(experiment, trials, tuple(_warnings(experiment)))


def read_pairs(
    path: Path, *, practice_trials: int | None = None, exposure_ms: int | None = None
) -> list[list[Pair]]:
    """Return each row's pairs; columns may carry the prefix `Input.` that MTurk's result files give them."""
    table = read_table(path, [f"{prefix}{name}" for prefix in ("", INPUT) for name in FIRST_COLUMNS])
    head = [name.removeprefix(INPUT) for name in table.head]
    if not table.rows:
        raise GlimpseError(f"{path} has no rows; a HIT file has one row per HIT.")
    rows = [(f"{path}, line {line}", dict(zip(head, cells, strict=False))) for line, cells in table.rows]
    if "image_A_url_1" in head:
        trials = numbers(head, r"image_A_url_(\d+)")
        return [[_authors_pair(row, n, where) for n in trials] for where, row in rows]
    if "images_left0" in head:
        trials = numbers(head, r"images_left(\d+)")
        practice = AMT_PRACTICE if practice_trials is None else practice_trials
        exposure = AMT_EXPOSURE_MS if exposure_ms is None else exposure_ms
        return [
            [_amt_pair(row, n, exposure, where, practice=n < practice) for n in trials] for where, row in rows
        ]
    raise GlimpseError(
        f"{path} has neither the columns image_A_url_1, image_B_url_1 (the CRN authors') nor images_left0, "
        f"images_right0 (AMT_Real_vs_Fake's); found {', '.join(head[:4])} ..."
    )


def image_of(address: str, where: str) -> Image:
    """Return (condition, item) of an image's address: its folder, and its file name without ending."""
    try:
        path = PurePosixPath(unquote(urlsplit(address.strip()).path))
    except ValueError:
        path = PurePosixPath()
    if not path.stem or not path.parent.name:
        raise GlimpseError(f"{where}: {address!r} is not the address of an image in a condition's folder.")
    return same_name(path.parent.name), item_of(path)


def numbers(columns: Iterable[str], pattern: str) -> list[int]:
    """Return the trial numbers that the columns' names hold, in order."""
    return sorted(int(match[1]) for name in columns if (match := re.fullmatch(pattern, name)))


def _authors_pair(row: Mapping[str, str], number: int, where: str) -> Pair:
    """Read trial `number` of the CRN authors: A stands left, `time_i` is in milliseconds."""
    left, right = (_cell(row, f"image_{side}_url_{number}", where) for side in "AB")
    exposure = None
    if f"time_{number}" in row:
        cell = _cell(row, f"time_{number}", where)
        if not re.fullmatch(r"\s*[0-9]{1,9}\s*", cell):
            raise GlimpseError(f"{where}, time_{number}: {cell!r} is not a number of milliseconds.")
        exposure = int(cell)
    return Pair(image_of(left, where), image_of(right, where), exposure, practice=False)


def _amt_pair(row: Mapping[str, str], number: int, exposure_ms: int, where: str, *, practice: bool) -> Pair:
    """Read trial `number` of AMT_Real_vs_Fake."""
    left, right = (_cell(row, f"images_{side}{number}", where) for side in ("left", "right"))
    return Pair(image_of(left, where), image_of(right, where), exposure_ms, practice)


def _cell(row: Mapping[str, str], name: str, where: str) -> str:
    """Return one cell that must be there."""
    if not row.get(name):
        raise GlimpseError(f"{where}: column {name} is missing or empty.")
    return row[name]


def _experiment(hits: Sequence[Sequence[Pair]], real: str, sentinel: str | None, where: str) -> Experiment:
    """Describe the design that the pairs make."""
    pairs = [pair for hit in hits for pair in hit]
    found = list(dict.fromkeys(image[0] for pair in pairs for image in (pair.left, pair.right)))
    for option, name in (("--real", real), ("--sentinel", sentinel)):
        if name is not None and name not in found:
            raise GlimpseError(
                f"{where} has no condition {name!r}; say {option} with one of {', '.join(found)}."
            )
    genuine = [pair for pair in pairs if not pair.practice and not pair.is_sentinel(real, [sentinel])]
    contrasts = tuple(dict.fromkeys(pair.contrast(real) for pair in genuine))
    exposures = tuple(sorted({pair.exposure_ms for pair in genuine if pair.exposure_ms is not None})) or (
        None,
    )
    mode = "unlimited-time" if exposures == (None,) else "limited-time"
    known = [pair.exposure_ms for pair in pairs if pair.is_sentinel(real, [sentinel]) and not pair.practice]
    practice = sum(pair.practice for pair in hits[0])
    sentinels = [sum(p.is_sentinel(real, [sentinel]) and not p.practice for p in hit) for hit in hits]
    cells = len(contrasts) * len(exposures)
    own = sentinel or (next((name for name in found if name != real), None) if practice else None)
    base = preset(mode, "authors")
    return designed(
        base,
        contrasts=contrasts,
        real=real,
        sentinel=sentinel,
        batches=(Batch("b1", contrasts, own),),
        pairing="same-item" if all(pair.left[1] == pair.right[1] for pair in pairs) else None,
        scenes=None,
        sides=None,
        exposures_ms=exposures,
        sentinel_exposure_ms=known[0] if known else base.sentinel_exposure_ms,
        hits_per_batch=len(hits),
        trials_per_cell=max(1, round(len(genuine) / len(hits) / cells)),
        sentinels_per_hit=max(sentinels),
        practice_trials=practice,
        max_wrong_sentinels=min(base.max_wrong_sentinels, max(0, *sentinels, 1) - 1),
    )


def _trials(hits: Sequence[Sequence[Pair]], experiment: Experiment, sentinel: str | None) -> list[Trial]:
    """Turn the pairs into trials, numbered through, in the file's order."""
    trials: list[Trial] = []
    real = experiment.real or ""
    digits = max(4, len(str(sum(map(len, hits)))))
    for row, hit in enumerate(hits, start=1):
        for position, pair in enumerate(hit, start=1):
            contrast = pair.contrast(real)
            known = pair.practice or pair.is_sentinel(real, [sentinel])
            side = "left" if pair.left[0] == real else "right"
            trials.append(
                Trial(
                    batch="b1",
                    hit=f"b1-h{row:0{max(2, len(str(len(hits))))}d}",
                    position=position,
                    trial=f"t{len(trials) + 1:0{digits}d}",
                    contrast=":".join(contrast),
                    exposure_ms=pair.exposure_ms,
                    sentinel=known and not pair.practice,
                    correct_side=side if known else None,
                    condition_left=pair.left[0],
                    item_left=pair.left[1],
                    stimulus_left="",
                    condition_right=pair.right[0],
                    item_right=pair.right[1],
                    stimulus_right="",
                    practice=pair.practice,
                )
            )
    return trials


def _check_images(trials: Sequence[Trial], images: Images) -> None:
    """Refuse a design whose images are not all there."""
    for trial in trials:
        for condition, item in (
            (trial.condition_left, trial.item_left),
            (trial.condition_right, trial.item_right),
        ):
            if item not in images.paths.get(condition, {}):
                raise GlimpseError(
                    f"The design shows {condition}/{item}, which {images.folder} does not have; put the "
                    "images of each condition into a folder of its name, under their names in the HIT file."
                )


def _warnings(experiment: Experiment) -> list[str]:
    if experiment.sentinels_per_hit:
        return []
    return ["The design has no sentinels; with --sentinel NAME, trials of NAME against real ones are."]
