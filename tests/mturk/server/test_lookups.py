"""Links that nobody signed: the panel is asked for the participation, beside the participant."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glimpse.mturk.panels.prolific import JWKS_PATH
from glimpse.mturk.server.pages import lookups
from glimpse.mturk.server.storage import recruiting

PERSON, STUDY, SESSION = "5f1b" + "0" * 20, "a" * 24, "b" * 24


class Panel:
    """A panel that answers with what it is told to: (status, body), in order; the last again and again."""

    def __init__(self):
        self.replies, self.asked, self.go_on = [], [], threading.Event()
        self.go_on.set()
        panel = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                panel.go_on.wait(30)
                if self.path == JWKS_PATH:
                    status, text = 404, "{}"
                else:
                    panel.asked.append((self.path, self.headers.get("authorization")))
                    status, text = panel.replies.pop(0) if len(panel.replies) > 1 else panel.replies[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def panel(monkeypatch):
    found = Panel()
    monkeypatch.setenv("PROLIFIC_URL", found.url)
    monkeypatch.setenv("PROLIFIC_TOKEN", "secret-token")
    monkeypatch.setattr(lookups, "WAITS_S", (0.01, 0.01))
    yield found
    found.go_on.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def study(publish, server, panel):
    publish(9, RequesterAnnotation="glimpse:s:b1:b1-h1")
    told = {"ways": {}, "keys_url": f"{panel.url}{JWKS_PATH}", "study_id": STUDY}
    server.site.store.write(lambda tx: recruiting.set_settings(tx, "s", "prolific", told)).result()
    return "s"


def known(**changes):
    body = {"id": SESSION, "participant": PERSON, "study_id": STUDY, "status": "ACTIVE", **changes}
    return 200, str(body).replace("'", '"')


def arrive(server, **parameters):
    given = {"PROLIFIC_PID": PERSON, "STUDY_ID": STUDY, "SESSION_ID": SESSION, **parameters}
    assert server.somebody().join("s", **given).status_code == 303


def said(server):
    """What was found out of who came; waits until something was."""
    for _ in range(1000):
        rows = server.site.store.read(lambda tx: recruiting.arrivals(tx, "s"))
        if all(row["looked_up"] for row in rows):
            break
        time.sleep(0.01)
    return [row["looked_up"] for row in rows]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (known(), "yes"),
        (known(status="AWAITING REVIEW"), "yes"),
        (known(status="RETURNED"), "no"),
        (known(participant="c" * 24), "no"),
        (known(study_id="c" * 24), "no"),
        ((404, "{}"), "no"),
    ],
)
def test_what_the_panel_says_is_kept_with_the_arrival(server, study, panel, reply, found):
    panel.replies = [reply]
    arrive(server)
    assert said(server) == [found]
    assert panel.asked == [(f"/api/v1/submissions/{SESSION}/", "Token secret-token")]


def test_a_token_that_does_not_count_is_looked_up_too(server, study, panel):
    panel.replies = [known()]
    arrive(server, prolific_token="x.y.z")
    assert said(server) == ["yes"]


def test_it_is_asked_again_after_faults_and_once_for_a_participation(server, study, panel):
    panel.replies = [(500, ""), (429, ""), known()]
    arrive(server)
    assert said(server) == ["yes"]
    count = len(panel.asked)
    arrive_again = {"PROLIFIC_PID": PERSON, "STUDY_ID": STUDY, "SESSION_ID": SESSION}
    server.somebody().join("s", **arrive_again)
    assert said(server) == ["yes"]
    assert len(panel.asked) == count == 3


def test_nobody_waits_for_it(server, study, panel):
    panel.go_on.clear()
    panel.replies = [known()]
    arrive(server)  # while the panel does not answer
    assert server.site.store.read(lambda tx: recruiting.arrivals(tx, "s"))[0]["looked_up"] == ""
    panel.go_on.set()
    assert said(server) == ["yes"]


def test_no_more_wait_than_are_allowed(server, study, panel, monkeypatch):
    monkeypatch.setattr(lookups, "MOST_WAITING", 0)
    panel.replies = [known()]
    arrive(server)
    assert panel.asked == []


def test_without_a_token_for_that_address_nothing_is_asked(panel, monkeypatch):
    keys_url = f"{panel.url}{JWKS_PATH}"
    assert lookups._address(keys_url, rehearsal=False).token == "secret-token"
    assert lookups._address("", rehearsal=True) is None
    monkeypatch.setenv("PROLIFIC_URL", "http://127.0.0.1:9")
    assert lookups._address(keys_url, rehearsal=False) is None
    # A made-up one of this machine takes any token; a real token goes nowhere else.
    assert lookups._address(keys_url, rehearsal=True).token == "rehearsal"
    assert lookups._address(f"https://elsewhere.example{JWKS_PATH}", rehearsal=True) is None
    monkeypatch.delenv("PROLIFIC_TOKEN")
    monkeypatch.setenv("PROLIFIC_TOKEN_FILE", "/nowhere")
    monkeypatch.setenv("PROLIFIC_URL", panel.url)
    assert lookups._address(keys_url, rehearsal=False) is None
