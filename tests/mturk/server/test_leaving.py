"""Ways out: whoever does not take part learns why, what is kept, and how to get back to the panel."""

import re

import pytest

PERSON = {"PROLIFIC_PID": "p1", "STUDY_ID": "s1", "SESSION_ID": "x/1"}
LINK = "/join/s?PROLIFIC_PID=p1&STUDY_ID=s1&SESSION_ID=x/1"
WAY = "https://app.example/out?why={reason}&who={participant}&session={session}"


@pytest.fixture
def study(publish):
    return publish(1, RequesterAnnotation="glimpse:s:b1:h1")


@pytest.fixture
def settled(server, study):
    """The study, with a screen-out URL and code set on the dashboard."""
    settle(server)
    return study


def settle(server, **more):
    browser = server.browser()
    browser.get(f"/dashboard/?token={server.site.requester_token}")
    page = browser.get("/dashboard/studies/s").text
    token = re.search(r'name="csrf" value="(\w+)"', page)[1]
    fields = {"screen_out_url": WAY, "screen_out_code": "OUT-7", **more}
    reply = browser.post("/dashboard/studies/s/settings", data={"csrf": token, **fields})
    assert reply.status_code == 303, reply.text


def address(reason):
    return f"https://app.example/out?why={reason}&amp;who=p1&amp;session=x%2F1"


def full(server):
    server.somebody().join("s", PROLIFIC_PID="other")
    return server.somebody().join("s", **PERSON), 409, "No place is free"


def screened(server):
    phone = server.browser(headers={"User-Agent": "iPhone Mobile"})
    page = phone.get(LINK)
    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    return phone.post(LINK, data={"csrf": token}), 400, "Not on this device"


def declined(server):
    page = server.browser().get(LINK).text
    way = re.search(r'id="decline" href="([^"]+)"', page)[1].replace("&amp;", "&")
    return server.browser().get(way), 200, "You are not taking part"


def cookies(server):
    page = server.browser().get(LINK)
    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    return server.browser().post(LINK, data={"csrf": token}), 403, "This study needs a cookie"


@pytest.mark.parametrize("way", [full, screened, declined, cookies])
def test_each_way_out_says_why_what_is_kept_and_leads_back(server, settled, way):
    reply, status, heading = way(server)
    assert reply.status_code == status
    assert f"<h1>{heading}</h1>" in reply.text
    assert 'id="kept"' in reply.text
    assert f'href="{address(way.__name__)}"' in reply.text
    assert "Back to Prolific" in reply.text
    assert ">OUT-7<" in reply.text
    assert 'href="/join/s?PROLIFIC_PID=p1&amp;' in reply.text


@pytest.mark.parametrize("way", [full, screened, declined, cookies])
def test_without_settings_the_panel_s_own_way_is_said(server, study, way):
    reply, status, _ = way(server)
    assert reply.status_code == status
    assert "return your submission there: choose “Stop without completing”" in reply.text


def test_whoever_took_part_is_told(server, settled):
    worker = server.somebody()
    assignment = worker.join("s", **PERSON).headers["location"].rpartition("/")[2]
    worker.submit(assignment)
    stranger = server.somebody().join("s", PROLIFIC_PID="p1")
    assert stranger.status_code == 409
    assert "<h1>You have already taken part</h1>" in stranger.text
    assert "The answers that you submitted are kept" in stranger.text


@pytest.mark.parametrize("ends", ["returned", "time"])
def test_a_return_and_the_end_of_time_lead_back(server, settled, ends):
    worker = server.somebody()
    assignment = worker.join("s", **PERSON).headers["location"].rpartition("/")[2]
    if ends == "returned":
        worker.give_back(assignment)
    else:
        server.clock.skip(700)
    page = worker.http.get(f"/worker/assignments/{assignment}/done").text
    assert f'href="{address(ends)}"' in page
    assert ">OUT-7<" in page
    assert "Do another task of this study" in page
    assert "continue where you stopped if you take the same task again" in page


@pytest.mark.parametrize("own", [True, False])
def test_whoever_does_not_agree_gives_the_place_back_and_leads_back_with_a_code_of_its_own(
    server, settled, own
):
    if own:
        settle(server, decline_url=f"{WAY}&no=1", decline_code="NO-8")
    worker = server.somebody()
    assignment = worker.join("s", **PERSON).headers["location"].rpartition("/")[2]
    place = f"/worker/assignments/{assignment}"
    elsewhere = worker.http.post(f"{place}/decline", headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert server.worker("other").http.post(f"{place}/decline").status_code == 403
    assert worker.http.get(f"{place}/state").json()["status"] == "Accepted"
    for _ in range(2):
        reply = worker.http.post(f"{place}/decline", headers={"Origin": server.url})
        assert (reply.status_code, reply.headers["location"]) == (303, f"{place}/done?declined")
    page = worker.http.get(f"{place}/done?declined").text
    assert "<h1>You are not taking part</h1>" in page
    assert f'href="{address("declined")}{"&amp;no=1" * own}"' in page
    assert f">{'NO-8' if own else 'OUT-7'}<" in page
    assert server.somebody().join("s", PROLIFIC_PID="next").status_code == 303, "the place is free"


def test_somebody_without_cookies_is_told_on_every_form(server, publish):
    publish()
    browser = server.browser()
    token = re.search(r'name="csrf" value="(\w+)"', browser.get("/worker/sign-in").text)[1]
    reply = server.browser().post("/worker/sign-in", data={"name": "x", "csrf": token})
    assert reply.status_code == 403
    assert "does not keep this site’s cookie" in reply.text


def test_no_participant_reads_of_hits(server, publish):
    hit = publish(2, RequesterAnnotation="glimpse:s:b1:h1")["HITId"]
    other = publish(1)["HITId"]
    worker = server.worker("w")
    pages = ["/worker/", f"/worker/hits/{hit}", "/worker/qualifications", "/join/s", "/worker/hits/3NONE"]
    assignment = worker.take(hit)
    pages += [f"/worker/assignments/{assignment}", "/worker/", "/worker/history"]
    texts = [worker.http.get(page).text for page in pages]
    worker.give_back(assignment)
    texts.append(worker.http.get(f"/worker/assignments/{assignment}/done").text)
    worker.submit(worker.take(other))
    texts.append(worker.press(f"/worker/hits/{other}/accept").text)
    texts.append(server.worker("late").press(f"/worker/hits/{other}/accept").text)
    texts += [server.somebody().http.get(page).text for page in ("/worker/sign-in", "/join/none")]
    for text in texts:
        shown = re.sub(r"<[^>]*>", " ", re.sub(r'(title|aria-label|data-confirm)="([^"]*)"', r"> \2 <", text))
        assert not re.search(r"\bHITs?\b", shown), shown


# What browsers, proxies and search engines ask by themselves


@pytest.mark.parametrize("path", ["/health", "/worker/sign-in", "/favicon.ico", "/robots.txt", "/"])
def test_head_is_answered_as_get(server, path):
    browser = server.browser()
    got, head = browser.get(path), browser.head(path)
    assert head.status_code == got.status_code < 400
    assert head.content == b""
    assert head.headers.get("content-type") == got.headers.get("content-type")


@pytest.mark.parametrize("path", ["/", "/worker/", "/mturk/externalSubmit", "/nowhere", "/media/s/x.png"])
def test_options_are_answered(server, path):
    reply = server.browser().options(path)
    assert reply.status_code == 204
    assert "OPTIONS" in reply.headers["allow"]
    assert "access-control-allow-origin" not in reply.headers
    allowed = server.browser().options("/submit/token/mturk/externalSubmit").headers
    assert allowed["access-control-allow-origin"] == "*"


def test_icon_and_robots(server):
    assert "svg" in server.browser().get("/favicon.ico").headers["content-type"]
    assert "Disallow: /" in server.browser().get("/robots.txt").text
