"""What one person, link or word must not reach: another study, another's work, the requester's pages."""

import hashlib
import time

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.server.protocol.errors import SignatureError
from glimpse.mturk.server.protocol.signing import load_keys, verify
from glimpse.mturk.server.site import ServerSettings, Site
from tests.mturk.server.test_protocol import KEYS, lowered, signed

LINK = {"PROLIFIC_PID": "5f1c", "STUDY_ID": "st", "SESSION_ID": "se"}


@pytest.fixture
def studies(publish, turk):
    """Studies a and b; a second HIT of b needs a qualification. Returns HIT ids, and the type's."""
    kind = turk.create_qualification_type(Name="b", Description="d", QualificationTypeStatus="Active")
    type_id = kind["QualificationType"]["QualificationTypeId"]
    found = {"type": type_id}
    for name in "ab":
        found[name] = publish(3, RequesterAnnotation=f"glimpse:{name}:b1:h1", title=f"Study {name}")["HITId"]
    rule = {"QualificationTypeId": type_id, "Comparator": "DoesNotExist"}
    found["b2"] = publish(1, RequesterAnnotation="glimpse:b:b2:h2", requirements=[rule])["HITId"]
    found["none"] = publish(1, title="No study")["HITId"]
    return found


# A link opens one study


def test_whoever_came_for_one_study_sees_and_takes_no_other(server, studies):
    person = server.somebody()
    person.join("a", **LINK)
    listed = person.http.get("/worker/").text
    assert "Study b" not in listed
    assert "No study" not in listed
    for other in (studies["b"], studies["none"]):
        assert person.http.get(f"/worker/hits/{other}").status_code == 404
        assert person.http.get(f"/worker/hits/{other}/page").status_code == 404
        assert person.press(f"/worker/hits/{other}/accept").status_code == 404
    assert person.press("/worker/studies/b/accept").status_code == 409
    assert person.press(f"/worker/hits/{studies['a']}/accept").status_code == 303


def test_the_link_of_a_second_study_opens_that_too(server, studies):
    person = server.somebody()
    first = person.join("a", **LINK).headers["location"]
    second = person.join("b", **LINK).headers["location"]
    for at in (first, second):
        assert person.http.put(f"{at}/progress", json={"seq": 1}).status_code == 204
        assert person.submit(at.rpartition("/")[2]).status_code == 200


def test_whoever_signed_in_by_name_sees_every_study(server, studies):
    listed = server.worker("ann").http.get("/worker/").text
    assert all(title in listed for title in ("Study a", "Study b", "No study"))


def test_qualifications_of_another_study_cannot_be_asked_for(server, studies):
    person = server.somebody()
    person.join("a", **LINK)
    assert studies["type"] not in person.http.get("/worker/qualifications").text
    assert person.press(f"/worker/qualifications/{studies['type']}/request").status_code == 404
    person.join("b", **LINK)
    assert person.press(f"/worker/qualifications/{studies['type']}/request").status_code == 303


def test_an_assignment_remembers_the_link_of_its_own_study_only(server, studies):
    worker = server.worker("ann")
    worker.join("a")
    worker.take(studies["b"])
    rows = server.site.store.read(
        lambda tx: tx.all("SELECT study, arrival FROM assignments JOIN hits USING (hit_id) ORDER BY study")
    )
    assert [(row["study"], row["arrival"] is None) for row in rows] == [("a", False), ("b", True)]


# An id is no secret


@pytest.mark.parametrize(
    "forged", [{"SESSION_ID": "guess"}, {"STUDY_ID": "", "SESSION_ID": ""}, {"SESSION_ID": ""}]
)
def test_a_forged_panel_id_enters_nobody_s_assignment(server, studies, forged):
    person, thief = server.somebody(), server.somebody()
    at = person.join("a", **LINK).headers["location"]
    for _ in range(2):
        reply = thief.join("a", **LINK | forged)
        assert reply.status_code == 403
        assert "another browser" in reply.text
    assert thief.http.get(f"{at}/progress").status_code == 403
    person.submit(at.rpartition("/")[2])
    reply = thief.join("a", **LINK | forged)
    assert reply.status_code == 409
    assert "already taken part" in reply.text


def test_the_same_session_goes_on_in_another_browser(server, studies):
    at = server.somebody().join("a", **LINK).headers["location"]
    again = server.somebody()
    assert again.join("a", **LINK).headers["location"] == at
    assert again.submit(at.rpartition("/")[2]).status_code == 200
    assert server.somebody().join("a", **LINK).headers["location"] == at


def test_an_id_without_a_session_goes_on_in_its_own_browser(server, studies):
    person, thief = server.somebody(), server.somebody()
    at = person.join("a", survey_code="77").headers["location"]
    assert person.join("a", survey_code="77").headers["location"] == at
    assert thief.join("a", survey_code="77").status_code == 403


# Sessions


def test_signing_out_ends_the_session_and_not_only_the_cookie(server, studies):
    worker = server.worker("ann")
    at = worker.take(studies["a"])
    kept = dict(worker.http.cookies)
    worker.press("/worker/sign-out")
    thief = server.browser(cookies=kept)
    assert thief.get("/worker/session").json()["worker"] is None
    assert thief.get(f"/worker/assignments/{at}/progress").status_code == 403


def test_an_answer_of_somebody_signed_out_says_what_to_do_and_leads_back(server, studies):
    worker = server.worker("ann")
    at = worker.take(studies["a"])
    work = f"{server.url}/worker/assignments/{at}"
    worker.press("/worker/sign-out")
    form = {"assignmentId": at, "choice": "left"}
    reply = worker.http.post("/mturk/externalSubmit", data=form, headers={"Referer": f"{work}/page"})
    assert reply.status_code == 403
    assert "Then go back and submit again: the page has kept your answers." in reply.text
    assert f'href="/worker/assignments/{at}"' in reply.text


def test_whoever_leaves_a_browser_to_another_is_signed_out(server, studies):
    person = server.somebody()
    person.join("a", **LINK)
    kept = dict(person.http.cookies)
    person.join("a", PROLIFIC_PID="other", STUDY_ID="st", SESSION_ID="x")
    assert server.browser(cookies=kept).get("/worker/session").json()["worker"] is None
    assert person.http.get("/worker/session").json()["worker"] == person.id


def test_an_ended_session_stays_ended_after_a_restart(server, studies, start):
    worker = server.worker("ann")
    kept = dict(worker.http.cookies)
    worker.press("/worker/sign-out")
    server.stop()
    again = start(data=server.site.settings.data)
    assert again.browser(cookies=kept).get("/worker/session").json()["worker"] is None


# The requester's own


@pytest.mark.parametrize("content", ["", "\n", "  "])
def test_an_empty_token_opens_nothing(tmp_path, start, content):
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "dashboard-token").write_text(content)
    server = start()
    assert server.browser().get("/dashboard/?token=").status_code == 403
    token = (tmp_path / "server" / "dashboard-token").read_text().strip()
    assert len(token) >= 16
    assert server.browser().get(f"/dashboard/?token={token}").status_code == 303


def test_a_token_that_can_be_guessed_is_refused(tmp_path):
    (tmp_path / "dashboard-token").write_text("secret\n")
    with pytest.raises(GlimpseError, match=r"dashboard-token holds 6 characters; needed: 16 or more"):
        Site(ServerSettings(tmp_path))


@pytest.mark.parametrize("secret", ["", " "])
def test_an_empty_secret_signs_nothing(tmp_path, secret):
    text = f"[default]\naws_access_key_id = KEY\naws_secret_access_key = {secret}\n"
    (tmp_path / "credentials").write_text(text)
    with pytest.raises(GlimpseError, match="holds no aws_access_key_id with its aws_secret_access_key"):
        load_keys(tmp_path / "credentials")


@pytest.mark.parametrize("name", ["x-amz-target", "x-amz-content-sha256", "x-amz-security-token"])
def test_what_decides_what_is_done_must_be_signed(name):
    headers = lowered(signed("http://h:1/", b"{}"))
    fields, signature = headers["authorization"].split("SignedHeaders=")
    names, rest = signature.split(",", 1)
    kept = ";".join(one for one in names.split(";") if one != name)
    headers |= {"authorization": f"{fields}SignedHeaders={kept},{rest}", name: headers.get(name, "x")}
    with pytest.raises(SignatureError, match=f"SignedHeaders must name .*{name}"):
        verify(KEYS, ("POST", "/", ""), headers, b"{}", time.time())


def test_a_body_that_was_not_read_is_vouched_for_by_its_signed_digest():
    digest = hashlib.sha256(b"{}").hexdigest()
    headers = lowered(signed("http://h:1/", b"{}"))
    with pytest.raises(SignatureError, match="X-Amz-Content-SHA256 must be sent"):
        verify(KEYS, ("POST", "/", ""), headers, None, time.time())
    assert digest != headers.get("x-amz-content-sha256")


def test_only_the_requester_s_token_makes_a_simulated_worker(server, studies):
    simulator, person = server.somebody(), server.somebody()
    for who, token, status in ((simulator, server.site.requester_token, 303), (person, "no", 403)):
        csrf = who.http.get("/worker/session").json()["csrf"]
        reply = who.http.post(
            "/worker/sign-in",
            data={"name": "A1SIM", "csrf": csrf},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert reply.status_code == status
    rows = server.site.store.read(lambda tx: tx.all("SELECT worker_id, panel FROM workers"))
    assert [tuple(row) for row in rows] == [("A1SIM", "simulator")]
