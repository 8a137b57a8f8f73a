"""The server behind nginx and Caddy, configured as docs/production.md says, and behind nginx's defaults."""

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

import boto3
import httpx
import pytest

from benchmarks.exposures import browser as running_browser
from benchmarks.exposures import chromium, experiment, make_study
from glimpse.mturk.server.protocol.signing import load_keys
from tests.browser.sites import begin, glimpse, step
from tests.mturk.server.conftest import HTML

TEXT = (Path(__file__).parents[3] / "docs/production.md").read_text(encoding="utf-8")
PROXIES = {name: shutil.which(name) for name in ("nginx", "caddy")}
BLOCKS = {name: re.findall(rf"```{name}\n(.*?)```", TEXT, re.DOTALL) for name in PROXIES}
DEFAULTS = """server { listen 443 ssl; ssl_certificate X; ssl_certificate_key X;
  location / { proxy_pass http://127.0.0.1:8080; } }"""
PANEL = {"PROLIFIC_PID": "p1", "STUDY_ID": "s1", "SESSION_ID": "x1"}


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("without openssl")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem",
         "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def proxy(tmp_path, certificate):
    """A function that runs a proxy with a configuration, its ports and certificate replaced by a test's."""
    running = []

    def run(name, block, port, server_port):
        if PROXIES[name] is None:
            pytest.skip(f"without {name}")
        block = block.replace("127.0.0.1:8080", f"127.0.0.1:{server_port}")
        path = tmp_path / f"{name}.conf"
        if name == "nginx":
            for old, new in {
                r"listen 443": f"listen 127.0.0.1:{port}",
                r"ssl_certificate\s+\S+;": f"ssl_certificate {certificate}/cert.pem;",
                r"ssl_certificate_key\s+\S+;": f"ssl_certificate_key {certificate}/key.pem;",
                r"server_name \S+;": "server_name localhost;",
            }.items():
                block = re.sub(old, new, block)
            places = "".join(
                f"{kind}_temp_path {tmp_path}/{kind};"
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            path.write_text(
                f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} "
                f"http {{ access_log off; {places} {block} }}"
            )
            words = [PROXIES[name], "-e", "stderr", "-p", tmp_path, "-c", path]
        else:
            tls = f"bind 127.0.0.1\n tls {certificate}/cert.pem {certificate}/key.pem"
            block = re.sub(r"^\S+ \{", f"https://localhost:{port} {{\n {tls}", block)
            path.write_text(
                f"{{\n admin off\n auto_https disable_redirects\n skip_install_trust\n}}\n{block}"
            )
            words = [PROXIES[name], "run", "--adapter", "caddyfile", "--config", path]
        environment = {"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/bin"}
        running.append(subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL))
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert running[-1].poll() is None, f"{name} does not run with its configuration"
            time.sleep(0.05)
        raise AssertionError(f"{name} does not listen")

    yield run
    for process in running:
        process.terminate()
        process.wait(20)


TAKEN_OFF = BLOCKS["nginx"][1].replace("8080;", "8080/;").replace("/study {", "/study/ {")
CASES = {
    "nginx": ("nginx", BLOCKS["nginx"][0], ""),
    "nginx, a path": ("nginx", BLOCKS["nginx"][1], "/study"),
    "nginx, the path taken off": (
        "nginx", TAKEN_OFF, "/study",
    ),
    "nginx, defaults": ("nginx", DEFAULTS, ""),
    "caddy": ("caddy", BLOCKS["caddy"][0], ""),
    "caddy, a path": ("caddy", BLOCKS["caddy"][1], "/study"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_task_and_the_api_through_a_proxy(start, proxy, certificate, case):
    name, block, path = CASES[case]
    port = free_port()
    origin = f"https://localhost:{port}"
    server = start(public_url=origin + path)
    proxy(name, block, port, server.socket.getsockname()[1])

    keys = load_keys(server.site.settings.data / "credentials")
    key, secret = next(iter(keys.items()))
    turk = boto3.client(
        "mturk", endpoint_url=origin + path + "/" * case.endswith("off"), region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret, verify=str(certificate / "cert.pem"),
    )  # fmt: skip
    hit = turk.create_hit(
        Title="T", Description="D", Reward="0.1", AssignmentDurationInSeconds=60, LifetimeInSeconds=600,
        Question=HTML, RequesterAnnotation="glimpse:s:b1:h1",
    )["HIT"]["HITId"]  # fmt: skip

    browser = httpx.Client(
        base_url=origin, verify=False, follow_redirects=True,
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    with browser:
        page = browser.get(f"{path}/join/s", params=PANEL)
        assert page.status_code == 200
        assert "; Secure" in page.headers["set-cookie"] or "; secure" in page.headers["set-cookie"]
        for address in re.findall(r'(?:href|src)="(/static/[^"]*|/study/static/[^"]*)"', page.text):
            assert browser.get(address).status_code == 200
        action = re.search(r'method="post" action="([^"]+)"', page.text)[1].replace("&amp;", "&")
        token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
        work = browser.post(action, data={"csrf": token})
        assert f"{path}/worker/assignments/" in str(work.url)
        state = browser.get(re.search(r'data-state="([^"]+)"', work.text)[1]).json()
        frame = browser.get(state["page_url"])
        assert "Which?" in frame.text
        saved = browser.put(f"{path}/worker/assignments/{state['assignment_id']}/progress", json={"seq": 1})
        assert saved.status_code == 204
        target = frame.url.params["turkSubmitTo"] + "/mturk/externalSubmit"
        assert target.startswith(f"{origin}{path}/submit/")
        sent = httpx.post(target, data={"a": "1"}, verify=False, headers={"Origin": "null"})
        assert sent.status_code == 200
        assert "Thank you" in browser.get(f"{path}/worker/assignments/{state['assignment_id']}/done").text
    assert turk.list_assignments_for_hit(HITId=hit)["NumResults"] == 1
    turk.close()


@pytest.mark.browser
@pytest.mark.skipif(chromium() is None, reason="without Chromium")
@pytest.mark.parametrize("case", ["nginx, defaults", "caddy, a path"])
def test_a_person_does_a_whole_task_through_a_proxy(start, proxy, tmp_path, case):
    """Join, images, answers saved on the way, submission, and the way back: in a browser."""
    name, block, path = CASES[case]
    port = free_port()
    public = f"https://localhost:{port}{path}"
    server = start(public_url=public)
    data = server.site.settings.data
    proxy(name, block, port, server.socket.getsockname()[1])
    (data / "endpoint").write_text(server.url)
    (data / "public-url").write_text(public)
    study = make_study(tmp_path / "made", experiment((60,), 3), 4, (64, 32))
    published = glimpse("publish", study.folder, "--to", "local", "--data", data)
    assert f"Prolific: {public}/join/{study.study}?PROLIFIC_PID=" in published
    with running_browser() as chrome:
        context = chrome.new_context(viewport={"width": 1366, "height": 768}, ignore_https_errors=True)
        page, saves = context.new_page(), []
        page.on("response", lambda one: saves.append(one.status) if "/progress" in one.url else None)
        page.goto(f"{public}/join/{study.study}?{urlencode(PANEL)}")
        page.click("#begin")
        begin(page.frame_locator("iframe"))
        for _ in range(60):
            if (pressed := step(page.frame_locator("iframe"))) == "send":
                break
            assert pressed != "retry", "an image did not load"
            time.sleep(0.02)
        page.wait_for_url("**/done", timeout=30_000)
        assert page.url.startswith(f"{public}/worker/assignments/")
        assert page.locator("main h1").inner_text() == "Thank you"
    assert set(saves) <= {200, 204}
    assert len(saves) > 3
    (found,) = server.requester().list_assignments_for_hit(
        HITId=server.requester().list_hits()["HITs"][0]["HITId"]
    )["Assignments"]
    assert '"answers":[' in found["Answer"].replace("&quot;", '"')


def test_a_proxy_that_hides_the_address_is_said_before_any_work(start, proxy, question):
    port = free_port()
    origin = f"https://localhost:{port}"
    server = start()
    proxy("nginx", DEFAULTS, port, server.socket.getsockname()[1])
    client = server.requester()
    client.create_hit(
        Title="T", Description="D", Reward="0.1", AssignmentDurationInSeconds=60, LifetimeInSeconds=600,
        Question=question, RequesterAnnotation="glimpse:s:b1:h1",
    )  # fmt: skip
    with httpx.Client(base_url=origin, verify=False, headers={"Origin": origin}) as browser:
        for address in ("/join/s", "/worker/sign-in"):
            token = re.search(r'name="csrf" value="(\w+)"', browser.get(address).text)[1]
            reply = browser.post(address, data={"csrf": token, "name": "x"})
            assert reply.status_code == 403
            assert (
                f"This form was sent from {origin}, but this server believes that it is http://" in reply.text
            )
            assert "--public-url" in reply.text
