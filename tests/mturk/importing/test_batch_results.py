"""Importing MTurk's result files: what was shown and chosen, sentinels, bad rows by line."""

import contextlib
import csv
import io
import json
import random
import re

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.importing.batch_results import (
    AMT_REAL_VS_FAKE,
    CRN_AUTHORS,
    GLIMPSE,
    Options,
    import_results,
    moment,
    write_results,
)
from glimpse.study import read_study
from glimpse.submission import write_lines
from glimpse.trials import read_trials

META = {
    "HITId": "3HIT",
    "HITTypeId": "3TYPE",
    "Reward": "$2.00",
    "MaxAssignments": "20",
    "AssignmentDurationInSeconds": "1800",
    "AssignmentStatus": "Approved",
    "AcceptTime": "Wed Aug 02 10:05:44 PDT 2017",
    "SubmitTime": "Wed Jan 04 10:25:44 PST 2017",
}
ADDRESS = "http://images.example/~x/mturk/{}/{:08d}.jpg"


def write(path, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    return path


def authors_rows(hits=2, workers=3, trials=12, *, timed=True, ours="crn", baseline="real"):
    """Rows in the form of the CRN authors' HITs; the last trial is a sentinel."""
    dice = random.Random(0)
    rows = []
    for hit in range(hits):
        shown = {}
        for number in range(1, trials + 1):
            pair = ["image-space" if number == trials else ours, "real" if number == trials else baseline]
            dice.shuffle(pair)
            shown[f"Input.image_A_url_{number}"] = ADDRESS.format(pair[0], 10 * hit + number)
            shown[f"Input.image_B_url_{number}"] = ADDRESS.format(pair[1], 10 * hit + number)
            if timed:
                shown[f"Input.time_{number}"] = str(4000 if number == trials else (125, 250)[number % 2])
        for worker in range(workers):
            chosen = {f"Answer.choice_{n}": dice.choice(["optionA", "optionB"]) for n in range(1, trials + 1)}
            names = {"AssignmentId": f"A{hit}{worker}", "WorkerId": f"W{hit}{worker}"}
            rows.append({**META, "HITId": f"3HIT{hit}", **names, **shown, **chosen})
    return rows


def amt_rows(workers=2, trials=14):
    shown = {}
    for number in range(trials):
        real = "left" if number % 3 else "right"
        fake = "vigilance" if number == trials - 1 else "alg"
        folders = ("gt", fake) if real == "left" else (fake, "gt")
        shown[f"Input.gt_side{number}"] = real
        shown[f"Input.images_left{number}"] = f"{folders[0]}/{number}.jpg"
        shown[f"Input.images_right{number}"] = f"{folders[1]}/{number}.jpg"
    answers = {
        f"Answer.selection{n}": "unset" if n == 12 else ("right" if n % 3 else "left") for n in range(trials)
    }
    return [
        {**META, "AssignmentId": f"A{worker}", "WorkerId": f"W{worker}", **shown, **answers}
        for worker in range(workers)
    ]


def trials_of(found):
    return {trial.trial: trial for trial in read_trials(found.trials_csv.splitlines(keepends=True))}


def test_the_authors_rows_become_a_limited_time_study(tmp_path):
    rows = authors_rows()
    found = import_results(
        [write(tmp_path / "r.csv", rows)], CRN_AUTHORS, Options(sentinels=("image-space",))
    )
    assert not found.problems
    study = json.loads(found.study_json)
    experiment = study["experiment"]
    assert experiment["mode"] == "limited-time"
    assert experiment["contrasts"] == [["crn", "real"]]
    assert (experiment["workers_per_hit"], experiment["reward_usd"]) == (20, "2.00")
    assert experiment["time_allotted_minutes"] == 30
    assert found.facts["sentinels_per_hit"] == 1
    trials = trials_of(found)
    assert len(trials) == 24
    assert [line["assignment_id"] for line in found.lines] == [row["AssignmentId"] for row in rows]
    for row, line in zip(rows, found.lines, strict=True):
        assert (line["accepted_at"], line["submitted_at"]) == ("2017-08-02T17:05:44Z", "2017-01-04T18:25:44Z")
        for number, answer in enumerate(line["answers"], start=1):
            trial = trials[answer["trial"]]
            assert f"/{trial.condition_left}/{trial.item_left}.jpg" in row[f"Input.image_A_url_{number}"]
            assert f"/{trial.condition_right}/{trial.item_right}.jpg" in row[f"Input.image_B_url_{number}"]
            assert trial.exposure_ms == int(row[f"Input.time_{number}"])
            assert trial.sentinel == (number == 12)
            assert answer["side"] == {"optionA": "left", "optionB": "right"}[row[f"Answer.choice_{number}"]]
            if trial.sentinel:
                assert getattr(trial, f"condition_{trial.correct_side}") == "real"


def test_what_the_files_do_not_say_is_left_out(tmp_path):
    rows = authors_rows()
    for row in rows[1:]:
        row["MaxAssignments"] = "10"  # not one number for all
    for row in rows:
        del row["Reward"], row["AssignmentDurationInSeconds"]
    found = import_results(
        [write(tmp_path / "r.csv", rows)], CRN_AUTHORS, Options(sentinels=("image-space",))
    )
    study = json.loads(found.study_json)
    assert set(study) == {
        "schema_version", "study", "title", "description", "imported_from", "experiment", "secret", "stimuli",
        "hits", "plan_sha256",
    }  # fmt: skip
    assert set(study["experiment"]) == {"mode", "real", "contrasts", "batches"}
    assert study["imported_from"] == CRN_AUTHORS


def test_unlimited_time_files_of_several_baselines_become_batches(tmp_path):
    files = []
    for number, baseline in enumerate(("pix2pix", "full-resolution")):
        rows = authors_rows(timed=False, baseline=baseline)
        for row in rows:
            row["AssignmentId"] += str(number)
        files.append(write(tmp_path / f"{baseline}.csv", rows))
    found = import_results(files, CRN_AUTHORS, Options(sentinels=("image-space",)))
    experiment = json.loads(found.study_json)["experiment"]
    assert experiment["mode"] == "unlimited-time"
    assert [batch["contrasts"] for batch in experiment["batches"]] == [
        [["crn", "pix2pix"]], [["crn", "full-resolution"]]]  # fmt: skip
    assert {line["hit"] for line in found.lines} == {"b1-h01", "b1-h02", "b2-h01", "b2-h02"}
    assert all(trial.exposure_ms is None for trial in trials_of(found).values())


def test_the_other_script_names_the_fake_side(tmp_path):
    found = import_results(
        [write(tmp_path / "r.csv", amt_rows())], AMT_REAL_VS_FAKE, Options(sentinels=("vigilance",))
    )
    experiment = json.loads(found.study_json)["experiment"]
    assert (experiment["real"], experiment["contrasts"]) == ("gt", [["alg", "gt"]])
    assert {trial.exposure_ms for trial in trials_of(found).values()} == {1000}
    trials = trials_of(found)
    assert [trial.practice for trial in trials.values()] == [True] * 10 + [False] * 4
    for line in found.lines:
        assert len(line["answers"]) == 13
        for answer in line["answers"]:
            trial = trials[answer["trial"]]
            assert getattr(trial, f"condition_{answer['side']}") == "gt"


def test_bad_rows_are_named_by_line_and_the_others_kept(tmp_path):
    rows = authors_rows(workers=6, hits=1)
    rows[0]["Answer.choice_3"] = "optionC"
    rows[1]["WorkerId"] = ""
    rows[2]["AssignmentId"] = rows[3]["AssignmentId"]
    rows[4]["Input.time_2"] = "soon"
    rows[5]["SubmitTime"] = "yesterday"
    path = write(tmp_path / "r.csv", rows)
    with path.open("a") as file:
        file.write("cut,short\n")
    found = import_results([path], CRN_AUTHORS, Options(sentinels=("image-space",)))
    late = f"time 'yesterday' is not like {META['AcceptTime']!r}; the row was kept without its times"
    assert sorted(found.problems) == [
        f"{path}, line 2: Answer.choice_3 is 'optionC'; allowed are optionA, optionB and nothing",
        f"{path}, line 3: column WorkerId is missing or empty",
        f"{path}, line 5: assignment {rows[3]['AssignmentId']} was already read from {path}, line 4",
        f"{path}, line 6: Input.time_2 is 'soon', no number of milliseconds",
        f"{path}, line 7: {late}",
        f"{path}, line 8: the row does not have the header's {len(rows[0])} cells",
    ]
    assert [line["assignment_id"] for line in found.lines] == ["A03", "A05"]
    assert found.lines[1]["submitted_at"] is None


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (AMT_REAL_VS_FAKE, Options(), "of format amt-real-vs-fake: it lacks Input.gt_side0"),
        (CRN_AUTHORS, Options(real="photo"), "no condition 'photo' in the files; say --real with one of"),
        (CRN_AUTHORS, Options(sentinels=("x",)), "no condition 'x' in the files; say --sentinel with one"),
        (CRN_AUTHORS, Options(sentinels=("real",)), "--sentinel real: it is the real condition"),
        (CRN_AUTHORS, Options(sentinels=("crn", "image-space")), "every trial is a sentinel or practice"),
        (GLIMPSE, Options(), "is not a result file of format glimpse: it lacks Answer.answers"),
        ("csv", Options(), "no format 'csv'; there are crn-authors, amt-real-vs-fake, glimpse"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(tmp_path, kind, options, message):
    path = write(tmp_path / "r.csv", authors_rows())
    with pytest.raises(GlimpseError, match=re.escape(message)):
        import_results([path], kind, options)


def test_a_binary_file_and_an_empty_one_are_refused(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GlimpseError, match=r"b.csv, line 1: not UTF-16 text"):
        import_results([tmp_path / "b.csv"], CRN_AUTHORS, Options())
    (tmp_path / "e.csv").write_bytes(b"")
    with pytest.raises(GlimpseError, match=r"e.csv: the file is empty"):
        import_results([tmp_path / "e.csv"], CRN_AUTHORS, Options())


@pytest.fixture
def own(tmp_path):
    """A study folder and a result file of its own page in the web interface."""
    from PIL import Image

    dice = random.Random(0)
    for condition in ("real", "crn", "image-space"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in range(8):
            picture = Image.frombytes("RGB", (32, 32), dice.randbytes(3072))
            picture.save(tmp_path / "images" / condition / f"{item}.png")
    words = ["build-hits", "--mode", "unlimited-time", "--images", str(tmp_path / "images"), "--ours", "crn"]
    words += [
        "--baseline",
        "real",
        "--trials-per-cell",
        "4",
        "--sentinels-per-hit",
        "1",
        "--hits-per-batch",
        "2",
    ]
    words += ["--sentinel", "image-space", "--max-wrong-sentinels", "0", "--out", str(tmp_path / "study")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    study = read_study(tmp_path / "study")
    rows = []
    for number, hit in enumerate(study.hits):
        answers = [{"trial": trial.trial, "side": "left"} for trial in study.trials_of(hit.hit)]
        body = {"schema": 1, "study": study.study, "hit": hit.hit, "page": {}, "answers": answers}
        names = {"AssignmentId": f"A{number}", "WorkerId": f"W{number}"}
        rows.append({**META, **names, "Answer.answers": json.dumps(body)})
    return study, rows, tmp_path


def written(found):
    """The lines as they stand in assignments.jsonl, where answers are as the page sent them."""
    return [json.loads(line) for line in write_lines(found.lines).splitlines()]


def test_our_own_page_in_the_web_interface(own):
    study, rows, folder = own
    bad = [{**rows[0], "AssignmentId": f"B{number}"} for number in range(2)]
    bad[0]["Answer.answers"] = "{"
    bad[1]["Answer.answers"] = bad[1]["Answer.answers"].replace(study.study, "another")
    path = write(folder / "r.csv", [*rows, *bad])
    found = import_results([path], GLIMPSE, Options(), study)
    assert [(line["assignment_id"], line["hit"]) for line in found.lines] == [
        ("A0", "b1-h01"),
        ("A1", "b1-h02"),
    ]
    assert [len(line["answers"]) for line in written(found)] == [5, 5]
    assert found.problems == [
        (
            f"{path}, line 4: submission is not JSON: Expecting property name enclosed in double quotes: "
            f"line 1 column 2 (char 1)"
        ),
        f"{path}, line 5: HIT b1-h01 of study another, which is not in {study.folder} ({study.study})",
    ]
    words = ["import-results", str(path), "--format", "glimpse", "--study", str(study.folder)]
    registration = study.folder / "registration.json"
    registration.write_text("{}")
    result = CliRunner().invoke(main, [*words, "--out", str(folder / "results")])
    registration.unlink()
    assert result.exit_code == 0, result.output
    assert "registration.json: schema_version is None" in result.output  # what was registered would go along
    for name in ("study.json", "trials.csv"):
        assert (folder / "results" / name).read_bytes() == (study.folder / name).read_bytes()


def test_answers_to_several_questions_and_forms_are_imported(own):
    study, rows, folder = own
    path = study.folder / "study.json"
    document = json.loads(path.read_text())
    document["experiment"]["questions"] = [{"name": "fit", "text": "Which fits?", "answer": "scale-5"}]
    document["forms"] = [{"name": "age", "text": "How old?", "kind": "choice", "options": ["-30", "30-"]}]
    path.write_text(json.dumps(document))
    bodies = [json.loads(row["Answer.answers"]) for row in rows]
    for body, row, age in zip(bodies, rows, ("-30", "Ann Lee"), strict=True):
        body |= {
            "schema": 2,
            "form": {"age": age},
            "comment": "Fine.",
            "consented_at": "2026-01-01T00:00:00Z",
        }
        for place, record in enumerate(body["answers"]):
            record |= {"choices": {"fit": place % 5 - 2}, "response_ms": {"fit": 800}}
            del record["side"]
        row["Answer.answers"] = json.dumps(body)
    file = write(folder / "r.csv", rows)
    found = import_results([file], GLIMPSE, Options(), read_study(study.folder))
    said = "form field age: the answer is none of its options"
    assert found.problems == [f"{file}, line 3: {said}; the row was kept"]
    assert [line.get("problem") for line in found.lines] == [None, said]
    for line, body in zip(written(found), bodies, strict=True):
        for name in ("page", "answers", "form", "comment", "consented_at"):
            assert line[name] == body[name]


def test_one_bad_answer_of_our_page_stops_no_other(own):
    """Longer than csv reads by itself, longer than anything reads, or calling itself simulated."""
    study, rows, folder = own
    bad = [{**rows[0], "AssignmentId": f"B{number}"} for number in range(3)]
    bad[0]["Answer.answers"] = "x" * 200_000
    bad[1]["Answer.answers"] = "x" * 1_100_000
    bad[2]["Answer.answers"] = json.dumps({**json.loads(bad[2]["Answer.answers"]), "simulated": True})
    path = write(folder / "r.csv", [*bad, *rows])
    found = import_results([path], GLIMPSE, Options(), study)
    assert [line["assignment_id"] for line in found.lines] == ["A0", "A1"]
    assert not any(line["simulated"] for line in found.lines)
    assert [
        word
        for word, problem in zip(
            ("not JSON", "1100000 characters", "says that it is simulated"), found.problems, strict=True
        )
        if word in problem
    ] == ["not JSON", "1100000 characters", "says that it is simulated"]


def test_results_stand_alone_and_are_never_overwritten(tmp_path):
    path = write(tmp_path / "r.csv", authors_rows())
    found = import_results([path], CRN_AUTHORS, Options(sentinels=("image-space",)))
    for _ in range(2):
        write_results(found, tmp_path / "results")
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == [
        "assignments.jsonl", "study.json", "trials.csv", "workers.csv"]  # fmt: skip
    assert (tmp_path / "results" / "workers.csv").stat().st_mode & 0o777 == 0o600
    other = import_results([path], CRN_AUTHORS, Options())
    with pytest.raises(GlimpseError, match="holds other results, which are never overwritten"):
        write_results(other, tmp_path / "results")


def test_the_analysis_reads_an_import(tmp_path):
    from glimpse.analysis.reading.exclusion import exclude
    from glimpse.analysis.reading.results import read_results

    rows = authors_rows(workers=5)
    for row in rows[1:]:
        side = "A" if "/real/" in row["Input.image_A_url_12"] else "B"
        row["Answer.choice_12"] = f"option{side}"
    wrong = "B" if "/real/" in rows[0]["Input.image_A_url_12"] else "A"
    rows[0]["Answer.choice_12"] = f"option{wrong}"
    found = import_results(
        [write(tmp_path / "r.csv", rows)], CRN_AUTHORS, Options(sentinels=("image-space",))
    )
    write_results(found, tmp_path / "results")
    results = read_results(tmp_path / "results")
    assert not results.problems
    assert len(results.judgments) == 10 * 12
    excluded = exclude(results).assignments.set_index("assignment")["excluded"]
    assert list(excluded[excluded].index) == ["A00"]


def test_the_command_as_a_newcomer_types_it(tmp_path):
    path = write(tmp_path / "r.csv", authors_rows())
    words = ["import-results", str(path), "--sentinel", "image-space", "--out", str(tmp_path / "results")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Read 6 assignments of 6 workers.",
        "  mode: limited-time",
        "  hits: 2",
        "  real: real",
        "  contrasts: crn:real",
        "  sentinels_per_hit: 1",
        f"Written: {tmp_path / 'results'}/",
        "",
        f"Next: python cli.py analyze {tmp_path / 'results'}/",
    ]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("", None),
        ("Wed Aug 02 10:05:44 PDT 2017", "2017-08-02T17:05:44Z"),
        ("2017-08-02T10:05:44Z", "2017-08-02T10:05:44Z"),
        ("2017-08-02 10:05:44+02:00", "2017-08-02T08:05:44Z"),
    ],
)
def test_times_are_read(text, iso):
    assert moment(text) == iso


cells = st.sampled_from(
    ["", "optionA", "left", "unset", "7", "a/b.png", "real/1.png", "crn/1.png"]
) | st.text(max_size=8)


@settings(max_examples=60)
@given(
    st.lists(st.lists(cells, min_size=6, max_size=6), max_size=4),
    st.sampled_from([CRN_AUTHORS, AMT_REAL_VS_FAKE]),
)
def test_any_file_is_read_or_refused(tmp_path_factory, rows, kind):
    headers = {
        CRN_AUTHORS: ("Input.image_A_url_1", "Input.image_B_url_1", "Answer.choice_1", "Input.time_1"),
        AMT_REAL_VS_FAKE: (
            "Input.gt_side0",
            "Input.images_left0",
            "Input.images_right0",
            "Answer.selection0",
        ),
    }
    names = ("AssignmentId", "WorkerId", *headers[kind])
    path = tmp_path_factory.mktemp("fuzz") / "r.csv"
    with (
        path.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file,
        contextlib.suppress(UnicodeError),
    ):
        csv.writer(file).writerows([names, *rows])
    try:
        found = import_results([path], kind, Options(practice_trials=0))
    except GlimpseError:
        return
    write_results(found, path.parent / "out")


@pytest.mark.parametrize("kind", [CRN_AUTHORS, AMT_REAL_VS_FAKE])
@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (";", "utf-16")])
def test_a_spreadsheet_may_have_saved_the_file_in_its_own_way(tmp_path, kind, separator, encoding):
    rows = authors_rows() if kind == CRN_AUTHORS else amt_rows()
    plain, saved = tmp_path / "plain.csv", tmp_path / "saved.csv"
    write(plain, rows)
    with plain.open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.reader(file))
    with saved.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator).writerows(cells)
    first, second = (import_results([path], kind, Options()) for path in (plain, saved))
    assert (second.lines, second.trials_csv) == (first.lines, first.trials_csv)
