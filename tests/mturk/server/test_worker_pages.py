"""The workers' site over HTTP: who may see and send what, and what is refused, readably."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.mturk.answers import parse_answer_xml
from glimpse.mturk.page.pages import html_question
from glimpse.mturk.server.protocol import questions
from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.storage.workers import clean_name


def external_question(url):
    base = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
    return (
        f'<ExternalQuestion xmlns="{base}2006-07-14/ExternalQuestion.xsd">'
        f"<ExternalURL>{escape(url)}</ExternalURL><FrameHeight>0</FrameHeight></ExternalQuestion>"
    )


@pytest.fixture
def working(server, publish):
    """A worker with an accepted assignment."""
    worker = server.worker("anna")
    worker.assignment = worker.take(publish(3)["HITId"])
    worker.at = f"/worker/assignments/{worker.assignment}"
    return worker


def answer(turk, assignment):
    return parse_answer_xml(turk.get_assignment(AssignmentId=assignment)["Assignment"]["Answer"])


# Submitting


def test_an_answer_arrives_as_it_was_sent(working, turk):
    fields = {
        "assignmentId": working.assignment,
        "a": "ä <&> \u2028 \t\r\n]]>",
        "box": ["1", "2"],
        "empty": "",
    }
    assert working.http.post("/mturk/externalSubmit", data=fields).status_code == 200
    found = answer(turk, working.assignment)
    assert found == {"a": "ä <&> \u2028 \t\r\n]]>", "box": "1|2", "empty": ""}


def test_a_multipart_form_is_taken_too(working, turk):
    parts = {"assignmentId": (None, working.assignment), "a": (None, "1")}
    assert working.http.post("/mturk/externalSubmit", files=parts).status_code == 200
    assert answer(turk, working.assignment) == {"a": "1"}


def test_submitting_twice_is_acknowledged_twice_and_stored_once(working, turk):
    first, second = working.submit(working.assignment, a="1"), working.submit(working.assignment, a="2")
    assert (first.status_code, first.text) == (second.status_code, second.text) == (200, first.text)
    assert answer(turk, working.assignment) == {"a": "1"}
    turk.approve_assignment(AssignmentId=working.assignment)
    assert working.submit(working.assignment, a="3").status_code == 200


def test_a_preview_cannot_submit(working):
    reply = working.submit("ASSIGNMENT_ID_NOT_AVAILABLE")
    assert reply.status_code == 400
    assert "Accept the task before you submit" in reply.text


def test_nobody_sees_or_sends_anothers_work(server, working, publish):
    other, nobody = server.worker("bob"), server.browser()
    for path in ("", "/page", "/state", "/progress", "/done"):
        assert other.http.get(working.at + path).status_code == 403
        assert nobody.get(working.at + path).status_code in {303, 403}
    assert other.http.put(working.at + "/progress", json=1).status_code == 403
    assert other.press(working.at + "/return").status_code == 403
    assert other.submit(working.assignment).status_code == 403
    assert (
        nobody.post("/mturk/externalSubmit", data={"assignmentId": working.assignment, "a": "1"}).status_code
        == 403
    )
    assert working.http.get(working.at + "/state").json()["status"] == "Accepted"


def test_a_form_from_another_site_is_refused(working):
    data = {"assignmentId": working.assignment, "a": "1"}
    for origin in ("https://evil.example", "null"):
        reply = working.http.post("/mturk/externalSubmit", data=data, headers={"Origin": origin})
        assert reply.status_code == 403
        reply = working.http.put(working.at + "/progress", json=1, headers={"Origin": origin})
        assert reply.status_code == 403
    own = str(working.http.base_url).rstrip("/")
    assert working.http.post("/mturk/externalSubmit", data=data, headers={"Origin": own}).status_code == 200


def test_forms_without_their_token_are_refused(server, working, publish):
    hit_id = publish()["HITId"]
    for path in (
        working.at + "/return",
        f"/worker/hits/{hit_id}/accept",
        "/worker/sign-out",
        "/worker/sign-in",
    ):
        for token in ("", "x", server.worker("b").http.get("/worker/session").json()["csrf"], "\ud83d"):
            fields = {"csrf": token.encode("utf-8", "replace").decode(), "name": "x"}
            assert working.http.post(path, data=fields).status_code == 403


def test_a_forged_cookie_is_nobody(server, working):
    (name, value), *_ = working.http.cookies.items()
    forged = server.browser(cookies={name: value[:-2] + "xx"})
    assert forged.get("/worker/session").json()["worker"] is None


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 400),
        (b"assignmentId=", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"a=1&" * 1001, "application/x-www-form-urlencoded", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"x", "multipart/form-data", 400),
        (b"a=" + b"x" * 1_048_577, "application/x-www-form-urlencoded", 413),
    ],
)
def test_malformed_and_oversize_forms(working, content, kind, status):
    reply = working.http.post("/mturk/externalSubmit", content=content, headers={"Content-Type": kind})
    assert reply.status_code == status
    assert 'role="alert"' in reply.text


def test_an_oversize_body_without_a_length_is_cut_off(working):
    def chunks():
        for _ in range(40):
            yield b"x" * 65_536

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert working.http.post("/mturk/externalSubmit", content=chunks(), headers=headers).status_code == 413


def test_progress_is_json_and_bounded(working):
    address = working.at + "/progress"
    assert working.http.get(address).status_code == 204
    assert working.http.put(address, content=b"not json").status_code == 400
    assert working.http.put(address, content=b"[" * 200_000).status_code == 400
    assert working.http.put(address, content=b" " * 300_000).status_code == 413
    assert working.http.put(address, json={"seq": 3}).status_code == 204
    assert working.http.get(address).json() == {"seq": 3}
    working.submit(working.assignment)
    assert working.http.put(address, json={"seq": 4}).status_code == 409


def test_a_returned_assignment_is_over(working, turk):
    assert working.give_back(working.assignment).headers["location"] == working.at + "/done"
    assert "Returned" in working.http.get(working.at + "/done").text
    assert working.submit(working.assignment).status_code == 409
    assert working.give_back(working.assignment).status_code == 303
    assert working.http.get(working.at).headers["location"] == working.at + "/done"


def test_a_submitted_assignment_cannot_be_returned(working):
    working.submit(working.assignment)
    assert working.give_back(working.assignment).status_code == 409


FORMS = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=50)), max_size=8)


@given(FORMS)
@settings(max_examples=60)
def test_any_form_is_answered_with_a_page(working, fields):
    from urllib.parse import quote

    content = "&".join(f"{quote(n, errors='replace')}={quote(v, errors='replace')}" for n, v in fields)
    reply = working.http.post(
        "/mturk/externalSubmit",
        content=content,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.status_code in {400, 403}


# Pages


def test_the_page_gets_what_mturk_gives(working, server):
    page = working.http.get(working.at).text
    state = working.http.get(working.at + "/state").json()
    assert state["page_url"].replace("&", "&amp;") in page
    for part in (
        f"assignmentId={working.assignment}",
        f"workerId={working.id}",
        "turkSubmitTo=http%3A%2F%2F127.0.0.1",
    ):
        assert part in state["page_url"]
    own = working.http.get(state["page_url"])
    assert '<p id="q">Which?</p>' in own.text
    assert own.headers["content-security-policy"].startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in own.headers["content-security-policy"]
    assert "allow-same-origin" not in page


def test_headers_of_every_kind_of_answer(server, working):
    for path in (
        "/worker/",
        "/nowhere",
        "/health",
        working.at,
        "/worker/sign-in",
        "/dashboard/",
        "/worker/session",
    ):
        headers = working.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    style = working.http.get(
        working.http.get("/worker/").text.split('rel="stylesheet" href="')[1].split('"')[0]
    )
    assert "immutable" in style.headers["cache-control"]
    cookie = server.browser().get("/worker/sign-in").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_names_are_shown_as_text(server, turk, publish):
    publish(title="<script>alert(1)</script>")
    page = server.worker("<b>x</b>").http.get("/worker/").text
    assert "<script>alert" not in page


def test_an_external_question_gets_a_right_to_submit(server, turk, publish):
    hit_id = publish(Question=external_question("https://lab.example/task?x=1#top"))["HITId"]
    worker = server.worker("w")
    assignment = worker.take(hit_id)
    page = worker.http.get(f"/worker/assignments/{assignment}")
    assert "frame-src 'self' https://lab.example" in page.headers["content-security-policy"]
    address = worker.http.get(f"/worker/assignments/{assignment}/state").json()["page_url"]
    assert address.startswith("https://lab.example/task?x=1&assignmentId=")
    assert address.endswith("#top")
    from urllib.parse import parse_qs, urlsplit

    target = parse_qs(urlsplit(address).query)["turkSubmitTo"][0]
    elsewhere = server.browser()
    data = {"assignmentId": assignment, "a": "1"}
    assert elsewhere.post("/submit/forged/mturk/externalSubmit", data=data).status_code == 403
    reply = elsewhere.post(
        target + "/mturk/externalSubmit", data=data, headers={"Origin": "https://lab.example"}
    )
    assert reply.status_code == 200
    assert answer(turk, assignment) == {"a": "1"}


def test_sign_in(server):
    anna = server.worker("  Anna   K. ")
    assert server.worker("Anna K.").id == anna.id != server.worker("anna k.").id
    assert server.worker("A1EXAMPLE").id == "A1EXAMPLE"
    assert anna.http.get("/worker/sign-in").headers["location"] == "/worker/"
    assert anna.press("/worker/sign-out").status_code == 303
    assert anna.http.get("/worker/").headers["location"] == "/worker/sign-in"
    assert anna.http.get("/worker/history").headers["location"] == "/worker/sign-in"


def test_an_id_of_somebody_from_a_panel_cannot_be_typed(server, publish):
    publish(RequesterAnnotation="glimpse:s:b1:h1")
    from_panel = server.worker("x")
    from_panel.join("s", PROLIFIC_PID="p1")
    browser = server.browser()
    token = from_panel.csrf(browser.get("/worker/sign-in"))
    reply = browser.post("/worker/sign-in", data={"name": from_panel.id, "csrf": token})
    assert reply.status_code == 403


def test_sign_in_can_be_off(start):
    server = start(sign_in=False)
    browser = server.browser()
    page = browser.get("/worker/sign-in")
    assert "open the link that you were given" in page.text
    token = browser.get("/worker/session").json()["csrf"]
    assert browser.post("/worker/sign-in", data={"name": "x", "csrf": token}).status_code == 401


def test_behind_a_proxy(start, question):
    server = start(public_url="https://study.example/")
    browser = server.browser(headers={"Host": "study.example"})
    assert "Secure" in browser.get("/worker/sign-in").headers["set-cookie"]
    assert "Secure" not in server.browser().get("/worker/sign-in").headers["set-cookie"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b", "\u202e"])
def test_names_that_cannot_be(name):
    with pytest.raises(RequestError, match="1 to 100 printable"):
        clean_name(name)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/worker/hits/NONE", 404), ("/worker/../../etc/passwd", 404), ("/join/none", 404),
     ("/static/x/../../server.sqlite3", 404), ("/static/x/base.html.j2", 404), ("/mturk/externalSubmit", 404),
     ("/worker/sign-out", 405)],
)  # fmt: skip
def test_what_is_not_there(working, path, status):
    reply = working.http.get(path)
    assert reply.status_code == status
    assert 'role="alert"' in reply.text


# Questions


def test_xml_entities_are_refused(turk, publish):
    bomb = '<!DOCTYPE a [<!ENTITY b "x">]>' + html_question("<p>&b;</p>").partition("?>")[2]
    with pytest.raises(turk.exceptions.RequestError, match="not XML that can be read"):
        publish(Question=bomb)


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ("", "not XML"),
        (html_question("x" * 400_000), "at most 400000"),
        (html_question(" "), "HTMLContent is empty"),
        (html_question("x").replace("<FrameHeight>0</FrameHeight>", ""), "0 FrameHeight; needed: one"),
        (html_question("x").replace("<FrameHeight>0<", "<FrameHeight>-1<"), "FrameHeight is '-1'"),
        (external_question("https://x.example").replace("https:", "http:"), "needed: an https address"),
        (external_question("https://x.example").replace("https:", "javascript:"), "needed: an https address"),
        (external_question("https://x.example").replace("x.example", "x.example/;a"), "must be escaped"),
    ],
)
def test_questions_that_cannot_be_shown(xml, text):
    with pytest.raises(RequestError, match=text):
        questions.parse(xml)


@given(st.text(max_size=200))
def test_any_text_is_a_question_or_refused(text):
    with pytest.raises(RequestError):
        questions.parse(text)


def test_the_policy_names_what_stands_in_the_page_and_nothing_else():
    policy = questions.content_policy(
        '<style>p{}</style><script>1</script><script src="https://a.example/x.js?v=1"></script>'
        '<script src="http://b.example/y.js"></script><p style="a" onclick="f()">'
        '<link rel="stylesheet" href="https://a.example/s.css">'
    )
    assert "'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='" in policy
    assert "https://a.example/x.js;" in policy
    assert "https://a.example/s.css" in policy
    assert "b.example" not in policy
    assert "'unsafe-hashes'" in policy
    assert "unsafe-inline" not in policy
