"""Recruiting at a made-up Prolific, by commands: from build-hits to paid bonuses."""

import csv
import json
import re
import shutil
from collections import Counter

import httpx
import pytest

from glimpse.study import read_study
from tests.mturk.client.prolific import TOKEN, KilledError, People


@pytest.fixture
def people(server, wire, study):
    found = People(server, wire, study)
    yield found
    found.close()


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_publish_to_paid_bonuses(study, server, wire, people, glimpse, at):
    status, out, err = glimpse("publish", "study", "--to", "prolific", "--places", "4", "--yes", *at)
    assert (status, err) == (0, []), (out, err)
    (found,) = wire.fake.studies.values()
    assert found["status"] == "ACTIVE"
    assert found["total_available_places"] == 4
    assert found["reward"] == 100
    done = [people.finish(wrong=2 if number == 0 else 0) for number in range(3)]
    assert Counter(one["status"] for one in wire.fake.submissions.values()) == {"AWAITING REVIEW": 3}
    status, out, err = glimpse("collect", "study", *at)
    assert (status, err) == (0, []), (out, err)
    rows = rows_of(study.folder.parent / "results" / "workers.csv")
    assert {(row["panel"], row["verified"]) for row in rows} == {("prolific", "listed")}
    heads = lines_of(study.folder.parent / "results" / "assignments.jsonl")
    assert {(line["panel"], line["verified"]) for line in heads} == {("prolific", "listed")}
    status, out, err = glimpse("status", "study", *at)
    assert (status, err) == (0, [])
    assert "     3  finished on both sides" in out
    status, out, err = glimpse("review", "study", "--replace", "--bonus", "0.50", "--yes", *at)
    assert (status, err) == (0, []), (out, err)
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 3, "bonus": 3}
    assert {amount for _, kind, amount in wire.fake.paid if kind == "bonus"} == {50}
    assert found["total_available_places"] == 5
    assert len(done) == 3
    before = list(wire.fake.paid)
    status, out, err = glimpse("review", "study", "--replace", "--bonus", "0.50", "--yes", *at)
    assert (status, err) == (0, [])
    assert wire.fake.paid == before
    assert found["total_available_places"] == 5
    assert TOKEN not in (study.folder / "published" / "prolific.jsonl").read_text()
    assert read_study(study.folder).study == study.study


def publish(glimpse, at, *more):
    status, out, err = glimpse("publish", "study", "--to", "prolific", *more, *at)
    assert (status, err) == (0, []), (out, err)
    return out


def refused(glimpse, at, *more, command="publish"):
    to = ["--to", "prolific"] if command == "publish" else []
    status, _, err = glimpse(command, "study", *to, *more, *at)
    assert status
    return " ".join(err)


def test_a_draft_is_looked_at_and_then_published(study, server, wire, glimpse, at):
    out = publish(glimpse, at, "--draft", "--places", "2")
    (found,) = wire.fake.studies.values()
    assert found["status"] == "UNPUBLISHED"
    assert "Nothing was published, and nothing is paid. Look at the draft at Prolific, then:" in out
    assert wire.fake.balance == 100_000
    assert found["name"] == study.title
    assert found["external_study_url"].startswith(f"{server.url}/join/{study.study}?PROLIFIC_PID=")
    assert found["device_compatibility"] == ["desktop"]
    codes = {row["code_type"]: row["actions"][0]["action"] for row in found["completion_codes"]}
    assert codes == {
        "COMPLETED": "MANUALLY_REVIEW", "NO_CONSENT": "REQUEST_RETURN",
        "INCOMPATIBLE_DEVICE": "REQUEST_RETURN", "OTHER": "REQUEST_RETURN",
    }  # fmt: skip
    assert len({row["code"] for row in found["completion_codes"]}) == 6
    out = publish(glimpse, at, "--yes")
    assert found["status"] == "ACTIVE"
    assert found["total_available_places"] == 2
    assert wire.fake.balance == 100_000 - 280
    assert any("with fees and tax: 2.80 USD. Balance: 1000.00 USD." in line for line in out)


def test_places_grow_and_never_shrink(study, server, wire, glimpse, at):
    publish(glimpse, at, "--places", "2", "--yes")
    (found,) = wire.fake.studies.values()
    out = publish(glimpse, at, "--places", "5", "--yes")
    assert found["total_available_places"] == 5
    assert any(line.startswith("Price of 3 new places") for line in out)
    assert "the study has 5 at Prolific, where places only grow" in refused(
        glimpse, at, "--places", "3", "--yes"
    )
    assert "the study has 6 places here" in refused(glimpse, at, "--places", "7", "--yes")
    publish(glimpse, at, "--yes")
    assert found["total_available_places"] == 5


def test_pause_start_and_stop(study, server, wire, glimpse, at):
    publish(glimpse, at, "--places", "2", "--yes")
    (found,) = wire.fake.studies.values()
    for action, becomes in (
        ("pause", "PAUSED"),
        ("pause", "PAUSED"),
        ("start", "ACTIVE"),
        ("stop", "COMPLETED"),
    ):
        out = publish(glimpse, at, f"--{action}")
        assert out == [f"The study is now {becomes} at Prolific."]
        assert found["status"] == becomes
    assert "give one of them" in refused(glimpse, at, "--pause", "--places", "3")


def test_nothing_is_spent_without_a_clear_yes(study, server, wire, glimpse, at, monkeypatch):
    assert "this spends 2.80 USD. Add --yes" in refused(glimpse, at, "--places", "2")
    assert wire.fake.studies == {}
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _self: True, raising=False)
    status, _, err = glimpse("publish", "study", "--to", "prolific", "--places", "2", *at, typed="3\n")
    assert (status, err[-1]) == (1, "Error: stopped; nothing was published or paid.")
    status, _, _ = glimpse("publish", "study", "--to", "prolific", "--places", "2", *at, typed="2.80\n")
    assert status == 0
    assert len(wire.fake.studies) == 1


def test_too_small_a_balance_is_said_before_anything_is_made(study, server, wire, glimpse, at):
    wire.fake.balance = 279
    text = refused(glimpse, at, "--places", "2", "--yes")
    assert "the workspace holds 2.79 USD, and this needs 2.80 USD; nothing was published" in text
    assert wire.fake.studies == {}
    publish(glimpse, at, "--places", "2", "--draft")


def test_an_account_in_another_currency_needs_a_reward(study, server, wire, glimpse, at):
    wire.fake.currency = "GBP"
    assert "the study pays $1.00, and the workspace Rehearsal pays in GBP" in refused(
        glimpse, at, "--yes", "--places", "1"
    )
    publish(glimpse, at, "--yes", "--places", "1", "--reward", "0.80")
    (found,) = wire.fake.studies.values()
    assert found["reward"] == 80
    assert "lets nobody change the reward of a published study" in refused(
        glimpse, at, "--yes", "--reward", "0.90"
    )


def test_a_study_that_nobody_outside_can_open_is_refused(study, server, wire, glimpse, at, monkeypatch):
    monkeypatch.delenv("PROLIFIC_URL")
    assert f"participants of Prolific cannot open {server.url}" in refused(glimpse, at, "--yes")
    assert wire.sent == []


def test_a_study_that_was_changed_at_prolific_by_hand(study, server, wire, glimpse, at):
    publish(glimpse, at, "--draft", "--places", "2")
    (found,) = wire.fake.studies.values()
    found["reward"] = 300
    text = refused(glimpse, at, "--yes")
    assert "was changed at Prolific: the reward (300 there, 100 here)" in text
    assert "or delete the draft there" in text
    wire.fake.delete(found["id"])
    publish(glimpse, at, "--yes")
    (found,) = wire.fake.studies.values()
    assert (found["status"], found["reward"], found["total_available_places"]) == ("ACTIVE", 100, 2)


def test_options_that_belong_to_a_panel_are_refused_elsewhere(study, server, wire, glimpse, at):
    for option in (["--places", "2"], ["--draft"], ["--pause"], ["--workspace", "w"], ["--signed-links"]):
        status, _, err = glimpse("publish", "study", *option, *at)
        assert status == 2
        assert f"Error: {option[0]} goes with --to prolific." in err
    glimpse("publish", "study", *at)
    status, _, err = glimpse("review", "study", "--category", "OTHER", *at)
    assert (status, err[-1]) == (
        2, "Error: --category is for studies that recruit at Prolific; this one does not.",
    )  # fmt: skip


def test_each_way_out_has_its_own_code(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    (found,) = wire.fake.studies.values()
    book = lines_of(study.folder / "published" / "prolific.jsonl")
    codes = next(line["codes"] for line in book if line.get("key") == "codes")
    assert sorted(codes.values()) == sorted(row["code"] for row in found["completion_codes"])
    # Who does not agree before they begin, and who gives back later.
    one = people.take()
    address = people.link(one).replace(f"/join/{study.study}?", f"/join/{study.study}/declined?")
    page = httpx.get(address).text
    assert f"submissions/complete?cc={codes['NO_CONSENT']}" in page
    page = httpx.get(address.replace("/declined?", "/screened-out?")).text
    assert f"submissions/complete?cc={codes['INCOMPATIBLE_DEVICE']}" in page
    browser, assignment = people.arrive(one)
    state = browser.get(f"{server.url}/worker/assignments/{assignment}/state").json()
    browser.post(f"{server.url}/worker/assignments/{assignment}/return", data={"csrf": state["csrf"]})
    back = people.way_back(browser, assignment)
    assert back.endswith(codes["RETURNED"])
    assert people.go_back(one, back)["status"] == "RETURNED"
    two = people.take()
    browser, assignment = people.arrive(two)
    server.shift_s = 86_400
    back = people.way_back(browser, assignment)
    assert back.endswith(codes["TIMED_OUT"])
    assert people.go_back(two, back)["status"] == "RETURNED"


def test_who_gave_up_at_prolific_frees_the_place_here(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    one, two = people.take(), people.take()
    people.arrive(one)
    people.arrive(two)
    wire.fake.leave(one["id"], "TIMED-OUT")
    _, out, _ = glimpse("status", "study", *at)
    assert "     1  at work here, returned or timed out there" in out
    _, out, _ = glimpse("collect", "study", *at)
    assert "Free again here, as their people gave up at Prolific: 1 place." in out
    _, out, _ = glimpse("status", "study", *at)
    assert "     1  given back on both sides" in out
    assert "     1  at work on both sides" in out


def test_what_is_only_in_one_list_is_shown_and_nobody_pays_for_it(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    one = people.take()
    wire.fake.complete(one["id"], "NOCODE")
    forged = people.link({**people.take(), "id": "f" * 24})
    browser, assignment = people.arrive(None, forged)
    people.hand_in(browser, assignment)
    real, _ = people.finish()
    _, out, _ = glimpse("status", "study", *at)
    assert f"     1  handed in there, no answers here: submission {one['id']} code NOCODE" in out
    assert f"     1  finished here, unknown there (a link written by hand?): assignment {assignment}" in out
    status, out, err = glimpse("collect", "study", *at)
    assert (status, err) == (0, [])
    rows = rows_of(study.folder.parent / "results" / "workers.csv")
    assert sorted(row["verified"] for row in rows) == ["listed", "no"]
    glimpse("review", "study", "--yes", *at)
    assert [name for name, _, _ in wire.fake.paid] == [real["id"]]


def test_a_rejection_needs_a_name_a_reason_and_a_category(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    _, bad = people.finish()
    good, _ = people.finish(wrong=2)
    assert "Prolific asks for 100 or more" in refused(
        glimpse, at, "--reject", bad, "--reason", "Too short.", command="review"
    )
    reason = "You pressed the same key for all trials, within less than a tenth of a second each, and "
    reason += "did so again in the practice trials."
    assert "--category is missing: Prolific asks for one of TOO_QUICKLY" in refused(
        glimpse, at, "--reject", bad, "--reason", reason, command="review"
    )
    status, out, err = glimpse(
        "review", "study", "--reject", bad, "--reason", reason, "--category", "LOW_EFFORT", "--yes", *at
    )
    assert (status, err) == (0, [])
    assert "At Prolific: reject 1 submission (LOW_EFFORT)." in out
    # Exclusion is never rejection: who failed the sentinels is paid.
    assert wire.fake.paid == [(good["id"], "reward", 100)]
    assert Counter(one["status"] for one in wire.fake.submissions.values()) == {"APPROVED": 1, "REJECTED": 1}


def test_a_dry_run_changes_nothing_and_says_the_price(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes", "--places", "3")
    people.finish(wrong=2)
    _, out, _ = glimpse("review", "study", "--dry-run", "--replace", "--bonus", "0.30", *at)
    assert "At Prolific: would approve 1 submission." in out
    assert "At Prolific: would pay 1 submission a bonus of 0.30." in out
    assert "At Prolific: would add 1 place for excluded assignments." in out
    assert "Price at Prolific, with fees and tax: 1.82 USD." in out
    assert wire.fake.paid == []
    assert not any(line.startswith("That is $") for line in out)


def test_a_payment_that_nobody_knows_of_waits_for_a_person(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    people.finish()
    wire.faults.add("lost", "POST", "/pay/")
    text = refused(glimpse, at, "--bonus", "0.30", "--yes", command="review")
    (bulk,) = wire.fake.bulks
    assert f"it is not known whether the bonus {bulk} was paid: 1 submissions, 0.30 each." in text
    _, out, _ = glimpse("status", "study", *at)
    assert f"Perhaps unpaid: bonus {bulk}, 1 submission. `review` says what to do." in out
    assert "waits for a decision" in refused(glimpse, at, "--bonus-was-paid", "x", command="review")
    status, _, err = glimpse("review", "study", "--bonus-was-paid", bulk, "--bonus", "0.30", "--yes", *at)
    assert (status, err) == (0, [])
    assert Counter(kind for _, kind, _ in wire.fake.paid) == {"reward": 1, "bonus": 1}


def test_people_of_an_earlier_study_are_kept_out(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    person = "5f1b" + "0" * 20
    people.finish(person)
    glimpse("collect", "study", *at)
    second = study.folder.parent / "second"
    shutil.copytree(study.folder, second, ignore=shutil.ignore_patterns("published"))
    document = json.loads((second / "study.json").read_text())
    document["study"] = "second"
    (second / "study.json").write_text(json.dumps(document))
    status, out, err = glimpse(
        "publish", "second", "--to", "prolific", "--exclude", "results", "--yes", *at
    )  # fmt: skip
    assert (status, err) == (0, []), err
    assert "Kept out, as they took part before: 1 participant." in out
    *_, found = wire.fake.studies.values()
    (blocked,) = found["filters"]
    assert blocked["filter_id"] == "participant_group_blocklist"
    assert wire.fake.groups[blocked["selected_values"][0]]["participants"] == [person]
    # Our own server keeps them out, too, by a digest.
    with pytest.raises(AssertionError, match="No place in this study is free for you"):
        people.arrive(None, people.link({"id": "1", "study_id": found["id"], "participant": person}))
    book = (second / "published" / "prolific.jsonl").read_text()
    assert person not in book


def test_signed_links_are_marked_as_such(study, server, wire, people, glimpse, at, monkeypatch):
    monkeypatch.setattr(
        "glimpse.mturk.server.pages.signed_links._fetched", lambda _url: wire.app.state.key.jwks["keys"]
    )
    publish(glimpse, at, "--yes", "--signed-links")
    people.finish()
    other = people.take()
    changed = people.link(other).replace(other["participant"], "9" * 24)
    browser, assignment = people.arrive(None, changed)
    people.hand_in(browser, assignment)
    glimpse("collect", "study", *at)
    heads = lines_of(study.folder.parent / "results" / "assignments.jsonl")
    assert sorted(line["verified"] for line in heads) == ["no", "signed"]
    _, out, _ = glimpse("collect", "study", "--only-verified", "--out", "sure", *at)
    assert "Left out, as not verified: 1 assignment." in out
    (line,) = lines_of(study.folder.parent / "sure" / "assignments.jsonl")
    assert line["verified"] == "signed"


def test_a_wrong_token_and_a_deaf_address_are_said(study, server, wire, glimpse, at, monkeypatch):
    publish(glimpse, at, "--yes")
    wire.app.state.token = "another"
    text = refused(glimpse, at, command="review")
    assert "Does PROLIFIC_TOKEN" in text
    status, _, err = glimpse("status", "study", *at)
    assert status == 0
    assert any("Prolific was not asked" in line for line in err)
    monkeypatch.setenv("PROLIFIC_URL", "http://127.0.0.1:9/elsewhere")
    assert "this study was given to" in refused(glimpse, at, command="review")


def arrive_at(server, study, **parameters):
    """Come by a panel's link, and begin; returns the answer to pressing Begin."""
    with httpx.Client(follow_redirects=False) as browser:
        address = f"{server.url}/join/{study.study}?" + "&".join(f"{k}={v}" for k, v in parameters.items())
        page = browser.get(address)
        return browser.post(address, data={"csrf": re.search(r'name="csrf" value="([^"]+)"', page.text)[1]})


def connect_link(person):
    return {"participantId": person, "assignmentId": f"a{person}", "projectId": "p"}


def test_several_panels_feed_a_study_with_places_each(study, server, glimpse, at, monkeypatch):
    status, out, err = glimpse("publish", "study", "--panel", "connect=2", "--panel", "sona", *at)
    assert (status, err) == (0, [])
    found = re.findall(r"  code (\w+): (\w+),", "\n".join(out))
    codes = {name: code for code, name in found}
    assert set(codes) == {"COMPLETED", "NO_CONSENT", "INCOMPATIBLE_DEVICE", "NOT_FINISHED"}
    assert f"SONA, any number of places: {server.url}/join/{study.study}?survey_code=%SURVEY_CODE%" in out
    assert [arrive_at(server, study, **connect_link(f"c{n}")).status_code for n in range(3)] == [
        303,
        303,
        409,
    ]
    full = arrive_at(server, study, **connect_link("c4")).text
    assert codes["NOT_FINISHED"] in full
    declined = httpx.get(f"{server.url}/join/{study.study}/declined", params=connect_link("c5")).text
    assert codes["NO_CONSENT"] in declined
    assert arrive_at(server, study, survey_code="7").status_code == 303
    _, out, _ = glimpse("status", "study", *at)
    assert "CloudResearch Connect: 2 of 2 places taken." in out
    assert "SONA: 1 places taken." in out
    # More places later, under the same codes.
    _, out, _ = glimpse("publish", "study", "--panel", "connect=3", *at)
    assert f"  code {codes['COMPLETED']}: COMPLETED, completed there" in out
    assert arrive_at(server, study, **connect_link("c4")).status_code == 303
    for row in server.site.store.read(lambda tx: tx.all("SELECT * FROM assignments")):
        server.hand_in(row["assignment_id"], study, row["hit_id"])
    status, _, err = glimpse("collect", "study", *at)
    assert (status, err) == (0, [])
    heads = lines_of(study.folder.parent / "results" / "assignments.jsonl")
    assert Counter(line["panel"] for line in heads) == {"connect": 3, "sona": 1}
    assert {line["verified"] for line in heads} == {"unknown"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("moon=3", "there are connect, sona, lab"),
        ("prolific=3", "publish --to prolific"),
        ("sona=0", "needed is a number of places"),
        ("sona=x", "such as sona=30"),
    ],
)
def test_panels_that_there_are_not(study, server, glimpse, at, text, said):
    status, _, err = glimpse("publish", "study", "--panel", text, *at)
    assert status == 1
    assert said in " ".join(err)
    assert not (study.folder / "published").exists()


def test_panels_by_links_do_not_go_with_prolific(study, server, glimpse, at):
    status, _, err = glimpse("publish", "study", "--to", "prolific", "--panel", "sona", *at)
    assert status == 2
    assert "it does not go with --to prolific" in err[-1]


def decided(wire, errors):
    """The option that says of a bonus what a look at the panel shows; none where nobody asks."""
    found = re.search(r"whether the bonus (\w+) was paid", " ".join(errors))
    if found is None:
        return []
    held = Counter(name for name, kind, _ in wire.fake.paid if kind == "bonus")
    paid = max(held.values(), default=0) > wire.before
    return ["--bonus-was-paid" if paid else "--bonus-was-not-paid", found[1]]


@pytest.mark.exhaustive
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_review_is_killed_at_every_request(study, server, wire, people, glimpse, at, when):
    """To Prolific and to our own server; run again, it ends, and everybody has each bonus once."""
    publish(glimpse, at, "--yes", "--places", "4")
    people.finish()
    people.finish(wrong=2)
    for number in range(1, 100):
        words = [
            "review",
            "study",
            "--replace",
            "--bonus",
            "0.10",
            "--bonus-reason",
            str(number),
            "--yes",
            *at,
        ]
        wire.before, more = number - 1, []
        wire.kill(number, when)
        try:
            ended = glimpse(*words)[0] == 0
        except KilledError:
            ended = False
        last = ended
        wire.kill(None, "")
        while not ended:
            status, _, errors = glimpse(*words, *more)
            ended, more = status == 0, decided(wire, errors)
        held = Counter(name for name, kind, _ in wire.fake.paid if kind == "bonus")
        assert set(held.values()) == {number}
        if last:
            break
    assert number > 8
    assert Counter(kind for _, kind, _ in wire.fake.paid)["reward"] == 2
    (found,) = wire.fake.studies.values()
    assert found["total_available_places"] == 5


REASON = (
    "You pressed the same key for all trials, within less than a tenth of a second each, and in practice."
)


def rejected(glimpse, at, people):
    """Let somebody take part and be rejected; returns (submission, assignment)."""
    publish(glimpse, at, "--yes")
    submission, assignment = people.finish()
    words = ("--reject", assignment, "--reason", REASON, "--category", "LOW_EFFORT", "--yes")
    assert glimpse("review", "study", *words, *at)[0] == 0
    assert wire_status(people, submission) == "REJECTED"
    return submission, assignment


def wire_status(people, submission):
    return people.wire.fake.submissions[submission["id"]]["status"]


def test_a_rejection_is_overturned_on_both_sides_once(study, server, wire, people, glimpse, at):
    submission, assignment = rejected(glimpse, at, people)
    words = ("review", "study", "--overturn", assignment, "--bonus", "0.10", "--yes", *at)
    _, out, _ = glimpse(*words[:4], "--dry-run", *at)
    assert "At Prolific: would take back the rejection of 1 submission." in out
    assert "At Prolific: would approve 1 submission." in out
    assert wire_status(people, submission) == "REJECTED"
    for _ in range(2):
        status, _, err = glimpse(*words)
        assert (status, err) == (0, [])
    assert wire.fake.paid == [(submission["id"], "reward", 100), (submission["id"], "bonus", 10)]
    assert server.site.store.read(lambda tx: tx.one("SELECT status FROM assignments"))["status"] == "Approved"
    keys = [line.get("key", "") for line in lines_of(study.folder / "published" / "prolific.jsonl")]
    assert keys.count(f"unreject:{submission['id']}") == 2  # before the call and after it


def test_where_prolific_keeps_a_rejection_nothing_changes_here(study, server, wire, people, glimpse, at):
    submission, assignment = rejected(glimpse, at, people)
    wire.fake.takes_rejections_back = False
    text = refused(glimpse, at, "--overturn", assignment, "--yes", command="review")
    assert f"Submission {submission['id']} stays rejected, and nothing was changed here." in text
    assert server.site.store.read(lambda tx: tx.one("SELECT status FROM assignments"))["status"] == "Rejected"
    assert wire.fake.paid == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_overturned_rejection_is_killed_at_every_request(study, server, wire, people, glimpse, at, when):
    submission, assignment = rejected(glimpse, at, people)
    for number in range(1, 40):
        wire.kill(number, when)
        try:
            if glimpse("review", "study", "--overturn", assignment, "--yes", *at)[0] == 0:
                break
        except KilledError:
            continue
    wire.kill(None, "")
    assert glimpse("review", "study", "--overturn", assignment, "--yes", *at)[0] == 0
    assert wire.fake.paid == [(submission["id"], "reward", 100)]


def test_who_was_not_rejected_is_not_overturned(study, server, wire, people, glimpse, at):
    publish(glimpse, at, "--yes")
    submission, assignment = people.finish()
    wire.fake.leave(submission["id"])
    text = refused(glimpse, at, "--overturn", assignment, "--yes", command="review")
    assert f"--overturn: submission {submission['id']} is RETURNED at Prolific, not rejected" in text
    both = ("--overturn", assignment, "--reject", assignment, "--reason", REASON, "--category", "LOW_EFFORT")
    assert "give one of them" in refused(glimpse, at, *both, command="review")


def test_a_draft_gets_another_reward_and_a_published_study_does_not(study, server, wire, glimpse, at):
    publish(glimpse, at, "--draft")
    (found,) = wire.fake.studies.values()
    for reward, cents in (("1.50", 150), ("1.00", 100), ("1.50", 150), ("1.50", 150)):
        publish(glimpse, at, "--draft", "--reward", reward)
        assert found["reward"] == cents
    out = publish(glimpse, at, "--yes")
    assert "6 places, 1.50 USD each" in " ".join(out)
    text = refused(glimpse, at, "--to", "prolific", "--reward", "2.00", "--yes")
    assert "lets nobody change the reward of a published study. Pay the difference as a bonus" in text
    assert found["reward"] == 150
    assert len(wire.fake.studies) == 1
