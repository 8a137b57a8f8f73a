"""What a page says of its questions and answers, by their kind and in the page's language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from glimpse.questions import DEFAULT_QUESTION, GENERATED, LEFT, REAL, RIGHT, SINGLE_QUESTION

if TYPE_CHECKING:
    from glimpse.language import Language
    from glimpse.questions import Choice, Question

# Of an answer without a number: the key that its button shows, and the codes of all keys that choose it.
_KEYS = {
    "left": ("\u2190", "ArrowLeft KeyF"),
    "tie": ("\u2193", "ArrowDown KeyG"),
    "right": ("\u2192", "ArrowRight KeyJ"),
    "real": ("\u2190", "ArrowLeft KeyF"),
    "generated": ("\u2192", "ArrowRight KeyJ"),
}


@dataclass(frozen=True)
class Button:
    """One answer to a question: what is sent, what its button says, the key shown, and the keys' codes."""

    answer: Choice
    label: str
    key: str
    codes: str


def asks_realism(question: Question, words: Language) -> bool:
    """Tell whether a question is the task's default one, in the page's language or in English."""
    usual = SINGLE_QUESTION if question.kind.single else DEFAULT_QUESTION
    texts = {usual.text, words.say("questions.realism")}
    return question.name == usual.name and question.text in texts


def labels(question: Question, words: Language) -> tuple[str, ...]:
    """Return the words of a question's answers, from left to right: its own, or the language's."""
    return question.labels or tuple(
        words.say(f"{question.answer}.{answer}") for answer in question.kind.answers
    )


def buttons(question: Question, words: Language) -> list[Button]:
    """Return the buttons of a question's answers, from left to right."""
    found = []
    answers = zip(question.kind.answers, labels(question, words), strict=True)
    for place, (answer, label) in enumerate(answers, start=1):
        digit = (str(place), f"Digit{place} Numpad{place}")
        key, codes = digit if question.kind.scale else _KEYS[str(answer)]
        found.append(Button(answer, label, key, codes))
    return found


def asked_later(question: Question, words: Language) -> str:
    """Return how a question is asked of a pair that is no longer on the screen."""
    return words.say("questions.realism_past") if asks_realism(question, words) else question.text


def feedback(question: Question, words: Language) -> dict[str, tuple[str, str]]:
    """Return what a practice trial says to a right answer and to a wrong one, by the right side."""
    said = {}
    for side, place in ((LEFT, 0), (RIGHT, -1)):
        if asks_realism(question, words) and not question.kind.single:
            said[side] = (words.say("practice.photograph"), words.say(f"practice.photograph_{side}"))
            continue
        named = question.labels[place] if question.labels and not question.kind.scale else ""
        answer = named or _side_named(question, side, words)
        said[side] = (
            words.say("practice.right", question=question.text, answer=answer),
            words.say("practice.wrong", question=question.text, answer=answer),
        )
    return said


def _side_named(question: Question, side: str, words: Language) -> str:
    """Return what a side is called: left and right, or of one image at a time real and generated."""
    if question.kind.single:
        return words.say(f"real-or-generated.{REAL if side == LEFT else GENERATED}")
    return words.say(f"choice.{side}")


def columns(text: str) -> int:
    """Return how many letters wide a text is: Chinese, Japanese and Korean characters are two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
