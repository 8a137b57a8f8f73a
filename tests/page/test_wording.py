"""What a page says follows from its questions and its language; consent, settings, the room beside images."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.exposures import experiment, make_study
from glimpse.errors import GlimpseError
from glimpse.language import codes, language
from glimpse.mturk.page import pages
from glimpse.mturk.page.consent import consent_html, names_contact, read_consent
from glimpse.mturk.page.data import page_data
from glimpse.mturk.page.layout import layout
from glimpse.mturk.page.settings import PageSettings
from glimpse.mturk.page.sizes import shown_size, too_large, window_of
from glimpse.mturk.page.wording import buttons, feedback
from glimpse.mturk.server.protocol.questions import needed_window
from glimpse.questions import DEFAULT_QUESTION, KINDS, PAIR_KINDS, Question
from tests.browser.rich_studies import FORMS, asking

if TYPE_CHECKING:
    from glimpse.study import Study

TEMPLATES = Path(__file__).parents[2] / "templates" / "page"
OTHER = [Question(f"q{n}", f"Which one is {kind}?", kind) for n, kind in enumerate(PAIR_KINDS)]
SETTINGS = PageSettings(300, 200, 600)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    design = experiment((60, 1000), 2, sentinels_per_hit=1, practice_trials=1, break_every=2)
    return make_study(tmp_path_factory.mktemp("words"), design, 8, (64, 32))


@pytest.mark.parametrize("question", OTHER, ids=lambda question: question.answer)
@pytest.mark.parametrize("code", codes())
def test_nothing_speaks_of_realism_unless_a_question_does(
    study: Study, question: Question, code: str
) -> None:
    asked = replace(asking(study, question, language=code), title="A study")
    page = pages.page_html(asked, "b1-h01")
    text = language(code)
    for key in ("questions.realism", "questions.realism_past", "consent.task_realism"):
        assert text.say(key) not in page
    for side in ("", "_left", "_right"):
        assert text.say(f"practice.photograph{side}") not in page
    if code == "en":
        assert not re.search("realis|photo", page, re.IGNORECASE)


@pytest.mark.parametrize("code", codes())
def test_the_default_question_keeps_its_words(study: Study, code: str) -> None:
    text = language(code)
    page = pages.page_html(asking(study, language=code), "b1-h01")
    data = page_data(asking(study, language=code), "b1-h01", "")
    assert text.say("consent.task_realism") in page
    assert data["a"] == [text.say("questions.realism_past")]
    assert [pair[0] for pair in data["r"]] == [text.say("practice.photograph")] * 2
    assert f'<html lang="{text.code}"' in page
    assert (f'dir="{text.dir}"' in page.partition("<body>")[0]) == (text.dir != "ltr")


def test_every_word_of_the_script_is_there_and_used() -> None:
    source = "".join(path.read_text() for path in TEMPLATES.glob("*.js"))
    source += "".join(f"word('{reason}{end}')" for reason in re.findall(r"'(\w+)'", why(source))
                      for end in ("", "_title"))  # fmt: skip
    english = language("en")
    known = {name for part in ("script", "form_script", "clip_script") for name in english.words(part)}
    used = set(re.findall(r"word\(\s*\[?'(\w+)'", source)) | set(re.findall(r"return \['(\w+)', \{", source))
    used |= {name for line in re.findall(r"word\((.*?)\)", source) for name in re.findall(r"'(\w+)'", line)}
    used |= {"over_title"}
    assert used - known == {"_title"}
    assert known - used == set()


def why(source: str) -> str:
    return re.search(r"const WHY = \[(.*?)\]", source)[1]


def test_the_script_gets_only_the_words_it_needs(study: Study) -> None:
    plain = page_data(study, "b1-h01", "")["i"]
    assert "practice_place" in plain
    assert "question_place" not in plain
    assert "required" not in plain
    rich = page_data(asking(study, *OTHER, forms=FORMS), "b1-h01", "")["i"]
    assert {"question_place", "required"} <= set(rich)


def test_a_page_tells_its_server_what_the_study_says_there_and_no_more(study: Study) -> None:
    said = {"join": {"begin": "Go"}, "pause": {"title": "Rest"}}
    assert page_data(asking(study, wording=said), "b1-h01", "")["m"] == {"join": {"begin": "Go"}}
    del said["join"]
    assert "m" not in page_data(asking(study, wording=said), "b1-h01", "")


def test_a_plain_page_has_none_of_the_other_parts(study: Study) -> None:
    page = pages.page_html(study, "b1-h01")
    for part in ("plainNumber", "question_place", "#prompt", "fieldset", "roomy"):
        assert part not in page
    assert json.loads(re.search(r'id="data">(.*?)</script>', page)[1]).keys() >= {"s", "t", "i"}


def test_answers_have_the_languages_words_or_the_questions(study: Study) -> None:
    english = language("en")
    assert [one.label for one in buttons(OTHER[0], english)] == ["Left", "Right"]
    own = Question("age", "Older?", "choice-or-tie", ("This", "Same", "That"))
    assert [(one.answer, one.label, one.key) for one in buttons(own, english)] == [
        ("left", "This", "\u2190"), ("tie", "Same", "\u2193"), ("right", "That", "\u2192"),
    ]  # fmt: skip
    scale = buttons(OTHER[3], english)
    assert [(one.answer, one.key) for one in scale] == [(n - 3, str(n + 1)) for n in range(7)]
    assert feedback(own, english)["right"] == ("Older? Yes: That.", "Older? The expected answer was: That.")
    for code in codes():
        for kind, question in zip(PAIR_KINDS, OTHER, strict=True):
            assert len({one.label for one in buttons(question, language(code))}) == len(KINDS[kind].answers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\nTwo\nlines.", "<p>One.</p>\n<p>Two\nlines.</p>\n"),
        ("# Title\n## Part", "<h2>Title</h2>\n<h3>Part</h3>\n"),
        ("- a\n- *b*\n\n1. c", "<ul>\n<li>a</li>\n<li><em>b</em></li>\n</ul>\n<ol>\n<li>c</li>\n</ol>\n"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("<img src=x onerror=y>", "<p>&lt;img src=x onerror=y&gt;</p>\n"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ("[a](data:text/html,x)", "<p>[a](data:text/html,x)</p>\n"),
        ("[a](/x)", "<p>[a](/x)</p>\n"),
        ("<https://a.b>", '<p><a href="https://a.b" target="_blank" rel="noopener">https://a.b</a></p>\n'),
        ("[m](mailto:a@b.c)", '<p><a href="mailto:a@b.c" target="_blank" rel="noopener">m</a></p>\n'),
        ("    indented", "<p>indented</p>\n"),
        ("`code` & more", "<p>`code` &amp; more</p>\n"),
    ],
)
def test_consent_in_markdown(text: str, expected: str) -> None:
    settings = replace(SETTINGS, consent=text)
    assert consent_html(settings, language("en"), [DEFAULT_QUESTION]) == expected


def test_the_default_consent_names_what_was_stated() -> None:
    settings = replace(SETTINGS, contact="a.b@uni.example", institution="<Uni>", ethics="Board 1/26")
    html = consent_html(settings, language("en"), OTHER, forms=True)
    assert "answer 4 questions about each pair" in html
    assert "We also ask you a few questions about yourself." in html
    assert '<a href="mailto:a.b@uni.example">a.b@uni.example</a>' in html
    assert "&lt;Uni&gt;" in html
    assert "Board 1/26" in html
    bare = consent_html(SETTINGS, language("en"), [DEFAULT_QUESTION])
    assert bare.count("<p>") == 2
    assert "None" not in html + bare


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, False),
        ({"contact": "Room 3"}, True),
        ({"consent": "Ask us."}, False),
        ({"consent": "Ask us.", "contact": "a@b.example"}, False),
        ({"consent": "Ask a@b.example."}, True),
        ({"consent": "See https://uni.example."}, True),
        ({"consent": "Call +49 30 1234567."}, True),
        ({"consent": "Study 12/2026, 3 minutes."}, False),
    ],
)
def test_whether_a_consent_says_whom_to_ask(said: dict[str, str], expected: bool) -> None:
    assert names_contact(replace(SETTINGS, **said)) is expected


def test_a_consent_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "consent.md"
    file.write_bytes(b"caf\xe9")
    with pytest.raises(GlimpseError, match=r"--consent .*consent\.md is not UTF-8 text \(.* at byte 3\)"):
        read_consent(file)
    file.write_text(" \n")
    with pytest.raises(GlimpseError, match=r"consent\.md is empty; it must hold"):
        read_consent(file)
    file.write_bytes(b"\xef\xbb\xbfA\r\n\r\nB")
    assert read_consent(file) == "A\n\nB\n"


def test_settings_come_back_and_older_ones_are_read() -> None:
    full = replace(
        SETTINGS, consent="a", language="de", wording={"consent": {"agree": "Ja"}}, institution="u",
        ethics="e", contact="c", comment=True, context_when="before", least_width=100, origins=("https://a.b",),
    )  # fmt: skip
    for settings in (SETTINGS, full):
        assert PageSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert SETTINGS.to_json() == {"width": 300, "height": 200, "fixation_ms": 600, "origins": []}
    older = {**SETTINGS.to_json(), "consent": ["One.", "Two."]}
    assert PageSettings.from_json(older).consent == "One.\n\nTwo."
    wanted = r"page holds color, fixation_ms, .*; it needs width, height, fixation_ms, and may hold again, "
    with pytest.raises(GlimpseError, match=wanted):
        PageSettings.from_json({**SETTINGS.to_json(), "color": 1})
    with pytest.raises(GlimpseError, match="it needs width, height"):
        PageSettings.from_json({"width": 3, "fixation_ms": 600})


@pytest.mark.parametrize(
    ("given", "context_px", "lines"),
    [
        (([DEFAULT_QUESTION],), 0, 1),
        (([DEFAULT_QUESTION], ["A red cube"]), 66, 1),
        (([DEFAULT_QUESTION], ["A red cube", "long " * 60]), 118, 1),
        (([DEFAULT_QUESTION], [], True), 160, 1),
        (([DEFAULT_QUESTION], ["A red cube"], True, "before"), 0, 1),
        (([Question("long", "which " * 40)],), 0, 3),
        (([Question("wide", "\u7d75" * 50)],), 0, 2),
    ],
)
def test_the_room_beside_the_images(given: tuple[object, ...], context_px: int, lines: int) -> None:
    found = layout(*given)  # type: ignore[arg-type]
    assert (found.context_px, found.lines) == (context_px, lines)
    assert found.taken_px >= 0


def test_the_window_that_a_page_needs_counts_what_stands_beside_the_images(study: Study) -> None:
    needed = needed_window(pages.page_html(asking(study, *OTHER, prompts=("Red",)), "b1-h01"))
    taken = layout(OTHER, ["Red"], width=64).taken_px
    assert taken > 0
    assert (needed.width_px, needed.height_px) == window_of(64, 32 + taken)
    size = shown_size([(512, 512)], taken_px=taken)
    assert (size.taken_px, too_large(size, (512, 512))) == (taken, None)
    assert f"{window_of(0, 512 + taken)[1] + 56:,};" in too_large(replace(size, height=512), (512, 512))


def test_an_arabic_page_keeps_left_on_the_left(study: Study) -> None:
    page = pages.page_html(asking(study, *OTHER, language="ar"), "b1-h01")
    assert '<html lang="ar" dir="rtl">' in page
    for element in ('id="stage" class="stage" dir="ltr"', 'id="choose" dir="ltr"'):
        assert element in page
