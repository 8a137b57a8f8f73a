"""build(images, experiment, ...) -> a study folder: look at everything first, write once at the end."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mturk.design_report import design_html
from mturk.encoding import Encoding, Source, choose, encode, extension
from mturk.errors import MTurkError
from mturk.pages import QUESTION_LIMIT_BYTES, html_question, page_html, page_settings
from mturk.planning import Plan, plan, scenes_needed
from mturk.stimuli import Images, Track, common_items, inspect_all, opaque_id, silent, study_secret
from mturk.study import Hit, Stimulus, Study, Trial, digest, refuse_existing, trials_csv, write_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mturk.experiment import Batch, Experiment

TITLE = "Which image is more realistic?"
DESCRIPTION = "Look at pairs of images and choose the more realistic one of each."
KEYWORDS = ("image", "images", "comparison", "perception", "research", "survey")
# The longest base of image addresses that the size check at build-hits allows for.
LONG_BASE = "https://" + "x" * 192 + "/"


@dataclass(frozen=True)
class Texts:
    """Words that workers see: the study's name, its line in the list of HITs, and what is asked and agreed."""

    title: str = TITLE
    description: str = DESCRIPTION
    keywords: tuple[str, ...] = KEYWORDS


@dataclass(frozen=True)
class Built:
    """A study just written, and what its designer should know about it."""

    study: Study
    warnings: tuple[str, ...]
    encoding: Encoding
    question_bytes: int


def build(
    images: Images,
    experiment: Experiment,
    target: Path,
    *,
    seed: int,
    versions: Mapping[str, str],
    encoding: Encoding = "auto",
    texts: Texts | None = None,
    page: Mapping[str, Any] | None = None,
    allow_missing: bool = False,
    force: bool = False,
    track: Track = silent,
) -> Built:
    """Design a study over `images` and write it to `target`, whole or not at all.

    `page` holds keyword arguments of `pages.page_settings`. MTurkError before anything is written.
    """
    refuse_existing(target, replace=force)
    items = common_items(images, experiment.conditions, allow_missing=allow_missing)
    rows = list(planned_rows(experiment, items, seed))
    return build_rows(
        images,
        experiment,
        rows,
        target,
        seed=seed,
        versions=versions,
        encoding=encoding,
        texts=texts,
        page=page,
        force=force,
        track=track,
        warnings=tuple(scene_warnings(experiment, len(items))),
    )


def build_rows(
    images: Images,
    experiment: Experiment,
    rows: Sequence[Trial],
    target: Path,
    *,
    seed: int,
    versions: Mapping[str, str],
    encoding: Encoding = "auto",
    texts: Texts | None = None,
    page: Mapping[str, Any] | None = None,
    force: bool = False,
    track: Track = silent,
    warnings: tuple[str, ...] = (),
) -> Built:
    """Write a study whose trials are given, their stimuli yet without names (empty `stimulus_*`)."""
    refuse_existing(target, replace=force)
    texts = texts or Texts()
    wanted = {pair for row in rows for pair in _images_of(row)}
    sources = inspect_all(images, wanted, same_item=experiment.pairing == "same-item", track=track)
    chosen = choose(encoding, list(sources.values()))
    settings = json.dumps([experiment.to_json(), texts.title, _plan_digest(rows)], sort_keys=True)
    secret = study_secret(seed, settings, sources)
    names = {key: opaque_id(secret, *key, source.sha256) for key, source in sources.items()}
    encoder = _Encoder(sources, names, chosen, track)
    trials = _named(rows, names)
    study = Study(
        folder=None,
        study=opaque_id(secret, "study", length=16),
        title=texts.title,
        description=texts.description,
        keywords=texts.keywords,
        experiment=experiment,
        seed=seed,
        versions=versions,
        secret=secret,
        stimuli=encoder.stimuli(),
        hits=_hits(trials),
        trials=trials,
        plan_sha256=digest(trials_csv(trials)),
        page_settings={},
    )
    study = replace(study, page_settings=page_settings(study.stimuli.values(), **(page or {})).to_json())
    pages = {hit.hit: page_html(study, hit.hit) for hit in study.hits}
    size = max(_question_bytes(study, hit.hit) for hit in study.hits)
    study = replace(study, hits=tuple(replace(hit, page_sha256=digest(pages[hit.hit])) for hit in study.hits))
    warnings = (*warnings, *_size_warnings(size), *_blind_warnings(experiment))
    report = design_html(study, warnings=warnings, encoding=chosen, question_bytes=size)
    written = write_study(study, target, pages, encoder.write, {"design.html": report}, replace=force)
    return Built(written, warnings, chosen, size)


def planned_rows(experiment: Experiment, items: Sequence[str], seed: int) -> Iterable[Trial]:
    """Plan every batch; each has its own stream of random numbers, so that one more changes none before it."""
    number = 0
    for index, batch in enumerate(experiment.batches):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index])))
        rows = list(rows_of(experiment, batch, plan(experiment, batch, len(items), rng), items, number))
        number += len(rows)
        yield from rows


def rows_of(
    experiment: Experiment, batch: Batch, planned: Plan, items: Sequence[str], first: int = 0
) -> Iterable[Trial]:
    """Turn the arrays of one batch into trials, numbered from `first` + 1, whose stimuli have no names yet."""
    cells, exposures = planned.layout.cells, experiment.exposures_ms
    known = (batch.sentinel or "", experiment.real)
    practice_ms = _practice_exposures(experiment)
    total = experiment.hits * max(experiment.trials_per_hit(batch) for batch in experiment.batches)
    digits = max(4, len(str(total)))
    arrays = (planned.label, planned.item_a, planned.item_b, planned.a_left)
    for hit, (labels, items_a, items_b, lefts) in enumerate(
        zip(*(array.tolist() for array in arrays), strict=True)
    ):
        for position, (label, a, b, a_left) in enumerate(zip(labels, items_a, items_b, lefts, strict=True)):
            genuine = label < cells
            contrast = batch.contrasts[label // len(exposures)] if genuine else known
            exposure = exposures[label % len(exposures)] if genuine else experiment.sentinel_exposure_ms
            if label > cells:
                exposure = practice_ms[position]
            ends = ((contrast[0], items[a]), (contrast[1], items[b]))
            left, right = ends if a_left else ends[::-1]
            yield Trial(
                batch=batch.batch,
                hit=f"{batch.batch}-h{hit + 1:0{max(2, len(str(planned.layout.hits)))}d}",
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
            f"{-(-needed // items)} times, as far apart as possible. For none twice, bring {needed} scenes, or use "
            "fewer trials a HIT (--trials-per-cell)."
        )


def _practice_exposures(experiment: Experiment) -> list[int | None]:
    """Return the exposures of the practice trials: from the longest to the shortest."""
    exposures = sorted((e for e in experiment.exposures_ms if e is not None), reverse=True)
    count = experiment.practice_trials
    if not exposures:
        return [None] * count
    return [exposures[round(i * (len(exposures) - 1) / max(1, count - 1))] for i in range(count)]


def _size_warnings(size: int) -> Iterable[str]:
    if size > QUESTION_LIMIT_BYTES:
        yield (
            f"A HIT makes a question of {size} bytes; MTurk takes {QUESTION_LIMIT_BYTES}. It can be published only "
            "where the page itself is hosted (ExternalQuestion); fewer trials a HIT would fit."
        )


def _blind_warnings(experiment: Experiment) -> Iterable[str]:
    exposure = experiment.sentinel_exposure_ms
    if experiment.sentinels_per_hit and exposure not in experiment.exposures_ms and exposure is not None:
        yield (
            f"Sentinels are shown {exposure} ms and no other trial is: workers could recognise them. Choose "
            "--sentinel-exposure-ms among the exposures."
        )


def _images_of(row: Trial) -> tuple[tuple[str, str], tuple[str, str]]:
    return (row.condition_left, row.item_left), (row.condition_right, row.item_right)


def _named(rows: Sequence[Trial], names: Mapping[tuple[str, str], str]) -> tuple[Trial, ...]:
    """Give the trials' stimuli their opaque names."""
    named = []
    for row in rows:
        left, right = _images_of(row)
        named.append(replace(row, stimulus_left=names[left], stimulus_right=names[right]))
    return tuple(named)


def _plan_digest(rows: Sequence[Trial]) -> str:
    return hashlib.sha256(trials_csv(rows).encode()).hexdigest()


def _hits(trials: Sequence[Trial]) -> tuple[Hit, ...]:
    """List the HITs in the order of their trials; pages have no digest yet."""
    counts: dict[tuple[str, str], int] = {}
    for trial in trials:
        counts[trial.hit, trial.batch] = counts.get((trial.hit, trial.batch), 0) + 1
    return tuple(Hit(hit, batch, count, f"pages/{hit}.html", "") for (hit, batch), count in counts.items())


def _question_bytes(study: Study, hit: str) -> int:
    """Return the size of a question with a long address of the images."""
    return len(html_question(page_html(study, hit, LONG_BASE)).encode())


@dataclass(frozen=True)
class _Encoder:
    """Encodes the stimuli while they are written: all at once they may not fit in memory."""

    sources: Mapping[tuple[str, str], Source]
    names: Mapping[tuple[str, str], str]
    encoding: Encoding
    track: Track

    def stimuli(self) -> dict[str, Stimulus]:
        """Return the stimuli, without digests as yet, sorted by their opaque names."""
        found = {}
        for key, source in self.sources.items():
            name = self.names[key]
            file = f"{name}.{extension(source, self.encoding)}"
            found[name] = Stimulus(file, "", source.width, source.height)
        return dict(sorted(found.items()))

    def write(self, folder: Path) -> dict[str, Stimulus]:
        """Write every image into `folder` and return the stimuli with their digests."""
        stimuli = self.stimuli()

        def one(key: tuple[str, str]) -> tuple[str, str]:
            data = encode(self.sources[key], self.encoding)
            (folder / stimuli[self.names[key]].file).write_bytes(data)
            return self.names[key], hashlib.sha256(data).hexdigest()

        with ThreadPoolExecutor() as pool:
            done = self.track(pool.map(one, self.sources), "Writing images", len(self.sources))
            digests = dict(done)
        return {name: replace(stimulus, sha256=digests[name]) for name, stimulus in stimuli.items()}
