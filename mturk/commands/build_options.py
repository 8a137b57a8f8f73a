"""The options of build-hits, made from what a study file may say, and what was typed, in its words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glimpse.errors import GlimpseError
from glimpse.forms import FormField, check_forms
from glimpse.given import is_given
from glimpse.questions import DEFAULT_QUESTION, KINDS, Question, check_questions, only_question

from ..design.limits import check_words
from ..design.study_fields import FIELDS, StudyField

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., Any]

USUAL = DEFAULT_QUESTION.text
SEVERAL = ("texts", "wholes", "places", "contrasts", "questions", "form")


def study_options(function: Command) -> Command:
    """Give a command an option for everything that a study file may say, and for its only question."""
    answer = click.option(
        "--answer",
        type=click.Choice(list(KINDS)),
        default=None,
        show_default="choice",
        help="How --question is answered.",
    )
    question = click.option(
        "--question",
        default=None,
        show_default=f"{USUAL} or, of clips, {USUAL.replace('image', 'clip')}",
        help="The only question; --ask asks several.",
    )
    for option in reversed([*map(_option, FIELDS), question, answer]):
        function = option(function)
    return function


def _option(field: StudyField) -> Command:
    """Return the option of one field; None, or nothing, means that it says nothing."""
    about: dict[str, Any] = {"help": field.help, "show_default": field.usual}
    if field.kind == "flag":
        off = field.option.replace("--", "--no-", 1)
        return click.option(f"{field.option}/{off}", field.name, default=None, **about)
    kinds = {
        "whole": click.IntRange(0) if field.name == "seed" else int,
        "wholes": int,
        "number": float,
        "folder": click.Path(path_type=Path),
        "file": click.Path(path_type=Path, exists=True, dir_okay=False),
        "place": click.Path(path_type=Path, exists=True),
        "places": click.Path(path_type=Path, exists=True),
    }
    kind = click.Choice(field.allowed) if field.allowed else kinds.get(field.kind, str)
    several = field.kind in SEVERAL
    about |= {"type": kind, "metavar": field.metavar, "multiple": several}
    return click.option(field.option, field.name, default=() if several else None, **about)


def typed(context: click.Context) -> dict[str, Any]:
    """Return what was typed, by the names of `FIELDS`; GlimpseError for a question or field that is none."""
    said = {field.name: context.params[field.name] for field in FIELDS if is_given(field.name)}
    if "asked" in said:
        said["asked"] = tuple(map(_asked, said["asked"]))
        check_questions(said["asked"])
    if "form" in said:
        said["form"] = tuple(map(_form, said["form"]))
        check_forms(said["form"])
    return said


def with_question(
    said: dict[str, Any], typed_now: dict[str, Any], question: str | None, answer: str | None
) -> dict[str, Any]:
    """Return what a file said, with what was typed in its place, --question and --answer among it."""
    from ..building.requested import question_of

    both = {**said, **typed_now}
    if question is None and answer is None:
        return both
    if "asked" in typed_now:
        raise click.UsageError("--ask goes without --question and --answer: it states the whole question.")
    asked = both.get("asked") or (question_of(both),)
    if question is not None:
        check_words("--question", question)
        asked = (only_question(question),)
    if len(asked) > 1:
        raise click.UsageError(
            f"--answer is for a study with one question; this one asks {len(asked)}. Change them in the file."
        )
    changed = asked if answer is None else (replace(asked[0], answer=answer, labels=()),)
    return {**both, "asked": changed}


def _asked(text: str) -> Question:
    """Read NAME:KIND:TEXT|LABEL|LABEL."""
    parts = text.split(":", 2)
    if len(parts) < 3:
        raise GlimpseError(
            f"--ask {text}: a question is NAME:KIND:TEXT, such as fit:choice-or-tie:Which one fits better?"
        )
    words, *labels = parts[2].split("|")
    check_words(f"--ask {parts[0]}", words)
    return Question(parts[0], words, parts[1], tuple(labels))


def _form(text: str) -> FormField:
    """Read NAME:WHEN:KIND:TEXT|OPTION|OPTION; a KIND with ? may stay empty."""
    parts = text.split(":", 3)
    if len(parts) < 4:
        raise GlimpseError(
            f"--form {text}: a field is NAME:WHEN:KIND:TEXT, such as age:after:number:How old are you?"
        )
    name, when, kind, words = parts
    words, *options = words.split("|")
    return FormField.from_json(
        {
            "name": name,
            "text": words,
            "kind": kind.removesuffix("?"),
            "options": options,
            "when": when,
            "required": not kind.endswith("?"),
        }
    )
