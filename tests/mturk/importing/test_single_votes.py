"""Answers to single images from anywhere: read by usual names or stated ones, and analysed as our own are."""

import json
import re

import pytest
from click.testing import CliRunner

import glimpse
from glimpse.main import main
from glimpse.mturk.importing.batch_results import write_results
from glimpse.mturk.importing.single_voted_study import single_study_of
from glimpse.mturk.importing.single_votes import read_single_votes

HEAD = "observer,image,condition,answer"
ROWS = ["w1,a,real,real", "w1,b,gan,fake", "w2,a,real,generated", "w2,b,gan,AI"]


def table(tmp_path, *lines, head=HEAD):
    path = tmp_path / "answers.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def read(tmp_path, *lines, head=HEAD, stated=()):
    return read_single_votes([table(tmp_path, *lines, head=head)], stated)


def imported(tmp_path, *lines, head=HEAD, stated=(), **options):
    write_results(
        single_study_of(read(tmp_path, *lines, head=head, stated=stated), **options), tmp_path / "r"
    )
    return tmp_path / "r"


def detections(folder):
    return glimpse.detections(glimpse.exclude(glimpse.read_results(folder)))


def test_usual_names_need_no_options(tmp_path):
    found = read(tmp_path, *ROWS)
    assert [(one.worker, one.condition, one.item, one.value) for one in found.votes] == [
        ("w1", "real", "a", -1), ("w1", "gan", "b", 1), ("w2", "real", "a", 1), ("w2", "gan", "b", 1),
    ]  # fmt: skip
    assert found.columns == (
        "worker = observer", "item = image", "condition = condition", "answer = answer",
    )  # fmt: skip
    assert found.problems == found.unread == ()


def test_counts_are_those_of_the_table(tmp_path):
    rows = detections(imported(tmp_path, *ROWS))
    assert rows["generated"].tolist() == [False, True, False, True]
    assert rows["said_generated"].tolist() == [False, True, True, True]
    assert not rows["excluded"].any(), "a table does not say what else was to be answered"
    table = glimpse.detection_table(rows).iloc[0]
    assert [table["hits"], table["n_generated"], table["false_alarms"], table["n_real"]] == [2, 2, 1, 2]


def test_exposures_confidence_times_and_repeats_are_kept(tmp_path):
    head = "subject,file,generator,rating,exposure_s,rt,timestamp,browser"
    lines = [
        "s1,x.png,photo,-2,0.5,700,2024-01-02 03:04,ff", "s1,y.png,gan,3,0.5,900,2024-01-02 03:05,ff",
        "s1,y.png,gan,1,0.5,,2024-01-02 03:06,ff",
    ]  # fmt: skip
    folder = imported(tmp_path, *lines, head=head, real="photo", title="Mine")
    document = json.loads((folder / "study.json").read_text())
    assert document["title"] == "Mine"
    assert document["experiment"]["questions"][0]["answer"] == "confidence-6"
    rows = detections(folder)
    assert rows["rating"].tolist() == [-2, 3, 1]
    assert set(rows["exposure_ms"]) == {500.0}
    assert rows["trial"].nunique() == 3, "the same image twice is two trials"
    line = json.loads((folder / "assignments.jsonl").read_text())
    assert line["submitted_at"] == "2024-01-02T03:06:00Z"
    assert [one["response_ms"]["real"] for one in line["answers"]] == [700, 900, None]
    assert read(tmp_path, *lines, head=head).unread == ("browser",)


def test_a_column_may_say_whether_the_answer_was_generated(tmp_path):
    found = read(tmp_path, "w,a,real,0", "w,b,gan,1", head="worker,image,system,said_fake")
    assert [one.value for one in found.votes] == [-1, 1]
    stated = read(tmp_path, "w,a,real,0", head=HEAD, stated=["said_generated=answer"])
    assert stated.votes[0].value == -1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("w,a,real,0", "line 2: answer is '0'; allowed are real and generated (or fake), or a whole number"),
        ("w,a,real,0", "if 1 is generated and 0 real, say --column said_generated=answer"),
        ("w,a,real,maybe", "answer is 'maybe'"),
        ("w,a,real,4", "answer is '4'"),
        ("w,a,,real", "column condition is empty"),
        ("w,a,real", "the row does not have the header's 4 cells"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_left_out(tmp_path, line, problem):
    found = read(tmp_path, line, *ROWS)
    assert len(found.votes) == 4
    assert problem in found.problems[0]


@pytest.mark.parametrize(
    ("lines", "head", "options", "message"),
    [
        (ROWS, "who,image,condition,answer", {}, "no column is known to be worker (worker: who answered)"),
        (ROWS, "worker,image,condition,told", {}, "Say which it is: --column answer=COLUMN"),
        (ROWS[:1], HEAD, {}, "all images are of real; real and generated ones are needed"),
        (ROWS, HEAD, {"real": "photo"}, "no condition 'photo' in the files; say which holds real images"),
        ([*ROWS, "w3,a,real,-2"], HEAD, {}, "line 2: the answer is a word, and numbers in other rows"),
        (["w,a,real,x"], HEAD, {}, "no row is an answer to an image. The first:"),
    ],
)
def test_what_is_no_such_table_is_one_message(tmp_path, lines, head, options, message):
    with pytest.raises(glimpse.GlimpseError, match=re.escape(message)):
        single_study_of(read(tmp_path, *lines, head=head), **options)


def test_exposures_in_some_rows_only_are_refused(tmp_path):
    head = f"{HEAD},exposure_ms"
    with pytest.raises(glimpse.GlimpseError, match="line 3: no exposure, which other rows have"):
        single_study_of(read(tmp_path, "w,a,real,real,500", "w,b,gan,fake,", head=head))


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_command_writes_results_that_are_analysed(tmp_path):
    lines = [f"w{w},{i},{c},{'fake' if (w * i) % 3 == 0 else 'real'}" for w in range(1, 9) for i in range(9)
             for c in ("real", "gan")]  # fmt: skip
    path = table(tmp_path, *lines)
    done = run("import-results", path, "--format", "single", "--out", tmp_path / "r")
    assert done.exit_code == 0, done.output
    assert "answers: 144" in done.output
    assert "columns: worker = observer, item = image" in done.output
    report = run("analyze", tmp_path / "r", "--out", tmp_path / "report", "--figures", "svg")
    assert report.exit_code == 0, report.output
    assert "gan was taken for real in" in report.output
    assert "Answers of answers.csv" in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sentinel", "gan"], "with --format single there are no sentinels"),
        (["--only", "x"], "--a-is-left and --only go with --format table."),
        (["--practice", "3"], "--practice and --exposure-ms go with --format amt-real-vs-fake."),
        (["--column", "winner=answer"], "write ROLE=COLUMN with a role of worker, item, condition, answer"),
    ],
)
def test_options_of_other_formats_are_refused(tmp_path, words, message):
    done = run(
        "import-results", table(tmp_path, *ROWS), "--format", "single", "--out", tmp_path / "r", *words
    )
    assert done.exit_code != 0
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "r").exists()
