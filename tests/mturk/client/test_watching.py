"""`collect --watch`: until every place is done, whatever becomes of the server."""

from types import SimpleNamespace

from glimpse.mturk.publishing.client import EndpointError, Requester, connect


def test_watching_ends_when_every_place_is_done(study, server, glimpse, at, monkeypatch):
    glimpse("publish", *at)
    hits = [row["hit_id"] for row in server.hits()]
    waits = iter([hits[:1], [], hits[1:]])

    def work(seconds):
        assert seconds == 5
        for hit in next(waits):
            for name in ("ann", "bob", "cid"):
                server.submit(study, hit, name + hit)

    monkeypatch.setattr("glimpse.mturk.commands.collect.time.sleep", work)
    code, out, errors = glimpse("collect", "--watch", "--interval", "5", *at)
    assert (code, errors) == (0, [])
    assert out == [
        "0 new assignments; 0 of 6 places done. Written: results/",
        "3 new assignments; 3 of 6 places done. Written: results/",
        "3 new assignments; 6 of 6 places done. Written: results/",
        "",
        "Next: python cli.py analyze results/",
    ]


def test_watching_survives_a_server_that_is_away(study, server, glimpse, at, monkeypatch):
    glimpse("publish", *at)
    hits, passes = [row["hit_id"] for row in server.hits()], []
    call = Requester.call

    def away(self, operation, **arguments):
        if len(passes) == 1:
            raise EndpointError("nobody answers.")
        return call(self, operation, **arguments)

    def work(_seconds):
        passes.append(1)
        if len(passes) == 2:
            for hit in hits:
                for name in ("ann", "bob", "cid"):
                    server.submit(study, hit, name + hit)

    monkeypatch.setattr(Requester, "call", away)
    monkeypatch.setattr("glimpse.mturk.commands.collect.time.sleep", work)
    code, out, errors = glimpse("collect", "--watch", *at)
    assert (code, errors) == (0, ["Warning: nobody answers. (looking again in 30 s)"])
    assert out[1] == "6 new assignments; 6 of 6 places done. Written: results/"


def test_watching_follows_a_server_to_another_address(study, server, glimpse, at, monkeypatch):
    glimpse("publish", *at)
    hits, waits = [row["hit_id"] for row in server.hits()], []
    endpoint, own = server.data / "endpoint", server.data / "credentials"

    def work(_seconds):
        waits.append(1)
        if len(waits) == 1:
            endpoint.write_text("http://127.0.0.1:9")
        elif len(waits) == 2:
            own.rename(own.with_name("away"))
        else:
            own.with_name("away").rename(own)
            endpoint.write_text(server.url.replace("127.0.0.1", "localhost"))
            for hit in hits:
                for name in ("ann", "bob", "cid"):
                    server.submit(study, hit, name + hit)

    monkeypatch.setattr("glimpse.mturk.commands.collect.time", SimpleNamespace(sleep=work))
    monkeypatch.setattr(
        "glimpse.mturk.publishing.published.connect", lambda target: connect(target, attempts=1)
    )
    code, out, errors = glimpse("collect", "--watch", *at)
    start = f"in another terminal: python cli.py serve --data {server.data} (looking again in 30 s)"
    assert (code, errors) == (
        0,
        [
            f"Warning: nobody answers at http://127.0.0.1:9. Start the server {start}",
            f"Warning: {own} does not exist: the local server writes it on its first start. Start it {start}",
        ],
    )
    assert out[1] == "6 new assignments; 6 of 6 places done. Written: results/"


def test_ctrl_c_ends_watching_quietly(study, server, glimpse, at, monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    glimpse("publish", *at)
    monkeypatch.setattr("glimpse.mturk.commands.collect.time.sleep", interrupt)
    code, out, _ = glimpse("collect", "--watch", *at)
    assert (code, out[1]) == (0, "Stopped. Everything collected so far is on disk.")
