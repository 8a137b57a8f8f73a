"""Votes from anywhere: read by usual names or stated ones, never added to, and ranked as choix ranks them."""

import json
import re
from pathlib import Path

import choix
import numpy as np
import pandas as pd
import pytest

import glimpse
from glimpse.errors import GlimpseError
from glimpse.mturk.importing.batch_results import write_results
from glimpse.mturk.importing.vote_columns import ROLES, columns_of
from glimpse.mturk.importing.voted_study import study_of
from glimpse.mturk.importing.votes import read_votes
from tests.analysis.analyses import run

REAL_VOTES = Path(__file__).parents[4] / "shared" / "data" / "pairwise" / "ex3_tmo_cmp_data.csv"
HEAD = "observer,scene,condition_A,condition_B,is_A_selected"
ROWS = ["w1,s1,crn,gan,1", "w2,s1,gan,crn,0", "w1,s2,crn,gan,0", "w2,s2,gan,crn,0"]


def table(tmp_path, *lines, head=HEAD, name="votes.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text("\n".join([head, *lines]) + "\n", encoding=encoding)
    return path


def votes_of(tmp_path, *lines, head=HEAD, stated=(), **options):
    return read_votes([table(tmp_path, *lines, head=head)], stated, **options)


def imported(tmp_path, *lines, head=HEAD, stated=(), out="results", **options):
    """A results folder of a table."""
    sides = {"a_is_left": options.pop("a_is_left", False)}
    found = study_of(votes_of(tmp_path, *lines, head=head, stated=stated, **sides), **options)
    write_results(found, tmp_path / out)
    return tmp_path / out


def answers(folder):
    lines = [json.loads(line) for line in (folder / "assignments.jsonl").read_text().splitlines()]
    return {line["assignment_id"]: line["answers"] for line in lines}


def drawn_votes(seed=0, workers=12, items=6, names="abcde"):
    """Rows of a table in which earlier names win, in either order of the columns."""
    rng = np.random.default_rng(seed)
    rows = []
    for worker in range(workers):
        for item in range(items):
            for one, other in ((i, j) for i in range(len(names)) for j in range(i)):
                a, b = (one, other) if rng.random() < 0.5 else (other, one)
                chose = int(rng.random() < 1 / (1 + np.exp(0.6 * (a - b))))
                rows.append(f"w{worker:02d},s{item},{names[a]},{names[b]},{chose}")
    return rows


def by_choix(path):
    """Strengths by choix of the same votes, by name."""
    rows = pd.read_csv(path)
    names = sorted({*rows["condition_A"], *rows["condition_B"]})
    won = rows["is_A_selected"] == 1
    winner = rows["condition_A"].where(won, rows["condition_B"]).map(names.index)
    loser = rows["condition_B"].where(won, rows["condition_A"]).map(names.index)
    found = choix.opt_pairwise(len(names), list(zip(winner, loser, strict=True)))
    return dict(zip(names, found - found.mean(), strict=True))


def ranking_of(folder):
    return glimpse.rank_conditions(glimpse.exclude(glimpse.read_results(folder)))[0]


def test_usual_names_need_no_options(tmp_path):
    found = votes_of(tmp_path, *ROWS)
    assert [(vote.worker, vote.a, vote.b, vote.item_a, vote.chosen) for vote in found.votes] == [
        ("w1", "crn", "gan", "s1", "a"), ("w2", "gan", "crn", "s1", "b"),
        ("w1", "crn", "gan", "s2", "b"), ("w2", "gan", "crn", "s2", "b"),
    ]  # fmt: skip
    assert not found.sided
    assert found.problems == ()


def test_what_is_read_as_what_is_said(tmp_path):
    """Columns are guessed, so a wrong guess must be visible; each column of the file is named once."""
    found = votes_of(
        tmp_path, "7,w1,s1,crn,gan,a,x", head="Session,User,Scene,model_a,model_b,winner,comment"
    )
    assert found.columns == (
        "worker = User", "item = Scene", "a = model_a", "b = model_b", "winner = winner",
    )  # fmt: skip
    assert found.unread == ("Session", "comment")
    facts = study_of(found).facts
    assert (facts["columns"], facts["not read"]) == (list(found.columns), list(found.unread))


@pytest.mark.parametrize(
    ("head", "cell", "chosen"),
    [
        ("judge,prompt,model_a,model_b,winner", "model_a", "a"),
        ("judge,prompt,model_a,model_b,winner", "tie (bothbad)", "tie"),
        ("User,Image,Model A,Model B,Preference", "gan", "b"),
        ("worker,item,left,right,choice", "right", "b"),
        ("participant_id,scene,method1,method2,vote", "2", "b"),
        ("subject,scene,a,b,chose_a", "0.5", "tie"),
        ("subject,scene,a,b,chose_a", "False", "b"),
    ],
)
def test_tables_of_other_makers_are_read(tmp_path, head, cell, chosen):
    found = votes_of(tmp_path, f"w1,s1,crn,gan,{cell}", head=head)
    assert [(vote.a, vote.b, vote.chosen) for vote in found.votes] == [("crn", "gan", chosen)]
    assert found.sided == ("left" in head)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_as_spreadsheets_save_them(tmp_path, encoding, separator):
    lines = [line.replace(",", separator) for line in ROWS]
    path = table(tmp_path, *lines, head=HEAD.replace(",", separator), encoding=encoding)
    assert len(read_votes([path]).votes) == 4


def test_stated_columns_come_before_usual_names(tmp_path):
    head = "who,user,scene,A,B,picked"
    found = votes_of(tmp_path, "w1,x,s1,crn,gan,crn", head=head, stated=["worker=who", "winner=picked"])
    assert (found.votes[0].worker, found.votes[0].chosen) == ("w1", "a")


def test_usual_names_are_all_different():
    names = [name for role in ROLES.values() for name in role.names]
    assert len(names) == len(set(names))
    head = ["worker", "item_a", "item_b", "a", "b", "winner", "exposure_s", "time", "rt"]
    assert columns_of(head, [], "votes.csv").at["response_ms"] == 8


def test_what_a_row_does_not_say_is_not_made_up(tmp_path):
    folder = imported(tmp_path, *ROWS)
    study = json.loads((folder / "study.json").read_text())
    assert set(study["experiment"]) == {"mode", "contrasts", "questions", "sides"}
    assert (study["imported_from"], study["experiment"]["sides"]) == ("table", "unknown")
    # Condition A stands left, whichever column it came from, and nothing else is said.
    assert answers(folder) == {
        "a00001": [{"trial": "b1-h01-t001", "side": "left", "response_ms": None},
                   {"trial": "b1-h01-t002", "side": "right", "response_ms": None}],
        "a00002": [{"trial": "b1-h01-t001", "side": "left", "response_ms": None},
                   {"trial": "b1-h01-t002", "side": "left", "response_ms": None}],
    }  # fmt: skip
    results = glimpse.read_results(folder)
    assert not results.sided
    assert results.assignments["n_trials"].tolist() == results.assignments["n_answered"].tolist()
    assert (folder / "workers.csv").read_text().count("\n") == 3


def test_sides_that_are_known_are_kept(tmp_path):
    folder = imported(tmp_path, *ROWS, a_is_left=True)
    assert "sides" not in json.loads((folder / "study.json").read_text())["experiment"]
    assert [one["side"] for one in answers(folder)["a00002"]] == ["right", "right"]
    assert glimpse.read_results(folder).sided


def test_who_wins_does_not_depend_on_the_order_of_the_columns(tmp_path):
    rows = drawn_votes()
    turned = [
        ",".join([worker, item, b, a, str(1 - int(chose))])
        for worker, item, a, b, chose in (row.split(",") for row in rows)
    ]
    one, other = (
        ranking_of(imported(tmp_path, *lines, out=str(n))) for n, lines in enumerate((rows, turned))
    )
    assert one.to_dict() == other.to_dict()
    assert one.left_bias is None
    assert one.note == ""
    assert one.conditions == tuple("abcde")


def test_choix_finds_the_same_strengths(tmp_path):
    ranking = ranking_of(imported(tmp_path, *drawn_votes(1)))
    expected = by_choix(tmp_path / "votes.csv")
    assert dict(zip(ranking.conditions, ranking.strengths, strict=True)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.skipif(not REAL_VOTES.exists(), reason=f"real votes are not there ({REAL_VOTES.name})")
def test_real_votes_are_ranked_as_choix_ranks_them(tmp_path):
    """18 observers, 5 scenes, 7 operators: the same strengths, with intervals around them."""
    found = study_of(read_votes([REAL_VOTES]))
    assert (found.facts["votes"], len(found.workers), found.problems) == (1213, 18, [])
    write_results(found, tmp_path / "results")
    ranking = ranking_of(tmp_path / "results")
    assert dict(zip(ranking.conditions, ranking.strengths, strict=True)) == pytest.approx(
        by_choix(REAL_VOTES), abs=1e-4
    )
    assert ranking.n_images == 5
    ends = zip(ranking.low, ranking.strengths, ranking.high, strict=True)
    assert all(low < own < high for low, own, high in ends)


@pytest.mark.skipif(not REAL_VOTES.exists(), reason=f"real votes are not there ({REAL_VOTES.name})")
def test_real_votes_are_ranked_scene_by_scene_as_choix_ranks_them(tmp_path):
    """`analyze --items` with a group for each scene: the same strengths as choix finds for it alone."""
    rows = pd.read_csv(REAL_VOTES)
    write_results(study_of(read_votes([REAL_VOTES])), tmp_path / "results")
    items = tmp_path / "items.csv"
    items.write_text("item,group\n" + "".join(f"{one},{one}\n" for one in rows["scene"].unique()))
    run("analyze", tmp_path / "results", "--items", items, "--out", tmp_path / "report")
    ranked = pd.read_csv(tmp_path / "report" / "ranking_groups.csv")
    assert set(ranked["group"]) == set(rows["scene"])
    for scene, group in ranked.groupby("group"):
        rows[rows["scene"] == scene].to_csv(tmp_path / "scene.csv", index=False)
        expected = by_choix(tmp_path / "scene.csv")
        found = dict(zip(group["condition"], group["strength"], strict=True))
        assert found == pytest.approx(expected, abs=1e-4)
        assert (group["low"] < group["strength"]).all()
        assert (group["strength"] < group["high"]).all()


def test_ties_exposures_and_times(tmp_path):
    head = "user,scene,model_a,model_b,winner,exposure_s,timestamp,rt"
    lines = ["w1,s1,crn,gan,model_a,0.5,2024-05-01T10:00:00Z,812", "w1,s2,crn,gan,tie,2,1714557660,",
             "w1,s1,crn,gan,gan,0.5,no idea,5"]  # fmt: skip
    found = votes_of(tmp_path, *lines, head=head)
    assert [vote.exposure_ms for vote in found.votes] == [500, 2000, 500]
    assert [vote.time for vote in found.votes] == ["2024-05-01T10:00:00Z", "2024-05-01T10:01:00Z", None]
    assert len(found.problems) == 1
    assert "line 4: time 'no idea' is neither ISO 8601" in found.problems[0]
    folder = imported(tmp_path, *lines, head=head)
    study = json.loads((folder / "study.json").read_text())
    assert study["experiment"]["mode"] == "limited-time"
    assert study["experiment"]["questions"][0]["answer"] == "choice-or-tie"
    # The pair that its worker judged twice is two trials.
    chosen = [one["choices"]["preference"] for one in answers(folder)["a00001"]]
    assert chosen == ["left", "tie", "right"]
    assert len({one["trial"] for one in answers(folder)["a00001"]}) == 3
    assert glimpse.read_results(folder).assignments["submitted_at"].tolist() == ["2024-05-01T10:01:00Z"]


LONG = ("user,scene,model_a,model_b,winner,criterion",
        ["w1,s1,crn,gan,crn,overall quality", "w1,s1,crn,gan,tie,fit",
         "w2,s1,gan,crn,crn,overall quality", "w2,s1,gan,crn,gan,fit"])  # fmt: skip
WIDE = ("user,scene,model_a,model_b,winner_overall-quality,winner_fit",
        ["w1,s1,crn,gan,crn,tie", "w2,s1,gan,crn,crn,gan"])  # fmt: skip
STATED = ("user,scene,model_a,model_b,q1,q2", WIDE[1])


def test_several_questions_long_wide_and_stated(tmp_path):
    stated = ["winner:overall-quality=q1", "winner:fit=q2"]
    folders = [
        imported(tmp_path, *rows, head=head, out=out, stated=stated if out == "stated" else ())
        for out, (head, rows) in {"long": LONG, "wide": WIDE, "stated": STATED}.items()
    ]
    assert answers(folders[0])["a00001"][0]["choices"] == {"overall-quality": "left", "fit": "tie"}
    for folder in folders:
        results = glimpse.read_results(folder)
        kinds = {one.name: one.answer for one in results.questions}
        assert kinds in (
            {"overall-quality": "choice", "fit": "choice-or-tie"},
            {"overall_quality": "choice", "fit": "choice-or-tie"},
        )
        chosen = [list(one["choices"].values()) for own in answers(folder).values() for one in own]
        assert chosen == [["left", "tie"], ["left", "right"]]


def test_a_question_without_an_answer_is_named_and_can_be_left_out(tmp_path):
    head, rows = LONG
    with pytest.raises(
        GlimpseError, match=r"line 2: worker 'w1' answered 'overall quality'.*not 'fit'.*--only"
    ):
        imported(tmp_path, rows[0], *rows[2:], head=head)
    folder = imported(tmp_path, rows[0], *rows[2:], head=head, only="overall quality")
    assert [one["side"] for own in answers(folder).values() for one in own] == ["left", "left"]
    with pytest.raises(GlimpseError, match="--only 'price': the files have overall quality, fit"):
        imported(tmp_path, *rows, head=head, only="price")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("w1,s1,crn,crn,1", "line 2: both conditions are 'crn'"),
        ("w1,s1,crn,gan,maybe", r"line 2: is_A_selected is 'maybe'; allowed are 1, 0, and 0.5"),
        (",s1,crn,gan,1", "line 2: column observer is empty"),
        ("w1,s1,crn,gan", "line 2: the row does not have the header's 5 cells"),
    ],
)
def test_rows_that_are_no_votes_are_named_and_left_out(tmp_path, line, message):
    found = votes_of(tmp_path, line, *ROWS)
    assert len(found.votes) == 4
    assert len(found.problems) == 1
    assert re.search(message, found.problems[0])
    with pytest.raises(GlimpseError, match=f"no row is a vote. The first: .*{message}"):
        votes_of(tmp_path, line)


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        (
            "scene,condition_A,condition_B,winner",
            "s1,crn,gan,a",
            "known to be worker .*--column worker=COLUMN",
        ),
        ("user,condition_A,condition_B,winner", "w1,crn,gan,a", "known to be item .item: what both images"),
        ("user,scene,condition_A,condition_B", "w1,s1,crn,gan", "known to be winner"),
        ("user,scene,a,b,winner,exposure", "w1,s1,crn,gan,a,0.5", "say --column exposure_s=exposure"),
        ("user,scene,a,b,winner,winner", "w1,s1,crn,gan,a,a", "column winner is there twice"),
    ],
)
def test_tables_that_lack_something_say_what(tmp_path, head, row, message):
    with pytest.raises(GlimpseError, match=message):
        votes_of(tmp_path, row, head=head)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("who=observer", "write ROLE=COLUMN with a role of worker, item"),
        ("worker", "write ROLE=COLUMN"),
        ("worker:fit=observer", "write ROLE=COLUMN"),
        ("worker=name", "has no column 'name'; it has observer, scene"),
    ],
)
def test_stated_columns_that_are_none(tmp_path, stated, message):
    with pytest.raises(GlimpseError, match=message):
        votes_of(tmp_path, *ROWS, stated=[stated])


def test_votes_that_contradict_each_other(tmp_path):
    head = f"{HEAD},exposure_ms"
    with pytest.raises(GlimpseError, match="line 3: no exposure, which other rows have"):
        imported(tmp_path, f"{ROWS[0]},500", f"{ROWS[1]},", head=head)
    with pytest.raises(GlimpseError, match=r"no condition 'photo'.*say --real with one of crn, gan"):
        imported(tmp_path, *ROWS, real="photo")
    lines = ["w1,s1,flux:dev,flux-dev,1"]
    with pytest.raises(GlimpseError, match="two conditions would be named 'flux-dev'"):
        imported(tmp_path, *lines)


def test_a_winner_that_may_be_a_side_or_a_condition_is_not_guessed(tmp_path):
    """Of B beside A, "a" is the second by its name and the first by its side."""
    head = "user,scene,condition_A,condition_B,winner"
    found = votes_of(tmp_path, "w1,s1,B,A,a", "w1,s2,B,A,A", "w1,s3,crn,A,a", "w1,s4,crn,gan,a", head=head)
    assert [vote.item_a for vote in found.votes] == ["s2", "s4"]
    assert ["may be a side" in problem for problem in found.problems] == [True, True]


def test_names_that_cannot_stand_in_a_contrast_are_changed_and_said(tmp_path):
    found = study_of(votes_of(tmp_path, "w1,s1,flux:dev,Stable  Diffusion,1"))
    assert found.problems == [
        "condition 'Stable  Diffusion' is called 'Stable Diffusion'",
        "condition 'flux:dev' is called 'flux-dev'",
    ]


def test_the_command_reads_and_the_report_says_what_is_not_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path, *drawn_votes(2, names="abc"))
    done = run("import-results", "votes.csv", "--format", "table", "--real", "a", "--title", "Arena")
    assert done.exit_code == 0, done.output
    assert "sides: not known" in done.output
    assert run("analyze", "results").exit_code == 0
    facts = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert facts["side_bias"] == {
        "n": 216, "raw_share": None, "left_share": None, "low": None, "high": None, "p_value": None,
        "note": "the sides are not known",
    }  # fmt: skip
    assert {row["coding"] for row in facts["agreement"]} == {"condition"}
    assert facts["counts"]["places"] is None
    page = (tmp_path / "report" / "report.html").read_text()
    assert "left image" not in page.lower()
    assert "sentinel" not in (tmp_path / "report" / "methods.txt").read_text().lower()
    assert "HIT" not in (tmp_path / "report" / "methods.txt").read_text()
    assert not (tmp_path / "report" / "workers.svg").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "table", "--sentinel", "x"], "there are no sentinels"),
        (["--column", "worker=who"], "go with --format table"),
        (["--a-is-left"], "go with --format table"),
        (["--format", "table", "--study", "st"], "--study goes with --format glimpse; with --format table"),
    ],
)
def test_options_of_other_formats_are_refused(tmp_path, options, message):
    done = run("import-results", table(tmp_path, *ROWS), *options, "--out", tmp_path / "out")
    assert done.exit_code != 0
    assert message in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["table", "single", "crn-authors"])
def test_a_file_that_is_named_twice_is_not_counted_twice(tmp_path, kind):
    votes, again = table(tmp_path, *ROWS), tmp_path / "again.csv"
    again.symlink_to(votes)
    for other in (votes, again, tmp_path / ".." / tmp_path.name / votes.name):
        done = run("import-results", votes, other, "--format", kind, "--out", tmp_path / "out")
        assert done.exit_code == 1
        assert f"{other} is named twice; name each file once." in done.output
        assert not (tmp_path / "out").exists()
