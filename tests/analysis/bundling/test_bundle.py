"""`bundle`: what goes in, what stays out, and that the same files make the same bytes."""

import csv
import errno
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from glimpse.analysis.bundling import making
from glimpse.analysis.bundling.anonymous import Anonymizer, coarse_browser
from glimpse.analysis.bundling.people import read_people
from glimpse.analysis.bundling.promises import promise_in, promised
from glimpse.analysis.bundling.scanning import Scanner
from glimpse.errors import GlimpseError
from glimpse.language import codes, language
from glimpse.study import read_study
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import bundled, edit_lines

pytestmark = pytest.mark.slow

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
)


def lines(path):
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read("results/assignments.jsonl").splitlines()]


def test_no_id_goes_in_and_the_secret_stays_out(limited):
    study = read_study(limited / "study")
    private = {study.secret}
    with (limited / "results" / "workers.csv").open() as file:
        private |= {cell for row in list(csv.reader(file))[1:] for cell in row if cell}
    for line in (limited / "results" / "assignments.jsonl").read_text().splitlines():
        record = json.loads(line)
        private |= {record["assignment_id"], record["hit_id"]}
    with zipfile.ZipFile(limited / "study.zip") as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".png")}
        assert "secret" not in json.loads(texts["study/study.json"])
        assert "secret" not in json.loads(texts["results/study.json"])
    assert len(private) > 30
    for name, text in texts.items():
        assert not [one for one in private if one.encode() in text], name
    assert not [name for name in texts if "workers.csv" in name and name != "report/workers.csv"]


def test_numbers_say_no_more_than_the_order_of_the_lines(limited):
    """The secret follows from the design and the images: an order of pseudonyms could be found out."""
    workers = [line["worker"] for line in lines(limited / "study.zip")]
    assert list(dict.fromkeys(workers)) == [f"p{n:05d}" for n in range(1, len(set(workers)) + 1)]


def test_a_bundle_says_what_it_is(limited):
    with zipfile.ZipFile(limited / "study.zip") as archive:
        manifest = json.loads(archive.read("bundle.json"))
        readme = archive.read("README.md").decode()
        assert {*manifest["files"], "bundle.json"} == set(archive.namelist())
    assert manifest["licence"] == "CC-BY-4.0"
    assert "Ann et al. (2026)" in readme
    assert "SIMULATED" in readme
    assert manifest["environment"]["versions"].keys() >= {"glimpse", "numpy", "scipy", "python"}


def test_the_same_files_make_the_same_bytes(limited):
    again = bundled(
        limited, limited / "report", "--licence", "CC-BY-4.0", "--cite", "Ann et al. (2026)", out="again.zip"
    )
    assert again.exit_code == 0, again.output
    assert (limited / "again.zip").read_bytes() == (limited / "study.zip").read_bytes()
    (limited / "again.zip").unlink()


@pytest.mark.parametrize(("images", "there"), [("previews", True), ("digests", False)])
def test_images_that_may_not_be_shared_stay(limited, images, there):
    result = bundled(limited, limited / "report", "--images", images, out=f"{images}.zip")
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(limited / f"{images}.zip") as archive:
        names = archive.namelist()
        assert not [name for name in names if name.startswith("study/images/") or "hardest" in name]
        assert any(name.startswith("study/previews/") for name in names) == there
        assert b"data:image/png" not in archive.read("report/report.html")
        assert "study/design.html" not in names
        stimuli = json.loads(archive.read("study/study.json"))["stimuli"].values()
    assert all(len(one["sha256"]) == len(one["source_sha256"]) == 64 for one in stimuli)


def test_coarser_times_keep_durations_order_and_numbers(limited):
    result = bundled(limited, limited / "report", "--coarsen-times", "day", out="day.zip")
    assert result.exit_code == 0, result.output
    assert "Warning" not in result.output
    for was, now in zip(lines(limited / "study.zip"), lines(limited / "day.zip"), strict=True):
        assert now["submitted_at"].endswith("T00:00:00Z")
        assert now["submitted_at"][:10] == was["submitted_at"][:10]
        assert _seconds(now) == _seconds(was)
        assert now["assignment_id"] == was["assignment_id"]


def _seconds(line):
    from datetime import datetime

    start, end = (datetime.fromisoformat(line[name]) for name in ("accepted_at", "submitted_at"))
    return (end - start).total_seconds()


def anonymizer(results, **choices):
    people = read_people(results)
    return Anonymizer(people, Scanner(people.ids), {"age": "number", "job": "text"}, **choices)


def plant(place, record):
    record["form"] = {"age": "31", "job": "baker in Ulm"}
    record["comment"] = ["nice", "write me: ann@example.org", "", "I am 5f1a2b3c4d5e6f7a8b9c0d1e"][place % 4]
    record["page"] = {
        "user_agent": CHROME.format("131.0.6778.86" if place < 4 else f"14{place}.1"),
        "viewport": [1200, 700],
        "device_pixel_ratio": 1,
        "refresh_hz": 60,
        "shoe_size": 44,
    }


def test_what_people_wrote_and_their_browsers_are_left_out(copied):
    edit_lines(copied / "results", plant)
    found = [json.loads(line) for line in anonymizer(copied / "results").lines(copied / "results")]
    assert [one.get("comment") for one in found[:4]] == ["(left out)", "(left out)", None, "(left out)"]
    assert found[0]["form"] == {"age": "31", "job": "(left out)"}
    assert found[0]["page"]["user_agent"] == CHROME.format("131.0.6778.86")  # four people have it
    assert found[5]["page"]["user_agent"] == "Chrome/145"
    assert "shoe_size" not in found[0]["page"]


def test_comments_are_kept_where_asked_for_and_nobody_is_named(copied):
    edit_lines(copied / "results", plant)
    one = anonymizer(copied / "results", comments=True)
    found = [json.loads(line) for line in one.lines(copied / "results")]
    assert [line.get("comment") for line in found[:4]] == ["nice", "(left out)", None, "(left out)"]
    assert found[0]["form"]["job"] == "baker in Ulm"
    assert one.said["comment with an e-mail address"] > 0
    assert one.said["comment with an id like those of Prolific"] > 0


def test_a_short_name_in_a_comment_counts_as_an_id(copied):
    path = copied / "results" / "workers.csv"
    rows = path.read_text().splitlines()
    path.write_text("worker,worker_id,participant\n" + "\n".join(f"{row},bob" for row in rows[1:]) + "\n")

    def sign(place, record):
        record["comment"] = "bob was here" if place == 0 else "bobby was here"

    edit_lines(copied / "results", sign)
    found = [
        json.loads(line) for line in anonymizer(copied / "results", comments=True).lines(copied / "results")
    ]
    assert [line["comment"] for line in found[:2]] == ["(left out)", "bobby was here"]


@pytest.mark.parametrize(
    ("agent", "coarse"),
    [
        (CHROME.format("131.0.6778.86"), "Chrome/131"),
        (CHROME.format("131.0.0.0") + " Edg/131.0.2903.51", "Edg/131"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/17.4 Safari/605.1.15", "Safari/17"),
        ("NCSA_Mosaic/2.0", "another"),
        ("", ""),
    ],
)
def test_browsers_keep_family_and_major_version(agent, coarse):
    assert coarse_browser(agent) == coarse


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ("ASIMULATED0X00003", "the id of a participant or an assignment"),
        ("ann@example.org", "an e-mail address"),
        ("ann@k\u00f6ln.de", "an e-mail address"),
        ("5f1a2b3c4d5e6f7a8b9c0d1e", "an id like those of Prolific"),
        ("5F1A2B3C4D5E6F7A8B9C0D1E", "an id like those of Prolific"),
        ("A2XJ8KQ1B7ZPLM", "an id like MTurk's worker ids"),
        ("192.168.17.4", "an IP address"),
        ("2001:db8:85a3::8a2e:370:7334", "an IPv6 address"),
        ("AKIAIOSFODNN7EXAMPLE", "a secret key"),
        ("hf_abcdefghijklmnopqrstuvwxyz0123", "a secret key"),
        ('"aws_secret_access_key": "wJalrXUtnFEMI"', "a secret key"),
        ("API_KEY=abcdefghijklmnop", "a secret key"),
        ("postgresql://glimpse:hunter22@localhost/db", "a secret key"),
        (CHROME.format("131.0.6778.86"), "a browser's full name"),
    ],
)
def test_what_is_private_is_found_by_line(planted, kind):
    scanner = Scanner({"ASIMULATED0X00003", "12", "left"})
    found = list(scanner.leaks(f"first line\nsomething {planted}, and more\n", "study/study.toml"))
    assert (found[0].file, found[0].line) == ("study/study.toml", 2)
    assert kind in {one.kind for one in found}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I am asimulated0x00003", True),
        ("xASIMULATED0X00003y", True),
        ("I am BOB", True),
        ("bobby was here", False),
        ("ann (at) lab.org", True),
        ("call +49 170 1234567", True),
        ("0170/123 45 67", True),
        ("I saw 12 of 40 in 2020-2021", False),
        ("at 8.5 s, 1.000 images", False),
    ],
)
def test_what_people_wrote_is_read_as_people_do(text, found):
    """Whatever the case, within other words, and telephone numbers."""
    scanner = Scanner({"ASIMULATED0X00003", "bob"})
    assert bool(scanner.of_words(text)) == found


def test_what_a_browser_sent_beyond_the_forms_stays_out(copied):
    def send(place, record):
        if place == 0:
            record["form"] = {"age": "31", "Ann Smith": "x"}
            record["problem"] = "form has a field 'Ann Smith', which the study does not ask"

    edit_lines(copied / "results", send)
    one = anonymizer(copied / "results")
    found = [json.loads(line) for line in one.lines(copied / "results")]
    assert found[0]["form"] == {"age": "31"}
    assert found[0]["problem"] == "form has a field '...', which the study does not ask"
    assert one.said["field of a form that the study does not ask"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "t0001,12,left,09:00:00,2026-01-05T09:00:00Z", "Chrome/131.0.0.0 matplotlib 3.11.2", "127.0.0.1",
        "a::before { content: '' }", "f" * 64, "me@lab.org", "<path d='M1.2.3.4.5 6'/>",
        "data:image/png;base64," + "A2XJ8KQ1B7ZPLM/" * 9,
    ],
)  # fmt: skip
def test_what_is_not_private_is_not_found(text):
    scanner = Scanner({"12", "left", "000001"}, public={"me@lab.org"})
    assert list(scanner.leaks(text)) == []


def test_planted_ids_are_refused_by_file_and_line_and_nothing_is_written(copied):
    path = copied / "study" / "study.toml"
    with path.open("a") as file:
        file.write("# asked by ann@example.org, with AKIAIOSFODNN7EXAMPLE\n")
    last = len(path.read_text().splitlines())
    result = bundled(copied, copied / "report", out="leak.zip")
    assert result.exit_code == 1
    assert f"study/study.toml, line {last}: an e-mail address (ann...)" in result.output
    assert f"study/study.toml, line {last}: a secret key (AKI...)" in result.output
    assert "ann@example" not in result.output
    assert not (copied / "leak.zip").exists()


def test_the_study_file_names_no_folder_of_the_computer(copied):
    path = copied / "study" / "study.toml"
    text = path.read_text().replace('images = "../images"', 'images = "/home/ann/images"')
    path.write_text(text.replace("[people]", '[people]\nexclude = ["/home/ann/pilot"]'))
    assert bundled(copied, copied / "report").exit_code == 0
    with zipfile.ZipFile(copied / "study.zip") as archive:
        shared = archive.read("study/study.toml").decode()
    assert 'images = "images"' in shared
    assert "ann" not in shared
    assert "exclude" not in shared


def test_a_report_of_other_answers_is_refused(copied):
    path = copied / "results" / "assignments.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    result = bundled(copied, copied / "report", out="old.zip")
    assert result.exit_code == 1
    assert "was made of other answers" in result.output
    assert not (copied / "old.zip").exists()


def test_folders_in_the_wrong_order_are_named(limited):
    from tests.analysis.analyses import run

    result = run("bundle", limited / "report", limited / "study", "--out", limited / "no.zip")
    assert result.exit_code == 1
    assert "has no study.json; bundle takes the folder of a study" in result.output


def photographs(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday/001.jpg", b"not to be lost")


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("mine"), photographs, lambda path: path.write_bytes(b"PK cut"),
             lambda path: path.mkdir()],
)  # fmt: skip
def test_what_is_no_bundle_is_not_replaced(limited, tmp_path, make):
    make(tmp_path / "mine.zip")
    before = (tmp_path / "mine.zip").stat()
    result = bundled(limited, limited / "report", out=str(tmp_path / "mine.zip"))
    assert result.exit_code == 1
    assert "mine.zip is there and no bundle (a zip file with bundle.json), so it is not" in result.output
    assert (tmp_path / "mine.zip").stat().st_ino == before.st_ino


@pytest.mark.parametrize("option", ["--metric", "--items"])
def test_a_file_that_cannot_be_read_is_named_as_typed(limited, tmp_path, option):
    (tmp_path / "x.pth").write_bytes(b"\x80\x02not a table")
    result = bundled(limited, option, tmp_path / "x.pth", out="no.zip")
    assert result.exit_code == 1
    assert f"{tmp_path / 'x.pth'}, line 1: not UTF-8 text" in result.output
    assert "analysis/" not in result.output


def test_a_study_from_a_bundle_is_for_reading(limited, tmp_path):
    shutil.unpack_archive(limited / "study.zip", tmp_path)
    with pytest.raises(GlimpseError, match="has no secret key: it is from a bundle"):
        read_study(tmp_path / "study")


@pytest.mark.parametrize(
    ("consent", "promise"),
    [
        ("These data are used for research only and published only in summary.", "only in summary"),
        ("Results will only be reported\nin aggregated form.", "only be reported in aggregated form"),
        (
            "Diese Daten werden nur zusammengefasst ver\u00f6ffentlicht.",
            "nur zusammengefasst ver\u00f6ffentlicht",
        ),
        ("Your answers are published, without your name.", ""),
        ("A summary is on the last page only. In summary: thanks.", ""),
    ],
)
def test_a_promise_of_summaries_is_found(consent, promise):
    assert promise_in(consent) == promise


@pytest.mark.parametrize("code", codes())
def test_the_usual_consent_promises_nothing_that_a_bundle_breaks(code):
    assert promise_in(language(code).say("consent.data")) == ""


def test_a_promise_is_told_and_what_to_do(copied):
    path = copied / "study" / "study.json"
    document = json.loads(path.read_text())
    document["page"]["consent"] = "Answers are published only in summary."
    path.unlink()
    path.write_text(json.dumps(document))
    assert promised(copied / "study") == "only in summary"
    result = bundled(copied, copied / "report", out="promised.zip")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert 'participants were told in the consent: "only in summary"' in said
    assert "ask your ethics board" in said
    assert "build-hits --consent" in said


def test_results_that_lack_the_registration_are_told(copied):
    study, results = copied / "study", copied / "results"
    assert run("register", study).exit_code == 0
    said = " ".join(bundled(copied, out="registered.zip").output.split())
    assert f"{results} lacks the registration that {study} has" in said
    assert f"Copy {study}/registration.json to {results}" in said
    shutil.copy(study / "registration.json", results)
    assert "lacks" not in bundled(copied, out="carried.zip").output
    assert run("register", study, "--level", 0.99, "--amend", "A reviewer asked for it.").exit_code == 0
    assert "lacks an amendment of" in " ".join(bundled(copied, out="amended.zip").output.split())


@pytest.mark.parametrize(
    ("of", "change", "said"),
    [
        ("study", lambda _: {}, "{}: "),
        ("study", lambda one: {**one, "design_sha256": "0" * 64}, "{} registers another design"),
        (
            "results",
            lambda one: {
                **one,
                "versions": [{**one["versions"][0], "registered_at": "2020-01-01T00:00:00Z"}],
            },
            "{} is another registration than",
        ),
    ],
)
def test_a_registration_that_does_not_fit_is_told_and_stops_nothing(copied, of, change, said):
    assert run("register", copied / "study").exit_code == 0
    shutil.copy(copied / "study" / "registration.json", copied / "results")
    path = copied / of / "registration.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    result = bundled(copied, out="told.zip")
    assert (result.exit_code, (copied / "told.zip").is_file()) == (0, True)
    assert said.format(path) in " ".join(result.output.split())


def test_a_promise_on_the_pages_of_an_earlier_version_is_found():
    assert promised(Path(__file__).parents[2] / "data" / "version-1" / "study") == "only in summary"


def test_a_disk_without_space_leaves_nothing(limited, tmp_path, monkeypatch):
    """What was begun is removed, and an earlier bundle stays."""
    out = tmp_path / "study.zip"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("bundle.json", "{}")
    earlier = out.read_bytes()

    def full(path):
        yield b"PK"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(making, "_parts", full)
    result = run("bundle", limited / "study", limited / "results", "--out", out)
    assert result.exit_code == 1
    assert "study.zip: No space left on device." in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["study.zip"]
    assert out.read_bytes() == earlier


def test_a_file_in_the_place_of_the_folder_is_named(limited, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    result = run(
        "bundle", limited / "study", limited / "results", "--out", tmp_path / "notes.txt" / "study.zip"
    )
    assert "notes.txt is a file, so that" in result.output
