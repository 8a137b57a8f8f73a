"""build(images, experiment, ...) -> a study folder: look at everything first, write once at the end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from glimpse.clips import ffmpeg_version
from glimpse.errors import GlimpseError
from glimpse.forms import FormField, check_forms
from glimpse.progress import untracked
from glimpse.study import Hit, Stimulus, Study, digest
from glimpse.trials import Trial, trials_csv

from ..design.context import items_with_context, read_contexts, same_items, without_references
from ..design.cuts import CutSettings
from ..design.limits import OWN_QUESTION_BYTES, QUESTION_BYTES, check_asked, check_listing, check_size
from ..design.sentinels import read_known, source_of
from ..design.sources import Sources
from ..design.stimuli import Images, common_items, opaque_id, study_secret
from ..page.layout import layout
from ..page.pages import page_html, question_xml, smaller, template_sha256
from ..page.settings import check_playing, page_settings
from .blindness import blind_warnings, size_warnings
from .clip_words import question_of_clips, text_of_clips
from .contact_sheet import contact_sheet
from .contrast_map import connection_warnings
from .design_page import design_html
from .display import Display
from .filming import Filming
from .imaging import PIXEL_RATIO, Imaging, looked_at
from .pay import LEAST_HOURLY_USD, check_time, contact_warnings, pay_warnings
from .recurrence import recurrence
from .rows import drawable, in_context, placed, planned_rows, scene_warnings
from .single_rows import planned_single
from .storing import Storage, encoders, found, stored
from .writing import refuse_existing, write_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from glimpse.experiment import Experiment
    from glimpse.progress import Track

    from ..design.encoding import Encoding
    from ..page.settings import PageSettings
    from .earlier import Earlier

TITLE = "Which image is more realistic?"
DESCRIPTION = "Look at pairs of images and choose the more realistic image in each pair."
KEYWORDS = ("image", "images", "comparison", "perception", "research", "survey")
CLIP_KEYWORDS = ("video", "clips", "comparison", "perception", "research", "survey")
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

    `check` says which images that no trial shows are looked at, and `pixel_ratio` how many pixels of an image
    are kept for each that is shown: see `imaging`. `page` holds keyword arguments of `pages.page_settings`;
    `force` replaces a study never published.
    `sources` is what stands with the images, or has known answers; `forms` is asked of participants.
    `cut` says how clips are cut alike. `beside` maps further files of the study's folder to their contents.
    A reward of less than `least_hourly_usd` an hour is warned about. `earlier` is the study that this one
    extends.
    """

    seed: int
    versions: Mapping[str, str]
    encoding: Encoding = "auto"
    check: str = "auto"
    pixel_ratio: float = PIXEL_RATIO
    texts: Texts = field(default_factory=Texts)
    page: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    track: Track = untracked
    sources: Sources = field(default_factory=Sources)
    forms: tuple[FormField, ...] = ()
    beside: Mapping[str, bytes] = field(default_factory=dict)
    least_hourly_usd: Decimal = LEAST_HOURLY_USD
    earlier: Earlier | None = None
    cut: CutSettings = field(default_factory=CutSettings)


@dataclass(frozen=True)
class Built:
    """A study just written, and what its designer should know about it."""

    study: Study
    warnings: tuple[str, ...]
    imaging: Imaging | Filming
    question_bytes: int


def build(
    images: Images,
    experiment: Experiment,
    target: Path,
    making: Making,
    *,
    allow_missing: bool = False,
    pairing_asked: bool = False,
    beforehand: Sequence[str] = (),
) -> Built:
    """Design a study over `images` and write it to `target`, whole or not at all.

    `allow_missing` leaves out items that some condition lacks, or that have no context. Contexts make pairs
    show one item; `pairing_asked` tells that another pairing was asked for, which is refused then.
    `beforehand` are warnings about how the experiment was made.
    GlimpseError before anything is written.
    """
    _check_first(experiment, making, target)
    images = without_references(images, making.sources.references)
    contexts = read_contexts(making.sources.prompts, making.sources.references)
    warnings = list(beforehand)
    if contexts and (said := same_items(experiment, asked=pairing_asked)):
        experiment = replace(experiment, pairing="same-item")
        warnings.append(said)
    if experiment.task == "single":
        rows = planned_single(images, experiment, making.seed, making.sources.sentinels)
        return _built(Display(images, rows, contexts), experiment, target, making, warnings)
    items = common_items(images, experiment.conditions, allow_missing=allow_missing)
    if contexts:
        items = items_with_context(contexts, images, items, allow_missing=allow_missing)
    stated = making.sources.sentinels
    file = read_known(stated, keep_sides=making.sources.keep_sides) if stated else None
    known = source_of(experiment, images, items, contexts, file)
    rows = list(planned_rows(experiment, items, making.seed, known, contextual=bool(contexts)))
    warnings += [*connection_warnings(experiment), *scene_warnings(experiment, len(items))]
    pool = drawable(experiment, items) if experiment.allocation == "adaptive" else ()
    return _built(Display(images, rows, contexts, pool), experiment, target, making, warnings)


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
    images = without_references(images, making.sources.references)
    contexts = read_contexts(making.sources.prompts, making.sources.references)
    if contexts:
        rows = list(in_context(rows))
        items_with_context(contexts, images, sorted({row.context for row in rows}))
    return _built(Display(images, rows, contexts), experiment, target, making, warnings)


def _built(
    shown: Display, experiment: Experiment, target: Path, making: Making, warnings: Sequence[str]
) -> Built:
    """Name, encode and write what trials show."""
    moving = shown.images.are_clips()
    if moving:
        experiment, making = _of_clips(experiment, making)
    looked = looked_at(shown.images, experiment.conditions, shown.pairs, making.check)
    sources = found(shown, looked, making.track)
    taken = _taken_px(experiment, making, shown)
    page = page_settings(sources.stimuli, taken_px=taken, abreast=shown.abreast, **making.page)
    check_playing(page, moving=moving, limited=experiment.mode == "limited-time")
    asked = Storage(making.encoding, making.pixel_ratio, making.cut)
    imaging = stored(shown, looked, sources, page, asked, taken)
    earlier = making.earlier
    secret = study_secret(making.seed, _visible(experiment, making, page, imaging, shown), sources.digests)
    secret = earlier.secret if earlier else secret
    names = {key: opaque_id(secret, *key, digest) for key, digest in sources.digests.items()}
    if earlier:
        earlier.check(names)
    encoder = encoders(imaging, sources, names, secret, target, making.track)
    told = {names[key]: key for pair in shown.pool for key in pair}
    study = _study(experiment, making, page, secret, shown.named(names), placed(encoder.stimuli(), told))
    study = replace(study, contexts=shown.stated(names))
    if isinstance(imaging, Filming):
        study = replace(study, versions={**study.versions, "ffmpeg": ffmpeg_version()})
    pages = {hit.hit: page_html(study, hit.hit) for hit in study.hits}
    question_bytes = _question_bytes(study)
    study = replace(study, hits=tuple(replace(hit, page_sha256=digest(pages[hit.hit])) for hit in study.hits))
    check_time(study)
    recurring = recurrence(study.trials, experiment.workers_per_hit)
    stimulus = "clip" if study.moving else "image"
    blind = blind_warnings(experiment, study.trials, imaging.encoding, sources.stimuli, stimulus)
    said = [*imaging.warnings(), *_question_warnings(study, question_bytes)]
    if experiment.task == "single":
        said += size_warnings(experiment.real, sources.sizes, stimulus)
    said += [*pay_warnings(study, making.least_hourly_usd), *contact_warnings(page), *_repeats(study, page)]
    warnings = (*warnings, *(recurring.warnings(stimulus) if recurring else ()), *blind, *said)
    report = design_html(
        study, recurring, warnings=warnings, encoding=imaging.encoding, question_bytes=question_bytes,
        sheet=contact_sheet(shown.pairs, imaging),
    )  # fmt: skip
    extra = {**making.beside, "design.html": report.encode()}
    written = write_study(
        study, target, pages, lambda folder: placed(encoder.write(folder), told), extra, replace=making.force
    )
    encoder.clear()
    return Built(written, warnings, imaging, question_bytes)


def _taken_px(experiment: Experiment, making: Making, shown: Display) -> int:
    """Return what pages need beside the images where time is limited; else they shrink images themselves."""
    when = making.page.get("context_when", "with")
    taken = layout(
        experiment.questions,
        shown.prompts.values(),
        bool(shown.contexts.images),
        when,
        abreast=shown.abreast,
    ).taken_px
    return taken * (experiment.mode == "limited-time")


def _of_clips(experiment: Experiment, making: Making) -> tuple[Experiment, Making]:
    """Return both with the usual words of clips, where nothing else was asked for."""
    experiment = question_of_clips(experiment, making.page)
    title, description = (
        text_of_clips(text, DESCRIPTION, experiment, making.page)
        for text in (making.texts.title, making.texts.description)
    )
    keywords = CLIP_KEYWORDS if making.texts.keywords == KEYWORDS else making.texts.keywords
    return experiment, replace(making, texts=Texts(title, description, keywords))


def _question_bytes(study: Study) -> int:
    """Return the size of the largest question; GlimpseError where not even our own server takes it."""
    return max(
        len(question_xml(study, hit.hit, LONG_BASE, OWN_QUESTION_BYTES).encode()) for hit in study.hits
    )


def _question_warnings(study: Study, question_bytes: int) -> Iterator[str]:
    """Say that Mechanical Turk does not take questions of this size."""
    if question_bytes > QUESTION_BYTES:
        yield (
            f"A HIT makes a question of up to {question_bytes} bytes, and Mechanical Turk allows "
            f"{QUESTION_BYTES}: this study can be published on your own server alone. {smaller(study)}"
        )


def _repeats(study: Study, page: PageSettings) -> Iterator[str]:
    """Say that clips start again within the longest exposures, where they are to be seen once at most."""
    exposures = [float(one) for one in study.experiment.exposures_ms if one is not None]
    lengths = [one.duration_ms for one in study.stimuli.values() if one.duration_ms is not None]
    if exposures and lengths and page.play != "once" and max(exposures) > min(lengths):
        shortest, longest = min(lengths) / 1000, max(exposures) / 1000
        yield (
            f"Clips of {shortest:g} s start again within the longest exposure, {longest:g} s. If each is to "
            f"be seen once at most, use --play once, or --exposure-ms up to {min(lengths):.0f}."
        )


def _check_first(experiment: Experiment, making: Making, target: Path) -> None:
    """Refuse what can be refused before any image is read."""
    refuse_existing(target, replace=making.force)
    texts = making.texts
    check_asked(experiment.questions, making.forms)
    check_listing(texts.title, texts.description, texts.keywords, experiment)
    check_size(experiment)
    check_forms(making.forms)
    names = [question.name for question in experiment.questions]
    if experiment.sentinels == "mismatch" and len(names) > 1 and experiment.sentinel_question is None:
        raise GlimpseError(
            "sentinels by mismatch: which question tells whether a picture fits its prompt? Name one of "
            f"{', '.join(names)} with --sentinel-question."
        )


def _visible(
    experiment: Experiment, making: Making, page: PageSettings, imaging: Imaging | Filming, shown: Display
) -> str:
    """Return all that workers see beside the images, as one text: another study has another."""
    plan = digest(trials_csv(shown.rows))
    seen = (asdict(making.texts), page.to_json(), template_sha256(), imaging.stored(), plan)
    forms = [form.to_json() for form in making.forms]
    return json.dumps([experiment.to_json(), *seen, shown.prompts, forms], sort_keys=True)


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
        study=opaque_id(secret, "study", *([digest(trials_csv(trials))] * bool(making.earlier)), length=16),
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


def _hits(trials: Sequence[Trial]) -> tuple[Hit, ...]:
    """List the HITs in the order of their trials; pages have no digest yet."""
    counts: dict[tuple[str, str], int] = {}
    for trial in trials:
        counts[trial.hit, trial.batch] = counts.get((trial.hit, trial.batch), 0) + 1
    return tuple(Hit(hit, batch, count, f"pages/{hit}.html", "") for (hit, batch), count in counts.items())
