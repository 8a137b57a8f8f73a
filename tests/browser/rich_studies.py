"""Studies that ask more than one choice: built once over drawn images; what they ask is put in later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.exposures import draw_images
from glimpse.context import Context
from glimpse.experiment import designed, preset
from glimpse.forms import FormField
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.page.layout import layout
from glimpse.mturk.page.settings import page_settings
from glimpse.questions import Question

if TYPE_CHECKING:
    from pathlib import Path

    from glimpse.study import Study

QUALITY = Question("quality", "Which picture looks better?", "choice-or-tie")
FIT = Question("fit", "Which picture fits the description better?", "scale-5")
CLOSE = Question("close", "How do the two pictures compare?", "scale-7")
SIDE = Question("side", "Which picture has more detail?")
LONG = "A watercolour of a harbour at dawn, with fishing boats, nets drying on the quay, and gulls. " * 9
FORMS = (
    FormField("age", "How old are you?", "choice", ("18-29", "30-44", "45-59", "60 or older"), "before"),
    FormField("country", "Where do you live?", "choice", tuple(f"Country {n}" for n in range(12)), "before"),
    FormField("years", "For how many years have you drawn?", "number", (), "before"),
    FormField("devices", "What did you look at the pictures on?", "text", (), "after", required=False),
)


def drawn(folder: Path, mode: str, size: tuple[int, int] = (512, 256), **numbers: Any) -> Study:
    """Build a study of one HIT, four trials of one contrast, which asks the default question."""
    draw_images(folder / "images", ("crn", "real", "pix2pix"), 8, size)
    limited = {"exposures_ms": (125,)} if mode == "limited-time" else {}
    small = {"trials_per_cell": 4, "sentinels_per_hit": 0, "hits_per_batch": 1, "break_every": 0}
    design = designed(
        preset(mode), contrasts=(("crn", "pix2pix"),), real="real",
        **{"sentinel": None, **small, **limited, **numbers},
    )  # fmt: skip
    return build(find_images(folder / "images"), design, folder / "study", Making(seed=2, versions={})).study


def asking(
    study: Study,
    *questions: Question,
    prompts: tuple[str, ...] = (),
    references: bool = False,
    forms: tuple[FormField, ...] = (),
    **page: Any,
) -> Study:
    """Return the study with other questions, contexts, forms and page settings, as build would state them."""
    questions = questions or study.experiment.questions
    pictures = list(study.stimuli)
    trials, contexts = study.trials, {}
    if prompts or references:
        texts = prompts or ("",)
        names = [f"item{number}" for number in range(len(trials))]
        contexts = {
            name: Context(texts[n % len(texts)], pictures[n % len(pictures)] if references else "")
            for n, name in enumerate(names)
        }
        trials = tuple(trial._replace(context=name) for trial, name in zip(trials, names, strict=True))
    taken = layout(questions, prompts, references, page.get("context_when", "with")).taken_px
    settings = page_settings(study.stimuli.values(), taken_px=taken, **page).to_json()
    return replace(
        study,
        experiment=replace(study.experiment, questions=questions),
        trials=trials,
        contexts=contexts,
        forms=forms,
        page_settings=settings,
    )
