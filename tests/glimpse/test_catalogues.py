"""The catalogues of languages: whole, with the right placeholders and plural forms, as CLDR has them."""

import pytest
from babel import Locale

from glimpse.language import catalogue, codes

COUNTS = [*range(1201), 9_999, 10_000, 101_011, 999_999]


@pytest.mark.parametrize("code", codes())
def test_numbers_have_the_plural_forms_of_cldr(code):
    """Below a million: the form `many` of some languages is for whole millions alone."""
    found, rule = catalogue(code), Locale.parse(code).plural_form
    assert {count: found.category(count) for count in COUNTS} == {count: rule(count) for count in COUNTS}
    assert set(found.plural) | {"other"} >= {found.category(count) for count in COUNTS}
