"""Minutes and pay an hour: the paper's numbers as the page has always said them, and what adds to them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from glimpse.context import Context
from glimpse.duration import hourly_usd, minutes, reading_ms
from glimpse.experiment import PAPER_EXPOSURES_MS
from glimpse.forms import FormField
from glimpse.questions import DEFAULT_QUESTION, Question

PLAIN = [(None, None)] * 110


def test_the_papers_studies_take_what_their_pages_said_before() -> None:
    limited = [(exposure_ms, None) for exposure_ms in PAPER_EXPOSURES_MS] * 15 + [(4000, None)] * 5
    assert minutes(limited, [DEFAULT_QUESTION], break_every=30) == 10
    assert minutes(PLAIN, [DEFAULT_QUESTION], break_every=30) == 9


def test_a_question_more_and_its_kind_add_time() -> None:
    second = [Question("fit", "Which fits?", kind) for kind in ("choice", "choice-or-tie", "scale-7")]
    found = [minutes(PLAIN * 5, [DEFAULT_QUESTION, question]) for question in second]
    assert minutes(PLAIN * 5, [DEFAULT_QUESTION]) < found[0] < found[1] < found[2]


def test_prompts_references_forms_and_many_breaks_add_time() -> None:
    plain = minutes(PLAIN, [DEFAULT_QUESTION])
    long = Context("word " * 100)
    assert minutes([(None, long)] * 110, [DEFAULT_QUESTION]) - plain == pytest.approx(110 * 100 / 238, abs=1)
    assert minutes([(None, Context(image="a"))] * 110, [DEFAULT_QUESTION]) > plain
    fields = [FormField(f"f{n}", "What?", "text") for n in range(8)]
    assert minutes(PLAIN, [DEFAULT_QUESTION], forms=fields) == plain + 2
    assert minutes(PLAIN, [DEFAULT_QUESTION], break_every=30) == plain
    assert minutes(PLAIN, [DEFAULT_QUESTION], break_every=2) > plain + 5


def test_clips_are_seen_once_where_time_is_unlimited() -> None:
    plain = minutes(PLAIN, [DEFAULT_QUESTION])
    assert minutes(PLAIN, [DEFAULT_QUESTION], clips_ms=[1000] * 110) == plain
    longer = minutes(PLAIN, [DEFAULT_QUESTION], clips_ms=[4000] * 110)
    assert longer - plain == pytest.approx(110 * (4000 - 2200) / 60_000, abs=1)
    limited = [(1000, None)] * 110
    assert minutes(limited, [DEFAULT_QUESTION], clips_ms=[4000] * 110) == minutes(limited, [DEFAULT_QUESTION])


def test_characters_that_are_words_count_alone() -> None:
    assert reading_ms("赤い箱") == pytest.approx(3 * 60_000 / 255)
    assert reading_ms("a red box") == pytest.approx(3 * 60_000 / 238)
    assert reading_ms("") == 0


def test_volunteers_earn_nothing_an_hour() -> None:
    assert hourly_usd(Decimal(0), 10) == 0
    assert hourly_usd(Decimal("1.00"), 7) == Decimal("8.57")
