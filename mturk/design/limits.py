"""What Mechanical Turk takes: checked when a study is built, and again before anything is published. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError
from glimpse.experiment_checks import MOST_WORKERS_PER_HIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glimpse.experiment import Experiment
    from glimpse.forms import FormField
    from glimpse.questions import Question

QUESTION_BYTES = 65_535
# What our own server takes: in JSON, a request of it stays below a megabyte.
OWN_QUESTION_BYTES = 400_000
TITLE, DESCRIPTION, KEYWORDS = 128, 2000, 1000
MINUTES = 365 * 24 * 60
# Days of work, and as many as fit in the memory of a laptop.
TRIALS, ALL_TRIALS = 100_000, 4_000_000
SPREAD_TRIALS = 5_000  # of a HIT over which cells are spread: its pairs are dealt by a table of their square
# Neither XML nor a page can hold these; a carriage return would come back as another character.
_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def check_listing(title: str, description: str, keywords: Sequence[str], experiment: Experiment) -> None:
    """Raise GlimpseError for words and numbers of the list of HITs that no HIT can have."""
    check_words("--title", title, TITLE)
    check_words("--description", description, DESCRIPTION)
    check_words("keywords", ", ".join(keywords), KEYWORDS)
    if experiment.time_allotted_minutes > MINUTES:
        raise GlimpseError(
            f"--time-allotted-minutes is {experiment.time_allotted_minutes}; Mechanical Turk allows 1 to "
            f"{MINUTES}."
        )
    if experiment.workers_per_hit > MOST_WORKERS_PER_HIT:
        raise GlimpseError(
            f"--workers-per-hit is {experiment.workers_per_hit}; allowed are 1 to {MOST_WORKERS_PER_HIT}. "
            "More people need more HITs: raise --hits-per-batch."
        )


def check_asked(questions: Sequence[Question], forms: Sequence[FormField]) -> None:
    """Raise GlimpseError for a question, or a field of a form, with words that no page can show."""
    for question in questions:
        for text in (question.text, *question.labels):
            check_words(f"question {question.name}", text)
    for field in forms:
        for text in (field.text, *field.options):
            check_words(f"form field {field.name}", text)


def check_size(experiment: Experiment) -> None:
    """Raise GlimpseError for more trials than anybody answers, or can be planned."""
    longest = max(map(experiment.trials_per_hit, experiment.batches))
    if longest > TRIALS:
        raise GlimpseError(
            f"A HIT would have {longest:,} trials; {TRIALS:,} at most can be planned. Lower "
            "--trials-per-cell, --sentinels-per-hit or --practice-trials."
        )
    if experiment.hit_trials and experiment.hit_trials > SPREAD_TRIALS:
        raise GlimpseError(
            f"trials_per_hit is {experiment.hit_trials:,}; {SPREAD_TRIALS:,} at most, and few people answer "
            "more than 200. Lower --trials-per-hit, and raise --hits-per-batch."
        )
    if longest * experiment.hits > ALL_TRIALS:
        raise GlimpseError(
            f"{experiment.hits:,} HITs of up to {longest:,} trials are more than the {ALL_TRIALS:,} trials "
            "that can be planned. Lower --hits-per-batch or --trials-per-cell."
        )


def check_words(option: str, text: str, most: int | None = None) -> None:
    """Raise GlimpseError for words that are blank, cannot be sent, or have more than `most` characters."""
    if not text.strip():
        raise GlimpseError(f"{option} is empty; workers read it, so give at least one word.")
    if code := unsendable(text):
        raise GlimpseError(f"{option} holds the character {code}, which no page can show; leave it out.")
    if most is not None and len(text) > most:
        raise GlimpseError(f"{option} has {len(text)} characters; Mechanical Turk allows 1 to {most}.")


def unsendable(text: str) -> str | None:
    """Return the first character that no question can hold, as U+0007; None when all can be sent."""
    found = _UNSENDABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else None
