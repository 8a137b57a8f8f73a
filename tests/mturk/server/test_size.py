"""What pages read does not grow with the study: no questions, as many statements and rows for any size."""

import json
import math
import re

import pytest

from glimpse.mturk.server.storage import hits
from glimpse.mturk.server.storage.database import Transaction
from glimpse.mturk.server.storage.screening import Exclusions

SMALL, LARGE = 60, 600
STUDY, BATCHES = "big", 4


@pytest.fixture
def grow(server, question):
    """A function that adds HITs to the study until it has so many."""
    known = []

    def to(number):
        def change(tx):
            properties = ("T", "D", "", "0.50", 600, 600, "[]")
            kinds = [hits.add_type(tx, f"digest {n}", (f"T{n}", *properties[1:])) for n in range(BATCHES)]
            while len(known) < number:
                n = len(known)
                note = f"glimpse:{STUDY}:b{n % BATCHES}:h{n:04}"
                kind = kinds[n % BATCHES]
                known.append(
                    hits.add(tx, kind, question=question, annotation=note, slots=3, expires=tx.now + 3600)
                )

        server.site.store.write(change).result()
        return known

    return to


@pytest.fixture
def read(monkeypatch):
    """Every statement that is read with, and the rows that it gave; not what is asked once a second."""
    monkeypatch.setattr("glimpse.mturk.server.site._HEAR_S", math.inf)
    seen = []

    def one(self, sql, *values):
        row = plain_one(self, sql, *values)
        seen.append((" ".join(sql.split()), [row] if row else []))
        return row

    def everything(self, sql, *values):
        rows = plain_all(self, sql, *values)
        seen.append((" ".join(sql.split()), rows))
        return rows

    plain_one, plain_all = Transaction.one, Transaction.all
    monkeypatch.setattr(Transaction, "one", one)
    monkeypatch.setattr(Transaction, "all", everything)
    return seen


@pytest.fixture
def pages(server):
    """By name, a function that opens the page as somebody who is there already."""
    ann = server.worker("ann")
    requester = server.browser(follow_redirects=True)
    requester.get("/dashboard/", params={"token": server.site.requester_token})
    stranger = server.browser()
    return {
        "join": lambda: stranger.get(f"/join/{STUDY}"),
        "list": lambda: ann.http.get("/worker/"),
        "studies": lambda: requester.get("/dashboard/"),
        "dashboard": lambda: requester.get(f"/dashboard/studies/{STUDY}"),
        "live": lambda: requester.get(f"/dashboard/studies/{STUDY}/live?page=2"),
        "health": lambda: stranger.get("/health"),
    }


def test_pages_read_as_much_of_a_large_study_as_of_a_small_one(grow, read, pages):
    found = {}
    for size in (SMALL, LARGE):
        grow(size)
        for name, look in pages.items():
            read.clear()
            assert look().status_code == 200
            statements = [sql for sql, _ in read]
            rows = [row for _, got in read for row in got]
            assert not [sql for sql in statements if re.search(r"\bquestions?\b", sql)]
            assert not [row for row in rows if "question" in list(row.keys())]
            found[name, size] = statements, len(rows)
    for name in pages:
        # The second page of the small study has only ten HITs.
        assert found[name, LARGE][0] == found[name, SMALL][0], name
        assert found[name, LARGE][1] - found[name, SMALL][1] == (40 if name == "live" else 0), name


def test_taking_a_hit_looks_at_one_of_each_type(grow, read, server):
    statements = {}
    for size in (SMALL, LARGE):
        grow(size)
        ann, page = server.somebody(), server.browser()
        assert page.get(f"/join/{STUDY}").status_code == 200
        read.clear()
        assert ann.join(STUDY, participant=f"p{size}").status_code == 303
        statements[size] = len(read), sum(len(rows) for _, rows in read)
        assert not [row for _, rows in read for row in rows if "question" in list(row.keys())]
    assert statements[SMALL] == statements[LARGE]


def test_who_may_take_no_hit_of_a_type_gets_the_next_type(server, turk, publish, grow):
    refused = turk.create_qualification_type(Name="q", Description="d", QualificationTypeStatus="Active")
    rule = {
        "QualificationTypeId": refused["QualificationType"]["QualificationTypeId"],
        "Comparator": "Exists",
    }
    for number in range(3):
        publish(RequesterAnnotation=f"glimpse:{STUDY}:b0:r{number}", requirements=[rule])
    free = grow(1)
    ann = server.worker("ann")
    ann.accept(f"/worker/studies/{STUDY}/accept")
    row = server.site.store.read(lambda tx: tx.one("SELECT hit_id FROM assignments"))
    assert row["hit_id"] == free[0]
    listed = ann.http.get("/worker/").text
    assert listed.count("You do not have a qualification") == 1
    assert "3 tasks" in listed


def test_the_dashboard_shows_a_page_of_hits_with_the_sums_of_all(grow, pages, server):
    grow(LARGE)
    first = pages["dashboard"]()
    assert first.text.count('class="tag') == 50
    assert "HITs 1 to 50 of 600" in first.text
    assert f"<b>0<small> / {3 * LARGE}</small></b>" in first.text
    assert 'b0 <span class="muted">150 HITs' in first.text
    browser = server.browser(follow_redirects=True)
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    seen = set()
    for page in range(1, 13):
        text = browser.get(f"/dashboard/studies/{STUDY}?page={page}").text
        seen |= set(re.findall(r"<th scope=\"row\">(h\d+)", text))
        assert f'/live?page={page}"' in text
    assert len(seen) == LARGE
    for odd in ("99", "0", "-1", "x", "9" * 9, "1.5"):
        assert browser.get(f"/dashboard/studies/{STUDY}?page={odd}").status_code == 200
    assert "HITs 551 to 600" in browser.get(f"/dashboard/studies/{STUDY}?page=99").text


def test_the_dashboard_is_sent_again_only_when_something_changed(grow, server, turk):
    hit_id = grow(SMALL)[0]
    browser = server.browser(follow_redirects=True)
    browser.get("/dashboard/", params={"token": server.site.requester_token})
    live = f"/dashboard/studies/{STUDY}/live"

    def changed(seen):
        reply = browser.get(live, headers={"If-None-Match": seen})
        assert reply.status_code in {200, 304}
        assert (reply.status_code == 304) == (reply.text == "")
        return reply.headers["etag"] if reply.status_code == 200 else None

    seen = changed("")
    assert changed(seen) is None
    assert browser.get(f"{live}?page=2", headers={"If-None-Match": seen}).status_code == 200
    ann = server.worker("ann")
    assert changed(seen)
    mine = ann.take(hit_id)
    acts = [
        lambda: ann.submit(mine),
        lambda: turk.approve_assignment(AssignmentId=mine),
        lambda: turk.send_bonus(WorkerId=ann.id, AssignmentId=mine, BonusAmount="0.25", Reason="r"),
        lambda: turk.update_expiration_for_hit(HITId=hit_id, ExpireAt=0),
        lambda: turk.update_hit_review_status(HITId=hit_id),
        lambda: turk.update_hit_review_status(HITId=hit_id, Revert=True),
        lambda: server.clock.skip(7200),
    ]
    seen = changed("")
    for act in acts:
        act()
        now = changed(seen)
        assert now
        seen = now
    assert changed(seen) is None


def test_an_answer_is_judged_once(server, grow, read, tmp_path, monkeypatch):
    hit_id = grow(1)[0]
    exclusions = Exclusions(())
    plan = type("Plan", (), {"study": STUDY})()
    from glimpse.mturk.server.storage import screening

    judged = []
    monkeypatch.setattr(
        screening, "reason_left_out", lambda plan, hit, *sent: judged.append(hit) or "unreadable"
    )
    monkeypatch.setattr(screening, "_AT_ONCE", 2)
    exclusions._studies = {STUDY: screening.Tallies(plan)}
    store = server.site.store
    for name in "abc":
        worker = server.worker(name)
        worker.submit(worker.take(hit_id), answers=json.dumps({"by": name}))
    found = [store.read(lambda tx: exclusions.count(tx, STUDY)).by_hit[hit_id] for _ in range(3)]
    assert found == [2, 3, 3]
    assert len(judged) == 3
    read.clear()
    assert not exclusions.behind(STUDY)
    store.read(lambda tx: exclusions.count(tx, STUDY))
    assert [rows for _, rows in read] == [[]]
