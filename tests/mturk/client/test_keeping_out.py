"""[people] exclude: who took part before is kept out, as the study's file says; faults are named early."""

import json
import shutil

import pytest

from glimpse.errors import GlimpseError
from glimpse.mturk.recruiting.earlier import (
    EarlierPerson,
    check_earlier,
    kept_out,
    read_earlier,
    stated_earlier,
)
from glimpse.study import read_study
from tests.mturk.client.prolific import People

HEAD = "worker,worker_id,participant,panel,verified\n"
PERSON = "5f1b" + "0" * 20


@pytest.fixture
def second(study):
    """A study of its own beside `study`, whose file keeps out the people of a pilot."""
    folder = study.folder.parent / "second"
    shutil.copytree(study.folder, folder, ignore=shutil.ignore_patterns("published"))
    document = json.loads((folder / "study.json").read_text())
    document["study"] = "second"
    (folder / "study.json").write_text(json.dumps(document))
    (folder / "study.toml").write_text('[people]\nexclude = ["../pilot/"]\n')
    return read_study(folder)


def a_list(folder, *people):
    folder.mkdir(exist_ok=True)
    rows = "".join(f"w{n},W{n},{one},prolific,listed\n" for n, one in enumerate(people))
    (folder / "workers.csv").write_text(HEAD + rows)


def digests(server):
    row = server.site.store.read(lambda tx: tx.one("SELECT value FROM meta WHERE key = 'panels:second'"))
    return json.loads(row["value"])["people"]["digests"]


def test_the_studys_file_keeps_people_out_at_prolific_and_here(second, server, wire, glimpse, at):
    a_list(second.folder.parent / "pilot", PERSON)
    status, out, err = glimpse("publish", "second", "--to", "prolific", "--yes", *at)
    assert (status, err) == (0, []), err
    assert "Kept out, as they took part before: 1 participant." in out
    (group,) = wire.fake.groups.values()
    assert group["participants"] == [PERSON]
    people = People(server, wire, second)
    name = next(iter(wire.fake.studies))
    link = people.link({"id": "1" * 24, "study_id": name, "participant": PERSON})
    with pytest.raises(AssertionError, match="No place in this study is free for you"):
        people.arrive(None, link)
    people.close()


def test_the_studys_file_counts_without_prolific_and_options_add_to_it(second, server, glimpse, at):
    a_list(second.folder.parent / "pilot", PERSON)
    a_list(second.folder.parent / "more", "5f1b" + "1" * 20)
    status, out, err = glimpse("publish", "second", "--panel", "connect=1", "--exclude", "more", *at)
    assert (status, err) == (0, []), err
    assert "Kept out, as they took part before: 2 participants." in out
    assert len(digests(server)) == 2


def test_who_was_kept_out_stays_so_when_the_folder_is_gone(second, server, glimpse, at):
    pilot = second.folder.parent / "pilot"
    a_list(pilot, PERSON)
    assert glimpse("publish", "second", *at)[0] == 0
    shutil.rmtree(pilot)
    status, _, err = glimpse("publish", "second", *at)
    assert status == 0
    assert "is not there any more ([people] exclude)" in " ".join(err)
    assert len(digests(server)) == 1


def test_a_missing_folder_is_named_with_the_files_line_before_anything_is_published(
    second, server, glimpse, at
):
    status, _, err = glimpse("publish", "second", *at)
    assert status == 1
    assert "study.toml, line 2: people.exclude" in " ".join(err)
    assert "pilot: there is no such file" in " ".join(err)
    assert not (second.folder / "published" / "local.jsonl").exists()


def test_at_mturk_it_is_refused_with_the_reason(second, glimpse, at):
    a_list(second.folder.parent / "pilot", PERSON)
    status, _, err = glimpse(
        "publish", "second", "--to", "sandbox", "--image-url-prefix", "https://x.example"
    )
    assert status == 2
    assert "keeps out who took part in" in " ".join(err)


def test_a_studys_folder_stands_for_its_results(study, tmp_path, monkeypatch):
    monkeypatch.chdir(study.folder.parent)
    check_earlier([study.folder])  # its results may come until this one is published
    with pytest.raises(GlimpseError, match="this is a study, and no results of it are beside it"):
        read_earlier([study.folder])
    a_list(study.folder.parent / "its-results", PERSON)
    shutil.copy(study.folder / "study.json", study.folder.parent / "its-results" / "study.json")
    assert read_earlier([study.folder]) == [EarlierPerson("prolific", PERSON)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nowhere", None, "there is no such file; name a results folder, a study's folder, or a workers.csv"),
        ("empty", {}, "there is no workers.csv, which `collect` writes"),
        (
            "notes.csv",
            "name,age\nA,3\n",
            r"notes.csv is no workers.csv, whose first line is worker,worker_id",
        ),
        ("two/workers.csv", "worker,worker_id\nw1,A\n", "nobody in it has an id of a panel"),
        ("none/workers.csv", HEAD, "nobody in it has an id of a panel"),
        ("broken/workers.csv", HEAD + 'w1,"A\n', "Mend the file: a person left out may come again"),
    ],
)
def test_what_tells_of_nobody_is_named_early(tmp_path, name, content, said):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content == {}:
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    with pytest.raises(GlimpseError, match=said):
        check_earlier([path])


def test_a_study_without_such_a_key_keeps_nobody_out(second):
    (second.folder / "study.toml").write_text("seed = 3\n")
    assert stated_earlier(second) == []
    (second.folder / "study.toml").unlink()
    assert stated_earlier(second) == []
    (second.folder / "study.toml").write_text('[people]\nexclude = "pilot"\n')
    with pytest.raises(GlimpseError, match=r"line 2: people\.exclude is 'pilot'; write folders"):
        stated_earlier(second)


def test_lists_grow_and_keep_their_salt():
    first = kept_out([EarlierPerson("prolific", "a")])
    both = kept_out([EarlierPerson("prolific", "b")], first)
    assert both["salt"] == first["salt"]
    assert set(first["digests"]) < set(both["digests"])
    assert kept_out([EarlierPerson("prolific", "a")], both) == both
