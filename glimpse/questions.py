"""What is asked of a trial, and the answers that each kind of question takes: one home for both.

An answer is "left", "right" or "tie", or on a scale a whole number, negative where the left image is better.
As a number (`value_of`) every answer is negative for left, 0 for a tie, and positive for right. Of one image
at a time it is "real" or "generated", or a whole number that says how sure one is: negative for real.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.text import check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Choice = str | int

LEFT, RIGHT, TIE = "left", "right", "tie"
SIDES = (LEFT, RIGHT)
REAL, GENERATED = "real", "generated"
TRUTHS = (REAL, GENERATED)
LONGEST_QUESTION = 300
MOST_QUESTIONS = 8
REALISM = "Which image is more realistic?"
REAL_OR_GENERATED = "Is this picture real or generated?"


@dataclass(frozen=True)
class AnswerKind:
    """One way of answering: `steps` to either side of the middle, and whether the middle may be chosen.

    `scale` tells kinds whose answers are numbers from -steps to steps. `single` tells kinds for one image at
    a time: to the left of the middle stands real, to the right generated, and the middle is never chosen.
    """

    name: str
    steps: int
    tie: bool
    scale: bool
    single: bool = False

    @property
    def answers(self) -> tuple[Choice, ...]:
        """Every answer of this kind, from left to right.

        >>> KINDS["choice-or-tie"].answers
        ('left', 'tie', 'right')
        >>> KINDS["confidence-4"].answers
        (-2, -1, 1, 2)
        """
        if self.scale:
            return tuple(n for n in range(-self.steps, self.steps + 1) if n or self.tie)
        if self.single:
            return TRUTHS
        return (LEFT, TIE, RIGHT) if self.tie else SIDES

    def admits(self, answer: object) -> bool:
        """Tell whether an answer, as a page sent it, is one of this kind."""
        return type(answer) in {str, int} and answer in self.answers


KINDS = {
    kind.name: kind
    for kind in (
        AnswerKind("choice", 1, tie=False, scale=False),
        AnswerKind("choice-or-tie", 1, tie=True, scale=False),
        AnswerKind("scale-5", 2, tie=True, scale=True),
        AnswerKind("scale-7", 3, tie=True, scale=True),
        AnswerKind("real-or-generated", 1, tie=False, scale=False, single=True),
        AnswerKind("confidence-4", 2, tie=False, scale=True, single=True),
        AnswerKind("confidence-6", 3, tie=False, scale=True, single=True),
    )
}
SINGLE_KINDS = tuple(name for name, kind in KINDS.items() if kind.single)
PAIR_KINDS = tuple(name for name in KINDS if name not in SINGLE_KINDS)
MOST_STEPS = max(kind.steps for kind in KINDS.values())
_VALUES = {LEFT: -1, TIE: 0, RIGHT: 1, REAL: -1, GENERATED: 1}


def value_of(answer: Choice) -> int:
    """Return an answer as a number: -1, 0, 1 of a choice, the number itself of a scale; real is negative.

    >>> value_of("left"), value_of("tie"), value_of(2)
    (-1, 0, 2)
    """
    return answer if isinstance(answer, int) else _VALUES[answer]


def share_right(answer: Choice) -> float:
    """Return the share of a choice that the right side gets: 1, 0, or of a tie 1/2.

    >>> share_right("right"), share_right("tie"), share_right(-3)
    (1.0, 0.5, 0.0)
    """
    value = value_of(answer)
    return 0.5 if value == 0 else float(value > 0)


def is_right(answer: Choice, correct_side: str | None) -> bool:
    """Tell whether an answer to a trial with a known side names that side; a tie never does.

    >>> is_right(-2, "left"), is_right("tie", "left"), is_right(3, "generated")
    (True, False, True)
    """
    value = value_of(answer)
    return value != 0 and correct_side in ((LEFT, REAL) if value < 0 else (RIGHT, GENERATED))


@dataclass(frozen=True)
class Question:
    """One question of a study. `name` stands in results and reports, `text` is what participants read.

    `labels`, left to right, replace the words of the answers; none takes those of the page's language.
    GlimpseError names the field for what no study can ask.
    """

    name: str
    text: str
    answer: str = "choice"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no page can ask; GlimpseError names the field."""
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum() or len(self.name) > 40:
            raise GlimpseError(
                f"question name is {self.name!r}; allowed are up to 40 letters, digits, - and _."
            )
        if not self.text.strip():
            raise GlimpseError(f"question {self.name} has no text; say what participants are asked.")
        if len(self.text) > LONGEST_QUESTION:
            raise GlimpseError(
                f"question {self.name} has {len(self.text)} characters; a page has room for "
                f"{LONGEST_QUESTION}."
            )
        if self.answer not in KINDS:
            raise GlimpseError(
                f"question {self.name}: answer is {self.answer!r}; allowed are {', '.join(KINDS)}."
            )
        wanted = len(self.kind.answers)
        if self.labels and (len(self.labels) != wanted or not all(label.strip() for label in self.labels)):
            raise GlimpseError(
                f"question {self.name} has {len(self.labels)} labels; {self.answer} needs {wanted}, "
                "none of them empty."
            )

        if len({label.strip() for label in self.labels}) < len(self.labels):
            raise GlimpseError(f"question {self.name} has two labels of the same words; nobody could choose.")

    @property
    def kind(self) -> AnswerKind:
        """The kind of its answers."""
        return KINDS[self.answer]

    def to_json(self) -> dict[str, Any]:
        """Return the question as study.json holds it."""
        value = {**asdict(self), "labels": list(self.labels)}
        if not self.labels:
            del value["labels"]
        return value

    @classmethod
    def from_json(cls, value: Any) -> Question:
        """Read what `to_json` wrote; GlimpseError for unknown keys and values of a wrong kind."""
        known = [field.name for field in fields(cls)]
        if not isinstance(value, dict) or set(value) - set(known) or not {"name", "text"} <= set(value):
            raise GlimpseError(
                f"a question is {value!r}; it has name and text, and may have answer and labels."
            )
        labels = value.get("labels", [])
        check_texts(f"question {value['name']!r}", value, lists=("labels",))
        return cls(value["name"], value["text"], value.get("answer", "choice"), tuple(labels))


DEFAULT_QUESTION = Question("realism", REALISM)
SINGLE_QUESTION = Question("real", REAL_OR_GENERATED, "real-or-generated")


def only_question(text: str) -> Question:
    """Return the question of a study that asks one, a choice, by its text alone.

    >>> only_question("Which face is older?").name
    'preference'
    """
    return DEFAULT_QUESTION if text == REALISM else Question("preference", text)


def check_questions(questions: Sequence[Question]) -> None:
    """Raise GlimpseError for no question, too many, or two of one name."""
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise GlimpseError(f"there are {len(questions)} questions; a study asks 1 to {MOST_QUESTIONS}.")
    names = [question.name for question in questions]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise GlimpseError(f"two questions are named {twice[0]!r}; each needs a name of its own.")


def questions_of(experiment: Mapping[str, Any]) -> tuple[Question, ...]:
    """Return the questions of an experiment as study.json states it; the default one where it states none."""
    stated = experiment.get("questions")
    if stated is None:
        return (DEFAULT_QUESTION,)
    if not isinstance(stated, list):
        raise GlimpseError(f"questions is {stated!r}; a list of questions is needed.")
    found = tuple(Question.from_json(value) for value in stated)
    check_questions(found)
    return found


def is_plain(questions: Sequence[Question]) -> bool:
    """Tell whether a study asks one choice between left and right, as those of version 1 all do."""
    return len(questions) == 1 and questions[0].answer == "choice"
