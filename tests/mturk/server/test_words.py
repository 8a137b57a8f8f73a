"""The words of the server's pages: in the study's language, else the browser's; refusals, too."""

import ast
import json
import re
from html import unescape
from pathlib import Path

import pytest

from glimpse.language import SITE, SOURCE, language
from glimpse.mturk.server.pages import words
from glimpse.mturk.server.protocol.questions import kept_needs, page_needs

NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"
ARABIC = language("ar")
# Refusals that only a program or the requester meets.
TO_PROGRAMS = (
    "Nobody on this server has the name", "A task's page sends its answers", "Progress must be JSON",
    "No progress is kept", "The answers before these", "The form was not sent", "The form names no",
    "The progress is", "This token is not the one",
)  # fmt: skip
ROOT = Path(__file__).parents[3]
SERVER, TEMPLATES = ROOT / "mturk" / "server", ROOT / "templates"


def question(code, **data):
    """Return the question of a HIT whose page is one of ours, in a language."""
    page = json.dumps({"e": [], "w": 100, "H": 100, **data})
    html = (
        f'<!DOCTYPE html><html lang="{code}"><script type="application/json" id="data">{page}</script></html>'
    )
    return (
        f'<HTMLQuestion xmlns="{NAMESPACE}"><HTMLContent><![CDATA[{html}]]></HTMLContent>'
        "<FrameHeight>0</FrameHeight></HTMLQuestion>"
    )


@pytest.fixture
def study(publish):
    """A function that publishes a study in a language, with texts that it replaces."""

    def publish_in(code, slots=1, **data):
        return publish(slots, Question=question(code, **data), RequesterAnnotation="glimpse:s:b1:h1")

    return publish_in


def said(page):
    """Return what a page says, with the attributes that people hear or see."""
    return unescape(page.text)


def test_a_study_s_page_is_in_the_study_s_language_whatever_the_browser_prefers(server, study):
    study("de")
    page = server.browser().get("/join/s", headers={"Accept-Language": "fr"})
    german = language("de")
    assert '<html lang="de">' in page.text
    assert f">{german.say('join.begin')}</button>" in page.text
    assert "0,50 $" in said(page)
    assert f"höchstens {german.say('site.minutes', count=10)}" in said(page)


def test_a_study_may_replace_any_text_of_the_site(server, study):
    study("en", m={"join": {"begin": "Here we go"}, "errors": {"no_task": "Gone."}})
    assert ">Here we go</button>" in server.browser().get("/join/s").text


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("fr-CA, fr;q=0.9, en;q=0.8", "fr"),
        ("en;q=0.5, ja;q=0.7", "ja"),
        ("xx, zh-Hant-TW;q=0.3", "zh"),
        ("de;q=0, nl", "nl"),
        ("", "en"),
        ("*", "en"),
        (";;,q=1,=,de;q=x" + "a" * 5000, "de"),
    ],
)
def test_any_other_page_is_in_the_browser_s_language(server, publish, header, code):
    publish(1, RequesterAnnotation="glimpse:s:b1:h1")
    for address in ("/worker/sign-in", "/join/s"):
        page = server.browser().get(address, headers={"Accept-Language": header})
        assert f'<html lang="{code}"' in page.text


def test_every_page_that_a_participant_meets_is_arabic_and_runs_from_right_to_left(server, study):
    study("ar", slots=3)
    person = server.somebody()
    person.http.headers["Accept-Language"] = "ar"
    pages = [person.http.get(f"/join/s{way}") for way in ("", "/declined", "/screened-out")]
    pages.append(person.http.get("/worker/sign-in"))
    address = person.join("s").headers["location"]
    pages += [person.http.get(one) for one in (address, "/worker/", "/worker/qualifications")]
    pages += [person.submit(address.rpartition("/")[2]), person.http.get(f"{address}/done")]
    pages += [person.http.get(one) for one in ("/worker/history", "/nowhere", "/worker/hits/none")]
    other = server.somebody()
    assert other.join("s").status_code == 303
    given = other.http.get(other.give_back(other_assignment(other)).headers["location"])
    pages += [given, server.somebody().submit("NONE", choice="left")]
    english = [text for part in SITE for text in language(SOURCE).texts[part].values() if len(text) > 12]
    for page in pages[:-1]:
        assert '<html lang="ar" dir="rtl">' in page.text, page.url
        assert not [text for text in english if isinstance(text, str) and text in said(page)], page.url
    assert '<html lang="en">' in pages[-1].text  # of a stranger, for no study


def other_assignment(person):
    return re.search(r"/worker/assignments/(\w+)", person.http.get("/worker/").text)[1]


def test_what_is_refused_is_said_in_the_words_of_its_study(server, study):
    study("ja")
    server.somebody().join("s")
    late = server.somebody().join("s")
    assert language("ja").say("leave.full") in said(late)
    lost = server.browser().get("/join/none", headers={"Accept-Language": "ru"})
    assert lost.status_code == 404
    assert language("ru").say("errors.no_study") in said(lost)
    assert language("ru").say("errors.not_found") in said(lost)


def test_a_page_that_may_not_save_hears_why_in_its_study_s_words(server, study):
    study("ko", slots=2)
    person = server.somebody()
    assignment = person.join("s").headers["location"].rpartition("/")[2]
    person.give_back(assignment)
    refused = person.http.put(f"/worker/assignments/{assignment}/progress", json={"shown": 1})
    assert refused.status_code == 409
    assert refused.json()["error"] == language("ko").say("errors.returned_kept")


def test_the_dashboard_is_english(server, study):
    study("de")
    browser = server.browser(headers={"Accept-Language": "de"})
    browser.get(f"/dashboard/?token={server.site.requester_token}")
    for address in ("/dashboard/", "/dashboard/studies/s", "/dashboard/studies/none"):
        assert '<html lang="en">' in browser.get(address).text


@pytest.mark.parametrize(
    ("code", "data", "kept"),
    [
        ("de", {}, ("de", {})),
        ("xx", {}, ("en", {})),
        ("de", {"m": {"join": {"begin": "Los"}}}, ("de", {"join": {"begin": "Los"}})),
        ("de", {"m": {"join": {"begun": "Los"}}}, ("de", {})),
        ("de", {"m": {"join": {"begin": "{x}"}}}, ("de", {})),
        ("de", {"m": [1]}, ("de", {})),
        ("de", {"m": {"join": {"begin": ["Los"]}}}, ("de", {})),
    ],
)
def test_what_a_page_says_of_its_words_is_kept_where_this_server_has_them(code, data, kept):
    found = kept_needs(page_needs(question(code, **data)))
    assert (found.language, found.wording) == kept


def test_words_that_another_version_kept_are_passed_over():
    row = {"page_needs": json.dumps({"window": [1, 1, False], "language": "de", "wording": {"old": {}}})}
    assert words.of_hit(None, row).say("join.begin") == language("de").say("join.begin")


def written(node, names):
    """Return the text of an expression, 7 for what is filled in; None for what is none."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
    return names.get(node.id) if isinstance(node, ast.Name) else None


def refusals(path):
    """Return the texts of what a file refuses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        target.id: written(node.value, {})
        for node in tree.body if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    raised = [call for call in calls if getattr(call.func, "id", "") in {"RequestError", "HTTPException"}]
    texts = [written(argument, names) for call in raised for argument in call.args]
    return [text for text in texts if isinstance(text, str) and " " in text]


@pytest.mark.parametrize(
    "name",
    [
        *(f"pages/{name}" for name in (
            "joining", "qualification_tests", "requester_pages", "sessions", "submissions", "web",
            "worker_history", "worker_site",
        )),
        "storage/offers", "storage/transitions", "storage/workers",
    ],
)  # fmt: skip
def test_every_refusal_that_a_participant_reads_is_in_the_catalogues(name):
    texts = [text for text in refusals(SERVER / f"{name}.py") if not text.startswith(TO_PROGRAMS)]
    assert [text for text in texts if words.again(ARABIC, text) is None] == []


def test_a_refusal_keeps_what_is_filled_in():
    text = "Your answers are too long: 70000 characters; allowed: 60000."
    assert words.again(language("de"), text) == (
        "Ihre Antworten sind zu lang: 70000 Zeichen; erlaubt sind 60000."
    )


def test_amounts_times_and_lengths_are_written_as_the_language_does():
    russian, english = language("ru"), language("en")
    assert words.money(russian, "1.50") == "1,50 $"
    assert words.money(english, "1.50") == "$1.50"
    assert words.moment(russian, 0.0) == "1 января 1970 г., 00:00 UTC"
    assert words.moment(english, 1e9) == "9 Sep 2001, 01:46 UTC"
    assert words.moment(english, None) == ""
    lengths = (59, 60, 119 * 60, 7200, 2 * 86_400, 5 * 86_400)
    assert [words.duration(english, length) for length in lengths] == [
        "59 s", "1 min", "119 min", "2 h", "2 days", "5 days",
    ]  # fmt: skip
    assert [words.duration(russian, days * 86_400) for days in (2, 5, 21)] == ["2 дня", "5 дней", "21 день"]


@pytest.mark.parametrize("path", sorted((TEMPLATES / "site").glob("*.j2")), ids=lambda path: path.stem)
def test_a_participant_s_template_says_nothing_by_itself(path):
    """Every word is one of the catalogues'; the dashboard's templates and the rehearsal's are English."""
    if path.name.startswith(("dashboard", "study", "clock", "rehearsal")):
        return
    source = path.read_text(encoding="utf-8")
    source = re.sub(r"\{% block kind %\}.*", "", source)  # the name of a class
    source = re.sub(r"\{[{%].*?[}%]\}", "", source)
    seen = re.findall(r' (?:title|alt|placeholder|aria-label|data-confirm|data-copied)="([^"]+)"', source)
    text = re.sub(r"<!doctype html>|<code>.*?</code>|<[^>]*>|&nbsp;", " ", source)
    assert set(re.findall(r"[A-Za-z]+", text)) <= {"Glimpse"}
    assert seen == []


def test_a_page_written_for_mturk_says_in_the_browser_s_language_what_it_lacks(server, publish):
    person, hit = server.worker("p1"), publish(1)
    page = person.http.get(f"/worker/hits/{hit['HITId']}/page", headers={"Accept-Language": "it"})
    lost = language("it").say(
        "work.crowd", element="{element}", script="https://assets.crowd.aws/crowd-html-elements.js"
    )
    assert f'data-lost="{lost}"' in page.text
