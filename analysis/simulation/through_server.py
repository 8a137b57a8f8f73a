"""Simulated workers on a running server: they sign in, accept, load the page and submit, as browsers do.

Each step can be repeated: whoever had answered before finds nothing to do, and whoever had only accepted goes
on with that assignment. So an interrupted run is resumed by starting it again.
"""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from glimpse.errors import GlimpseError
from glimpse.program import program
from glimpse.progress import untracked

from .simulation import Crowd

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from glimpse.progress import Track

    from .observer import Observer
    from .simulated_study import SimulatedHit, SimulatedStudy

LOCAL = "http://127.0.0.1:8080"
TRIES = 5
WAIT_S = 0.3
TIMEOUT_S = 60.0
_ASSIGNMENT = re.compile(r"/worker/assignments/([A-Z0-9]{1,64})\b")


def default_url(data: Path = Path("server")) -> str:
    """Return the address of the server that `serve` runs from this folder, or the usual one."""
    try:
        return (data / "endpoint").read_text(encoding="utf-8").strip() or LOCAL
    except OSError:
        return LOCAL


def requester_token(data: Path) -> str:
    """Return what tells a server's requester from everybody else; GlimpseError without it.

    An answer is marked simulated because the requester's own simulator gave it, not because it says so.
    """
    path = data / "dashboard-token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise GlimpseError(
            f"{path}: {error.strerror}. The server takes simulated answers from its requester alone, who has "
            "this file. Name the folder that it is in with --data FOLDER."
        ) from None


def answer_on_server(
    url: str,
    data: Path,
    plan: SimulatedStudy,
    observer: Observer,
    seed: int,
    workers: int | None = None,
    concurrency: int = 8,
    track: Track = untracked,
) -> tuple[int, int]:
    """Let `workers` people (default: as many as fill the study) answer; return how many did and did not.

    `data` is the server's folder, with its `requester_token`.

    Raises GlimpseError when `url` is no address, when no server answers, when the study is not published
    there, or when the server answers what it should not.
    """
    count = plan.people(workers)
    _check_address(url)
    crowd = Crowd(plan, observer, seed)
    tls = httpx.create_ssl_context()
    _require_study(url, plan, tls)
    token, done = requester_token(data), 0
    with ThreadPoolExecutor(concurrency) as pool:
        visits = pool.map(lambda slot: _visit(url, token, crowd, slot, tls), range(count))
        try:
            for answered in track(visits, "simulated workers", count):
                done += answered
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return done, count - done


def _check_address(url: str) -> None:
    try:
        address = httpx.URL(url)
        if address.scheme in ("http", "https") and address.host:
            return
    except httpx.InvalidURL:
        pass
    raise GlimpseError(
        f"--through-server {url!r}: it must be a server's address, such as {LOCAL}. Put the study's folder "
        "before this option."
    )


def _require_study(url: str, plan: SimulatedStudy, tls: ssl.SSLContext) -> None:
    """Raise GlimpseError, which says what to type, unless the server knows the study."""
    with httpx.Client(
        base_url=url, headers={"User-Agent": plan.agent}, timeout=TIMEOUT_S, verify=tls
    ) as site:
        _get(site, "/worker/session")  # what is no server of ours is told from one that lacks the study
        if _get(site, f"/join/{plan.study}").status_code == httpx.codes.NOT_FOUND:
            raise GlimpseError(
                f"{url}: study {plan.study} is not published there. Publish it first: {program()} publish "
                f"{plan.folder} --to local"
            )


def _visit(url: str, token: str, crowd: Crowd, slot: int, tls: ssl.SSLContext) -> bool:
    """Do what one person does; True when answers were taken."""
    plan, agent = crowd.plan, {"User-Agent": crowd.plan.agent}
    with httpx.Client(base_url=url, headers=agent, timeout=TIMEOUT_S, verify=tls) as browser:
        csrf = _get(browser, "/worker/session").json()["csrf"]
        proof = {"Authorization": f"Bearer {token}"}
        _post(browser, "/worker/sign-in", {"name": crowd.worker_id(slot), "csrf": csrf}, headers=proof)
        csrf = _get(browser, "/worker/session").json()["csrf"]
        address = f"/worker/studies/{plan.study}/accept"
        accepted = _post(browser, address, {"csrf": csrf}, {"batch": plan.hit_of(slot).batch})
        if accepted.status_code in (404, 409):
            unfinished = _ASSIGNMENT.search(_get(browser, "/worker/").text)
            if unfinished is None:
                return False
            assignment = unfinished.group(1)
        else:
            assignment = accepted.headers.get("location", "").rstrip("/").rpartition("/")[2]
        state = _get(browser, f"/worker/assignments/{assignment}/state").json()
        hit = next((hit for hit in plan.hits if hit.name == state["hit"]), None)
        if hit is None or state["study"] != plan.study:
            raise GlimpseError(
                f"{url}: assignment {assignment} is of HIT {state['hit']!r} of study {state['study']!r}, "
                f"which is not in this study ({plan.study}). Name the study's folder that was published "
                f"there."
            )
        page = _get(browser, state["page_url"])
        if plan.drawn is not None:
            hit = plan.drawn(page.text, hit.batch, hit.name)
        told = AskedExposures(browser, plan, hit, assignment) if plan.staircase else None
        sent = crowd.visit(slot, hit, told).submission
        if "consented_at" in sent:
            sent["consented_at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        answers = json.dumps(sent, separators=(",", ":"))
        _post(browser, state["submit_url"], {"assignmentId": assignment, "answers": answers})
    return True


class AskedExposures:
    """Asks the server how long to show the next image, as the page does: it saves the answers, and hears.

    What an interrupted run saved is not asked for again: each answer that is kept says its exposure.
    """

    def __init__(
        self, browser: httpx.Client, plan: SimulatedStudy, hit: SimulatedHit, assignment: str
    ) -> None:
        self._browser, self._trials = browser, hit.trials
        self._question = plan.questions[plan.judged_by].name
        self._address = f"/worker/assignments/{assignment}/progress"
        kept = _get(browser, self._address)
        saved: dict[str, Any] = kept.json() if kept.content else {"seq": 0, "answers": []}
        self._seq: int = saved["seq"]
        self._answers: list[dict[str, Any]] = saved["answers"]
        self._shown_ms: dict[int, int] = {}

    def __call__(self, said: Sequence[Any]) -> float:
        """Return the exposure in ms of the image after those that were answered with `said`."""
        place, start = len(said), max(0, len(self._answers) - 1)
        if place < len(self._answers):
            return float(self._answers[place]["exposure_ms"])
        for at in range(len(self._answers), place):
            answer = {"trial": self._trials[at], "choices": {self._question: said[at]}}
            self._answers.append({**answer, "exposure_ms": self._shown_ms.get(at)})
        self._seq += 1
        saved = {"v": 1, "seq": self._seq, "at": place, "stairs": 1}
        part = {"from": start} if start else {}
        reply = _ask(
            self._browser, "PATCH" if part else "PUT", self._address,
            json={**saved, **part, "answers": self._answers[start:]},
        )  # fmt: skip
        told = reply.headers.get("X-Exposure-Ms", "")
        if reply.headers.get("X-Place") != str(place) or not told.isdigit():
            raise GlimpseError(
                f"{reply.url}: the server did not say how long to show trial {self._trials[place]}. Publish "
                "the study anew with this version of Glimpse, to a server of this version."
            )
        self._shown_ms[place] = int(told)
        return float(told)


def _get(browser: httpx.Client, address: str) -> httpx.Response:
    return _ask(browser, "GET", address)


def _post(
    browser: httpx.Client,
    address: str,
    form: dict[str, str],
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    return _ask(browser, "POST", address, data=form, params=query, headers=headers)


def _ask(browser: httpx.Client, method: str, address: str, **content: Any) -> httpx.Response:
    """Send a request, again where the server is busy or the connection broke: no step does harm twice."""
    url, problem = browser.base_url, ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT_S * 2**attempt)
        try:
            response = browser.request(method, address, **content)
        except httpx.ConnectError:
            problem = f"no server answers there; start one with: {program()} serve"
            continue
        except httpx.TransportError as error:
            problem = f"{method} {address}: {type(error).__name__} {error}"
            continue
        if response.status_code < 500:
            return _expected(response, method, address)
        problem = f"{method} {address}: the server answered {response.status_code}"
    raise GlimpseError(f"{url}: {problem}.")


def _expected(response: httpx.Response, method: str, address: str) -> httpx.Response:
    absent = address.startswith("/join/") and response.status_code == httpx.codes.NOT_FOUND
    taken = address.endswith("/accept") and response.status_code in (404, 409)
    if response.status_code < 400 or absent or taken:
        return response
    text = re.sub(r"<[^>]*>|\s+", " ", response.text)
    words = " ".join(text.split())[:200]
    raise GlimpseError(f"{method} {response.url}: the server answered {response.status_code}: {words}")
