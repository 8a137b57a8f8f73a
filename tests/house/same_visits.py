"""The steps of same_files.py that need a server: people who take part by its pages, and requesters."""

import http.cookiejar
import json
import re
import signal
import time
import urllib.error
import urllib.parse
import urllib.request


def wait_for(find):
    """Return what `find` finds, as soon as it finds something."""
    for _ in range(600):
        if found := find():
            return found
        time.sleep(0.1)
    raise TimeoutError("a server did not start in a minute")


def preview_served(side):
    process = side.start("preview everything --serve --no-browser")
    address = wait_for(lambda: re.search(r"http://\S+", process.log.read_text()))[0]
    visitor = Visitor(address, side.at / "preview")
    for path in (address, "/study.json", "/pages/../study.json"):
        visitor.ask("GET", path)
    side.finish(process, signal.SIGINT)


class Visitor:
    """Somebody in front of a browser; every answer of the server goes to a file of its own in `log`."""

    class _Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    def __init__(self, base, log):
        self.base, self.log = base, log
        log.mkdir(exist_ok=True)
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar, self._Stay)

    def ask(self, method, path, *, origin=None, **form):
        """Send a request, with a form if there is one; returns the answer's (headers, text)."""
        data = form.pop("body", None) or (urllib.parse.urlencode(form).encode() if form else None)
        request = urllib.request.Request(urllib.parse.urljoin(self.base, path), data, method=method)
        if origin:
            request.add_header("Origin", origin)
        try:
            answer = self.opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
        # A file's own time is when it was written here.
        head = [f"{name}: {text}" for name, text in answer.headers.items() if name != "Last-Modified"]
        text = "\n".join([f"{method} {path}", str(answer.status), *sorted(head), "", ""])
        (self.log / f"{len(list(self.log.iterdir())):02d}.txt").write_bytes(text.encode() + body)
        return answer.headers, body.decode(errors="replace")

    def press(self, path, **form):
        """Send a form with the page's token; returns the address to which the answer leads."""
        token = json.loads(self.ask("GET", "/worker/session")[1])["csrf"]
        return self.ask("POST", path, csrf=token, **form)[0].get("Location", "/none")


def visit(side, url, study, log):
    """Take part in a published study by the pages: sign in, look, begin, save, submit, return, join."""
    hit = next(
        line["hit_id"]
        for line in map(json.loads, (side.at / study / "published" / "local.jsonl").open())
        if line["event"] == "outcome" and "hit_id" in line
    )
    name = json.loads((side.at / study / "study.json").read_text())["study"]
    ann = Visitor(url, side.at / log)
    for path in ("/", "/worker/", "/worker/sign-in", f"/join/{name}", "/join/none", "/none"):
        ann.ask("GET", path)
    ann.press("/worker/sign-in", name=f"ann {study}")
    for path in ("/worker/", f"/worker/hits/{hit}", f"/worker/hits/{hit}/page", "/worker/history"):
        ann.ask("GET", path)
    work = ann.press(f"/worker/studies/{name}/accept")
    state = json.loads(ann.ask("GET", f"{work}/state")[1])
    ann.ask("GET", work)
    ann.ask("GET", state["page_url"])
    for body in (b'{"seq": 2, "answers": [1]}', b'{"seq": 1}', b"{"):
        ann.ask("PUT", f"{work}/progress", body=body)
    ann.ask("GET", f"{work}/progress")
    ann.ask("POST", state["submit_url"], assignmentId=state["assignment_id"], answers="{}", origin="http://x")
    for _ in range(2):
        ann.ask("POST", state["submit_url"], assignmentId=state["assignment_id"], answers='{"schema": 1}')
    for path in (f"{work}/done", work, "/worker/history", "/worker/qualifications", "/worker/"):
        ann.ask("GET", path)
    ben = Visitor(url, side.at / log)
    link = f"/join/{name}?PROLIFIC_PID=ben&STUDY_ID=s&SESSION_ID=t"
    ben.ask("GET", link)
    work = ben.press(link)
    ben.ask("GET", work)
    ben.press(f"{work}/return")
    ben.ask("GET", f"{work}/done")
    ben.ask("POST", f"/worker/hits/{hit}/accept", csrf="forged")
    Visitor(url, side.at / log).press(f"/join/{name}?PROLIFIC_PID=cay&STUDY_ID=s&SESSION_ID=t")


def sit(side, url, study, log):
    """Take part at a lab's computer, one person after the other; elsewhere that is refused."""
    name = json.loads((side.at / study / "study.json").read_text())["study"]
    desk = Visitor(url, side.at / log)
    for person in ("", "P01", "P02", "P01"):
        desk.ask("GET", f"/join/{name}")
        work = desk.press(f"/join/{name}", participant=person)
        desk.ask("GET", work)
        desk.press("/worker/sign-out", study=name)
    desk.ask("GET", "/worker/sign-in")
    desk.press("/worker/sign-in", name="dan")


def look(side, url, study, log):
    """Open the requester's pages, and say how a study ends."""
    requester = Visitor(url, side.at / log)
    name = json.loads((side.at / study / "study.json").read_text())["study"]
    token = (side.at / "server" / "dashboard-token").read_text().strip()
    for path in ("/dashboard/", "/dashboard/?token=no", f"/dashboard/?token={token}", "/dashboard/"):
        requester.ask("GET", path)
    page = f"/dashboard/studies/{name}"
    requester.press(f"{page}/settings", completion_url="https://panel.example/?c={participant}",
                    completion_code="CODE", min_width_px="0", min_height_px="0")  # fmt: skip
    requester.press(f"{page}/settings", min_width_px="-1")
    for path in (f"{page}/live", "/dashboard/studies/none"):
        requester.ask("GET", path)
    shown = requester.ask("GET", page)[1]
    for path in sorted(set(re.findall(r"/static/[\w./-]+", shown))):
        requester.ask("GET", path)


REQUESTER = """
import json, sys, boto3
turk = boto3.client("mturk", endpoint_url=sys.argv[1], region_name="us-east-1")
def ask(operation, **words):
    try:
        found = getattr(turk, operation)(**words)
    except Exception as error:
        found = {type(error).__name__: str(error)}
    found.pop("ResponseMetadata", None)
    print(operation, json.dumps(words), json.dumps(found, default=str, sort_keys=True))
    return found
ask("get_account_balance")
kind = ask("create_qualification_type", Name="tested", Description="d", QualificationTypeStatus="Active")
kind = kind.get("QualificationType", {}).get("QualificationTypeId") or ask(
    "list_qualification_types", MustBeRequestable=False)["QualificationTypes"][0]["QualificationTypeId"]
for hit in ask("list_hits")["HITs"]:
    ask("get_hit", HITId=hit["HITId"])
    ask("list_bonus_payments", HITId=hit["HITId"])
    found = ask("list_assignments_for_hit", HITId=hit["HITId"], MaxResults=100)["Assignments"]
if found:
    worker = found[0]["WorkerId"]
    ask("get_assignment", AssignmentId=found[0]["AssignmentId"])
    ask("associate_qualification_with_worker", QualificationTypeId=kind, WorkerId=worker, IntegerValue=3)
    ask("create_worker_block", WorkerId=worker, Reason="asleep")
    ask("notify_workers", Subject="s", MessageText="m", WorkerIds=[worker])
ask("list_workers_with_qualification_type", QualificationTypeId=kind)
ask("list_worker_blocks")
ask("list_reviewable_hits")
ask("list_qualification_types", MustBeRequestable=False)
ask("create_additional_assignments_for_hit", HITId=hit["HITId"], NumberOfAdditionalAssignments=1)
ask("update_expiration_for_hit", HITId=hit["HITId"], ExpireAt=0)
ask("delete_hit", HITId=hit["HITId"])
ask("get_hit", HITId="none")
ask("get_file_upload_url", AssignmentId="none", QuestionIdentifier="q")
"""


def run_study(side, study, results, choices):
    """Publish a study to the running server, take part, collect and review until every place is taken."""
    url = side.words["url"]
    side.run(f"status {study}")
    side.run(f"publish {study}{choices}")
    side.run(f"publish {study} --to local")
    visit(side, url, study, f"pages-{study}")
    look(side, url, study, f"dashboard-{study}")
    side.run(f"simulate {study} --through-server {{url}} --workers 7 --random-share 0.5")
    side.run(f"status {study}")
    side.run(f"collect {study} --out {results}")
    side.run(f"review {study} --dry-run")
    lines = map(json.loads, (side.at / results / "assignments.jsonl").open())
    side.words["one"], side.words["two"] = [line["assignment_id"] for line in lines][-2:]
    side.run(f"review {study} --reject {{one}} --reject {{two}} --reason 'The same key all the time.'")
    side.run(f"review {study} --replace --overturn {{two}} --bonus 0.50 --bonus-reason Thanks --yes")
    side.run(f"simulate {study} --through-server {{url}} --seed 5")
    side.run(f"collect {study} --out {results}")
    side.run(f"review {study} --extend 3 --no-approve")
    side.run(f"status {study}")


def serve_studies(side):
    """Run two studies on a server, sell a third, ask as a requester; then serve a lab, and the web."""
    process = start_server(side, "serve --port 0 --study limited --study unlimited")
    run_study(side, "limited", "results", "")
    choices = " --qualification approval-rate>=0 --nines yes --expires 2"
    run_study(side, "unlimited", "unlimited-results", choices)
    hosted = "--endpoint {url} --image-url-prefix https://images.example.org/x/"
    for choices in ("--to sandbox", "--to production", "--to production --yes", "--to production --yes"):
        side.run(f"publish paid {choices} {hosted}")
    side.run("status paid --endpoint {url}")
    side.run("status paid --on production --endpoint {url}")
    for _ in range(2):
        side.run("{url}", [str(side.python), "-c", REQUESTER])
    side.run("serve --port 0")
    side.finish(process, signal.SIGTERM)
    side.run("status limited")
    side.run("serve --forget 'ann limited'")
    lab = start_server(side, "serve --port 0 --lab --completion-url https://panel.example.org/done")
    sit(side, side.words["url"], "paid", "pages-lab")
    side.finish(lab, signal.SIGINT)
    public = start_server(side, "serve --port 0 --public-url https://study.example.org")
    sit(side, side.words["url"], "paid", "pages-public")
    side.finish(public, signal.SIGINT)


def start_server(side, line):
    process, endpoint = side.start(line), side.at / "server" / "endpoint"
    side.words["url"] = wait_for(lambda: endpoint.exists() and endpoint.read_text().strip())
    return process
