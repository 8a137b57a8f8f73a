"""What a study of clips asks and says where nothing is stated: the usual words, but of clips."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from glimpse.language import SOURCE, language
from glimpse.questions import DEFAULT_QUESTION, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glimpse.experiment import Experiment
    from glimpse.language import Language


def question_of_clips(experiment: Experiment, page: Mapping[str, Any]) -> Experiment:
    """Return the experiment with the usual question asked of clips; any other question stays as it is.

    `page` is what pages were asked to be, as `page_settings` takes it.
    """
    images, clips = _words(page)
    usual = {DEFAULT_QUESTION.text, images.say("questions.realism")}
    asked = tuple(
        Question(question.name, clips.say("questions.realism"))
        if question.name == DEFAULT_QUESTION.name and question.text in usual and not question.labels
        else question
        for question in experiment.questions
    )
    return replace(experiment, questions=asked)


def text_of_clips(text: str, usual: str, experiment: Experiment, page: Mapping[str, Any]) -> str:
    """Return a title or description for clips, if it is the usual one of images; else the text as it is.

    `usual` is the usual one of the default question.
    """
    images, clips = _words(page)
    count = len(experiment.questions)
    said = {
        DEFAULT_QUESTION.text: clips.say("questions.realism"),
        images.say("questions.realism"): clips.say("questions.realism"),
        usual: clips.say("tasks.description", count=count),
        images.say("tasks.description", count=count): clips.say("tasks.description", count=count),
    }
    return said.get(text, text)


def _words(page: Mapping[str, Any]) -> tuple[Language, Language]:
    """Return the words of a page's language for images, and for clips."""
    code, wording = page.get("language", SOURCE), page.get("wording")
    return language(code, wording), language(code, wording, clips=True)
