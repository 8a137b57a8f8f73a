"""What the script of a HIT's page reads: its trials, packed, and what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.drawn import DIGITS
from glimpse.errors import GlimpseError
from glimpse.language import SITE
from glimpse.questions import LEFT, REAL, is_plain

from ..design.stimuli import ID_LENGTH
from .layout import layout
from .settings import PageSettings
from .wording import asked_later, feedback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpse.language import Language
    from glimpse.study import Study
    from glimpse.trials import Trial

    from .layout import PageLayout

MTURK_ORIGINS = ("https://www.mturk.com", "https://workersandbox.mturk.com")
# Texts of the script that only some pages need.
_LIMITED = ("recovered", "scroll", "computer_title", "computer")


def page_data(study: Study, hit_name: str, image_base_url: str) -> dict[str, Any]:
    """Return what the page's script reads; keys are short, since MTurk limits the size.

    s study, h HIT, b base of image addresses, x file endings, e exposures in ms (empty: unlimited), n and d
    number of the first trial and its digits, t the trials in 42 characters each, p the practice trials'
    correct sides, w and H the size shown, l the share of it to which it may shrink (absent: as the mode has
    it), f fixation in ms, k trials between breaks, o origins, i the words.

    Only where they say something: a what is asked of a pair that is gone, by question; q the questions'
    names, of a study that asks more than one choice; j the number of the question that practice trials are
    judged by, r what they say; c the contexts and u each trial's number among them (-1: none), z 1 where they
    are read first; v what the page is higher, y the context's height, g the lines of a question; m texts of
    the server's pages that the study replaces; C how clips play: fps their frames a second, once, again and
    all where they are asked for; S 1 where a trial shows one image, and has 22 characters. Of these p has L
    for real and R for generated. D 1 where the server decides exposures, 2 where it tells what was right.
    """
    settings = PageSettings.from_json(study.page_settings)
    trials = study.trials_of(hit_name)
    exposures = exposures_of(study)
    endings = endings_of(study)
    return {
        "s": study.study,
        "h": hit_name,
        "b": image_base_url,
        "x": endings,
        "e": list(exposures),
        "n": int(trials[0].trial[1:]),
        "d": len(trials[0].trial) - 1,
        "t": "".join(packed(trial, study, exposures, endings) for trial in trials),
        "p": "".join(
            "L" if trial.correct_side in {LEFT, REAL} else "R" for trial in trials if trial.practice
        ),
        "w": settings.width,
        "H": settings.height,
        **({"l": settings.least_width / settings.width} if settings.least_width else {}),
        "f": settings.fixation_ms,
        "k": study.experiment.break_every,
        "o": [*MTURK_ORIGINS, *settings.origins],
        **_asked(study, settings, trials),
        **_contexts(study, trials, settings),
        **_room(study_layout(study, settings)),
        **_playing(study, settings),
        **({"S": 1} if is_single(study) else {}),
        **_climbing(study, settings),
        "i": _words(study, settings),
        **_site_words(settings),
    }


def _climbing(study: Study, settings: PageSettings) -> dict[str, Any]:
    """Return what the script needs where the server decides exposures; nothing where they are planned."""
    experiment = study.experiment
    if experiment.staircase is None:
        return {}
    if not experiment.feedback:
        return {"D": 1}
    said = list(feedback(experiment.judged_by, study_words(study, settings)).values())
    return {"D": 2, "j": experiment.questions.index(experiment.judged_by), "r": said}


def is_single(study: Study) -> bool:
    """Tell whether a study shows one image at a time."""
    return study.experiment.task == "single"


def study_words(study: Study, settings: PageSettings) -> Language:
    """Return the words of a study's pages."""
    return settings.words(clips=study.moving, single=is_single(study))


def _site_words(settings: PageSettings) -> dict[str, Any]:
    """Return what the study says in its own words on the server's pages, which learns it from this page."""
    said = {part: texts for part, texts in settings.wording.items() if part in SITE}
    return {"m": said} if said else {}


def study_layout(study: Study, settings: PageSettings) -> PageLayout:
    """Return the layout of a study's pages."""
    contexts = study.contexts.values()
    prompts, references = [one.text for one in contexts], any(one.image for one in contexts)
    return layout(
        study.experiment.questions,
        prompts,
        references,
        settings.context_when,
        settings.width,
        again=settings.again,
        abreast=1 if is_single(study) else 2,
    )


def _asked(study: Study, settings: PageSettings, trials: Sequence[Trial]) -> dict[str, Any]:
    """Return what the script needs to know of the questions."""
    experiment, words = study.experiment, study_words(study, settings)
    found: dict[str, Any] = {}
    if experiment.mode == "limited-time":
        found["a"] = [asked_later(question, words) for question in experiment.questions]
    if not is_plain(experiment.questions):
        found["q"] = [question.name for question in experiment.questions]
    if any(trial.practice for trial in trials):
        found["j"] = experiment.questions.index(experiment.judged_by)
        found["r"] = list(feedback(experiment.judged_by, words).values())
    return found


def _contexts(study: Study, trials: Sequence[Trial], settings: PageSettings) -> dict[str, Any]:
    """Return the contexts of a HIT's own trials, in the order of the trials, and each trial's number."""
    items = list(dict.fromkeys(trial.context for trial in trials if trial.context in study.contexts))
    if study.experiment.allocation == "adaptive":
        items = list(study.contexts)  # any of them may be drawn
    if not items:
        return {}
    contexts = [study.contexts[item] for item in items]
    shown = [[one.text, study.stimuli[one.image].file if one.image else ""] for one in contexts]
    numbers = {item: number for number, item in enumerate(items)}
    found = {"c": shown, "u": [numbers.get(trial.context, -1) for trial in trials]}
    return {**found, "z": 1} if settings.context_when == "before" else found


def _playing(study: Study, settings: PageSettings) -> dict[str, Any]:
    """Return how a study's clips play; nothing of images."""
    if not study.moving:
        return {}
    rate = max(stimulus.frame_rate or 0 for stimulus in study.stimuli.values())
    asked = {"once": settings.play == "once", "again": settings.again, "all": settings.must_see_all}
    return {"C": {"fps": rate, **{name: 1 for name, is_asked in asked.items() if is_asked}}}


def _room(room: PageLayout) -> dict[str, int]:
    """Return what the script needs to know of the layout."""
    found = {"v": room.taken_px, "y": room.context_px, "g": room.lines if room.lines > 1 else 0}
    return {name: number for name, number in found.items() if number}


def _words(study: Study, settings: PageSettings) -> dict[str, Any]:
    """Return the texts that this study's script may need."""
    words, experiment = study_words(study, settings), study.experiment
    limited = experiment.mode == "limited-time"
    # Whether disturbed pairs are shown again: those that people cannot look at again by themselves.
    one_look = limited or (study.moving and settings.play == "once" and not settings.again)
    needed = {
        **dict.fromkeys(_LIMITED, limited),
        "again_place": one_look,
        "click_here": limited or settings.context_when == "before",
        "practice_place": experiment.practice_trials,
        "rest": experiment.break_every,
        "question_place": len(experiment.questions) > 1,
        "reference": any(context.image for context in study.contexts.values()),
    }
    texts = {name: text for name, text in words.words("script").items() if needed.get(name, True)}
    parts = {"form_script": study.forms, "clip_script": study.moving}
    return texts | {
        name: text for part, has in parts.items() if has for name, text in words.words(part).items()
    }


def exposures_of(study: Study) -> tuple[int, ...]:
    """Return the exposures that occur; GlimpseError when they are more than a trial's one digit can tell."""
    stairs = study.experiment.staircase
    values = (stairs.start_ms,) if stairs else study.exposures_ms
    if len(values) > len(DIGITS):
        raise GlimpseError(
            f"--exposure-ms: the study has {len(values)} exposures; a page holds 1 to {len(DIGITS)}."
        )
    return values


def packed(trial: Trial, study: Study, exposures: Sequence[int], endings: Sequence[str]) -> str:
    """Return a trial in 42 characters: two names, the exposure's number, the file endings' number.

    A trial of one image has one name, and 22 characters.
    """
    shown = [study.stimuli[name] for name in trial.stimuli]
    left, *others = (endings.index(one.ending) for one in shown)
    planned = trial.exposure_ms is not None and study.experiment.staircase is None
    exposure = exposures.index(int(trial.exposure_ms or 0)) if planned else 0
    if any(len(one.file) - len(one.ending) != ID_LENGTH for one in shown):
        raise GlimpseError(f"trial {trial.trial} cannot be packed: a name is not {ID_LENGTH} long.")
    kinds = left * len(endings) + others[0] if others else left
    return "".join(trial.stimuli) + DIGITS[exposure] + DIGITS[kinds]


def endings_of(study: Study) -> list[str]:
    """Return the endings of a study's files, in the order of their numbers."""
    return sorted({stimulus.ending for stimulus in study.stimuli.values()})
