"""Pages that requesters wrote for MTurk, as its clients and Amazon's samples have them, done in a browser."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from glimpse.mturk.answers import parse_answer_xml
from glimpse.mturk.server.storage import meta
from tests.browser.page_runs import IN_CHROMIUM
from tests.mturk.server.conftest import Running

pytestmark = [*IN_CHROMIUM, pytest.mark.slow]

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/"
# Amazon's sample of an HTMLQuestion: its addresses, its script, its names.
SAMPLE = """<!DOCTYPE html>
<html>
 <head>
  <meta http-equiv='Content-Type' content='text/html; charset=UTF-8'/>
  <script type='text/javascript' src='https://s3.amazonaws.com/mturk-public/externalHIT_v1.js'></script>
 </head>
 <body>
  <form name='mturk_form' method='post' id='mturk_form' action='https://www.mturk.com/mturk/externalSubmit'>
  <input type='hidden' value='' name='assignmentId' id='assignmentId'/>
  <h1>What's up?</h1>
  <p><textarea name='comment' cols='80' rows='3'></textarea></p>
  <p><input type='submit' id='submitButton' value='Submit' /></p></form>
  <script language='Javascript'>turkSetAssignmentID();</script>
 </body>
</html>"""
# What stands in for jQuery here.
JQUERY = """window.$ = find => { const node = document.querySelector(find); return {
  val: text => { node.value = text; }, submit: () => node.submit(),
  attr: (name, text) => node.setAttribute(name, text) }; };"""


def html_question(html):
    return (
        f'<HTMLQuestion xmlns="{SCHEMAS}2011-11-11/HTMLQuestion.xsd"><HTMLContent>'
        f"<![CDATA[{html}]]></HTMLContent><FrameHeight>600</FrameHeight></HTMLQuestion>"
    )


class Elsewhere:
    """A requester's own web server, on another origin: pages by path, as bytes and with their media type."""

    def __init__(self):
        self.pages, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                kind, body = outer.pages.get(urlsplit(self.path).path, ("text/plain", b""))
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def question(self, page, kind="text/html; charset=utf-8"):
        self.pages["/task"] = (kind, page)
        return (
            f'<ExternalQuestion xmlns="{SCHEMAS}2006-07-14/ExternalQuestion.xsd">'
            f"<ExternalURL>http://{self.host}/task?a=1</ExternalURL><FrameHeight>0</FrameHeight>"
            "</ExternalQuestion>"
        )

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def elsewhere():
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture
def server(tmp_path):
    running = Running(tmp_path / "server")
    yield running
    running.stop()


@pytest.fixture
def task(server, chrome):
    """A function that publishes a question, accepts it in a browser and returns its page and frame."""
    contexts = []

    def begin(question):
        hit = server.requester().create_hit(
            Title="Task", Description="d", Reward="0.1", AssignmentDurationInSeconds=600,
            LifetimeInSeconds=3600, Question=question,
        )["HIT"]["HITId"]  # fmt: skip
        contexts.append(chrome.new_context())
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.goto(server.url + "/")
        page.fill("#name", "anna")
        page.click("main button")
        page.goto(f"{server.url}/worker/hits/{hit}")
        page.click("button:has-text('Accept')")
        page.wait_for_selector("#work")
        return hit, page, page.frame_locator("#work")

    yield begin
    for context in contexts:
        context.close()


def answers(server, hit):
    found = server.requester().list_assignments_for_hit(HITId=hit)["Assignments"]
    assert len(found) == 1
    return parse_answer_xml(found[0]["Answer"])


def ends(page):
    page.wait_for_url("**/done")
    assert page.locator("h1").inner_text() == "Thank you"


FORM = """<!doctype html><meta charset="{charset}"><form id="f" method="{method}">
<input name="assignmentId" type=hidden><input name="comment"><button>Send</button></form><script>
const q = new URLSearchParams(location.search); const f = document.getElementById('f');
f.action = q.get('turkSubmitTo') + '/mturk/externalSubmit';
f.elements.assignmentId.value = q.get('assignmentId');</script>"""


@pytest.mark.parametrize("method", ["post", "get"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_an_external_question_on_another_origin(server, elsewhere, task, method, charset):
    page = FORM.format(charset=charset, method=method).encode(charset)
    hit, page, frame = task(elsewhere.question(page, f"text/html; charset={charset}"))
    frame.locator("button").wait_for()
    given = parse_qs(urlsplit([path for path in elsewhere.asked if path.startswith("/task")][-1]).query)
    assert set(given) == {"a", "assignmentId", "hitId", "workerId", "turkSubmitTo"}
    frame.locator("[name=comment]").fill("café, naïve")
    frame.locator("button").click()
    ends(page)
    assert answers(server, hit) == {"comment": "café, naïve"}


def test_amazons_sample(server, task):
    hit, page, frame = task(html_question(SAMPLE))
    frame.locator("textarea").fill("fine")
    frame.locator("#submitButton").click()
    ends(page)
    assert answers(server, hit) == {"comment": "fine"}


def test_amazons_sample_in_a_preview_submits_nothing(server, task):
    hit, page, _ = task(html_question(SAMPLE))
    page.goto(f"{server.url}/worker/hits/{hit}")
    frame = page.frame_locator("iframe")
    assert frame.locator("#submitButton").is_disabled()
    frame.locator("form").evaluate("form => form.submit()")
    frame.locator("text=This is a preview").wait_for()


def test_a_page_has_no_origin_and_reaches_nothing_of_the_server(server, task):
    reach = """<!doctype html><p id=out></p><script>
    const tried = [];
    for (const what of [() => parent.document.title, () => top.location.replace('/nowhere')]) {
      try { what(); tried.push('reached'); } catch (error) { tried.push(error.name); } }
    localStorage.setItem('a', 1); sessionStorage.b = 2; document.cookie = 'c=3; path=/';
    fetch('/worker/session').then(r => r.json()).then(() => 'read', () => 'refused').then(read =>
      document.getElementById('out').textContent = JSON.stringify(
        [origin, ...tried, localStorage.getItem('a'), document.cookie, read]));</script>"""
    _, page, frame = task(html_question(reach))
    frame.locator("#out:not(:empty)").wait_for()
    said = json.loads(frame.locator("#out").inner_text())
    assert said == ["null", "SecurityError", "SecurityError", "1", "c=3", "refused"]
    assert "/worker/assignments/" in page.url


def test_scripts_from_elsewhere_and_a_form_that_a_script_builds(server, elsewhere, task):
    elsewhere.pages["/jquery.js"] = ("text/javascript", JQUERY.encode())
    built = f"""<!doctype html><script src="//{elsewhere.host}/jquery.js"></script>
    <button onclick="send()">Done</button><script>
    function send() {{
      document.body.insertAdjacentHTML('beforeend',
        '<form id=f method=post><input id=a name=assignmentId><input id=x name=x></form>');
      const q = new URLSearchParams(location.search);
      $('#a').val(q.get('assignmentId')); $('#x').val('built');
      $('#f').attr('action', 'https://workersandbox.mturk.com' + '/mturk/externalSubmit');
      $('#f').submit();
    }}</script>"""
    hit, page, frame = task(html_question(built))
    frame.locator("button").click()
    ends(page)
    assert answers(server, hit) == {"x": "built"}


@pytest.mark.parametrize(
    "body",
    ["new URLSearchParams(d)", "Object.entries(d).reduce((f, e) => (f.append(...e), f), new FormData())"],
)
@pytest.mark.parametrize("outside", [False, True])
def test_a_page_that_submits_with_a_fetch(server, elsewhere, task, body, outside):
    page = f"""<!doctype html><button>Done</button><p></p><script>
    document.querySelector('button').onclick = async () => {{
      const q = new URLSearchParams(location.search);
      const d = {{assignmentId: q.get('assignmentId'), x: 'é'}};
      const address = q.get('turkSubmitTo') + '/mturk/externalSubmit';
      const answer = await fetch(address, {{method: 'POST', body: {body}}});
      document.querySelector('p').textContent = 'answered ' + answer.status;
    }};</script>"""
    hit, page, frame = task(elsewhere.question(page.encode()) if outside else html_question(page))
    frame.locator("button").click()
    frame.locator("text=answered 200").wait_for()
    assert answers(server, hit) == {"x": "é"}
    if outside and body.startswith("new"):  # the page around asks now and then, so once is enough
        page.wait_for_url("**/done", timeout=30_000)


def test_a_form_with_a_file(server, task, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" * 1_500_000)
    form = """<!doctype html><form method="post" enctype="multipart/form-data"
      action="https://www.mturk.com/mturk/externalSubmit"><input name="comment">
      <input type="file" name="photo"><input type="file" name="more"><button>Send</button></form>"""
    hit, page, frame = task(html_question(form))
    # The page around leaves as soon as it learns of the submission: hold it, to read what the frame says.
    page.route("**/state", lambda route: route.abort())
    frame.locator("[name=comment]").fill("text")
    frame.locator("[name=photo]").set_input_files(tmp_path / "photo.jpg")
    frame.locator("button").click()
    said = frame.locator("[role=note]").inner_text()
    assert said == "Not kept, since this server takes no files: photo.jpg."
    assert answers(server, hit) == {"comment": "text", "photo": "[file not kept: photo.jpg]"}
    page.unroute("**/state")
    page.wait_for_url("**/done", timeout=30_000)


def test_crowd_elements_without_amazons_script_say_what_is_missing(task):
    form = """<!doctype html><body><crowd-form answer-format="flatten-objects">
      <crowd-input name="comment" label="Comment" required></crowd-input></crowd-form></body>"""
    _, _, frame = task(html_question(form))
    said = frame.locator("[role=alert]").inner_text()
    assert "https://assets.crowd.aws/crowd-html-elements.js, which did not load" in said


def test_a_page_elsewhere_that_would_send_its_answers_to_amazon_is_stopped(server, elsewhere, task):
    wrong = b"""<!doctype html><form method="post" action="https://workersandbox.mturk.com/mturk/externalSubmit">
      <input name="assignmentId"><button>Send</button></form>"""
    _, page, frame = task(elsewhere.question(wrong))
    frame.locator("button").click()
    page.locator("#blocked").wait_for()  # visible; the text without the address stands there before
    said = page.locator("#blocked").inner_text()
    assert re.search(r"tried to go to https://workersandbox\.mturk\.com", said)
    assert "turkSubmitTo" in said
    for _ in range(50):
        found = server.site.store.read(lambda tx: meta.blocked(tx, None))
        if found:
            break
        page.wait_for_timeout(100)
    assert found == ["https://workersandbox.mturk.com"]


FORM_XML = f"""<QuestionForm xmlns="{SCHEMAS}2005-10-01/QuestionForm.xsd">
  <Overview><Title>Birds &amp; cats</Title><Text>Look.</Text></Overview>
  <Question><QuestionIdentifier>best</QuestionIdentifier><DisplayName>1</DisplayName><IsRequired>true</IsRequired>
    <QuestionContent><FormattedContent><![CDATA[<p>Which <b>one</b>?</p>]]></FormattedContent>
    </QuestionContent>
    <AnswerSpecification><SelectionAnswer><StyleSuggestion>radiobutton</StyleSuggestion><Selections>
      <Selection><SelectionIdentifier>c</SelectionIdentifier><Text>Cat</Text></Selection>
      <Selection><SelectionIdentifier>b</SelectionIdentifier><Text>Bird</Text></Selection>
    </Selections></SelectionAnswer></AnswerSpecification></Question>
  <Question><QuestionIdentifier>all</QuestionIdentifier>
    <QuestionContent><Text>Which ones?</Text></QuestionContent>
    <AnswerSpecification><SelectionAnswer><MaxSelectionCount>2</MaxSelectionCount>
      <StyleSuggestion>checkbox</StyleSuggestion><Selections>
      <Selection><SelectionIdentifier>x</SelectionIdentifier><Text>X</Text></Selection>
      <Selection><SelectionIdentifier>y</SelectionIdentifier><Text>Y</Text></Selection>
      <OtherSelection/></Selections></SelectionAnswer></AnswerSpecification></Question>
  <Question><QuestionIdentifier>why</QuestionIdentifier>
    <QuestionContent><Text>Why?</Text></QuestionContent>
    <AnswerSpecification><FreeTextAnswer><NumberOfLinesSuggestion>3</NumberOfLinesSuggestion></FreeTextAnswer>
    </AnswerSpecification></Question>
</QuestionForm>"""


def test_a_question_form(server, task):
    hit, page, frame = task(FORM_XML)
    assert frame.locator("h2").inner_text() == "Birds & cats"
    frame.locator("button").click()  # nothing is chosen yet: the browser does not send it
    frame.locator("[value=b]").check()
    frame.locator("[value=x]").check()
    frame.locator("[value=y]").check()
    frame.locator("[name='[other]all']").fill("z")
    frame.locator("textarea").fill("so")
    frame.locator("button").click()
    ends(page)
    xml = server.requester().list_assignments_for_hit(HITId=hit)["Assignments"][0]["Answer"]
    assert "<QuestionIdentifier>best</QuestionIdentifier><SelectionIdentifier>b</SelectionIdentifier>" in xml
    assert "<OtherSelectionText>z</OtherSelectionText>" in xml
    assert parse_answer_xml(xml) == {"best": "b", "all": "x|y|z", "why": "so"}
