"""The words of a language: said with their placeholders, by number, and replaced by a study's own wording."""

import re

import pytest
from markupsafe import Markup

from glimpse.errors import GlimpseError
from glimpse.language import Language, codes, language, placeholders, read_wording

RIGHT_TO_LEFT = Language("xx", "X", "rtl", {}, {"a": {"b": "{x} y", "n": {"other": "{count} z"}}})


def test_a_text_is_said_with_what_is_filled_in():
    assert language("en").say("pause.title") == "Time for a short break"
    assert language("en").say("consent.contact", contact="a@b.org").endswith("write to a@b.org.")


def test_a_number_chooses_the_form():
    said = [language("en").say("consent.task", count=count) for count in (1, 2)]
    assert "one question" in said[0]
    assert "2 questions" in said[1]


def test_what_a_text_needs_must_be_given():
    with pytest.raises(KeyError, match="contact"):
        language("en").say("consent.contact")
    with pytest.raises(TypeError, match=r"count is '2'; consent\.task needs"):
        language("en").say("consent.task", count="2")


def test_html_keeps_what_is_html_and_escapes_the_rest():
    keys = Markup("<kbd>F</kbd> <kbd>J</kbd>")
    assert "keys <kbd>F</kbd>" in language("en").html("instructions.answer_with", keys=keys)
    said = language("en", {"instructions": {"answer_with": "<b> & {keys}"}}).html(
        "instructions.answer_with", keys="<i>"
    )
    assert said == Markup("&lt;b&gt; &amp; &lt;i&gt;")


def test_words_from_the_left_stand_apart_in_a_language_from_the_right():
    assert RIGHT_TO_LEFT.say("a.b", x="https://a.org/") == "\u2068https://a.org/\u2069 y"
    assert RIGHT_TO_LEFT.html("a.b", x=Markup("<b>c</b>")) == "<b>c</b> y"
    assert RIGHT_TO_LEFT.say("a.n", count=3) == "3 z"


def test_a_script_gets_the_words_of_one_part():
    words = language("en").words("script")
    assert words["sending"] == "Sending …"
    assert set(words["rest"]) == {"one", "other"}


@pytest.mark.parametrize(
    ("code", "nearest"), [("EN", "en"), ("en-GB", "en"), ("english", "en"), ("", None), ("?", None)]
)
def test_a_language_without_catalogue_is_named_with_the_nearest(code, nearest):
    hint = f" The nearest is {nearest}." if nearest else ""
    message = f"language {code!r} has no catalogue.{hint} There are {', '.join(codes())}."
    with pytest.raises(GlimpseError, match=f"^{re.escape(message)}$"):
        language(code)


@pytest.fixture
def wording(tmp_path):
    """Return a function that writes a file of wording and reads it."""

    def write(text, code="en"):
        path = tmp_path / "wording.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_wording(path, code)

    return write


def test_a_file_of_wording_replaces_texts_and_nothing_else(wording):
    own = wording(
        '\ufeff[consent]\nagree = "Yes"\ntask = {one = "One.", other = "{count}."}\n'
        '[script]\nrest = "{done}!"\n'
    )
    found, plain = language("en", own), language("en")
    assert found.say("consent.agree") == "Yes"
    assert [found.say("consent.task", count=count) for count in (1, 5)] == ["One.", "5."]
    assert found.words("script") == {**plain.words("script"), "rest": "{done}!"}
    assert found.say("pause.title") == plain.say("pause.title")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[consent]\n\nagre = "Yes"', r"line 3: \[consent\] agre is no text of .*; the nearest is agree\."),
        ('[pause]\ntitle = "a"\n[consnt]\nx="y"', r"line 3: \[consnt\] is no part .* nearest is consent"),
        ('agree = "Yes"', r"line 1: \[agree\] is no part of a page"),
        ('consent.agre = "Yes"', r"line 1: \[consent\] agre is no text"),
        ('[consent]\nagree = "{name}"', r"line 2: \[consent\] agree has the placeholder {name}; .*: none"),
        ('[consent]\ncontact = "{contct}"', r"line 2: .*{contct}; allowed are: {contact}\."),
        ('[consent]\nagree = " "', r"line 2: \[consent\] agree must be a text that is not empty"),
        ("[consent]\nagree = 3", r"line 2: \[consent\] agree must be a text"),
        ('[consent]\nagree = {other = "x", one = "y"}', r"agree has forms by number; it needs one text"),
        ('[consent]\ntask = {few = "x", other = "y"}', r"forms few, other; English has one, other"),
        ('[consent]\ntask = {one = "x"}', r"task has the forms one; .*other must be there"),
        ("[consent]\nagree = Yes", r"is no TOML file: .*line 2"),
        (b'[consent]\nagree = "\xfc"', r"is not UTF-8 text \(byte 19\)"),
    ],
)  # fmt: skip
def test_wrong_wording_is_refused_by_file_and_line(wording, text, message):
    with pytest.raises(GlimpseError, match=rf"wording\.toml.*{message}"):
        wording(text)


def test_wording_that_was_kept_is_checked_when_it_is_used():
    with pytest.raises(GlimpseError, match=r"^wording: \[consent\] agre is no text of a page"):
        language("en", {"consent": {"agre": "Yes"}})


def test_placeholders_are_those_of_all_forms():
    assert placeholders({"one": "a", "other": "{count} {b}"}) == {"count", "b"}
