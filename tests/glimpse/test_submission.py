"""Answer XML and the page's JSON: round trips, refusals in words, and nothing else whatever arrives."""

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.mturk.answers import (
    AnswerError,
    encode,
    parse_answer_xml,
    parse_submission,
    read_submission,
)
from glimpse.submission import ONLY, read_line, write_lines

RECORD = {
    "trial": "t1",
    "side": "left",
    "response_ms": 812.5,
    "shown_ms": 250.1,
    "frames": 15,
    "onset_ms": 3.0,
}


def submission(**changes):
    page = {
        "user_agent": "x",
        "viewport": [1280, 800],
        "device_pixel_ratio": 1,
        "refresh_hz": 60,
        "focus_losses": 0,
    }
    whole = {"schema": 1, "study": "s", "hit": "b1-h01", "page": page, "answers": [RECORD]}
    return json.dumps({**whole, **changes})


def test_a_submission_is_read_with_its_records_as_received():
    got = parse_submission(submission())
    (answer,) = got.answers
    assert (got.study, got.hit, got.simulated) == ("s", "b1-h01", False)
    assert (answer.trial, answer.choices, answer.frames) == ("t1", {ONLY: "left"}, 15)
    assert answer.response_ms == {ONLY: 812.5}
    assert json.loads(write_lines([{"answers": got.records}])) == {"answers": [RECORD]}


def test_unlimited_time_has_no_exposure():
    (answer,) = parse_submission(
        submission(answers=[{**RECORD, "shown_ms": None, "frames": None, "onset_ms": None}])
    ).answers
    assert (answer.shown_ms, answer.frames, answer.onset_ms) == (None, None, None)


@pytest.mark.parametrize("changes", [{"simulated": True}, {"page": {"user_agent": "glimpse-simulator/1"}}])
def test_simulated_submissions_say_so(changes):
    assert parse_submission(submission(**changes)).simulated is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "submission is not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[]", "submission is a list, not an object"),
        ("[" * 100_000, "submission is not JSON: "),
        ('{"schema": NaN}', "submission is not JSON: NaN is not a number of JSON"),
        (r'{"schema": "\ud800"}', "submission is not JSON: 'utf-8' codec can't encode"),
        (submission(schema=3), "submission has schema 3; this version reads 1 and 2"),
        (submission(answers=None), "submission: 'answers' is missing, not a list"),
        (submission(answers=[RECORD] * 5001), "submission has 5001 answers; at most 5000 are read"),
        (submission(page=[]), "submission: 'page' is a list, not an object"),
        (submission(hit=7), "submission: 'hit' is 7, not a short text"),
        (submission(answers=[7]), "answer 1 is int, not an object"),
        (
            submission(answers=[RECORD, {**RECORD, "side": "up"}]),
            "answer 2 has side 'up'; allowed are left and right",
        ),
        (submission(answers=[{**RECORD, "frames": True}]), "answer 1 has frames True, not a number of ms"),
        (
            submission(answers=[{**RECORD, "response_ms": "1"}]),
            "answer 1 has response_ms '1', not a number of ms",
        ),
        (
            submission(answers=[{**RECORD, "repeat": -1}]),
            "answer 1 has repeat -1; allowed is a count from 0",
        ),
        (
            submission(answers=[{**RECORD, "flags": ["late", 7]}]),
            "answer 1 has flags ['late', 7], not a list of words",
        ),
        (
            submission(page={}).replace('"page": {}', '"page": {"x": ' + "[" * 40 + "]" * 40 + "}"),
            "submission is nested more than 32 levels deep",
        ),
        (" " * 1_048_577, "submission of 1048577 characters; at most 1048576 are read"),
    ],
)
def test_a_malformed_submission_is_refused_in_words(text, message):
    with pytest.raises(AnswerError, match=re.escape(message)):
        parse_submission(text)


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("", "answer XML cannot be read: no element found"),
        ("<a/>", "answer XML starts with <a>, not with <QuestionFormAnswers>"),
        ("<QuestionFormAnswers><x/></QuestionFormAnswers>", "something else than <Answer>"),
        (
            '<!DOCTYPE a [<!ENTITY b "c">]><QuestionFormAnswers>&b;</QuestionFormAnswers>',
            "answer XML cannot be read: DTDForbidden",
        ),
        (" " * 2_097_153, "answer XML of 2097153 characters"),
    ],
)
def test_malformed_xml_is_refused_in_words(xml, message):
    with pytest.raises(AnswerError, match=re.escape(message)):
        parse_answer_xml(xml)


def test_the_field_must_be_there():
    with pytest.raises(AnswerError, match="no field 'answers' in the answer; fields found: comment"):
        read_submission(encode({"comment": "hello"}))
    assert read_submission(encode({"answers": submission(), "x": ""})).hit == "b1-h01"


def test_several_values_of_a_field_are_joined():
    rows = "<Answer><QuestionIdentifier>a</QuestionIdentifier><SelectionIdentifier>1</SelectionIdentifier>"
    rows += "<SelectionIdentifier>2</SelectionIdentifier></Answer>"
    assert parse_answer_xml(f"<QuestionFormAnswers>{rows}</QuestionFormAnswers>") == {"a": "1|2"}


xml_text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
    )
)


@given(st.dictionaries(xml_text, xml_text))
def test_fields_survive_the_xml(fields):
    assert parse_answer_xml(encode(fields)) == fields


@given(st.dictionaries(st.text(), st.text()))
def test_any_field_can_be_written(fields):
    assert len(parse_answer_xml(encode(fields))) <= len(fields)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("left"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(RECORD)), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(json.loads(submission()), json_values)))
def test_any_json_is_read_or_refused(changes):
    read_or_refuse(parse_submission, submission(**changes))


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_read_or_refused(text):
    read_or_refuse(parse_submission, text)
    read_or_refuse(parse_answer_xml, text)
    read_or_refuse(read_submission, encode({"answers": text}))


def read_or_refuse(read, text):
    with contextlib.suppress(AnswerError):
        read(text)


@pytest.mark.parametrize(
    "raw",
    [b'{"zz": %s}' % (b"9" * 5000), b"[" * 100_000, b"\xff", b"7", b'{"a": ', b"\xed\xa0\x80"],
)
def test_a_line_that_is_none_is_said(raw):
    with pytest.raises(AnswerError, match="the line was left out"):
        read_line(raw)
