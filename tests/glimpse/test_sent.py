"""What our page sends is read fast, and as with care; any other submission is left to the careful reading."""

import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glimpse import sent
from glimpse.mturk import answers as xml_answers
from glimpse.mturk.answers import encode, parse_answer_xml
from glimpse.submission import AnswerError, write_lines

TIMES = {"shown_ms": 250.1, "frames": 15, "onset_ms": -3.25}
ONE = {"trial": "t1", "side": "left", "response_ms": 812.5, **TIMES}
SEVERAL = {
    "trial": "t1",
    "choices": {"image-quality": -2, "fit": "tie"},
    "response_ms": {"image-quality": 900, "fit": None},
    **TIMES,
}
UNTIMED = {"shown_ms": None, "frames": None, "onset_ms": None}
MORE = {"presented_ms": 250.3, "period_ms": 16.667, "flags": ["late", "audit"], "repeat": 1}


def compact(value):
    """JSON as a page writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def whole(*answers, **changes):
    """A submission as a page sends it."""
    page = {
        "user_agent": "Mozilla/5.0 (X11)",
        "viewport": [1280, 800],
        "refresh_hz": 59.94,
        "missing": ["t9"],
    }
    schema = 2 if "choices" in answers[0] else 1
    body = {"schema": schema, "study": "s", "hit": "b1-h01", "page": page, "answers": answers}
    return compact({**body, **changes})


def read(text):
    """Everything that is read of a submission and the line it gives, or why it is refused."""
    try:
        found = sent.parse_submission(text)
    except AnswerError as error:
        return str(error)
    line = write_lines([{"simulated": found.simulated, "page": found.page, "answers": found.records}])
    assert line.count("\n") == 1
    assert line.isascii()
    line = repr(json.loads(line))  # the spaces are the page's own
    kept = [found.form, found.comment, found.consented_at, list(found.trials), found.refresh_hz]
    # repr: 3 is no 3.0, and NaN is NaN.
    return found.study, found.hit, line, repr(kept), repr(list(found.answers))


def both_ways(text):
    """What is read of a submission; the careful reading must read the same."""
    found = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sent, "read_sent", lambda _: None)
        assert read(text) == found
    return found


USUAL = {
    "one choice": whole(ONE, {**ONE, "trial": "t2", "side": "right"}),
    "every field": whole({**ONE, **MORE}),
    "no exposure": whole({**ONE, **UNTIMED}),
    "no response": whole({**ONE, "response_ms": None}),
    "only a side": whole({"trial": "t1", "side": "left"}),
    "several questions": whole(SEVERAL, {**SEVERAL, **MORE}),
    "a scale": whole({**SEVERAL, "choices": {"fit": 3}}),
    "zero": whole({**ONE, "response_ms": 0, "shown_ms": 0.0, "onset_ms": -0.0}),
    "small, but not too small": whole({**ONE, "onset_ms": 0.0001}),
    "many digits": whole({**ONE, "response_ms": 123456789012345.6, "shown_ms": 0.30000000000000004}),
    "simulated": whole(ONE, simulated=True),
    "our simulator's name": whole(ONE, page={"user_agent": "glimpse-simulator/1"}),
    "a comment": whole(ONE, form={"age": "31"}, comment='très bien 😀 \n"so"', consented_at="2026-01-02"),
    "escapes in a comment": whole(ONE).replace("}]}", '}],"comment":"\\u00fc\\ud83d\\ude00\\u0000"}'),
    "spaces around the answers": whole(ONE).replace('"answers":', ' "answers" : '),
    "no answers": whole(ONE, answers=[]),
    "letters beyond ASCII in the page": whole(ONE, page={"user_agent": "ü"}),
    "a long number in the page": whole(ONE, page={"refresh_hz": 10**30}),
    "infinity in the page": whole(ONE).replace("59.94", "1e999"),
    "a key twice in the page": whole(ONE).replace('"refresh_hz":', '"refresh_hz":1,"refresh_hz":'),
    "spaces": whole(ONE).replace('"side":', '"side": '),
    "another order": whole(dict(reversed(ONE.items()))),
    "a key twice": whole(ONE).replace('"side":', '"side":"right","side":'),
    "a question twice": whole(SEVERAL).replace('"fit":', '"fit":1,"fit":', 1),
    "DEL": whole({**ONE, "trial": "t\x7f"}),
    "a number in another spelling": whole(ONE).replace("812.5", "812.50"),
    "an exponent": whole(ONE).replace("812.5", "8125e-1"),
    "a small number": whole(ONE).replace("812.5", "0.00001"),
    "a smaller one": whole(ONE).replace("812.5", "1e-7"),
    "minus zero": whole(ONE).replace("812.5", "-0"),
    "no flags": whole({**ONE, "flags": None}),
}
UNUSUAL = {
    "an unknown field": whole({**ONE, "more": 1}),
    "an unknown field of the whole": whole(ONE, more=1),
    "no page": whole(ONE).replace('"page":', '"pages":'),
    "a page that is none": whole(ONE, page=[]),
    "a line break": whole(ONE).replace('"side":', '\n"side":'),
    "a carriage return": whole(ONE).replace('"side":', '\r"side":'),
    "an escape": whole({**ONE, "trial": "t\u00e9"}).replace("\u00e9", "\\u00e9"),
    "a letter beyond ASCII": whole({**ONE, "trial": "té"}),
    "half a surrogate pair in the page": whole(ONE).replace("X11", "\\ud800"),
    "half a surrogate pair in a comment": whole(ONE).replace("}]}", '}],"comment":"\\udc00"}'),
    "half a surrogate pair as it is": whole(ONE, comment="\ud800"),
    "a whole number with a point": whole(ONE).replace("812.5", "812."),
    "NaN": whole(ONE).replace("812.5", "NaN"),
    "infinity": whole(ONE).replace("812.5", "1e999"),
    "a long time": whole(ONE).replace("812.5", "1e15"),
    "digits without end": whole(ONE).replace("812.5", "9" * 5000),
    "a negative time": whole(ONE).replace("812.5", "-1"),
    "a truth value": whole(ONE).replace("812.5", "true"),
    "both kinds": whole(SEVERAL, ONE),
    "a side and schema 2": whole(ONE, schema=2),
    "choices and schema 1": whole(SEVERAL, schema=1),
    "schema 1.0": whole(ONE).replace('"schema":1', '"schema":1.0'),
    "schema 3": whole(ONE, schema=3),
    "no choices": whole({**SEVERAL, "choices": {}}),
    "too many questions": whole({**SEVERAL, "choices": {f"q{n}": 1 for n in range(9)}}),
    "beyond every scale": whole({**SEVERAL, "choices": {"fit": 4}}),
    "a truth value for a choice": whole({**SEVERAL, "choices": {"fit": True}}),
    "response times as one": whole({**SEVERAL, "response_ms": 5}),
    "a response time that is none": whole({**SEVERAL, "response_ms": {"fit": "5"}}),
    "flags as a text": whole({**ONE, "flags": "late"}),
    "a repeat that is none": whole({**ONE, "repeat": None}),
    "a repeat beyond any": whole({**ONE, "repeat": 101}),
    "no trial": whole({**ONE, "trial": ""}),
    "a long trial": whole({**ONE, "trial": "t" * 201}),
    "too many answers": whole(*[ONE] * 5001),
    "a form that is none": whole(ONE, form=["x"]),
    "too many fields": whole(ONE, form={str(n): "x" for n in range(101)}),
    "a long comment": whole(ONE, comment="x" * 10_001),
    "a text for simulated": whole(ONE, simulated="yes"),
    "nested": whole(ONE).replace("59.94", "[" * 40 + "]" * 40),
    "nested without an end": "[" * 100_000,
    "more after it": whole(ONE) + "{}",
    "cut short": whole(ONE)[:-3],
    "a byte order mark": "\ufeff" + whole(ONE),
}


@pytest.mark.parametrize("name", [*USUAL, *UNUSUAL])
def test_a_submission_is_read_alike_fast_and_with_care(name):
    text = {**USUAL, **UNUSUAL}[name]
    assert (sent.read_sent(text) is not None) == (name in USUAL)
    found = both_ways(text)
    assert name in UNUSUAL or not isinstance(found, str)


numbers = st.integers(-(10**16), 10**16) | st.floats() | st.floats(-1e-3, 1e-3) | st.none()
values = numbers | st.booleans() | st.text(max_size=3) | st.sampled_from(["left", "right", "tie", [], {}])
choices = st.dictionaries(
    st.text(max_size=3), st.integers(-4, 4) | st.sampled_from(["left", "tie"]), max_size=9
)
one = st.fixed_dictionaries(
    {"trial": st.text("t-1e", min_size=1, max_size=5), "side": st.sampled_from(["left", "right"])},
    optional={
        "response_ms": numbers,
        **dict.fromkeys(TIMES, numbers),
        "flags": st.lists(st.text(max_size=3)),
    },
)
several = st.fixed_dictionaries(
    {
        "trial": st.just("t1"),
        "choices": choices,
        "response_ms": st.dictionaries(st.text(max_size=3), numbers),
    },
    optional={**dict.fromkeys(TIMES, numbers), "repeat": st.integers(-1, 101)},
)
odd = st.fixed_dictionaries({}, optional=dict.fromkeys([*ONE, *MORE, "choices", "more"], values))


@given(
    st.lists(one, min_size=1, max_size=4)
    | st.lists(several, min_size=1, max_size=4)
    | st.lists(odd, min_size=1),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["schema", "form", "comment", "simulated", "page"], values)
    ),
)
def test_any_answers_are_read_alike(answers, changes):
    both_ways(whole(*answers, **changes))


@given(
    st.sampled_from(list(USUAL)),
    st.randoms(use_true_random=False),
    st.text('{}[]",:\\0123456789.e-+ utfn\x7fé', max_size=4) | st.text(max_size=3),
)
def test_a_mutated_submission_is_read_alike(name, dice: random.Random, piece):
    text = USUAL[name]
    start = dice.randrange(len(text))
    both_ways(text[:start] + piece + text[start + dice.randrange(4) :])


def fields_both_ways(xml):
    """The fields of some XML, or why it has none; the parser must find the same."""

    def found():
        try:
            return parse_answer_xml(xml)
        except AnswerError as error:
            return str(error)

    fast = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_answers, "_one_field", lambda _: None)
        assert found() == fast
    return fast


@pytest.mark.parametrize(
    ("fields", "usual"),
    [
        ({"answers": whole(ONE)}, True),
        ({"": ""}, True),
        ({"answers": " a\n\tb\x7f]"}, True),
        ({"answers": "a & b"}, False),
        ({"answers": "<"}, False),
        ({"answers": "\r"}, False),
        ({"answers": "é"}, False),
        ({"answers": "1", "more": "2"}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_one_field_is_found_without_a_parser(fields, usual):
    xml = encode(fields)
    assert (xml_answers._one_field(xml) is not None) == usual
    assert fields_both_ways(xml) == fields


@given(
    st.dictionaries(st.text(max_size=4), st.text(), max_size=2),
    st.randoms(use_true_random=False),
    st.text(max_size=3),
)
@example({"a": "]]"}, random.Random(0), ">")
def test_any_xml_has_the_same_fields(fields, dice: random.Random, piece):
    xml = encode(fields)
    fields_both_ways(xml)
    start = dice.randrange(len(xml))
    fields_both_ways(xml[:start] + piece + xml[start + dice.randrange(3) :])
    fields_both_ways(xml.replace("</FreeText>", f"{piece}</FreeText>"))
