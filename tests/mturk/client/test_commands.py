"""The commands as a newcomer types them, wrong ones too, and what they say."""

import re
import shlex

import pytest

from glimpse.errors import GlimpseError
from glimpse.experiment import designed, preset
from glimpse.main import COMMANDS
from glimpse.mturk.building.building import Making, build
from glimpse.mturk.collecting.reviewing import Review
from glimpse.mturk.design.sources import Sources
from glimpse.mturk.design.stimuli import find_images
from glimpse.mturk.publishing.ledger import ledger_path, was_published
from glimpse.mturk.server.storage import meta
from glimpse.study import read_study


def test_from_publish_to_review(study, server, glimpse, at):
    code, out, errors = glimpse("publish", *at)
    assert (code, errors) == (0, [])
    assert out == [
        f"Study {study.study}: 2 HITs with 6 places, $1.00 each, 30 minutes allotted.",
        "A HIT takes about 2 minutes: $30.00 an hour.",
        "Rewards: $6.00. The local server moves no money: you pay people yourself.",
        "Published: 2 HITs, 6 places. Workers find them here:",
        f"  Link to hand out:     {server.url}/join/{study.study}",
        f"  Tasks, after sign-in: {server.url}/worker/",
        "Written: study/published/local.jsonl",
        "",
        f"Next: python cli.py collect --data {server.data} --watch",
    ]
    code, out, errors = glimpse("publish", *at)
    assert (code, out[:2], errors) == (0, ["Published before: 2 HITs.", "Nothing is missing."], [])

    code, out, errors = glimpse("collect", *at)
    assert (code, errors) == (0, [])
    assert out == [
        "0 new assignments; 0 of 6 places done. Written: results/",
        "No answers yet; look again later.",
        "",
        f"Next: python cli.py collect --data {server.data} --watch",
    ]
    one, two = (row["hit_id"] for row in server.hits())
    server.submit(study, one, "ann", wrong=1)
    server.submit(study, two, "bob", panel="simulator", simulated=True)
    bad = server.submit(study, two, "cid", answer="<a/>")
    code, out, errors = glimpse("collect", *at)
    assert (code, out) == (
        0,
        [
            "3 new assignments; 3 of 6 places done. Written: results/",
            "",
            "Next: python cli.py analyze results/",
        ],
    )
    assert errors == [
        "Warning: results/ holds 1 assignment made by the simulator, not by people",
        (
            f"Warning: kept as received: assignment {bad}: answer XML starts with <a>, "
            "not with <QuestionFormAnswers>"
        ),
    ]

    code, out, errors = glimpse("status", *at)
    assert (code, errors) == (0, [])
    assert out[:3] == [
        f"Study {study.study} at local ({server.url})",
        "batch  HITs  places  open  at work  to review  approved  rejected  excluded   paid",
        "b1        2       6     3        0          3         0         0         2  $0.00",
    ]
    assert re.fullmatch(r"Places stay open until [-\d]+ [:\d]+ UTC. Workers find them here:", out[3])
    assert out[-1] == f"Next: python cli.py review --data {server.data}"

    code, out, errors = glimpse("review", "--dry-run", "--bonus", "0.25", *at)
    assert (code, out, errors) == (
        0,
        [
            "Would approve 3 assignments.",
            "Would pay 3 assignments a bonus of $0.25.",
            "That is $0.75 for you to pay: this server moves no money.",
            "Excluded by the study's rules: 2 assignments. --replace opens 2 new places.",
            "Nothing was done (--dry-run).",
            "",
            f"Next: python cli.py review --bonus 0.25 --data {server.data}",
        ],
        [],
    )
    code, out, errors = glimpse("review", "--replace", *at)
    assert (code, out, errors) == (
        0,
        [
            "Approve 3 assignments.",
            "Open 2 new places for excluded assignments.",
            "That is $2.00 for you to pay: this server moves no money.",
            "Done.",
            "",
            f"Next: python cli.py collect --data {server.data} --watch",
        ],
        [],
    )
    assert glimpse("review", "--replace", *at)[1][0] == "Nothing is waiting."


ASKED = [
    "--no-approve", "--replace", "--bonus", "1e1", "--bonus-to", "A1", "--bonus-to", "B2",
    "--bonus-reason", "It's more", "--reject", "C3", "--reason", "all left", "--overturn", "D4",
    "--extend", "7", "--yes", "--on", "local",
]  # fmt: skip


def test_what_a_dry_run_prints_is_what_was_asked(study, server, glimpse, at, monkeypatch):
    glimpse("publish", *at)
    monkeypatch.setattr("glimpse.mturk.collecting.reviewing.plan_review", lambda *_, **__: Review())
    code, out, _ = glimpse("review", "study", *ASKED, "--dry-run", *at)
    command = (
        "python cli.py review study --no-approve --replace --bonus 1e1 --bonus-to A1 --bonus-to B2 "
        """--bonus-reason 'It'"'"'s more' --reject C3 --reason 'all left' --overturn D4 --extend 7 --yes """
        f"--on local --data {server.data}"
    )
    assert (code, out[-1]) == (0, f"Next: {command}")
    assert shlex.split(command) == ["python", "cli.py", "review", "study", *ASKED, *at]


def test_a_rejection_that_was_tried_rejects_when_typed(study, server, glimpse, at):
    glimpse("publish", *at)
    name = server.submit(study, server.hits()[0]["hit_id"], "ann")
    _, out, _ = glimpse("review", "--reject", name, "--reason", "all left", "--dry-run", *at)
    code, out, _ = glimpse(*shlex.split(out[-1].removeprefix("Next: python cli.py ")))
    assert (code, out[0]) == (0, "Reject 1 assignment: all left.")


@pytest.mark.parametrize(("bonus", "said"), [("1e1", "10.00"), ("$0.5", "0.50"), ("10000", "10000.00")])
def test_a_bonus_is_said_in_dollars_and_cents(study, server, glimpse, at, bonus, said):
    glimpse("publish", *at)
    server.submit(study, server.hits()[0]["hit_id"], "ann")
    code, out, _ = glimpse("review", "--bonus", bonus, "--dry-run", *at)
    assert (code, out[1:3]) == (
        0,
        [
            f"Would pay 1 assignment a bonus of ${said}.",
            f"That is ${said} for you to pay: this server moves no money.",
        ],
    )


@pytest.fixture
def elsewhere(study):
    """The study in a folder whose name a shell must be told with care, and another study's results/."""
    folder = study.folder.rename(study.folder.with_name("my study"))
    results = folder.with_name("results")
    results.mkdir()
    (results / "study.json").write_text('{"study": "another", "plan_sha256": ""}')
    (results / "assignments.jsonl").write_text("")
    return read_study(folder)


def test_every_next_command_works_as_it_is_printed(elsewhere, server, glimpse, tmp_path):
    data = tmp_path / "my server"
    data.symlink_to(server.data)
    at = f"'my study' --data '{data}'"

    def go_on(command, expected):
        code, out, errors = glimpse(*shlex.split(command))
        assert (code, errors) == (0, [])
        assert out[-1] == f"Next: python cli.py {expected}"
        return expected

    command = go_on("preview 'my study' --no-browser", "publish 'my study' --to local")
    command = go_on(f"{command} --data '{data}'", f"collect {at} --out 'my study-results' --watch")
    go_on(f"status {at}", f"collect {at} --out 'my study-results'")
    go_on(
        f"collect {at} --out 'my study-results' --interval 5",
        f"collect 'my study' --out 'my study-results' --interval 5 --data '{data}' --watch",
    )
    server.submit(elsewhere, server.hits()[0]["hit_id"], "ann")
    command = go_on(f"status {at}", f"review {at}")
    command = go_on(command, f"collect {at} --out 'my study-results'")
    go_on(command, "analyze 'my study-results/'")
    (tmp_path / "results/study.json").unlink()
    (tmp_path / "results/assignments.jsonl").unlink()
    go_on(f"status {at}", f"collect {at}")


def test_the_next_command_says_where_if_there_are_several(study, server, glimpse, at, monkeypatch):
    ledger_path(study.folder, "sandbox").parent.mkdir()
    ledger_path(study.folder, "sandbox").write_text("")
    command = f"Next: python cli.py collect --on local --data {server.data}"
    assert glimpse("publish", *at)[1][-1] == f"{command} --watch"
    assert glimpse("status", "--on", "local", *at)[1][-1] == command


def test_status_of_a_study_of_which_nothing_came_about(study, server, glimpse, at, monkeypatch):
    def refuse(*_):
        raise GlimpseError("no")

    with monkeypatch.context() as patched:
        patched.setattr("glimpse.mturk.publishing.hosting.LocalHosting.host", refuse)
        assert glimpse("publish", *at)[0] == 1
    code, out, errors = glimpse("status", "study", *at)
    assert (code, errors) == (0, [])
    assert out == [
        f"Study {study.study} at local ({server.url}): no HIT was created yet.",
        "",
        f"Next: python cli.py publish study --data {server.data}",
    ]
    assert not was_published(study.folder)
    assert glimpse("publish", *at)[0] == 0
    assert was_published(study.folder)


def test_status_passes_on_what_the_server_tells_of_the_study(study, server, glimpse, at):
    glimpse("publish", *at)
    server.change(lambda tx: meta.add_blocked(tx, study.study, "https://elsewhere.example"))
    code, _, errors = glimpse("status", *at)
    assert code == 0
    assert errors[0].startswith(
        "Warning: A worker's browser did not let the task's page go to https://elsewhere.example: answers"
    )


def test_volunteers_are_published_and_reviewed_without_pay(images, tmp_path, server, glimpse, at):
    words = ["--images", images, "--contrast", "crn:real", "--hits-per-batch", 1, "--trials-per-cell", 1]
    words += ["--sentinels-per-hit", 0, "--workers-per-hit", 2, "--reward-usd", 0, "--out", tmp_path / "free"]
    code, _, errors = glimpse("build-hits", *map(str, words))
    assert code == 0
    assert not [line for line in errors if "an hour" in line]
    study = read_study(tmp_path / "free")
    code, out, errors = glimpse("publish", "free", *at)
    assert (code, errors) == (0, [])
    assert out[:3] == [
        f"Study {study.study}: 1 HIT with 2 places, $0 each, 30 minutes allotted.",
        "A HIT takes about 2 minutes: $0.00 an hour.",
        "Rewards: $0.00. The local server moves no money: you pay people yourself.",
    ]
    hit = server.hits()[0]["hit_id"]
    server.submit(study, hit, "ann")
    assert glimpse("status", "free", *at)[0] == 0
    code, out, errors = glimpse("review", "free", *at, "--yes")
    assert (code, errors) == (0, []), out


def test_the_paid_site_wants_the_amount_typed(study, server, paid):
    code, out, errors = paid("publish", typed="7\n")
    assert (code, errors) == (1, ["Error: stopped; nothing was published or paid."])
    assert out[1] == "A HIT takes about 2 minutes: $30.00 an hour."
    assert out[2] == "Price: $6.00 rewards + $1.20 fees = $7.20."
    assert not server.hits()
    assert not ledger_path(study.folder, "production").exists()
    code, out, _ = paid("publish", typed="$7.20\n")
    assert code == 0
    assert len(server.hits()) == 2
    group = server.requester("production").call("GetHIT", HITId=server.hits()[0]["hit_id"])["HIT"][
        "HITGroupId"
    ]
    assert f"  https://worker.mturk.com/mturk/preview?groupId={group}" in out


def test_the_paid_site_without_a_terminal_needs_yes(study, server, paid):
    code, _, errors = paid("publish", terminal=False)
    assert code == 2
    assert errors[-1] == "Error: this spends $7.20. Add --yes, or run it in a terminal and type the amount."
    assert not server.hits()
    code, _, errors = paid("publish", "--yes", terminal=False)
    assert (code, errors) == (0, [])
    name = server.submit(study, server.hits()[0]["hit_id"], "ann", wrong=1)
    code, out, errors = paid("review", "--replace", terminal=False)
    assert code == 2
    assert errors[-1] == "Error: this spends $1.20. Add --yes, or run it in a terminal and type the amount."
    code, out, errors = paid(
        "review", "--replace", "--reject", name, "--reason", "Asleep.", "--yes", terminal=False
    )
    assert (code, errors) == (0, [])
    assert out[:3] == [
        "Reject 1 assignment: Asleep.",
        "Open 1 new place for excluded assignments.",
        "Price: $1.00 rewards + $0.20 fees = $1.20.",
    ]


def test_a_study_at_two_places_needs_to_be_told_which(study, glimpse):
    for name in ("local", "sandbox"):
        path = ledger_path(study.folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert glimpse("collect")[2] == ["Error: study is published at local and sandbox: say which with --on"]
    assert glimpse("collect", "--on", "production")[2] == [
        (
            "Error: study is not published at production, but at local, sandbox. Publish it: "
            "python cli.py publish study --to production"
        )
    ]


@pytest.mark.parametrize("command", ["publish", "status", "collect", "review", "import-results"])
def test_help_begins_with_the_words_of_the_list_and_has_an_example(glimpse, command):
    code, out, _ = glimpse(command, "--help")
    text = " ".join(" ".join(out).split())
    assert code == 0
    assert COMMANDS[command][1].rstrip(".") in text
    assert f"python cli.py {command}" in text


def test_requirements_reach_the_endpoint(study, server, glimpse, at):
    rules = ["approval-rate>=95", "locale=US,CA", "approved>500", "locale!=US-CA"]
    code, _, errors = glimpse("publish", *at, *[word for rule in rules for word in ("--qualification", rule)])
    assert (code, errors) == (0, [])
    hit = server.requester().call("GetHIT", HITId=server.hits()[0]["hit_id"])["HIT"]
    once, *others = hit["QualificationRequirements"]
    assert (once["Comparator"], once["ActionsGuarded"]) == ("DoesNotExist", "DiscoverPreviewAndAccept")
    names = ("QualificationTypeId", "Comparator", "IntegerValues", "LocaleValues")
    found = [tuple(one.get(name) for name in names) for one in others]
    assert found == [
        ("000000000000000000L0", "GreaterThanOrEqualTo", [95], None),
        ("00000000000000000071", "In", None, [{"Country": "US"}, {"Country": "CA"}]),
        ("00000000000000000040", "GreaterThan", [500], None),
        ("00000000000000000071", "NotEqualTo", None, [{"Country": "US", "Subdivision": "CA"}]),
    ]


def test_long_prompts_are_published_on_one_s_own_server_and_not_on_mechanical_turk(
    images, tmp_path, glimpse, at, server, paid
):
    items = [path.stem for path in sorted((images / "real").iterdir())]
    rows = "".join(f"{item},{'A red fox asleep in the snow. ' * 150}{item}\n" for item in items)
    (tmp_path / "prompts.csv").write_text(f"item,text\n{rows}")
    experiment = designed(
        preset("unlimited-time"), contrasts=(("crn", "real"),), real=None, sentinel=None,
        hits_per_batch=1, trials_per_cell=10, sentinels_per_hit=0, workers_per_hit=3,
        time_allotted_minutes=600,
    )  # fmt: skip
    making = Making(seed=0, versions={}, sources=Sources(tmp_path / "prompts.csv"))
    built = build(find_images(images), experiment, tmp_path / "long", making)
    assert built.question_bytes > 80_000
    assert "this study can be published on your own server alone" in " ".join(built.warnings)
    code, _, errors = paid("publish", "long", "--yes")
    assert code == 1
    assert "bytes; Mechanical Turk allows 65535" in errors[-1]
    assert server.hits() == []
    assert glimpse("publish", "long", *at)[0] == 0
    assert len(server.hits()) == 1
