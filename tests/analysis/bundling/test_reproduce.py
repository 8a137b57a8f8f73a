"""`reproduce`: the same comes out; and what was changed, or would do harm, is refused."""

import hashlib
import json
import stat
import zipfile
from types import SimpleNamespace

import pytest

from glimpse.analysis.bundling import archive
from glimpse.analysis.bundling.archive import Limits, unpack
from glimpse.analysis.bundling.comparing import Comparison, compare_reports, compare_values
from glimpse.analysis.bundling.reproducing import open_bundle, reproduce
from glimpse.errors import GlimpseError
from tests.analysis.analyses import run
from tests.analysis.bundling.conftest import bundled

pytestmark = pytest.mark.slow


def rewrite(path, out, change, *, sign=False):
    """Copy a bundle with `change` applied to its files by name; `sign`: with the digests to match."""
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    change(files)
    if sign:
        manifest = json.loads(files["bundle.json"])
        manifest["files"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "bundle.json"
        }
        files["bundle.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return out


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_bundle_is_reproduced(limited, tmp_path):
    result = run("reproduce", limited / "study.zip", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Reproduced: every number, word and figure is the same." in result.output
    assert (tmp_path / "out" / "report-again" / "summary.json").exists()
    was = json.loads((limited / "report" / "summary.json").read_text())
    now = json.loads((tmp_path / "out" / "report-again" / "summary.json").read_text())
    compared = Comparison()
    for name in ("preference", "curves", "differences", "rankings", "agreement", "counts", "participants"):
        compare_values(compared, was[name], now[name], name)
    assert compared.same
    assert compared.numbers > 300


@pytest.mark.parametrize(
    "name",
    ["results/assignments.jsonl", "report/report.html", "report/preference.csv", "study/trials.csv", "image"],
)
def test_one_changed_byte_is_refused(limited, tmp_path, name):
    def change(files):
        found = next(one for one in files if one.startswith("study/images/")) if name == "image" else name
        files[found] = flipped(files[found], len(files[found]) // 2)

    result = run("reproduce", rewrite(limited / "study.zip", tmp_path / "x.zip", change))
    assert result.exit_code == 1
    assert result.output.count("was changed: its SHA-256 is not that of bundle.json") == 1
    assert len(result.output.splitlines()) == 1


def test_a_forged_number_comes_out_otherwise(limited, tmp_path):
    """Digests that match say nothing: the analysis does."""

    def forge(files):
        head, first, *rows = files["report/preference.csv"].decode().splitlines()
        at = head.split(",").index("rate")
        cells = first.split(",")
        cells[at] = "0.987"
        files["report/preference.csv"] = "\n".join([head, ",".join(cells), *rows, ""]).encode()

    result = run("reproduce", rewrite(limited / "study.zip", tmp_path / "x.zip", forge, sign=True))
    assert result.exit_code == 3
    assert "1 number differs:" in result.output
    assert "report" not in result.output.split("1 number differs:")[0].split("files of the report")[0]
    assert "preference.csv, line 2, rate: 0.987 in the bundle" in result.output
    assert "NOT reproduced, with the same versions" in result.output


@pytest.mark.exhaustive
def test_a_forged_answer_comes_out_otherwise(limited, tmp_path):
    """So does one answer that was turned round, with digests that match."""

    def forge(files):
        text = files["results/assignments.jsonl"].decode()
        at = text.index('"side":"left"')
        files["results/assignments.jsonl"] = f'{text[:at]}"side":"right"{text[at + 13 :]}'.encode()

    result = run("reproduce", rewrite(limited / "study.zip", tmp_path / "x.zip", forge, sign=True))
    assert result.exit_code == 3
    assert "judgments.csv, line " in result.output
    assert "NOT reproduced" in result.output


def test_forged_words_and_images_are_found(limited, tmp_path):
    def forge(files):
        text = files["report/methods.txt"].decode()
        files["report/methods.txt"] = (
            text.replace("people", "experts").replace("images", "masterpieces").encode()
        )

    result = run("reproduce", rewrite(limited / "study.zip", tmp_path / "x.zip", forge, sign=True))
    assert result.exit_code == 3
    assert "1 text differs:" in result.output

    def swap(files):
        one, other = [name for name in files if name.startswith("study/images/")][:2]
        files[one], files[other] = files[other], files[one]

    result = run("reproduce", rewrite(limited / "study.zip", tmp_path / "y.zip", swap, sign=True))
    assert result.exit_code == 1
    assert "is not what study/study.json says it is" in result.output


def edited(name, change):
    """Return what changes one JSON file among those of a bundle."""

    def edit(files):
        value = json.loads(files[name])
        change(value)
        files[name] = json.dumps(value).encode()

    return edit


def table_of(files, kind):
    return next(name for name in files if name.startswith("data/") and f"description-{kind}_" in name)


def forge_table(files):
    name = table_of(files, "judgments")
    files[name] = files[name].replace(b",left,", b",right,", 1)


def swap_stimuli(study):
    one, other = list(study["stimuli"])[:2]
    study["stimuli"][one], study["stimuli"][other] = study["stimuli"][other], study["stimuli"][one]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (forge_table, r"judgments_data\.csv is missing, or is not report/judgments\.csv"),
        (lambda files: files.pop(table_of(files, "trials")), r"trials_data\.csv is missing, or is not"),
        (lambda files: files.pop("study/trials.csv"), r"no study/trials\.csv: it is no whole bundle"),
        (lambda files: files.update({"study/trials.csv": b"x"}), r"is not the plan of study/study\.json"),
        (edited("study/study.json", lambda one: one.update(study="other")), "answers to another study"),
        (edited("study/study.json", swap_stimuli), "or to other images: their study.json differ"),
        (edited("study/study.json", lambda one: one.update(hits="x")), "field 'hits' is damaged"),
        (edited("study/study.json", lambda one: one.update(stimuli=[1])), "field 'stimuli' is"),
        (lambda files: files.update({"results/study.json": b"{}"}), r"x\.zip: results/study\.json: field"),
        (lambda files: files.update({"report-again/a": b""}), "report-again/a stands where the new report"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(limited, tmp_path, change, message):
    """With digests that match; the tables of data/ are what others read."""
    path = rewrite(limited / "study.zip", tmp_path / "x.zip", change, sign=True)
    with pytest.raises(GlimpseError, match=message):
        open_bundle(path, tmp_path / "out")


def test_reports_that_cannot_be_read_differ(tmp_path):
    was, now = tmp_path / "was", tmp_path / "now"
    for folder in (was, now):
        folder.mkdir()
        (folder / "preference.csv").write_text("rate\n0.5\n")
        (folder / "summary.json").write_text('{"a": 1}')
    (was / "preference.csv").write_bytes(b"rate\n\xff\x1b[31m\n")
    (was / "summary.json").write_bytes(b"{\xff")
    found = compare_reports(was, now)
    assert [one.file for one in found.words] == ["preference.csv", "summary.json"]
    assert all(letter.isprintable() for one in found.words for letter in str(one))


def test_a_title_is_one_plain_line(limited, tmp_path):
    change = edited("bundle.json", lambda one: one.update(title="\x1b[31mred\nError: no"))
    found = open_bundle(rewrite(limited / "study.zip", tmp_path / "x.zip", change), tmp_path / "out")
    assert found.title == "\ufffd[31mred Error: no"


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_items_that_are_no_name_are_refused(limited, tmp_path, value):
    change = edited("bundle.json", lambda one: one["analysis"].update(items=value))
    found = open_bundle(rewrite(limited / "study.zip", tmp_path / "x.zip", change), tmp_path / "out")
    with pytest.raises(GlimpseError, match="which is not in the bundle"):
        reproduce(found)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"resamples": 10**12}, "bundle.json, field 'analysis': resamples is 1000000000000;"),
        ({"resamples": "many"}, "bundle.json: field 'analysis' is damaged (TypeError"),
        ({"level": "x"}, "bundle.json: field 'analysis' is damaged (TypeError"),
        ({"cluster": []}, "bundle.json: field 'analysis' is damaged (TypeError"),
    ],
)
def test_settings_that_cannot_be_are_refused(limited, tmp_path, settings, said):
    """Such as those that ask for endless work."""
    change = edited("bundle.json", lambda one: one["analysis"]["settings"].update(settings))
    rewrite(limited / "study.zip", tmp_path / "x.zip", change)
    result = run("reproduce", tmp_path / "x.zip")
    assert result.exit_code == 1
    assert said in result.output
    assert "defect" not in result.output


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "A"), ("x/y/z", "x/y")])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, names):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name in names:
            target.writestr(name, "x")
    with pytest.raises(GlimpseError, match="is a file, and a folder of other files"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_no_disk_takes_is_refused(tmp_path):
    """240 bytes count, not letters."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("ü" * 200, "x")
    with pytest.raises(GlimpseError, match=r"'ü{77}\.\.\.' has a name that is too long"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.pop("report/ranking.csv"), "report/ranking.csv is missing"),
        (lambda files: files.update({"extra.txt": b"x"}), "extra.txt is not in bundle.json"),
        (lambda files: files.pop("bundle.json"), "has no bundle.json: it is no bundle"),
        (lambda files: files.update({"bundle.json": b'{"schema_version": 9}'}), "schema_version is 9"),
        (
            lambda files: files.update({"bundle.json": b'{"schema_version": 1}'}),
            "'files' is missing or damaged",
        ),
        (lambda files: files.update({"bundle.json": b"{"}), "not JSON"),
    ],
)
def test_what_is_no_whole_bundle_is_refused(limited, tmp_path, change, message):
    with pytest.raises(GlimpseError, match=message):
        open_bundle(rewrite(limited / "study.zip", tmp_path / "x.zip", change), tmp_path / "out")


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/tmp/out.txt", "a/../../b", "C:\\out.txt", "c:out.txt", "a//b", "./a", "folder/", "a\nb"],
)
def test_a_path_outside_is_refused_before_anything_is_written(tmp_path, name):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("fine.txt", "x")
        target.writestr(name, "x")
    with pytest.raises(GlimpseError, match=r"was not unpacked: entry .*(leads out of the folder|is no name)"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def zipped(path, entry, data=b"x"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("fine.txt", "x")
        target.writestr(entry, data)
    return path


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_device_is_refused(tmp_path, kind):
    entry = zipfile.ZipInfo("study")
    entry.external_attr = (kind | 0o777) << 16
    with pytest.raises(GlimpseError, match=r"entry 'study' is (a link|no plain file)"):
        unpack(zipped(tmp_path / "x.zip", entry, b"/etc"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bombs_are_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", "zeros.csv", b"0" * (archive.PART * 20))
    with pytest.raises(GlimpseError, match=r"entry 'zeros.csv' would grow [\d,]+-fold"):
        unpack(path, tmp_path / "out")
    with pytest.raises(GlimpseError, match="it would take more than"):
        unpack(path, tmp_path / "out", Limits(bytes=2**20))
    with pytest.raises(GlimpseError, match="it holds more than 1 files"):
        unpack(path, tmp_path / "out", Limits(files=1))
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path):
    with pytest.raises(GlimpseError, match=r"entry 'FINE.txt' is there twice"):
        unpack(zipped(tmp_path / "x.zip", "FINE.txt"), tmp_path / "out")


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path):
    path = zipped(tmp_path / "x.zip", "long.txt", b"0123456789" * 50)
    data = path.read_bytes()
    path.write_bytes(data.replace((500).to_bytes(4, "little"), (20).to_bytes(4, "little")))
    with pytest.raises(GlimpseError, match="is damaged, or no zip file"):
        unpack(path, tmp_path / "out")


def test_damage_is_one_message(limited, tmp_path):
    data = (limited / "study.zip").read_bytes()
    for number, broken in enumerate(
        (data[: len(data) // 2], b"not a zip", b"", flipped(data, len(data) // 2))
    ):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(broken)
        result = run("reproduce", path, "--out", tmp_path / f"out{number}")
        assert result.exit_code == 1
        assert "Traceback" not in result.output
        assert len(result.output.splitlines()) == 1
        assert not (tmp_path / f"out{number}").exists()
    assert "does not exist" in run("reproduce", tmp_path / "none.zip").output
    assert "is a folder" in run("reproduce", tmp_path).output


def test_a_preview_opens_a_page_with_its_images(limited, tmp_path):
    result = run("reproduce", limited / "study.zip", "--preview", "--no-browser", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "study" / "pages" / "b1-h01.html").as_uri() in result.output
    assert list((tmp_path / "out" / "study" / "images").iterdir())
    missing = run("reproduce", limited / "study.zip", "--preview", "--hit", "b9", "--no-browser")
    assert missing.exit_code == 1
    assert "There is no HIT 'b9' in this bundle; it has b1-h01" in missing.output


def test_numbers_are_compared_with_tolerance(tmp_path):
    was, now = tmp_path / "was", tmp_path / "now"
    for folder, rate, word, version in ((was, 0.5, "more", "0.1.0"), (now, 0.5 + 1e-9, "less", "0.2.0")):
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps({"versions": version, "rate": rate, "n": 3}))
        (folder / "a.csv").write_text(f"x,rate\n1,{rate}\n2,{rate * 1.01 if folder is now else rate}\n")
        (folder / "methods.txt").write_text(f"Analysed with Glimpse {version}; {word} often, in {rate:.9f}\n")
        (folder / "plot.svg").write_text(version)
    (was / "gone.csv").write_text("x\n")
    found = compare_reports(was, now, ["0.1.0", "0.2.0"])
    assert [str(one) for one in found.deviations] == [
        "a.csv, line 3, rate: 0.5 in the bundle, 0.50500000101 now"
    ]
    assert [one.file for one in found.words] == ["methods.txt"]
    assert found.pictures == ["plot.svg"]
    assert found.missing == ["gone.csv"]
    assert 0 < found.largest < 1e-8
    assert not found.same_numbers


def test_the_words_of_another_version_do_not_matter(limited, tmp_path):
    def older(files):
        manifest = json.loads(files["bundle.json"])
        manifest["environment"]["versions"] |= {"glimpse": "0.0.9", "numpy": "1.26.0"}
        files["bundle.json"] = json.dumps(manifest).encode()
        files["report/methods.txt"] = b"Said otherwise then.\n"

    path = rewrite(limited / "study.zip", tmp_path / "x.zip", older, sign=True)
    found = reproduce(open_bundle(path, tmp_path / "out"))
    assert found.reproduced
    assert not found.comparison.same
    assert set(found.elsewhere) == {
        "glimpse 0.0.9 there, " + found.elsewhere[0].split(", ")[1],
        next(one for one in found.elsewhere if one.startswith("numpy 1.26.0 there")),
    }


def test_a_bundle_without_images_has_no_preview(limited):
    assert bundled(limited, limited / "report", "--images", "digests", out="d.zip").exit_code == 0
    result = run("reproduce", limited / "d.zip", "--preview", "--no-browser")
    assert result.exit_code == 1
    assert "this bundle has no images (digests only)" in result.output


def test_a_disk_that_is_too_small_is_named(limited, tmp_path, monkeypatch):
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000))
    out = tmp_path / "out"
    result = run("reproduce", limited / "study.zip", "--out", out)
    assert result.exit_code == 1
    assert "MB, and" in result.output
    assert "has 0.0 MB left. Make space, or name a folder on another disk" in result.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hit", "b1-h01"], "--hit says how --preview opens a HIT. Add --preview, or leave it out."),
        (["--no-browser"], "--browser says how --preview opens a HIT."),
        (["--preview", "--tolerance", "0.1"], "--tolerance says nothing with --preview"),
    ],
)
def test_options_that_would_say_nothing_are_refused(tmp_path, words, said):
    result = run("reproduce", tmp_path / "study.zip", *words)
    assert result.exit_code == 2
    assert said in result.output


def test_a_tolerance_is_a_number(limited):
    result = run("reproduce", limited / "study.zip", "--tolerance", "nan")
    assert result.exit_code == 2
    assert "it is nan; name a number from 0 to 0.1." in result.output
