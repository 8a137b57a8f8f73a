"""Adaptive allocation, whole: built, published, drawn at each accept, answered, collected, analysed."""

import csv
import json
import random
import re
import shutil
from collections import Counter

import pytest
from click.testing import CliRunner
from PIL import Image

from glimpse.analysis.planning.planning import note_of_drawn
from glimpse.drawn import DrawnTrials
from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.answers import encode
from glimpse.mturk.api import plan_study
from glimpse.mturk.collecting.collecting import collect
from glimpse.mturk.page.pool import DRAWN, filled, pool_of, shown_trials
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings
from glimpse.mturk.publishing.publishing import publish
from glimpse.mturk.server.storage import assignments, draws, transitions
from glimpse.study import read_study
from tests.mturk.client.conftest import Nowhere

CONDITIONS = ("best", "good", "fair", "poor", "real")
ORDER = {name: place for place, name in enumerate(("real", "best", "good", "fair", "poor", "blurred"))}


WORDS = (
    "build-hits --mode unlimited-time --contrast all --allocation adaptive --trials-per-hit 12 "
    "--sentinel blurred --sentinels-per-hit 2 --hits-per-batch 2 --workers-per-hit 8 --contact me@lab.org"
)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adaptive")
    noise = random.Random(0)
    for condition in (*CONDITIONS, "blurred"):
        (folder / "images" / condition).mkdir(parents=True)
        for item in range(20):
            picture = Image.frombytes("RGB", (16, 16), noise.randbytes(16 * 16 * 3))
            picture.save(folder / "images" / condition / f"{item:03d}.png")
    places = ["--images", str(folder / "images"), "--out", str(folder / "study")]
    result = CliRunner().invoke(main, [*WORDS.split(), *places])
    assert result.exit_code == 0, result.output
    return folder / "study"


@pytest.fixture
def study(built, tmp_path):
    return read_study(shutil.copytree(built, tmp_path / "study"))


@pytest.fixture
def published(study, server):
    return publish(study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))


def drawn_of(server, assignment):
    return DrawnTrials.from_text(server.site.store.read(lambda tx: draws.drawn_of(tx, assignment)))


def trials_of(server, study, assignment):
    drawn = drawn_of(server, assignment)
    return shown_trials(study, drawn.template, encode({DRAWN: drawn.to_text()}))


def answer(server, study, assignment, *, wrong=0):
    """Choose the better condition always, but for `wrong` sentinels."""
    name, trials = trials_of(server, study, assignment)
    records = []
    for trial in trials:
        side = "left" if ORDER[trial.condition_left] < ORDER[trial.condition_right] else "right"
        if trial.sentinel and wrong:
            side, wrong = {"left": "right", "right": "left"}[side], wrong - 1
        records.append({"trial": trial.trial, "side": side, "response_ms": 700})
    page = {"user_agent": "t", "viewport": [1280, 800], "refresh_hz": 60}
    sent = {"schema": 1, "study": study.study, "hit": name, "page": page, "answers": records}
    text = encode({"answers": json.dumps(sent), DRAWN: "what a page says of it is not kept"})
    server.change(lambda tx: transitions.submit(tx, assignments.find(tx, assignment), text))


def take_part(server, study, hits, people, **how):
    made = []
    for number in range(people):
        made.append(server.accept(hits[number % len(hits)].hit_id, f"worker {number}"))
        answer(server, study, made[-1], **how)
    return made


def test_a_plan_of_cells_says_that_trials_are_drawn(built, tmp_path):
    quick = f"--studies 50 --rate 0.6 --spread 0.1 0.07 --image-spread 0.3 --out {tmp_path / 'power'}"
    done = CliRunner().invoke(main, ["power", str(built), *quick.split()])
    assert done.exit_code == 0, done.output
    assert f"Warning: the server draws the trials of {built}" in done.stderr
    assert " power --systems 5 --images 20 --allocation adaptive\n" in done.stderr
    assert note_of_drawn(
        {"allocation": "adaptive", "first": 2, "contrasts": [["a", "b"]]}, built, 9
    ).endswith("power --systems 2 --images 9 --allocation adaptive --first 2")


def test_every_image_is_hosted_and_the_study_says_what_it_shows(study):
    places = {(one.condition, one.item) for one in study.stimuli.values() if one.item}
    assert len(places) == 5 * 20
    pool = pool_of(study)
    assert (len(pool["stimuli"]), len(pool["stimuli"][0]), len(pool["contrasts"])) == (5, 20, 10)
    assert all(len(hit["known"]) == 2 for hit in pool["hits"].values())


def test_each_assignment_has_its_own_trials_and_keeps_them(study, server, published):
    one, two = (server.accept(published[0].hit_id, name) for name in ("ann", "bob"))
    drawn = drawn_of(server, one), drawn_of(server, two)
    assert [each.hit for each in drawn] == ["b1-h01-00001", "b1-h01-00002"]
    assert drawn[0].packed != drawn[1].packed
    assert drawn[1].first == drawn[0].first + 12
    for each in (one, two):
        _, trials = trials_of(server, study, each)
        assert Counter(trial.sentinel for trial in trials) == {False: 10, True: 2}
        compared = [trial for trial in trials if not trial.sentinel]
        assert all(trial.item_left == trial.item_right for trial in compared)
        assert len({trial.item_left for trial in compared}) == 10
    # Whoever gives it back and takes it again goes on where they stopped.
    server.change(lambda tx: transitions.release(tx, assignments.find(tx, one), abandoned=False))
    again = server.accept(published[0].hit_id, "ann")
    assert again != one
    assert drawn_of(server, again) == drawn[0]


def test_the_page_has_the_trials_drawn_and_nothing_that_tells_them_apart(study, server, published, browser):
    csrf = browser.get(f"{server.url}/worker/session").json()["csrf"]
    browser.post(f"{server.url}/worker/sign-in", data={"name": "ann", "csrf": csrf})
    csrf = browser.get(f"{server.url}/worker/session").json()["csrf"]
    taken = browser.post(f"{server.url}/worker/hits/{published[0].hit_id}/accept", data={"csrf": csrf})
    assignment = taken.headers["location"].rpartition("/")[2]
    page = browser.get(f"{server.url}/worker/assignments/{assignment}/page").text
    drawn = drawn_of(server, assignment)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert (data["h"], data["n"], data["t"]) == (drawn.hit, drawn.first, drawn.packed)
    planned = study.page_path("b1-h01").read_text()
    assert filled(planned, drawn).count(drawn.packed) == 1
    for name in (*CONDITIONS, "blurred", "sentinel", "strength"):
        assert name not in json.dumps({**data, "i": ""})


def test_the_same_answers_draw_the_same_trials_whatever_a_process_remembers(study, start):
    found = []
    for remembers in (True, False):
        server = start()
        path = ledger_path(study.folder, "local")
        path.unlink(missing_ok=True)
        hits = publish(
            study, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False)
        )
        texts = []
        for number in range(4):
            if not remembers:
                draws._KNOWN.clear()
            assignment = server.accept(hits[number % 2].hit_id, f"worker {number}")
            texts.append(drawn_of(server, assignment).to_text())
            answer(server, study, assignment)
        found.append(texts)
    assert found[0] == found[1]


def test_a_row_that_never_was_is_forgotten(study, server, published):
    """What a process read of a change that was undone does not count."""

    def undone(tx):
        assignment = transitions.accept(tx, published[0].hit_id, worker)
        draws._sums(tx, study.study)
        return assignment

    worker = server.worker("ann")
    with pytest.raises(RuntimeError):
        server.change(lambda tx: (undone(tx), (_ for _ in ()).throw(RuntimeError("power cut"))))
    first = drawn_of(server, server.accept(published[0].hit_id, "bob"))
    draws._KNOWN.clear()
    second = drawn_of(server, server.accept(published[0].hit_id, "cid"))
    assert [one.hit for one in (first, second)] == ["b1-h01-00001", "b1-h01-00002"]


def test_the_ranking_follows_the_answers_that_count_and_only_the_requester_sees_it(
    study, server, published, glimpse, at, browser
):
    take_part(server, study, published, 6)
    before = server.site.store.read(lambda tx: draws.standings(tx, study.study))
    assert [one.condition for one in before] == ["real", "best", "good", "fair", "poor"]
    assert sum(one.answers for one in before) == 2 * 6 * 10
    bad = server.accept(published[0].hit_id, "clicker")
    answer(server, study, bad, wrong=2)
    assert server.site.store.read(lambda tx: draws.standings(tx, study.study)) == before
    code, out, _ = glimpse("status", str(study.folder), *at)
    assert code == 0
    ranking = [line.split() for line in out if line.startswith("    ")]
    assert [line[1] for line in ranking if len(line) > 4][:5] == ["real", "best", "good", "fair", "poor"]
    token = (server.data / "dashboard-token").read_text().strip()
    assert browser.get(f"{server.url}/allocations/{study.study}").status_code == 403
    browser.get(f"{server.url}/dashboard/", params={"token": token})
    assert "Ranking as it stands" in browser.get(f"{server.url}/dashboard/studies/{study.study}").text
    # Somebody withdraws: their answers count no more.
    code, _, _ = glimpse("serve", "--data", str(server.data), "--forget", "worker 0", "--answers")
    assert code == 0
    after = server.site.store.read(lambda tx: draws.standings(tx, study.study))
    assert sum(one.answers for one in after) == 2 * 5 * 10
    server.accept(published[1].hit_id, "zoe")


def test_results_have_the_rows_that_were_drawn_and_are_analysed(study, server, published, tmp_path, glimpse):
    out = tmp_path / "results"
    take_part(server, study, published, 9)
    ledger = Ledger(ledger_path(study.folder, "local"))
    found = collect(study, server.requester(), ledger, out)
    assert (found.new, found.problems) == (9, [])
    rows = list(csv.DictReader((out / "trials.csv").read_text().splitlines()))
    assert len(rows) == 9 * 12
    assert {row["hit"] for row in rows} == {f"b1-h0{1 + n % 2}-{n + 1:05d}" for n in range(9)}
    assert len({row["trial"] for row in rows}) == len(rows)
    before = (out / "trials.csv").read_bytes()
    assert collect(study, server.requester(), ledger, out).new == 0
    assert (out / "trials.csv").read_bytes() == before
    # Rows without their answers, as a crash leaves them, are not written again.
    (out / "assignments.jsonl").unlink()
    assert collect(study, server.requester(), ledger, out).new == 9
    assert (out / "trials.csv").read_bytes() == before
    code, said, errors = glimpse("analyze", str(out), "--out", str(tmp_path / "report"))
    assert (code, [line for line in errors if "SHA" in line]) == (0, [])
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert (summary["counts"]["places"], summary["counts"]["filled"]) == (16, 9)
    report = (tmp_path / "report" / "report.html").read_text()
    assert "Each assignment had trials of its own, which the server drew" in " ".join(report.split())
    assert said


@pytest.mark.exhaustive
def test_what_was_drawn_is_packed_and_reproduced(study, server, published, tmp_path, glimpse):
    out, packed = tmp_path / "results", str(tmp_path / "study.zip")
    take_part(server, study, published, 6)
    collect(study, server.requester(), Ledger(ledger_path(study.folder, "local")), out)
    code, said, errors = glimpse("bundle", str(study.folder), str(out), "--out", packed)
    assert code == 0, errors
    assert not [line for line in said if "published" in line]
    code, said, _ = glimpse("reproduce", packed)
    assert (code, said[-1]) == (0, "Reproduced: every number, word and figure is the same.")


def test_only_ones_own_server_draws(study, start, tmp_path):
    server = start()
    with pytest.raises(Exception, match="your own server does and sandbox cannot: a HIT has one page there"):
        publish(
            study, server.requester("sandbox"), Nowhere(), lambda _: None, PublicationSettings(in_nines=False)
        )


def test_simulated_workers_answer_what_their_page_has(study, server, published, glimpse, at, tmp_path):
    code, _, errors = glimpse("simulate", str(study.folder))
    assert code == 1
    assert "a server draws the trials of this study" in errors[-1]
    how = ["--through-server", server.url, "--workers", "10", "--concurrency", "2"]
    code, out, errors = glimpse("simulate", str(study.folder), *how, *at)
    assert (code, errors) == (0, [])
    assert out[0].startswith("10 simulated workers answered")
    standing = server.site.store.read(lambda tx: draws.standings(tx, study.study))
    assert sum(one.answers for one in standing) > 100
    found = collect(study, server.requester(), Ledger(ledger_path(study.folder, "local")), tmp_path / "r")
    assert (found.new, found.simulated, found.problems) == (10, 10, [])


def build(built, out, *more):
    places = ["--images", str(built.parent / "images"), "--out", str(out)]
    return CliRunner().invoke(main, [*WORDS.split(), *places, *more])


def test_a_study_that_tells_the_first_apart_draws_for_them(built, tmp_path, server):
    done = build(built, tmp_path / "study", "--first", "2")
    assert done.exit_code == 0, done.output
    first = read_study(tmp_path / "study")
    assert first.experiment.first == 2
    assert "first = 2" in (tmp_path / "study" / "study.toml").read_text()
    assert "what tells the 2 leading conditions apart" in (tmp_path / "study" / "design.html").read_text()
    assert pool_of(first)["leading"] == 2
    hits = publish(first, server.requester(), Nowhere(), lambda _: None, PublicationSettings(in_nines=False))
    made = take_part(server, first, hits, 14)
    met = Counter()
    for assignment in made[4:]:
        for trial in trials_of(server, first, assignment)[1]:
            if not trial.sentinel:
                met[frozenset((trial.condition_left, trial.condition_right))] += 1
    leading = sum(count for pair, count in met.items() if pair <= {"real", "best", "good"})
    assert leading > 0.5 * met.total()
    assert len(met) > 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--first", "6"), "first is 6; it must be a whole number from 1 to 5"),
        (("--first", "0"), "first is 0; it must be a whole number from 1 to 5"),
        (("--allocation", "fixed", "--first", "2"), "Add --allocation adaptive, or leave --first out."),
    ],
)
def test_a_number_of_leading_conditions_that_cannot_be(built, tmp_path, more, said):
    done = build(built, tmp_path / "study", *more)
    assert done.exit_code != 0
    assert said in " ".join(done.output.split()), done.output
    assert not (tmp_path / "study").exists()


def test_the_number_of_leading_conditions_from_python():
    names = ["a", "b", "c", "real", "image-space"]
    how = {"mode": "unlimited-time", "contrasts": ["all"], "allocation": "adaptive", "trials_per_hit": 30}
    assert plan_study(names, **how, first=2).first == 2
    assert plan_study(names, **how).first is None
    with pytest.raises(GlimpseError, match="needs allocation"):
        plan_study(names, **(how | {"allocation": "fixed"}), first=2)
