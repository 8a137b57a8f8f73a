"""The catalogues of languages: whole, with the right placeholders and plural forms, as CLDR has them."""

import tomllib
import unicodedata

import pytest
from babel import Locale

from glimpse.language import SOURCE, catalogue, codes, placeholders
from glimpse.text import template_text

COUNTS = [*range(1201), 9_999, 10_000, 101_011, 999_999]
OTHERS = [code for code in codes() if code != SOURCE]
# A language that is not written in Latin letters: how a name of its letters in Unicode begins.
LETTERS = {
    "ar": "ARABIC",
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ko": "HANGUL",
    "ru": "CYRILLIC",
    "zh": "CJK",
}
DENSE = ("ja", "ko", "zh")
# Words that another language shares with English.
SHARED = {
    "de": {"Test"},
    "fr": {"Description", "Messages", "Qualifications", "Test"},
    "it": {"Test"},
    "es": {"Real"},
    "pl": {"Test"},
    "pt": {"Real"},
}  # fmt: skip
NUMBERS = {
    "consent.minutes", "site.date", "site.decimal_mark", "site.hours", "site.minutes", "site.money",
    "site.seconds",
}  # fmt: skip
# Texts that name a button, and the button.
BUTTONS = {
    "script.busy": "stop.here",
    "script.out": "stop.here",
    "script.not_confirmed": "done.submit",
    "qualifications.scored": "site.back",
    "clip_script.refused_text": "sorry.retry",
}


def texts(code):
    """Return the texts of a file as it is, without English in the gaps: by part and key."""
    read = tomllib.loads(template_text(f"languages/{code}.toml"))
    parts = {part: held for part, held in read.items() if part not in {"name", "dir", "plural"}}
    return {f"{part}.{key}": text for part, held in parts.items() for key, text in held.items()}


ENGLISH = texts(SOURCE)


def forms(text):
    """Return a text's forms, by the categories of numbers."""
    return text if isinstance(text, dict) else {"other": text}


@pytest.mark.parametrize("code", codes())
def test_numbers_have_the_plural_forms_of_cldr(code):
    """Below a million: the form `many` of some languages is for whole millions alone."""
    found, rule = catalogue(code), Locale.parse(code).plural_form
    assert {count: found.category(count) for count in COUNTS} == {count: rule(count) for count in COUNTS}
    assert set(found.plural) | {"other"} >= {found.category(count) for count in COUNTS}


@pytest.mark.parametrize("code", codes())
def test_a_language_has_its_own_name_and_direction(code):
    found, locale = catalogue(code), Locale.parse(code)
    assert found.dir == locale.text_direction
    assert found.name.casefold() == locale.get_language_name().casefold()


@pytest.mark.parametrize("code", codes())
def test_what_a_study_of_clips_says_otherwise_stands_for_a_text_with_the_same_placeholders(code):
    found = texts(code)
    said = {key.removeprefix("clips."): text for key, text in found.items() if key.startswith("clips.")}
    assert len(said) > 20
    for key, text in said.items():
        assert placeholders(text) == placeholders(found[key]), key
        assert forms(text).keys() == forms(found[key]).keys(), key
        assert text != found[key], key


@pytest.mark.parametrize("code", codes())
def test_what_is_said_of_one_image_at_a_time_fills_in_no_more_than_the_text_it_stands_for(code):
    """Its texts need no forms by number; where a number is filled in, it may be left out."""
    found = texts(code)
    said = {key.removeprefix("single."): text for key, text in found.items() if key.startswith("single.")}
    assert len(said) > 25
    for key, text in said.items():
        assert placeholders(text) <= placeholders(found[key]), key
        assert placeholders(found[key]) - placeholders(text) <= {"count"}, key


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_has_the_texts_of_english_and_no_other(code):
    assert texts(code).keys() == ENGLISH.keys()


@pytest.mark.parametrize("code", codes())
def test_a_text_has_the_placeholders_of_english_and_all_plural_forms(code):
    categories = {*catalogue(code).plural, "other"}
    for key, text in texts(code).items():
        assert placeholders(text) == placeholders(ENGLISH[key]), key
        assert set(forms(text)) == (categories if isinstance(ENGLISH[key], dict) else {"other"}), key
        assert all(form == form.strip() != "" for form in forms(text).values()), key


@pytest.mark.parametrize("code", OTHERS)
def test_a_text_is_about_as_long_as_in_english(code):
    """At most twice as long; Chinese, Japanese and Korean take fewer letters, each of which is wide."""
    for key, text in texts(code).items():
        most = max(len(form) for form in forms(ENGLISH[key]).values()) * (1 if code in DENSE else 2)
        assert max(len(form) for form in forms(text).values()) <= most + 16, key


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_is_left_in_english(code):
    same = {
        form
        for key, text in texts(code).items()
        for form in forms(text).values()
        if form in forms(ENGLISH[key]).values() and key not in NUMBERS
    }
    assert same <= SHARED.get(code, set())


@pytest.mark.parametrize("code", sorted(LETTERS.keys() & set(codes())))
def test_a_text_is_written_in_the_letters_of_its_language(code):
    for key, text in texts(code).items():
        for form in forms(text).values():
            names = [unicodedata.name(letter) for letter in form if letter.isalpha()]
            assert any(name.startswith(LETTERS[code]) for name in names) or key in NUMBERS, key


@pytest.mark.parametrize("code", codes())
def test_a_text_that_names_a_button_names_it_as_the_button_does(code):
    found = texts(code)
    assert all(found[button] in found[key] for key, button in BUTTONS.items())
