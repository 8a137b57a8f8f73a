"""HYPE-time, whole: exposures decided by the server from the answers it kept, whatever happens in between."""

import json
import random
import re
import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.analysis.reading.detections import Climbed, all_detections
from glimpse.analysis.reading.exclusion import exclude
from glimpse.analysis.reading.results import read_results
from glimpse.analysis.simulation import single_people, through_server
from glimpse.analysis.simulation.simulated_study import SimulatedStudy
from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.page.stairs import decide, rules_of
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage import staircases
from glimpse.staircase import StaircaseSettings, exposures, next_exposure
from glimpse.study import read_study
from tests.mturk.client.conftest import Nowhere
from tests.mturk.server.test_durability import Process

TRIALS, BLOCKS = 24, 2


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hype")
    noise = random.Random(0)
    for condition in ("real", "gan"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(TRIALS):
            picture = Image.frombytes("RGB", (16, 12), noise.randbytes(16 * 12 * 3))
            picture.save(folder / "images" / condition / f"{item:03d}.png")
    words = f"build-hits --preset hype-time --trials-per-hit {TRIALS} --blocks {BLOCKS} --hits-per-batch 2 "
    words += "--workers-per-hit 2 --contact me@lab.org"
    result = CliRunner().invoke(
        main, [*words.split(), "--images", str(folder / "images"), "--out", str(folder / "study")]
    )
    assert result.exit_code == 0, result.output
    return folder / "study"


@pytest.fixture
def study(built, tmp_path):
    return read_study(shutil.copytree(built, tmp_path / "study"))


@pytest.fixture
def published(study, server):
    return publish(study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))


class Page:
    """What a page does, without a browser: it saves answers, and hears how long to show the next image."""

    def __init__(self, study, server, browser, name):
        self.url, self.browser = server.url, browser
        sign_in = {"name": name, "csrf": self._csrf()}
        browser.post(f"{self.url}/worker/sign-in", data=sign_in)
        address = f"{self.url}/worker/studies/{study.study}/accept"
        accepted = browser.post(address, data={"csrf": self._csrf()}, params={"batch": "b1"})
        self.assignment = accepted.headers["location"].rstrip("/").rpartition("/")[2]
        self.state = {"v": 1, "seq": 0, "at": 0, "answers": [], "stairs": 1}
        state = browser.get(f"{self.url}/worker/assignments/{self.assignment}/state").json()
        self.hit = state["hit"]
        self.trials = study.trials_of(self.hit)

    def _csrf(self):
        return self.browser.get(f"{self.url}/worker/session").json()["csrf"]

    def save(self, part=False):
        self.state["seq"] += 1
        body = dict(self.state)
        if part:
            start = len(self.state["answers"]) - 2
            body |= {"from": start, "answers": self.state["answers"][start:]}
        address = f"{self.url}/worker/assignments/{self.assignment}/progress"
        reply = self.browser.request("PATCH" if part else "PUT", address, json=body)
        assert reply.status_code == 204, reply.text
        return reply.headers

    def answer(self, right):
        trial = self.trials[self.state["at"]]
        real = trial.condition_left == "real"
        said = "real" if real == right else "generated"
        self.state["answers"].append(
            {"trial": trial.trial, "choices": {"real": said}, "response_ms": {"real": 500}}
        )
        self.state["at"] += 1


def told(headers):
    return int(headers["X-Place"]), int(headers["X-Exposure-Ms"]), headers.get("X-Right")


def test_exposures_follow_the_rule_and_the_answers(study, published, server, browser):
    page = Page(study, server, browser, "ann")
    rng = random.Random(1)
    right, shown, said = [], [], []
    for place in range(TRIALS):
        at, exposure_ms, was_right = told(page.save(part=place > 3))
        assert at == place
        shown.append(exposure_ms)
        said.append(was_right)
        right.append(rng.random() < 0.8)
        page.answer(right[-1])
    size, rule = TRIALS // BLOCKS, study.experiment.staircase
    expected = [one for at in range(0, TRIALS, size) for one in exposures(rule, right[at : at + size])[:-1]]
    assert shown == expected
    assert said == [None, *(str(int(one)) for one in right[:-1])]
    last = page.save()
    assert "X-Exposure-Ms" not in last
    assert last["X-Right"] == str(int(right[-1]))


def test_a_reload_and_a_new_start_of_the_server_change_nothing(study, published, server, browser):
    page = Page(study, server, browser, "bob")
    page.save()
    for right in (True, False, True):
        page.answer(right)
        before = told(page.save())
    staircases._KNOWN.clear()
    assert told(page.save()) == before
    kept = browser.get(f"{page.url}/worker/assignments/{page.assignment}/progress").json()
    assert kept["answers"] == page.state["answers"]
    page.state = kept
    assert told(page.save()) == before


def test_killed_in_the_middle_nothing_acknowledged_is_lost_and_the_rule_goes_on(
    study, published, server, start, browser
):
    """What the page was saving as the server was killed may be kept or not; all before it is."""
    killed = Process(server.data)
    page = Page(study, killed, browser, "kim")
    right = [bool(number % 4) for number in range(TRIALS)]
    heard = [told(page.save())]

    def work():
        try:
            for one in right[:12]:
                page.answer(one)
                heard.append(told(page.save(part=len(heard) > 2)))
        except (httpx.HTTPError, KeyError):
            return

    thread = threading.Thread(target=work)
    thread.start()
    while len(heard) < 8:
        time.sleep(0.001)
    killed.kill()
    thread.join()
    page.url = start(server.data).url
    kept = browser.get(f"{page.url}/worker/assignments/{page.assignment}/progress").json()
    sent = page.state["answers"]
    assert len(heard) - 1 <= len(kept["answers"]) <= len(sent)
    assert kept["answers"] == sent[: len(kept["answers"])]
    page.state["seq"] += 1
    place, exposure_ms, _ = told(page.save(part=True))
    rule, size = study.experiment.staircase, TRIALS // BLOCKS
    assert place == len(sent)
    assert exposure_ms == next_exposure(rule, right[place // size * size : place])
    before = [one[1] for one in heard[:size]]
    assert before == exposures(rule, right[:size])[: len(before)]


def test_an_answer_that_was_kept_is_never_changed(study, published, server, browser):
    page = Page(study, server, browser, "eve")
    page.save()
    page.answer(True)
    page.save()
    page.state["answers"].pop()
    page.state["at"] -= 1
    page.answer(False)
    page.state["seq"] += 1
    address = f"{page.url}/worker/assignments/{page.assignment}/progress"
    assert browser.put(address, json=page.state).status_code == 409


def test_nobody_is_told_what_was_right_where_the_study_does_not_ask_for_it(study):
    rules = {**rules_of(study), "feedback": False}
    answers = [{"trial": study.trials[0].trial, "choices": {"real": "real"}}]
    assert decide(rules, "b1-h01", answers, 1).right is None


def test_the_page_holds_nothing_that_tells_what_is_real(study):
    for hit in study.hits:
        page = study.page_path(hit.hit).read_text()
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        assert data["D"] == 2
        assert data["e"] == [study.experiment.staircase.start_ms]
        assert "truth" not in page
        assert all(trial.exposure_ms is None for trial in study.trials_of(hit.hit))


def test_it_is_published_on_our_own_server_alone(study, paid):
    status, _, errors = paid("publish", str(study.folder))
    assert status == 1
    assert re.search("exposures of this study are decided answer by answer", " ".join(errors))


def answering(study, server, at):
    return ["simulate", str(study.folder), "--through-server", server.url, *at, "--random-share", "0"]


def test_results_have_the_exposures_that_people_had(
    study, published, server, glimpse, at, tmp_path, monkeypatch
):
    """Simulated people ask the server for each exposure, as the page does."""
    monkeypatch.setattr(single_people, "next_exposure", None)
    answered = glimpse(*answering(study, server, at))
    assert answered[0] == 0, answered
    assert glimpse("collect", str(study.folder), *at, "--out", "results")[0] == 0
    results = read_results(tmp_path / "results")
    climbed = Climbed.of(results.experiment, results.trials)
    table = all_detections(exclude(results).judgments, "real", climbed)
    assert len(table) == 4 * TRIALS
    assert not table["excluded"].any()
    assert table["exposure_ms"].between(100, 1000).all()
    assert (abs(table["shown_ms"] - table["exposure_ms"]) < 20).all()
    assert table.groupby("assignment", observed=True)["exposure_ms"].first().eq(500).all()
    lines = (tmp_path / "results/assignments.jsonl").read_text().splitlines()
    said = [answer["exposure_ms"] for line in lines for answer in json.loads(line)["answers"]]
    assert Counter(said) == Counter(table["exposure_ms"].astype(int))
    assert glimpse("analyze", "results", "--out", "report")[0] == 0


def test_simulated_people_who_were_interrupted_go_on(study, published, server, glimpse, at, monkeypatch):
    """What they had saved is not asked for again, and they answer as if nothing had happened."""
    words = [*answering(study, server, at), "--workers", "1"]
    ask, asked = through_server._ask, []

    def counted(browser, method, address, **content):
        if address.endswith("/progress") and method != "GET":
            asked.append(content["json"]["at"])
            if len(asked) == 9:
                raise GlimpseError("interrupted")
        return ask(browser, method, address, **content)

    monkeypatch.setattr(through_server, "_ask", counted)
    assert glimpse(*words)[0] == 1
    assert glimpse(*words)[0] == 0
    assert asked == [*range(9), *range(7, TRIALS)]
    answered = glimpse("collect", str(study.folder), *at, "--out", "results")
    assert answered[0] == 0, answered
    one = json.loads(Path("results", "assignments.jsonl").read_text())
    # Either HIT may have come to the server first.
    monkeypatch.setattr(SimulatedStudy, "hit_of", lambda plan, _: {h.name: h for h in plan.hits}[one["hit"]])
    own = glimpse("simulate", str(study.folder), "--random-share", "0", "--workers", "1", "--out", "own")
    assert own[0] == 0, own
    other = json.loads(Path("own", "assignments.jsonl").read_text())
    assert [answer["exposure_ms"] for answer in one["answers"]] == [
        answer["exposure_ms"] for answer in other["answers"]
    ]


def test_numbers_of_the_staircase_are_options(built, tmp_path):
    words = ["build-hits", "--preset", "hype-time", "--images", str(built.parent / "images"), "--out",
             str(tmp_path / "other"), "--trials-per-hit", "24", "--staircase-rights", "1",
             "--staircase-longer-ms", "30", "--staircase-shorter-ms", "10", "--no-feedback"]  # fmt: skip
    assert CliRunner().invoke(main, words).exit_code == 0
    experiment = read_study(tmp_path / "other").experiment
    assert experiment.staircase == StaircaseSettings(longer_ms=30, shorter_ms=10, rights=1)
    assert not experiment.feedback


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials-per-hit", "25"], "staircases of one length need a multiple of it"),
        (
            ["--sentinels-per-hit", "2", "--sentinel", "gan", "--condition", "gan"],
            "Set --sentinels-per-hit 0",
        ),
        (["--exposure-ms", "100"], "--exposure-ms does not go with a staircase"),
        (["--staircase-start-ms", "5"], "start_ms is 5; it must be from least_ms (100)"),
        (["--allocation", "fixed", "--staircase-rights", "2"], "--staircase-rights is of a staircase"),
    ],
)
def test_what_no_staircase_can_be_is_one_message(built, tmp_path, words, message):
    usual = ["build-hits", "--preset", "hype-time", "--images", str(built.parent / "images"), "--out",
             str(tmp_path / "study"), "--blocks", "2"]  # fmt: skip
    found = CliRunner().invoke(main, [*usual, *words])
    assert found.exit_code == 1
    assert message in found.output
    assert not (tmp_path / "study").exists()
