"""Forms and contexts: what no study can hold is refused by name, and the rest is kept."""

import pytest

from glimpse.context import Context
from glimpse.errors import GlimpseError
from glimpse.forms import FormField, check_forms

AGE = FormField("age", "How old are you?", "choice", ("18-29", "30 or older"))


def test_a_field_and_a_context_come_back_as_they_were():
    assert FormField.from_json(AGE.to_json()) == AGE
    context = Context("a red fox in snow")
    assert context.to_json() == {"text": "a red fox in snow"}
    assert Context.from_json(context.to_json()) == context


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: FormField("1st", "How old?"), "form field is named '1st'"),
        (lambda: FormField("age", " "), "form field age has no text"),
        (
            lambda: FormField("age", "How old?", "slider"),
            "kind is 'slider'; allowed are choice, number, text",
        ),
        (lambda: FormField("age", "How old?", "choice", ("1",)), "a choice of 1; give it at least 2"),
        (
            lambda: FormField("age", "How old?", "choice", ("1", "1")),
            "option '1' is empty or stands there twice",
        ),
        (lambda: FormField("age", "How old?", "text", ("1", "2")), "options belong to kind choice"),
        (lambda: FormField("age", "How old?", when="during"), "when is 'during'; allowed are before, after"),
        (lambda: check_forms([AGE, AGE]), "two form fields are named 'age'"),
        (lambda: FormField.from_json({"name": "age"}), "a form field is"),
        (
            lambda: FormField.from_json({"name": "age", "text": "?", "options": [1, 2]}),
            r"options is \[1, 2\]; write",
        ),
        (lambda: FormField.from_json({"name": "age", "text": "?", "required": "yes"}), "true or false"),
        (Context, "neither text nor image"),
        (lambda: Context("x" * 10_001), "10001 characters; at most 10000"),
        (lambda: Context.from_json({"text": 3}), "a context is"),
    ],
)
def test_what_no_form_can_ask_is_refused_by_name(made, message):
    with pytest.raises(GlimpseError, match=message):
        made()
