"""Questions and their answers: what is admitted, what counts as right, and what no study can ask."""

import json

import pytest

from glimpse.counting import tally
from glimpse.errors import GlimpseError
from glimpse.experiment import Experiment, preset
from glimpse.questions import (
    KINDS,
    Question,
    check_questions,
    is_right,
    only_question,
    questions_of,
    share_right,
)
from glimpse.sent import parse_submission
from glimpse.stopping import cell_means
from glimpse.submission import ONLY, AnswerError, read_choices
from glimpse.trials import Trial

QUALITY, ALIGNMENT = (
    Question("quality", "Which looks better?"),
    Question("alignment", "Which fits?", "scale-5"),
)


def test_kinds_admit_their_own_answers_only():
    assert KINDS["choice"].answers == ("left", "right")
    assert KINDS["scale-7"].answers == (-3, -2, -1, 0, 1, 2, 3)
    assert not KINDS["choice"].admits("tie")
    assert not KINDS["scale-5"].admits(3)
    assert not KINDS["scale-5"].admits(True)
    assert not KINDS["scale-5"].admits("left")
    assert not KINDS["choice-or-tie"].admits([])


@pytest.mark.parametrize(
    ("answer", "side", "right", "share"),
    [("left", "left", True, 0.0), ("right", "left", False, 1.0), ("tie", "left", False, 0.5),
     (-2, "left", True, 0.0), (1, "left", False, 1.0), (0, "right", False, 0.5)],
)  # fmt: skip
def test_a_side_is_right_by_its_sign_and_a_tie_never(answer, side, right, share):
    assert is_right(answer, side) is right
    assert share_right(answer) == share


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Question("", "Which?"), "question name is ''; allowed are"),
        (lambda: Question("quality", "  "), "question quality has no text"),
        (lambda: Question("quality", "x" * 301), "has 301 characters; a page has room for 300"),
        (
            lambda: Question("quality", "Which?", "stars"),
            "answer is 'stars'; allowed are choice, choice-or-tie",
        ),
        (lambda: Question("quality", "Which?", "choice", ("a",)), "has 1 labels; choice needs 2"),
        (lambda: check_questions([QUALITY, QUALITY]), "two questions are named 'quality'"),
        (lambda: check_questions([]), "there are 0 questions"),
        (lambda: questions_of({"questions": [{"name": "a"}]}), "it has name and text"),
        (
            lambda: questions_of({"questions": [{"name": "a", "text": 3}]}),
            "question 'a': text is 3; write a text",
        ),
        (lambda: Question("a", "?", labels=("x", "x ")), "two labels of the same words"),
        (lambda: questions_of({"questions": "Which?"}), "a list of questions is needed"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(made, message):
    with pytest.raises(GlimpseError, match=message):
        made()


def test_an_experiment_keeps_its_questions():
    plain = preset("unlimited-time")
    assert "questions" not in plain.to_json()
    asked = Experiment.from_json({**plain.to_json(), "questions": [QUALITY.to_json(), ALIGNMENT.to_json()]})
    assert asked.questions == (QUALITY, ALIGNMENT)
    assert Experiment.from_json(json.loads(json.dumps(asked.to_json()))) == asked
    with pytest.raises(
        GlimpseError, match="sentinel_question is 'colour'; the questions are quality, alignment"
    ):
        Experiment.from_json({**asked.to_json(), "sentinel_question": "colour"})
    assert Experiment.from_json({**asked.to_json(), "sentinel_question": "alignment"}).judged_by == ALIGNMENT


def test_the_usual_question_has_its_name_and_another_its_own():
    assert only_question("Which image is more realistic?").name == "realism"
    assert only_question("Which face is older?").name == "preference"


def trial(name, correct=None, left="crn", right="real"):
    sides = (left, "1", f"{name}a", right, "1", f"{name}b")
    return Trial("b1", "h1", 1, name, "crn:real", None, correct is not None, correct, *sides)


PLAN = (trial("t1"), trial("t2", left="real", right="crn"), trial("t3", correct="right"))


def page(*choices):
    answers = [
        {"trial": f"t{number}", "choices": one, "response_ms": dict.fromkeys(one, 900)}
        for number, one in enumerate(choices, start=1)
    ]
    return parse_submission(json.dumps({"schema": 2, "study": "s", "hit": "h1", "answers": answers}))


def test_a_trial_is_answered_when_every_question_is_and_sentinels_are_judged_by_one():
    both = ({"quality": "left", "alignment": 0}, {"quality": "left", "alignment": -2})
    known = {"quality": "left", "alignment": 2}
    found = tally(page(*both, known), PLAN, (QUALITY, ALIGNMENT), ALIGNMENT)
    assert (found.n_answered, found.n_sentinels, found.n_wrong) == (3, 1, 0)
    assert tally(page(*both, known), PLAN, (QUALITY, ALIGNMENT)).n_wrong == 1
    assert tally(page(*both, {**known, "alignment": 0}), PLAN, (QUALITY, ALIGNMENT), ALIGNMENT).n_wrong == 1
    half = tally(page(*both, {"alignment": 2}), PLAN, (QUALITY, ALIGNMENT), ALIGNMENT)
    assert (half.n_answered, half.n_sentinels) == (2, 0)
    # An answer that its question does not take is none.
    assert tally(page({"quality": "tie", "alignment": 1}), PLAN, (QUALITY, ALIGNMENT)).n_answered == 0


def test_a_tie_is_half_a_choice_of_either_condition():
    submission = page({"alignment": 0}, {"alignment": -1}, {"alignment": 2})
    assert cell_means(submission, PLAN, ALIGNMENT) == {("crn:real", None): 0.25}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"choices": {}}, "not 1 to 8 answers by question"),
        (
            {"choices": {"q": "up"}},
            "has 'up' for question 'q'; allowed are left, right, tie and whole numbers",
        ),
        ({"choices": {"q": 4}}, "has 4 for question 'q'"),
        ({"choices": {"q": True}}, "has True for question 'q'"),
        ({"choices": {"q": {}}}, "has {} for question 'q'"),
        ({"choices": "left"}, "has choices 'left'"),
        ({"side": "tie"}, "has side 'tie'; allowed are left and right"),
    ],
)
def test_choices_that_are_none_are_refused_in_words(record, message):
    with pytest.raises(AnswerError) as refused:
        read_choices(record)
    assert message in str(refused.value)


def test_forms_comment_and_consent_are_read_and_bounded():
    body = {"schema": 2, "study": "s", "hit": "h1", "answers": [], "form": {"age": "18-29"}}
    said = {"comment": "fine", "consented_at": "2026-01-05T09:00:00Z"}
    found = parse_submission(json.dumps(body | said))
    assert (found.form, found.comment, found.consented_at) == ({"age": "18-29"}, *said.values())
    for wrong, message in (
        ({"form": []}, "'form' is \\[\\], not up to 100 texts by name"),
        ({"form": {"age": 30}}, "'form.age' is 30, not a text"),
        ({"comment": "x" * 10_001}, "'comment' is .*, not a text of up to 10000"),
    ):
        with pytest.raises(AnswerError, match=message):
            parse_submission(json.dumps(body | wrong))


def test_the_one_answer_of_version_1_answers_the_one_question():
    record = {"trial": "t1", "side": "right", "response_ms": 5}
    body = {"schema": 1, "study": "s", "hit": "h1", "answers": [record]}
    (answer,) = parse_submission(json.dumps(body)).answers
    assert answer.choice(QUALITY) == "right"
    assert answer.response_ms == {ONLY: 5}
    assert answer.choice(ALIGNMENT) is None  # no answer on a scale
    assert answer.answers_all([QUALITY])
    assert not answer.answers_all([QUALITY, Question("sharpness", "Which is sharper?")])
