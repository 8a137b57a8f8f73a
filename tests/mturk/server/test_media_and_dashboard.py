"""Images in and out; what the requester sees."""

import hashlib
import io
import json
import os

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from click.testing import CliRunner
from PIL import Image

from glimpse.main import main
from glimpse.mturk.server.pages.media import MAX_IMAGE
from glimpse.study import read_study


def image(kind="PNG", colour=0):
    data = io.BytesIO()
    Image.new("RGB", (4, 4), (colour, 0, 0)).save(data, kind)
    return data.getvalue()


def put(server, path, body, *, secret=None, sent=None):
    key, own = next(iter(server.site.keys.items()))
    digest = {"X-Amz-Content-SHA256": hashlib.sha256(body).hexdigest()}
    request = AWSRequest("PUT", server.url + path, digest, body)
    SigV4Auth(Credentials(key, secret or own), "mturk-requester", "us-east-1").add_auth(request)
    return httpx.put(
        server.url + path, content=body if sent is None else sent, headers=dict(request.headers), verify=False
    )


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.webp", "WEBP")])
def test_an_image_in_and_out(server, name, kind):
    body = image(kind)
    assert put(server, f"/media/study1/{name}", body).status_code == 201
    assert put(server, f"/media/study1/{name}", body).status_code == 200
    reply = httpx.get(f"{server.url}/media/study1/{name}", verify=False)
    assert reply.content == body
    assert reply.headers["content-type"] == f"image/{kind.lower()}"
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_name_never_means_another_image(server):
    put(server, "/media/s/a.png", image())
    assert put(server, "/media/s/a.png", image(colour=9)).status_code == 409
    assert httpx.get(f"{server.url}/media/s/a.png", verify=False).content == image()


def test_uploads_that_are_refused(server):
    assert put(server, "/media/s/a.png", image(), secret="x").status_code == 403
    assert httpx.put(f"{server.url}/media/s/a.png", content=image(), verify=False).status_code == 403
    assert put(server, "/media/s/a.png", image("JPEG")).status_code == 415
    assert put(server, "/media/s/a.png", b"<svg onload=x>").status_code == 415
    assert put(server, "/media/s/a.svg", b"<svg>").status_code == 404
    assert put(server, "/media/s/a.png", b"x" * (MAX_IMAGE + 1)).status_code == 413
    assert httpx.get(f"{server.url}/media/s/a.png", verify=False).status_code == 404
    assert not (server.site.settings.data / "media").exists()


@pytest.mark.parametrize(
    "path",
    ["/media/../server.sqlite3", "/media/s/..%2f..%2fcredentials", "/media/%2e%2e/credentials",
     "/media/s/.png", "/media/s/a.png/..", "/media/s%00/a.png", "/media//a.png", "/media/s/a.png%00.jpg"],
)  # fmt: skip
def test_no_way_out_of_the_folder(server, path):
    raw = httpx.Client(verify=False)
    with raw:
        for method in ("GET", "PUT"):
            reply = raw.send(
                httpx.Request(method, server.url + path, content=image() if method == "PUT" else b"")
            )
            assert reply.status_code in {403, 404, 405}
    assert put(server, path, image()).status_code in {403, 404, 405}


# The dashboard


@pytest.fixture
def requester(server):
    browser = server.browser(follow_redirects=True)
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    return browser


def test_only_with_the_link(server, requester):
    nobody = server.browser()
    for path in ("/dashboard/", "/dashboard/?token=x", "/dashboard/studies/s", "/dashboard/studies/s/live"):
        assert nobody.get(path).status_code == 403
    assert nobody.post("/dashboard/studies/s/settings").status_code == 403
    assert "Nothing is published yet" in requester.get("/dashboard/").text
    assert requester.get("/dashboard/studies/none").status_code == 404
    assert (server.site.settings.data / "dashboard-token").stat().st_mode & 0o777 == 0o600


def test_counts(server, requester, publish, turk):
    hits = [publish(3, RequesterAnnotation=f"glimpse:s:b1:h{number}")["HITId"] for number in range(2)]
    publish(title="Something else")
    workers = [server.worker(name) for name in "abcd"]
    first, second, third, fourth = (worker.take(hits[0 if n < 3 else 1]) for n, worker in enumerate(workers))
    workers[0].submit(first)
    workers[1].submit(second)
    workers[2].give_back(third)
    turk.approve_assignment(AssignmentId=first)
    turk.send_bonus(WorkerId=workers[0].id, AssignmentId=first, BonusAmount="0.25", Reason="r")
    listed = requester.get("/dashboard/").text
    assert "2 of 6 submitted, 1 at work" in listed
    assert "HITs that belong to no study" in listed
    page = requester.get("/dashboard/studies/s").text
    assert "$0.75" in page
    assert 'aria-label="2 of 3 submitted, 0 at work"' in page
    assert f"{server.url}/join/s?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&amp;STUDY_ID" in page
    assert "start the server with the study" in page
    assert requester.get("/dashboard/studies/-").status_code == 200
    live = requester.get("/dashboard/studies/s/live").text
    assert "<html" not in live
    assert "Returned" in live
    assert fourth


@pytest.fixture
def study(tmp_path):
    """A limited-time study of one HIT: 3 trials and 1 sentinel."""
    for number, condition in enumerate(("real", "crn", "pix2pix", "image-space")):
        for item in range(4):
            path = tmp_path / "images" / condition / f"{item}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 16), (60 * number, 60 * item, 0)).save(path)
    command = ["build-hits", "--mode", "limited-time", "--images", str(tmp_path / "images")]
    command += ["--out", str(tmp_path / "study"), "--hits-per-batch", "1", "--trials-per-cell", "1"]
    command += ["--exposure-ms", "125", "--sentinels-per-hit", "1"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    return read_study(tmp_path / "study")


def test_exclusions_so_far(start, study, tmp_path, question):
    server = start(studies=(study.folder, tmp_path / "missing"))
    name = study.hits[0].hit
    hit_id = server.requester().create_hit(
        Title="T", Description="D", Reward="1", Question=question, LifetimeInSeconds=600, MaxAssignments=9,
        AssignmentDurationInSeconds=600, RequesterAnnotation=f"glimpse:{study.study}:b1:{name}",
    )["HIT"]["HITId"]  # fmt: skip
    other = {"left": "right", "right": "left"}
    for person, right in (("good", True), ("bad", False)):
        worker = server.worker(person)
        answers = [
            {
                "trial": trial.trial,
                "side": (trial.correct_side if right else other[trial.correct_side])
                if trial.sentinel
                else "left",
                "response_ms": 500,
                "shown_ms": 125,
                "frames": 8,
                "onset_ms": 1,
            }
            for trial in study.trials_of(name)
        ]
        sent = {"schema": 1, "study": study.study, "hit": name, "page": {}, "answers": answers}
        worker.submit(worker.take(hit_id), answers=json.dumps(sent))
    broken = server.worker("broken")
    broken.submit(broken.take(hit_id), answers="nonsense")
    browser = server.browser(follow_redirects=True)
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    for _ in range(2):
        page = browser.get(f"/dashboard/studies/{study.study}").text
        assert "<b>2</b><span>excluded so far" in page


def test_no_header_tells_images_apart(server):
    """Two images of one size, stored at different times: only their names differ."""
    seen = []
    for name, colour, stored in (("aaa", 1, 1_000_000), ("bbb", 9, 2_000_000)):
        put(server, f"/media/s/{name}.png", image(colour=colour))
        os.utime(server.site.settings.data / "media/s" / f"{name}.png", (stored, stored))
        headers = dict(httpx.get(f"{server.url}/media/s/{name}.png", verify=False).headers)
        seen.append({key: value.replace(name, "") for key, value in headers.items() if key != "date"})
    assert seen[0] == seen[1]
