"""What `serve` prints: the links of the studies that it has."""

import os
from types import SimpleNamespace

import pytest

from glimpse.mturk.server.storage import hits


@pytest.fixture
def serve(server, glimpse, monkeypatch):
    """Run `serve` up to where it would begin to answer; returns its links and its last line."""
    monkeypatch.setattr(
        "glimpse.mturk.server.running.serve",
        lambda *_, started, **_more: started(server.site, "http://127.0.0.1:8080"),
    )

    def run(*words):
        code, out, errors = glimpse("serve", *words)
        assert (code, errors) == (0, [])
        return [line for line in out if line.startswith("Link")], out[-1]

    return run


def test_serve_says_how_to_stop_it(server, glimpse, monkeypatch):
    monkeypatch.setattr(
        "glimpse.mturk.server.running.serve",
        lambda *_, started, **_more: started(server.site, "http://127.0.0.1:8080"),
    )
    _, out, _ = glimpse("serve")
    assert f"Stop with Ctrl-C, or from another terminal: kill {os.getpid()}" in out


def test_behind_a_public_address_the_links_are_those_that_work(study, server, glimpse, at, monkeypatch):
    """Panels put in who comes; a link without that is refused there."""
    monkeypatch.setattr(
        "glimpse.mturk.server.running.serve",
        lambda settings, *_, started, **_more: started(
            SimpleNamespace(settings=settings, store=server.site.store, requester_token="t", clock_jump_s=0),
            "http://127.0.0.1:8080",
        ),
    )
    join = f"https://lab.example/s/join/{study.study}"
    marks = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
    prolific = f"{join}?" + "&".join(f"{mark}={{{{%{mark}%}}}}" for mark in marks)
    (server.data / "public-url").write_text("https://lab.example/s\n")
    _, out, _ = glimpse("publish", *at)
    assert out[3:7] == [
        "Published: 2 HITs, 6 places. Workers find them here:",
        f"  Prolific: {prolific}",
        f"  CloudResearch Connect: {join}",
        f"  SONA: {join}?survey_code=%SURVEY_CODE%",
    ]
    _, out, _ = glimpse("status", *at)
    assert f"  Prolific: {prolific}" in out
    (server.data / "public-url").unlink()
    _, out, _ = glimpse("serve", "--public-url", "https://lab.example/s")
    link = f"Link to hand out:  {prolific}  (for Prolific; the dashboard has those of other panels)"
    assert link in out
    _, out, _ = glimpse("serve", "--public-url", "https://lab.example/s", "--lab")
    assert f"Link to hand out:  {join}  (the dashboard has those of panels)" in out


def test_serve_gives_the_links_of_what_it_has(study, server, glimpse, at, serve):
    next_line = "Next: python cli.py publish --to local --data 'my server'"
    assert serve("--data", "my server") == (["Link to hand out:  none yet; `publish` prints it"], next_line)
    glimpse("publish", *at)
    link = f"Link to hand out:  http://127.0.0.1:8080/join/{study.study}"
    assert serve("--study", "study") == (
        [f"{link}  (the dashboard has those of panels)"],
        "Next: python cli.py publish study --to local",
    )
    server.change(lambda tx: _more(tx, ["another"]))
    assert serve()[0] == [
        link.replace(study.study, "another"),
        f"{link}  (the dashboard has those of panels)",
    ]


def _more(tx, studies):
    """Publish a HIT of each study; None stands for no study."""
    hit_type = tx.one("SELECT hit_type_id FROM hit_types")["hit_type_id"]
    for study in studies:
        note = f"glimpse:{study}:b1:h1" if study else ""
        hits.add(tx, hit_type, question="<x/>", annotation=note, slots=1, expires=tx.now + 60)


def test_serve_names_a_few_studies_and_counts_the_others(study, server, glimpse, at, serve):
    glimpse("publish", *at)
    server.change(
        lambda tx: [hits.set_disposed(tx, row["hit_id"]) for row in tx.all("SELECT hit_id FROM hits")]
    )
    server.change(lambda tx: _more(tx, [None]))
    assert serve()[0] == ["Link to hand out:  none yet; `publish` prints it"]
    server.change(lambda tx: _more(tx, [f"s{number}" for number in range(7)]))
    links = serve()[0]
    assert len(links) == 6
    assert links[-1] == "Link to hand out:  ... and 2 more, on the dashboard"
