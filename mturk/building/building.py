"""build(images, experiment, ...) -> a study folder: look at everything first, write once at the end."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from glimpse.plan import Plan, plan, scenes_needed
from glimpse.progress import untracked
from glimpse.study import Hit, Stimulus, Study, digest
from glimpse.trials import Trial, trials_csv

from ..design.encoding import Encoding, Source, choose, encode, extension, keeps_pixels
from ..design.limits import check_listing
from ..design.padding import pad, padded_size
from ..design.sources import Sources
from ..design.stimuli import Images, common_items, inspect_all, opaque_id, study_secret
from ..page.pages import page_html, page_settings, question_xml, template_sha256
from .blindness import blind_warnings, sentinel_exposures
from .design_page import design_html
from .recurrence import recurrence
from .writing import refuse_existing, write_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from glimpse.experiment import Batch, Experiment
    from glimpse.forms import FormField
    from glimpse.progress import Track

    from ..page.pages import PageSettings

TITLE = "Which image is more realistic?"
DESCRIPTION = "Look at pairs of images and choose the more realistic image in each pair."
KEYWORDS = ("image", "images", "comparison", "perception", "research", "survey")
# The longest base of image addresses with which every question is sure to fit.
LONG_BASE = "https://" + "x" * 192 + "/"


@dataclass(frozen=True)
class Texts:
    """Words that workers see in the list of HITs; the title also stands on the page."""

    title: str = TITLE
    description: str = DESCRIPTION
    keywords: tuple[str, ...] = KEYWORDS


@dataclass(frozen=True)
class Making:
    """How a study is made, apart from its design: seed, encoding, words, page, and what may be replaced.

    `page` holds keyword arguments of `pages.page_settings`; `force` replaces a study never published.
    `sources` is what stands with the images, or has known answers; `forms` is asked of participants.
    `beside` maps further files of the study's folder to their contents.
    """

    seed: int
    versions: Mapping[str, str]
    encoding: Encoding = "auto"
    texts: Texts = field(default_factory=Texts)
    page: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    track: Track = untracked
    sources: Sources = field(default_factory=Sources)
    forms: tuple[FormField, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """A study just written, and what its designer should know about it."""

    study: Study
    warnings: tuple[str, ...]
    encoding: Encoding
    question_bytes: int


def build(
    images: Images, experiment: Experiment, target: Path, making: Making, *, allow_missing: bool = False
) -> Built:
    """Design a study over `images` and write it to `target`, whole or not at all.

    `allow_missing` leaves out items that some condition lacks. GlimpseError before anything is written.
    """
    _check_first(experiment, making, target)
    items = common_items(images, experiment.conditions, allow_missing=allow_missing)
    rows = list(planned_rows(experiment, items, making.seed))
    return build_rows(images, experiment, rows, target, making, tuple(scene_warnings(experiment, len(items))))


def build_rows(
    images: Images,
    experiment: Experiment,
    rows: Sequence[Trial],
    target: Path,
    making: Making,
    warnings: tuple[str, ...] = (),
) -> Built:
    """Write a study whose trials are given, their stimuli yet without names (empty `stimulus_*`)."""
    _check_first(experiment, making, target)
    sources = inspect_all(images, map(_images_of, rows), making.track)
    encoding = choose(making.encoding, list(sources.values()))
    page = page_settings(sources.values(), **making.page)
    secret = study_secret(making.seed, _visible(experiment, making, page, encoding, rows), sources)
    names = {key: opaque_id(secret, *key, source.sha256) for key, source in sources.items()}
    encoder = _Encoder(sources, names, secret, encoding, making.track)
    study = _study(experiment, making, page, secret, _named(rows, names), encoder.stimuli())
    pages = {hit.hit: page_html(study, hit.hit) for hit in study.hits}
    size = max(len(question_xml(study, hit.hit, LONG_BASE).encode()) for hit in study.hits)
    study = replace(study, hits=tuple(replace(hit, page_sha256=digest(pages[hit.hit])) for hit in study.hits))
    recurring = recurrence(study.trials, experiment.workers_per_hit)
    blind = blind_warnings(experiment, study.trials, encoding, sources.values())
    warnings = (*warnings, *(recurring.warnings() if recurring else ()), *blind)
    report = design_html(study, recurring, warnings=warnings, encoding=encoding, question_bytes=size)
    extra = {**making.beside, "design.html": report}
    written = write_study(study, target, pages, encoder.write, extra, replace=making.force)
    return Built(written, warnings, encoding, size)


def _check_first(experiment: Experiment, making: Making, target: Path) -> None:
    """Refuse what can be refused before any image is read."""
    refuse_existing(target, replace=making.force)
    texts = making.texts
    check_listing(texts.title, texts.description, texts.keywords, experiment)


def _visible(
    experiment: Experiment, making: Making, page: PageSettings, encoding: Encoding, rows: Sequence[Trial]
) -> str:
    """Return all that workers see beside the images, as one text: another study has another."""
    seen = (asdict(making.texts), page.to_json(), template_sha256(), encoding, _plan_digest(rows))
    return json.dumps([experiment.to_json(), *seen], sort_keys=True)


def _study(
    experiment: Experiment,
    making: Making,
    page: PageSettings,
    secret: str,
    trials: tuple[Trial, ...],
    stimuli: Mapping[str, Stimulus],
) -> Study:
    """Put a study together that is not on the disk yet; neither pages nor images have digests."""
    return Study(
        folder=None,
        study=opaque_id(secret, "study", length=16),
        title=making.texts.title,
        description=making.texts.description,
        keywords=making.texts.keywords,
        experiment=experiment,
        seed=making.seed,
        versions=making.versions,
        secret=secret,
        stimuli=stimuli,
        hits=_hits(trials),
        trials=trials,
        plan_sha256=digest(trials_csv(trials)),
        page_settings=page.to_json(),
        forms=making.forms,
    )


def planned_rows(experiment: Experiment, items: Sequence[str], seed: int) -> Iterable[Trial]:
    """Plan every batch, each with its own stream of random numbers: one more changes none before it."""
    number = 0
    for index, batch in enumerate(experiment.batches):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))
        planned = plan(experiment, batch, len(items), rng)
        drawn = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, 1])))
        exposures = sentinel_exposures(experiment, planned, drawn)
        rows = list(rows_of(experiment, batch, planned, items, number, exposures))
        number += len(rows)
        yield from rows


def rows_of(
    experiment: Experiment,
    batch: Batch,
    planned: Plan,
    items: Sequence[str],
    first: int = 0,
    sentinel_ms: Iterable[int | None] = (),
) -> Iterable[Trial]:
    """Turn the arrays of one batch into trials, numbered from `first` + 1; stimuli have no names yet.

    `sentinel_ms`: the exposures of the sentinels, one after the other.
    """
    drawn = iter(sentinel_ms)
    cells, exposures = planned.layout.cells, experiment.exposures_ms
    practice_ms = _practice_exposures(experiment)
    total = experiment.hits * max(experiment.trials_per_hit(batch) for batch in experiment.batches)
    digits = max(4, len(str(total)))
    hit_digits = max(2, len(str(planned.layout.hits)))
    arrays = (planned.label, planned.item_a, planned.item_b, planned.a_left)
    for index in np.ndindex(planned.label.shape):
        label, a, b, a_left = (array[index].item() for array in arrays)
        hit, position = index
        genuine = label < cells
        contrast = (batch.sentinel or "", experiment.real or "")
        exposure = practice_ms[position] if label > cells else None
        if label == cells:
            exposure = next(drawn, experiment.sentinel_exposure_ms)
        elif genuine:
            contrast, exposure = batch.contrasts[label // len(exposures)], exposures[label % len(exposures)]
        left, right = ((contrast[0], items[a]), (contrast[1], items[b]))[:: 1 if a_left else -1]
        yield Trial(
            batch=batch.batch,
            hit=f"{batch.batch}-h{hit + 1:0{hit_digits}d}",
            position=position + 1,
            trial=f"t{first + hit * planned.layout.trials + position + 1:0{digits}d}",
            contrast=":".join(contrast),
            exposure_ms=exposure,
            sentinel=label == cells,
            correct_side=None if genuine else ("right" if a_left else "left"),
            condition_left=left[0],
            item_left=left[1],
            stimulus_left="",
            condition_right=right[0],
            item_right=right[1],
            stimulus_right="",
            practice=label > cells,
        )


def scene_warnings(experiment: Experiment, items: int) -> Iterable[str]:
    """Say where scenes come back for a worker, and how many would be needed."""
    needed = max(scenes_needed(experiment, batch) for batch in experiment.batches)
    if experiment.scenes == "without-replacement" and needed > items:
        yield (
            f"There are {items} scenes, and a HIT shows {needed}: each worker meets a scene up to "
            f"{-(-needed // items)} times, as far apart as possible. For none twice, bring {needed} scenes, "
            "or use fewer trials a HIT (--trials-per-cell)."
        )


def _practice_exposures(experiment: Experiment) -> list[int | None]:
    """Return the exposures of the practice trials: from the longest to the shortest."""
    exposures = sorted((e for e in experiment.exposures_ms if e is not None), reverse=True)
    count = experiment.practice_trials
    if not exposures:
        return [None] * count
    return [exposures[round(i * (len(exposures) - 1) / max(1, count - 1))] for i in range(count)]


def _images_of(row: Trial) -> tuple[tuple[str, str], tuple[str, str]]:
    return (row.condition_left, row.item_left), (row.condition_right, row.item_right)


def _named(rows: Sequence[Trial], names: Mapping[tuple[str, str], str]) -> tuple[Trial, ...]:
    """Give the trials' stimuli their opaque names."""
    named = []
    for row in rows:
        left, right = _images_of(row)
        named.append(row._replace(stimulus_left=names[left], stimulus_right=names[right]))
    return tuple(named)


def _plan_digest(rows: Sequence[Trial]) -> str:
    return hashlib.sha256(trials_csv(rows).encode()).hexdigest()


def _hits(trials: Sequence[Trial]) -> tuple[Hit, ...]:
    """List the HITs in the order of their trials; pages have no digest yet."""
    counts: dict[tuple[str, str], int] = {}
    for trial in trials:
        counts[trial.hit, trial.batch] = counts.get((trial.hit, trial.batch), 0) + 1
    return tuple(Hit(hit, batch, count, f"pages/{hit}.html", "") for (hit, batch), count in counts.items())


@dataclass(frozen=True)
class _Encoder:
    """Encodes the stimuli while they are written, and then pads them to one size: all at once they may not
    fit in memory.
    """

    sources: Mapping[tuple[str, str], Source]
    names: Mapping[tuple[str, str], str]
    secret: str
    encoding: Encoding
    track: Track

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet, sorted by their opaque names."""
        found = {}
        for key, source in self.sources.items():
            name = self.names[key]
            file = f"{name}.{extension(source, self.encoding)}"
            same = source.sha256 if keeps_pixels(source, self.encoding) else ""
            found[name] = Stimulus(file, "", source.width, source.height, same)
        return dict(sorted(found.items()))

    def write(self, folder: Path) -> dict[str, Stimulus]:
        """Write every image into `folder` and return the stimuli with their digests."""
        stimuli = self.stimuli()

        def written(key: tuple[str, str]) -> int:
            data = encode(self.sources[key], self.encoding)
            return (folder / stimuli[self.names[key]].file).write_bytes(data)

        def padded(name: str) -> tuple[str, str]:
            path = folder / stimuli[name].file
            data = pad(path.read_bytes(), size, f"{self.secret} {name}")
            path.write_bytes(data)
            return name, hashlib.sha256(data).hexdigest()

        with ThreadPoolExecutor() as pool:
            sizes = list(self.track(pool.map(written, self.sources), "Writing images", len(self.sources)))
            size = padded_size(sizes)
            digests = dict(pool.map(padded, stimuli))
        return {name: replace(stimulus, sha256=digests[name]) for name, stimulus in stimuli.items()}
