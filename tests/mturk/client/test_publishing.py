"""Publishing: killed at every call it goes on without doubling; the price is right; nothing before a yes."""

import contextlib
import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.mturk.publishing import ledger as ledger_module
from glimpse.mturk.publishing.client import Requester
from glimpse.mturk.publishing.hosting import LocalHosting
from glimpse.mturk.publishing.ledger import Ledger, ledger_path
from glimpse.mturk.publishing.publication import PublicationSettings, parts, published_hits
from glimpse.mturk.publishing.publishing import publish, where_workers_go
from tests.mturk.client.conftest import Nowhere

LINES = [
    b'{"event": "intent", "key": "a"}',
    b'{"event": "outcome", "key": "a"}',
    b'{"event": "out',
    b"{}",
    b"3",
]


class Killed(BaseException):
    """A crash; no handler catches it."""


class Fuse:
    """Burns down with every step, and kills at the end."""

    def __init__(self, steps):
        self.steps = steps

    def step(self):
        self.steps -= 1
        if self.steps == 0:
            raise Killed


class Mortal(Requester):
    """A client that may die before or after each call."""

    def __init__(self, requester, fuse):
        super().__init__(requester.endpoint, requester.client)
        self.fuse = fuse

    def call(self, operation, **arguments):
        self.fuse.step()
        answer = super().call(operation, **arguments)
        self.fuse.step()
        return answer


def yes(_quote):
    """Agree to any price."""


def go(study, requester, settings=None, **more):
    return publish(study, requester, more.pop("hosting", Nowhere()), more.pop("confirm", yes),
                   settings or PublicationSettings(in_nines=requester.endpoint.name != "local"),
                   **more)  # fmt: skip


def check_ledger(study, server, name):
    """Every HIT once at the server and in the ledger, no intent left open, every line readable."""
    ledger = Ledger(ledger_path(study.folder, name))
    assert not ledger.pending
    rows = server.hits()
    annotations = [row["annotation"] for row in rows]
    assert len(annotations) == len(set(annotations))
    wanted = parts(study, in_nines=name != "local")
    assert sorted(annotations) == sorted(part.annotation(study.study) for part in wanted)
    assert {row["hit_id"]: row["max_assignments"] for row in rows} == {
        hit.hit_id: hit.part.places for hit in published_hits(ledger)
    }
    assert len(server.site.store.read(lambda tx: tx.all("SELECT * FROM qualification_types"))) == 1
    assert len(server.site.store.read(lambda tx: tx.all("SELECT * FROM hit_types"))) == 1


def test_publishing_creates_every_hit_and_hosts_every_image(study, server, browser):
    hits = go(study, server.requester(), hosting=LocalHosting(server.requester().endpoint))
    assert [(hit.part.hit, hit.part.places) for hit in hits] == [("b1-h01", 3), ("b1-h02", 3)]
    check_ledger(study, server, "local")
    for stimulus in study.stimuli.values():
        got = browser.get(f"{server.url}/media/{study.study}/{stimulus.file}")
        assert got.content == (study.folder / "images" / stimulus.file).read_bytes()
    addresses = where_workers_go(study, server.requester(), hits)
    assert addresses == [f"{server.url}/worker/", f"{server.url}/join/{study.study}"]


def test_publishing_again_does_nothing(study, server):
    first = go(study, server.requester())
    quotes = []
    assert go(study, server.requester(), confirm=quotes.append) == first
    assert (quotes[0].hits, quotes[0].published) == (0, 2)
    check_ledger(study, server, "local")


@pytest.mark.parametrize("forget", [False, True], ids=["token known", "a day later"])
@pytest.mark.slow
def test_killed_at_every_step_it_goes_on_without_doubling(large_study, server, monkeypatch, forget):
    monkeypatch.setattr(
        "os.fsync", lambda _descriptor: None
    )  # a killed process loses nothing that was written
    append_line = ledger_module.append_line
    steps, folder = 0, large_study.folder / "published"
    requester = server.requester("sandbox")
    while True:
        steps += 1
        fuse = Fuse(steps)

        def append(path, line, fuse=fuse):
            fuse.step()
            append_line(path, line)
            fuse.step()

        monkeypatch.setattr(ledger_module, "append_line", append)
        with contextlib.suppress(Killed):
            go(large_study, Mortal(requester, fuse))
        monkeypatch.setattr(ledger_module, "append_line", append_line)
        if forget:
            server.change(lambda tx: tx.run("DELETE FROM tokens"))
        go(large_study, requester)
        check_ledger(large_study, server, "sandbox")
        if fuse.steps > 0:
            break
        for path in folder.iterdir():
            path.unlink()
        server.forget_all()
    assert steps > 40


def test_killed_again_and_again_it_gets_there(large_study, server):
    for steps in range(3, 60):
        try:
            go(large_study, Mortal(server.requester("sandbox"), Fuse(steps)))
        except Killed:
            continue
        break
    check_ledger(large_study, server, "sandbox")


def test_a_lost_ledger_is_found_again_at_the_endpoint(study, server):
    first = go(study, server.requester())
    ledger_path(study.folder, "local").unlink()
    assert {hit.hit_id for hit in go(study, server.requester())} == {hit.hit_id for hit in first}
    check_ledger(study, server, "local")


def test_a_line_cut_short_is_no_obstacle(study, server):
    go(study, server.requester())
    path = ledger_path(study.folder, "local")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    go(study, server.requester())
    check_ledger(study, server, "local")


def test_batches_of_nine_where_fees_are_taken(large_study, server):
    quotes = []
    hits = go(large_study, server.requester("sandbox"), confirm=quotes.append)
    assert [hit.part.places for hit in hits] == [9, 2, 9, 2]
    (quote,) = quotes
    assert (quote.places, quote.reward_usd, quote.fees_usd, quote.total_usd, quote.saved_usd) == (
        22, Decimal("22.00"), Decimal("4.40"), Decimal("26.40"), Decimal("4.40"))  # fmt: skip


def test_nothing_is_written_or_created_before_a_yes(study, server):
    def no(_quote):
        raise GlimpseError("no")

    with pytest.raises(GlimpseError, match=r"^no$"):
        go(study, server.requester(), confirm=no)
    assert not ledger_path(study.folder, "local").exists()
    assert not server.hits()


def test_too_little_money_is_noticed_before_anything_is_created(study, server, monkeypatch):
    requester = server.requester("production")
    call = requester.call
    monkeypatch.setattr(
        requester,
        "call",
        lambda op, **a: {"AvailableBalance": "7.19"} if op == "GetAccountBalance" else call(op, **a),
    )
    with pytest.raises(GlimpseError, match=r"^the account holds \$7.19, and this needs \$7.20 "):
        go(study, requester)
    assert not server.hits()


def test_settings_are_those_of_the_first_run(study, server):
    go(study, server.requester(), PublicationSettings(expires_days=3, in_nines=False))
    go(study, server.requester(), PublicationSettings(expires_days=7, in_nines=False))
    with pytest.raises(GlimpseError, match=r"began with other settings \(expires_days = 3\)"):
        go(study, server.requester(), PublicationSettings(expires_days=7), given=["expires_days"])


def test_one_publishes_at_a_time(study, server):
    def second(_quote):
        go(study, server.requester())

    with pytest.raises(GlimpseError, match="another publish or review of this study is running"):
        go(study, server.requester(), confirm=second)


def test_a_server_that_lost_its_data_is_recognised(study, start):
    go(study, start().requester())
    with pytest.raises(
        GlimpseError, match=r"says that this study is published, but .* does not know its HITs"
    ):
        go(study, start().requester())


def test_a_ledger_of_another_study_is_refused(study, large_study, server):
    go(study, server.requester())
    path = ledger_path(large_study.folder, "local")
    path.parent.mkdir()
    path.write_bytes(ledger_path(study.folder, "local").read_bytes())
    with pytest.raises(GlimpseError, match="is of another study"):
        go(large_study, server.requester())


def test_a_ledger_of_other_pages_is_refused(study, server):
    go(study, server.requester())
    path = ledger_path(study.folder, "local")
    opened, *rest = path.read_text().splitlines(True)
    line = json.loads(opened)
    path.write_text("".join([json.dumps({**line, "pages_sha256": "0"}) + "\n", *rest]))
    with pytest.raises(GlimpseError, match="or of other pages; what was published must stay with"):
        go(study, server.requester())
    del line["pages_sha256"]  # as an earlier version wrote it
    path.write_text("".join([json.dumps(line) + "\n", *rest]))
    assert len(go(study, server.requester())) == 2


@pytest.mark.parametrize("ledger_is_lost", [True, False], ids=["no ledger", "an intent without an end"])
def test_another_page_under_the_same_name_is_refused(study, server, ledger_is_lost):
    go(study, server.requester())
    server.change(
        lambda tx: tx.run("UPDATE questions SET question = replace(question, 'realistic?', 'fake?')")
    )
    path = ledger_path(study.folder, "local")
    lines = path.read_text().splitlines(True)
    path.unlink() if ledger_is_lost else path.write_text("".join(lines[:-1]))
    before = path.read_text() if path.exists() else None
    with pytest.raises(GlimpseError) as caught:
        go(study, server.requester())
    assert re.fullmatch(
        rf"{server.url} has HIT [A-Z0-9]+ under the name of this study's b1-h0[12], with another page. No "
        "HIT can be changed: build the study again with another --seed, and publish that",
        str(caught.value),
    )
    assert len(server.hits()) == 2
    assert (path.read_text() if path.exists() else None) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda s: replace(s, title="x" * 129),
            "--title has 129 characters; Mechanical Turk allows 1 to 128",
        ),
        (
            lambda s: replace(s, experiment=replace(s.experiment, time_allotted_minutes=10**6)),
            "--time-allotted-minutes is 1000000; Mechanical Turk allows 1 to 525600",
        ),
        (
            lambda s: lengthen(s, "x" * 400_000),
            r"HIT b1-h01 makes a question of \d+ bytes; your own server takes 400000",
        ),
        (
            lambda s: lengthen(s, "\x07"),
            r"HIT b1-h01: its page holds the character U\+0007, which no question",
        ),
    ],
)
def test_what_would_be_refused_is_said_before_anything_is_hosted(study, server, spoil, message):
    class Untouched(Nowhere):
        def host(self, *_):
            raise AssertionError("hosted")

    with pytest.raises(GlimpseError, match=message):
        go(spoil(study), server.requester(), hosting=Untouched())
    assert not ledger_path(study.folder, "local").exists()
    assert not server.hits()


def lengthen(study, text):
    path = study.page_path("b1-h01")
    path.write_text(path.read_text() + text)
    return study


def test_the_sandbox_needs_a_place_for_the_images(study, server):
    with pytest.raises(GlimpseError, match=r"^--to sandbox needs a place for the images: --s3-bucket NAME"):
        go(study, server.requester("sandbox"), hosting=None)
    assert not ledger_path(study.folder, "sandbox").exists()
    go(study, server.requester("sandbox"))
    go(study, server.requester("sandbox"), hosting=None)


def test_images_stay_where_they_are(study, server, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(
            "glimpse.mturk.publishing.publishing.Publisher.create",
            lambda *_: (_ for _ in ()).throw(GlimpseError("stop")),
        )
        with pytest.raises(GlimpseError, match="stop"):
            go(study, server.requester())
    with pytest.raises(
        GlimpseError, match=r"are hosted at https://images.example/; /media/\w+/ cannot be used"
    ):
        go(study, server.requester(), hosting=LocalHosting(server.requester().endpoint))
    go(study, server.requester(), hosting=None)
    check_ledger(study, server, "local")


@given(st.lists(st.binary(max_size=30) | st.sampled_from(LINES)))
def test_any_ledger_is_read_or_refused(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("ledger") / "local.jsonl"
    path.write_bytes(b"\n".join(lines))
    with contextlib.suppress(GlimpseError):
        Ledger(path)


def test_a_ledger_that_is_none_is_refused(study, server):
    path = ledger_path(study.folder, "local")
    path.parent.mkdir()
    path.write_text("hello\n")
    with pytest.raises(GlimpseError, match=r"local.jsonl: line 1 is not a ledger's line: b'hello'"):
        go(study, server.requester())


def test_an_intent_stands_before_every_call_and_its_outcome_after(study, server):
    seen = []

    class Watching(Requester):
        def call(self, operation, **arguments):
            lines = path.read_text().splitlines() if path.exists() else []
            seen.append((operation, [json.loads(line) for line in lines]))
            return super().call(operation, **arguments)

    path = ledger_path(study.folder, "local")
    requester = server.requester()
    go(study, Watching(requester.endpoint, requester.client))
    creations = [(operation, lines) for operation, lines in seen if operation.startswith("Create")]
    assert len(creations) == 4
    for operation, lines in creations:
        assert (lines[-1]["event"], lines[-1]["operation"]) == ("intent", operation)
