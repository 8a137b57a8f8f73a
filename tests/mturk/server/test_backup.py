"""Backup and restore: everything comes back, nothing is mixed or lost, and damage is said as that."""

import errno
import io
import shutil
import sqlite3
import tarfile
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.server import backup as backups
from glimpse.mturk.server.running import alone, serve
from glimpse.mturk.server.site import ServerSettings, Site
from glimpse.mturk.server.storage import copies, hits
from glimpse.mturk.server.storage.database import Store
from tests.mturk.server.test_media_and_dashboard import image, put

pytestmark = pytest.mark.sqlite


def run(*words):
    return CliRunner().invoke(main, ["serve", *(str(word) for word in words)])


def answered(data):
    """Return assignment id -> answer of a folder's database, which must be whole."""
    assert copies.problem(data / "server.sqlite3") is None
    connection = sqlite3.connect(data / "server.sqlite3")
    try:
        return dict(connection.execute("SELECT assignment_id, answer FROM assignments"))
    finally:
        connection.close()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def filled(server, publish):
    """A server with an image and an answer; returns it and the id of its HIT."""
    assert put(server, "/media/s/a.png", image()).status_code == 201
    hit_id = publish(500)["HITId"]
    worker = server.worker("ann")
    worker.submit(worker.take(hit_id))
    return server, hit_id


@pytest.fixture
def saved(filled, tmp_path):
    """A backup of a running server, and its folder."""
    server, _ = filled
    file = tmp_path / "backup.tar"
    assert backups.backup(server.site.settings.data, file) == 1
    return file, server.site.settings.data


def test_everything_comes_back_in_another_folder(saved, start, filled, tmp_path):
    file, data = saved
    server, hit_id = filled
    assert file.stat().st_mode & 0o777 == 0o600
    result = run("--restore", file, "--data", tmp_path / "new")
    assert result.exit_code == 0, result.output
    for name in ("credentials", "dashboard-token", "media/s/a.png"):
        assert (tmp_path / "new" / name).read_bytes() == (data / name).read_bytes()
    assert (tmp_path / "new" / "credentials").stat().st_mode & 0o777 == 0o600
    again = start(data=tmp_path / "new")
    assert again.site.secret == server.site.secret
    listed = again.requester().list_assignments_for_hit(HITId=hit_id)["Assignments"]
    assert listed == server.requester().list_assignments_for_hit(HITId=hit_id)["Assignments"]
    assert again.browser().get("/media/s/a.png").content == image()


def test_a_backup_under_load_is_one_moment(filled, tmp_path):
    """Every answer that was acknowledged before the backup began is in it, and counters fit the answers."""
    server, hit_id = filled
    data, done, stop = server.site.settings.data, [], threading.Event()

    def work(number):
        turn = 0
        while not stop.is_set():
            worker = server.worker(f"w{number}-{turn}")
            assignment, turn = worker.take(hit_id), turn + 1
            assert worker.submit(assignment).status_code == 200
            done.append(assignment)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            while len(done) < 5 * (number + 1):
                pass
            before = set(done)
            backups.backup(data, tmp_path / f"{number}.tar")
            backups.restore(tmp_path / f"{number}.tar", tmp_path / str(number))
            found = answered(tmp_path / str(number))
            assert before <= {name for name, answer in found.items() if answer}
            store = Store(tmp_path / str(number) / "server.sqlite3", server.clock)
            row = store.read(lambda tx: hits.find(tx, hit_id))
            assert row["submitted"] == sum(answer is not None for answer in found.values())
            store.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_left_over_log_is_never_mixed_in(saved, filled, tmp_path):
    """What a killed server leaves beside its database belongs to that database: moved aside with it."""
    file, data = saved
    server, hit_id = filled
    for name in ("bob", "cid"):
        worker = server.worker(name)
        worker.submit(worker.take(hit_id))
    killed = tmp_path / "killed"
    shutil.copytree(data, killed, ignore=shutil.ignore_patterns("lock"))
    log = (killed / "server.sqlite3-wal").read_bytes()
    assert log
    result = run("--restore", file, "--data", killed, "--replace")
    assert result.exit_code == 0, result.output
    assert not (killed / "server.sqlite3-wal").exists()
    assert len(answered(killed)) == 1
    (aside,) = killed.glob("before-restore-*")
    assert str(aside) in result.output
    assert (aside / "server.sqlite3-wal").read_bytes() == log
    assert len(answered(aside)) == 3


def test_nothing_is_restored_over_data_or_a_running_server(saved, tmp_path):
    file, data = saved
    result = run("--restore", file, "--data", data, "--replace")
    assert result.exit_code == 0, "the tests' server holds no lock"
    with alone(tmp_path / "held"):
        result = run("--restore", file, "--data", tmp_path / "held")
    assert result.exit_code == 1
    assert "Another server is running on the folder" in result.output
    shutil.copytree(data, tmp_path / "there")
    before = files(tmp_path / "there")
    result = run("--restore", file, "--data", tmp_path / "there")
    assert result.exit_code == 1
    assert "holds a server's data already" in result.output
    assert "--replace" in result.output
    assert files(tmp_path / "there") == before


def test_a_bare_database_is_restored_too(saved, filled, tmp_path):
    _, data = saved
    bare = tmp_path / "backup.sqlite3"
    copies.copy(data / "server.sqlite3", bare)
    new = tmp_path / "new"
    new.mkdir()
    (new / "credentials").write_text("stays")
    assert run("--restore", bare, "--data", new).exit_code == 0
    assert len(answered(new)) == 1
    assert (new / "credentials").read_text() == "stays"


def tar_of(path, *entries):
    with tarfile.open(path, "w") as tar:
        for name, content, kind in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(content)
            entry.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            tar.addfile(entry, io.BytesIO(content))


def flipped(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"\x89PNG") + 20] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a bit of an image": flipped,
    "empty": lambda path: path.write_bytes(b""),
    "no tar": lambda path: path.write_bytes(b"x" * 5000),
    "no manifest": lambda path: tar_of(path, ("server.sqlite3", b"x", tarfile.REGTYPE)),
    "a way out": lambda path: tar_of(path, ("../evil", b"x", tarfile.REGTYPE)),
    "a link": lambda path: tar_of(path, ("credentials", b"", tarfile.SYMTYPE)),
    "another manifest": lambda path: tar_of(path, ("backup.json", b"[" * 100_000, tarfile.REGTYPE)),
    "a bare database that is damaged": lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 5000),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_backup_is_said_as_that_and_changes_nothing(saved, tmp_path, name):
    file, data = saved
    there = tmp_path / "there"
    shutil.copytree(data, there, ignore=shutil.ignore_patterns("lock"))
    before = files(there)
    DAMAGE[name](file)
    result = run("--restore", file, "--data", there, "--replace")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert str(file) in result.output
    assert "defect" not in result.output
    assert {name: content for name, content in files(there).items() if name != "lock"} == before
    assert not (tmp_path / "evil").exists()


class Killed(BaseException):
    pass


def test_a_restore_that_breaks_off_is_finished_by_running_it_again(saved, tmp_path, monkeypatch):
    file, data = saved
    rename, steps = Path.rename, 0
    for steps in range(20):
        there, left = tmp_path / f"there-{steps}", [steps]
        shutil.copytree(data, there, ignore=shutil.ignore_patterns("lock"))

        def dying(self, target, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", dying)
        try:
            backups.restore(file, there, replace=True)
        except Killed:
            monkeypatch.setattr(Path, "rename", rename)
        else:
            monkeypatch.setattr(Path, "rename", rename)
            break
        if (there / "restoring").exists():
            with pytest.raises(GlimpseError, match=r"was broken off. Run it again: .* --restore FILE"):
                serve(ServerSettings(there), "127.0.0.1", 0)
            backups.restore(file, there)
        else:
            backups.restore(file, there, replace=True)
        assert len(answered(there)) == 1
        assert (there / "media/s/a.png").read_bytes() == (data / "media/s/a.png").read_bytes()
        assert not (there / "restoring").exists()
        old = {path.name for aside in there.glob("before-restore-*") for path in aside.iterdir()}
        assert {"server.sqlite3", "credentials", "dashboard-token", "media"} <= old
    assert steps > 6


def test_a_backup_is_never_overwritten_and_leaves_nothing_behind(saved, monkeypatch, tmp_path):
    file, data = saved
    before = file.read_bytes()
    result = run("--backup", file, "--data", data)
    assert result.exit_code == 1
    assert "no backup is ever overwritten" in result.output
    assert file.read_bytes() == before

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    out = tmp_path / "out"
    result = run("--backup", out / "b.tar", "--data", data)
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert list(out.iterdir()) == []
    assert run("--backup", out / "b.tar", "--data", tmp_path / "nowhere").exit_code == 1
    assert not (tmp_path / "nowhere").exists()


# Damage of the database itself


def damaged(path):
    """Overwrite the middle of a database, past its first page."""
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = b"\x55" * (len(content) - 12_288)
    path.write_bytes(content)


def test_damage_inside_a_database_is_said_when_the_server_starts(saved, tmp_path):
    file, _ = saved
    backups.restore(file, tmp_path / "new")
    damaged(tmp_path / "new" / "server.sqlite3")
    with pytest.raises(
        GlimpseError, match=r"server.sqlite3 is damaged, or not a database \(.*--restore FILE"
    ):
        Site(ServerSettings(tmp_path / "new"))
    result = run("--backup", tmp_path / "b.tar", "--data", tmp_path / "new")
    assert result.exit_code == 1
    assert "Restore an earlier backup" in result.output
    assert not (tmp_path / "b.tar").exists()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_damage_that_shows_while_the_server_runs_is_said_as_that(filled, kind):
    server, _ = filled

    def breaks(_tx):
        raise sqlite3.DatabaseError("database disk image is malformed")

    from glimpse.mturk.server.protocol.errors import ServiceFault

    with pytest.raises(ServiceFault, match="database is damaged; stop it, and restore a backup"):
        server.site.store.read(breaks) if kind == "read" else server.site.store.write(breaks).result()
    assert server.browser().get("/health").text == "ok\n"
