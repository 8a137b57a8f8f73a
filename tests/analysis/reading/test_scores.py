"""Scores of a metric: what is read, what is left out and named, what is refused."""

from dataclasses import replace

import pandas as pd
import pytest

from glimpse.analysis.reading.design import Problem
from glimpse.analysis.reading.scores import Scores, matched, read_scores
from glimpse.errors import GlimpseError

HEAD = "item,condition,value\n"


@pytest.fixture
def scores(tmp_path):
    """Write a file, and read it."""

    def write(text, name="lpips.csv", directions=(), **more):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_scores([tmp_path / name], directions, **more)

    return write


def problems(found):
    return [(problem.line, problem.text) for problem in found.problems]


def rows(found):
    return found.table[["item", "condition", "value"]].to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "1,crn,0.5\n2,crn,-1e-3\n",
        "\ufeff" + HEAD + "1,crn,0.5\n2,crn,-1e-3\n",
        (HEAD + "1,crn,0.5\n2,crn,-1e-3\n").replace("\n", "\r\n"),
        "Value, Condition ,ITEM,more\n0.5, crn ,1,x\n\n-1e-3,crn,2,y",
    ],
)
def test_what_is_read(scores, text):
    (found,) = scores(text)
    assert (found.name, found.direction, problems(found)) == ("lpips", "lower", [])
    assert rows(found) == [["1", "crn", 0.5], ["2", "crn", -0.001]]


def test_a_column_names_several_metrics(scores):
    found = scores(
        "metric,item,condition,value\nlpips,1,crn,0.5\nclip score,1,crn,21\nlpips,2,crn,0.6\n", "x.csv"
    )
    assert [(one.name, one.direction, len(one.table)) for one in found] == [
        ("lpips", "lower", 2), ("clip score", "higher", 1),
    ]  # fmt: skip


def test_what_is_left_out_is_named_by_line(scores):
    text = HEAD + (
        '"two\nlines",crn,0.1\n1,crn,good\n1,crn,nan\n1,crn,inf\n1,crn,\n1,crn,1_0\n1,crn,0.5\n1,crn,0.7\n'
        "2,crn\n,crn,0.3\n3,,0.3\n4,crn,0.4,9\n"
    )
    (found,) = scores(text)
    assert rows(found) == [["two\nlines", "crn", 0.1], ["1", "crn", 0.5]]
    assert sorted(problems(found)) == [
        (4, "value is 'good', not a number; left out"),
        (5, "value is 'nan', not a number; left out"),
        (6, "value is 'inf', not a number; left out"),
        (7, "value is '', not a number; left out"),
        (8, "value is '1_0', not a number; left out"),
        (10, "item '1' of crn is there again; the first value counts"),
        (11, "2 cells, the header has 3; left out"),
        (12, "a name is missing; left out"),
        (13, "a name is missing; left out"),
        (14, "4 cells, the header has 3; left out"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"lpips\.csv: the file is empty; it needs a first line with columns such as item"),
        (HEAD, r"lpips\.csv: no scores below its header\. It needs"),
        (HEAD + "1\n", r"no scores below its header\. .*lpips\.csv, line 2: 1 cells, the header has 3"),
        ("1,crn,0.5\n", r"column\(s\) item, condition, value are missing; found 1, crn, 0\.5"),
        ("item|condition|value\n1|crn|0.5\n", r"column\(s\) item, condition, value are missing"),
        ("item,value\n1,2\n", r"column\(s\) condition are missing"),
        (HEAD.encode() + b"\xff,crn,1\n", r"line 2: not UTF-8 text .*Save it as CSV in UTF-8"),
        (HEAD + "1,crn," + "9" * 200_000 + "\n", r"not a readable CSV|line 2: value is '9{40}…', not"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_scores_is_refused(scores, text, message):
    with pytest.raises(GlimpseError, match=message):
        scores(text)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(GlimpseError, match="is no file; name a CSV file with columns such as item"):
            read_scores([path])


def test_a_metric_is_there_once(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "lpips.csv").write_text(HEAD + "1,crn,0.5\n")
    files = [tmp_path / folder / "lpips.csv" for folder in ("a", "b")]
    with pytest.raises(GlimpseError, match=r"b/lpips\.csv: metric 'lpips' is in .*a/lpips\.csv as well"):
        read_scores(files)


@pytest.mark.parametrize(
    ("name", "directions", "expected"),
    [
        ("LPIPS_alex", (), "lower"), ("clip-score", (), "higher"), ("ours", ("lower",), "lower"),
        ("ours", ("ours=higher",), "higher"), ("ours", ("lower", "ours=higher"), "higher"),
        ("lpips", ("higher",), "higher"), ("a=b", ("a=b=lower",), "lower"),
    ],
)  # fmt: skip
def test_which_way_is_better(scores, name, directions, expected):
    (found,) = scores(HEAD + "1,crn,1\n", f"{name}.csv", directions)
    assert found.direction == expected


@pytest.mark.parametrize(
    ("name", "directions", "message"),
    [
        ("ours", (), "Is a lower or a higher 'ours' better\\? .*with --metric-direction .*ours=lower"),
        ("clip-fid", (), "Is a lower or a higher 'clip-fid' better"),
        ("lpips", ("down",), "--metric-direction 'down': allowed are lower and higher"),
        ("lpips", ("fid=lower",), "--metric-direction names 'fid'; the metrics are lpips"),
        ("lpips", ("lower", "higher"), "--metric-direction says both for all metrics"),
    ],
)
def test_a_direction_that_is_not_known_is_asked_for(scores, name, directions, message):
    with pytest.raises(GlimpseError, match=message):
        scores(HEAD + "1,crn,1\n", f"{name}.csv", directions)


def trials(*shown):
    columns = ["condition_a", "item_a", "condition_b", "item_b", "sentinel", "practice"]
    return pd.DataFrame(shown, columns=columns)


SHOWN = trials(
    ("crn", "1", "real", "2", False, False), ("crn", "2", "real", "1", False, False),
    ("crn", "3", "pix2pix", "1", False, False), ("image-space", "1", "real", "1", True, False),
)  # fmt: skip


def of(*table):
    columns = ["item", "condition", "value", "line"]
    return Scores("lpips", "lower", pd.DataFrame(table, columns=columns), "s.csv")


def test_what_does_not_fit_the_study_is_named():
    found = matched(
        of(("1", "crn", 1.0, 2), ("2", "real", 0.0, 3), ("9", "crn", 1.0, 4), ("1", "image-space", 1.0, 5),
           ("1", "gan", 1.0, 6), ("2", "crn", 0.0, 7)),
        SHOWN,
    )  # fmt: skip
    assert problems(found) == [
        (6, "condition 'gan' is in no trial; left out"),
        (4, "item '9' of crn is in no trial; left out"),
        (None, "no value of lpips for 1 of 3 images of crn, such as item '3'; pairs with them are left out"),
        (None, "no value of lpips for 1 of 1 image of pix2pix; pairs with them are left out"),
        (None, "no value of lpips for 1 of 2 images of real, such as item '1'; pairs with them are left out"),
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [(1, "as is 1 more value (line 10)"), (2, "as are 2 more values (lines 10, 11)"),
     (6, "as are 6 more values (lines 10, 11, 12, 13, 14, ...)")],
)  # fmt: skip
def test_what_is_in_no_trial_is_counted(more, said):
    covered = [("1", "crn", 1.0, 2), ("2", "real", 0.0, 3)]
    strange = [(f"x{place}", "crn", 1.0, 9 + place) for place in range(more + 1)]
    first = problems(matched(of(*covered, *strange), SHOWN))[0]
    assert first == (9, f"item 'x0' of crn is in no trial; left out, {said}")


def test_values_too_large_to_square_are_left_out(scores):
    (found,) = scores(HEAD + "1,crn,1e308\n2,crn,-1e309\n3,crn,1e100\n")
    assert rows(found) == [["3", "crn", 1e100]]
    assert problems(found) == [
        (2, "value is '1e308', not between -1e+100 and 1e+100; left out"),
        (3, "value is '-1e309', not between -1e+100 and 1e+100; left out"),
    ]


def test_a_metric_without_a_usable_value_is_refused_with_its_lines(scores):
    message = (
        r"lpips\.csv: no value of lpips can be used\. Left out: line 2: value is '0,01', not a number; "
        r"line 3: .*; and 1 more\. Write values as plain numbers with a decimal point, such as 0\.01\."
    )
    with pytest.raises(GlimpseError, match=message):
        scores(HEAD + "".join(f'{item},crn,"0,0{item}"\n' for item in range(1, 7)))


def test_a_direction_needs_a_metric():
    with pytest.raises(GlimpseError, match="--metric-direction is given without --metric"):
        read_scores([], ["lower"])


def test_scores_that_cover_no_pair_are_refused():
    message = (
        r"s\.csv: no trial shows two images that have a value of lpips\. The study compares, among others, "
        r"items of crn \(such as '1'\) and real \(such as '2'\)"
    )
    with pytest.raises(GlimpseError, match=message):
        matched(of(("1", "crn", 1.0, 2), ("2", "crn", 1.0, 3)), SHOWN)
    one_left = replace(
        of(("1", "crn", 1.0, 2)), problems=(Problem("s.csv", 3, "value is '1e308', odd; left out"),)
    )
    with pytest.raises(GlimpseError, match=r"need a value\. Left out: line 3: value is '1e308', odd\."):
        matched(one_left, SHOWN)
    with pytest.raises(GlimpseError, match="no trial shows"):  # sentinels alone are no pairs
        matched(of(("1", "image-space", 1.0, 2), ("1", "real", 1.0, 3)), SHOWN)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_may_have_saved_the_scores(tmp_path, encoding, separator):
    lines = ["item,condition,value", "01,crn,0.5", "02,crn,soon", "03,crn,0.25"]
    file = tmp_path / "lpips.csv"
    file.write_text("\n".join(lines).replace(",", separator), encoding=encoding)
    (found,) = read_scores([file])
    assert rows(found) == [["01", "crn", 0.5], ["03", "crn", 0.25]]
    assert [problem.line for problem in found.problems] == [3]


def test_names_match_whichever_way_their_accents_are_written():
    composed, apart = "\u00e9", "e\u0301"
    shown = trials(("crn", composed, "real", composed, False, False))
    found = matched(of((apart, "crn", 0.5, 2), (apart, "real", 0.25, 3)), shown)
    assert set(found.table["item"]) == {composed}
    assert found.problems == ()
