"""study.toml: every option has its place in it and the other way round; read, written, checked, copied."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glimpse.forms import FormField
from glimpse.language import language
from glimpse.main import main
from glimpse.mturk.api import build_study, plan_study
from glimpse.mturk.design.study_fields import BY_PLACE, FIELDS, SECTIONS
from glimpse.mturk.design.study_file import READERS, read_study_file
from glimpse.mturk.design.study_writing import amended, in_words, study_text
from glimpse.questions import Question
from glimpse.study import read_study

ROOT = Path(__file__).parents[3]
# Where and how to write; what one question says shortly; everything else is a study's own.
BESIDE = {"file", "out", "write", "force", "question", "answer", "extend", "add"}
STUDY = """# Our study.
mode = "unlimited-time"  # as long as they like
real = ""

[[questions]]
name = "quality"
text = "Which picture looks better?"
[[questions]]
name = "fit"
text = "Which picture fits the description better?"
answer = "choice-or-tie"

[context]
text = "prompts.csv"
[design]
contrasts = [["mine", "theirs"]]
trials_per_cell = 4
hits_per_batch = 1
[sentinels]
mismatch = true
question = "fit"
per_hit = 2
[people]
reward = "1.00"
[page]
consent = "consent.md"
[[form]]
name = "age"
text = "How old are you?"
kind = "choice"
options = ["under 30", "30 or older"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    for condition in ("mine", "theirs"):
        (tmp_path / "images" / condition).mkdir(parents=True)
        for item in range(8):
            pixels = rng.integers(0, 256, (8, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / condition / f"{item}.png")
    prompts = "".join(f"{item},a red fox number {item}\n" for item in range(8))
    (tmp_path / "prompts.csv").write_text(f"item,text\n{prompts}")
    (tmp_path / "consent.md").write_text("We ask you.\n\nWrite to study@example.org.\n")
    (tmp_path / "study.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["build-hits", *words])


def everything(folder: Path) -> dict[str, Any]:
    """Return something for every field of a study file; files that it names are there."""
    (folder / "a.csv").write_text("item,text\n")
    values: dict[str, Any] = {
        "text": 'a "text" \\ of #ours, äöü',
        "folder": folder / "some where",
        "file": folder / "a.csv",
        "place": folder / "a.csv",
        "places": (folder / "a.csv", folder),
        "flag": True,
        "whole": 7,
        "number": 1.5,
        "wholes": (125, 250),
        "texts": ("a b", "c"),
        "amount": "1.50",
        "contrasts": ("a:b", "c:d"),
        "questions": (
            Question("q", "Which?", "scale-5", ("a", "b", "c", "d", "e")),
            Question("r", 'And "this"?', "choice-or-tie"),
        ),
        "form": (
            FormField("age", "How old?", "choice", ("1", "2"), "before"),
            FormField("more", "More?", required=False),
        ),
    }
    return {field.name: field.allowed[-1] if field.allowed else values[field.kind] for field in FIELDS}


def test_every_option_has_its_place_in_the_file_and_the_other_way_round() -> None:
    command = main.get_command(None, "build-hits")  # type: ignore[arg-type]
    assert command is not None
    options = {param.name: param for param in command.params}
    names = [field.name for field in FIELDS]
    assert {*names} | BESIDE == {*options}
    assert len(names) == len(set(names)) == len(BY_PLACE)
    for field in FIELDS:
        assert field.option in options[field.name].opts
        assert field.section in SECTIONS
        assert field.kind in READERS or field.section in {"questions", "form"}
        assert field.help
        assert field.usual


@pytest.mark.parametrize("comments", [True, False])
def test_what_is_written_is_read_back(tmp_path: Path, comments: bool) -> None:
    said = everything(tmp_path)
    file = tmp_path / "sub" / "study.toml"
    file.parent.mkdir()
    file.write_text(study_text(said, file.parent, comments=comments))
    assert read_study_file(file) == said


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_thing_alone_is_written_and_put_into_a_file_that_is_there(tmp_path: Path, field: Any) -> None:
    said = {field.name: everything(tmp_path)[field.name]}
    file = tmp_path / "study.toml"
    file.write_text(study_text(said, tmp_path))
    assert read_study_file(file) == said
    file.write_text(amended("# ours\n[design]  # here\nscenes = 'with-replacement'\n", said, {}, tmp_path))
    assert read_study_file(file) == {"scenes": "with-replacement", **said}
    assert file.read_text().startswith("# ours\n")
    assert "# here" in file.read_text()


def test_a_new_file_shows_values_that_a_file_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("prompts.csv", "sentinels.csv", "hits.csv", "consent.md", "wording.toml"):
        (tmp_path / name).write_text("")
    (tmp_path / "pilot").mkdir()
    file = tmp_path / "study.toml"
    assert run("--write", str(file)).exit_code == 0
    assert read_study_file(file) == {}
    shown = re.sub(r"^# ((\w+ = |\[).*)$", r"\1", file.read_text(), flags=re.MULTILINE)
    file.write_text(shown)
    assert set(read_study_file(file)) == {field.name for field in FIELDS}


def test_a_file_builds_the_study_that_its_options_build(here: Path) -> None:
    words = ["--mode", "unlimited-time", "--real", "", "--contrast", "mine:theirs", "--trials-per-cell", "4"]
    words += ["--ask", "quality:choice:Which picture looks better?", "--context-text", "prompts.csv"]
    words += ["--ask", "fit:choice-or-tie:Which picture fits the description better?", "--reward-usd", "1.00"]
    words += ["--sentinel-mismatch", "--sentinel-question", "fit", "--sentinels-per-hit", "2"]
    words += ["--hits-per-batch", "1", "--consent", "consent.md"]
    words += ["--form", "age:after:choice:How old are you?|under 30|30 or older"]
    assert run("study.toml", "--out", "one").exit_code == 0
    assert run(*words, "--out", "two").exit_code == 0
    assert run(*words, "--write", "written.toml").exit_code == 0
    assert run("written.toml", "--out", "three").exit_code == 0
    one, *others = (read_study(name) for name in ("one", "two", "three"))
    for other in others:
        assert other.identity == one.identity
        assert (other.forms, other.contexts) == (one.forms, one.contexts)
        assert other.experiment == one.experiment
    assert one.experiment.real is None
    assert one.title == "Which picture looks better?"
    assert read_study_file(Path("written.toml")) == read_study_file(Path("study.toml"))


def test_options_win_over_the_file(here: Path) -> None:
    words = ["study.toml", "--question", "Which is older?", "--answer", "scale-7", "--seed", "3"]
    result = run(
        *words, "--no-sentinel-mismatch", "--sentinels-per-hit", "0", "--sentinel-question", "preference"
    )
    assert result.exit_code == 0, result.output
    study = read_study("study")
    assert study.experiment.questions == (Question("preference", "Which is older?", "scale-7"),)
    assert (study.seed, study.experiment.sentinels_per_hit) == (3, 0)
    assert "preference (scale-7)" in result.output


def test_the_copy_in_the_study_says_all_and_makes_the_same_study(here: Path) -> None:
    assert run("study.toml", "--seed", "5").exit_code == 0
    assert Path("study/prompts.csv").read_bytes() == Path("prompts.csv").read_bytes()
    assert Path("study/consent.md").read_bytes() == Path("consent.md").read_bytes()
    copy = Path("study/study.toml").read_text()
    assert copy.startswith('# Our study.\nmode = "unlimited-time"  # as long as they like\n')
    assert "seed = 5" in copy
    Path("prompts.csv").unlink()
    Path("consent.md").unlink()
    result = run("study/study.toml", "--out", "again")
    assert result.exit_code == 0, result.output
    assert read_study("again").identity == read_study("study").identity
    assert Path("again/study.toml").read_text() == copy


def test_a_file_that_is_there_is_not_written_over(here: Path) -> None:
    result = run("--write", "study.toml")
    assert result.exit_code == 1
    assert result.output.startswith("Error: study.toml already exists")
    assert Path("study.toml").read_text() == STUDY
    assert run("study.toml", "--seed", "9", "--write", "study.toml", "--force").exit_code == 0
    assert 'as long as they like\nreal = ""\nseed = 9\n' in Path("study.toml").read_text()


FAULTS = [
    ("reward =", "rewards =", "study.toml, line 24: there is no key people.rewards; did you mean reward?"),
    ("[people]", "[poeple]", "study.toml, line 23: there is no key poeple; did you mean people?"),
    (
        "reward =",
        "seed =",
        "study.toml, line 24: there is no key people.seed; it belongs above the first [part].",
    ),
    (
        "trials_per_cell",
        "per_hit",
        "study.toml, line 17: there is no key design.per_hit; it belongs to [sentinels].",
    ),
    ('text = "Which picture looks better?"', "", "line 5: this [[questions]] has no text; give it one."),
    ('"Which picture looks better?"', '" "', "line 5: question quality has no text; say what"),
    ('name = "fit"', 'name = "quality"', "line 8: two questions are named 'quality'; each needs a name"),
    ('name = "fit"\n', "", "line 8: this [[questions]] has no name; give it one."),
    ("choice-or-tie", "tie", "line 8: question fit: answer is 'tie'; allowed are choice, choice-or-tie"),
    ("answer =", "answers =", "line 11: there is no key questions.answers; did you mean answer?"),
    (
        '"30 or older"',
        '"under 30"',
        "line 27: form field age: option 'under 30' is empty or stands there twice.",
    ),
    ("kind =", "when = 1\nkind =", "line 27: form field 'age': when is 1; write a text in quotation marks."),
    (
        "per_hit = 2",
        'per_hit = "2"',
        "line 22: sentinels.per_hit is '2'; write a whole number, such as 3, and no negative one.",
    ),
    ("mismatch = true", "mismatch = 1", "line 20: sentinels.mismatch is 1; write true or false."),
    (
        '[["mine", "theirs"]]',
        '["mine:theirs"]',
        "line 16: design.contrasts is ['mine:theirs']; write \"all\"",
    ),
    (
        '"prompts.csv"',
        '"promts.csv"',
        "line 14: context.text is 'promts.csv'; there is no file or folder promts.csv.",
    ),
    (
        '"unlimited-time"',
        '"unlimited"',
        "line 2: mode is 'unlimited'; allowed are limited-time, unlimited-time.",
    ),
    ("real =", 'task = "threes"\nreal =', "line 3: task is 'threes'; allowed are pairs, single."),
    ("[page]", '[page]\nlanguage = "xx"', "line 26: page.language is 'xx'; allowed are "),
    ("[people]", "people = 3\n[page2]", "study.toml, line 23: there is no key sentinels.people"),
    ('real = ""', "people = 3", "is no TOML file: Cannot overwrite a value (at line 23, column 8)."),
    ('real = ""', "real = x", "is no TOML file: Invalid value (at line 3, column 8)."),
]


@pytest.mark.parametrize(("found", "instead", "message"), FAULTS, ids=[fault[1][:20] for fault in FAULTS])
def test_a_fault_is_named_with_its_line_and_nothing_is_written(
    here: Path, found: str, instead: str, message: str
) -> None:
    Path("study.toml").write_text(STUDY.replace(found, instead, 1))
    result = run("study.toml")
    assert result.exit_code == 1
    assert result.output.startswith("Error: study.toml")
    assert message in result.output
    assert sorted(path.name for path in here.iterdir()) == [
        "consent.md",
        "images",
        "prompts.csv",
        "study.toml",
    ]


def test_earlier_studies_are_checked_early_and_kept_in_the_copy(here: Path) -> None:
    words = ("--mode", "unlimited-time", "--real", "", "--contrast", "mine:theirs")
    words = (*words, "--sentinels-per-hit", "0")
    words = (*words, "--hits-per-batch", "1", "--trials-per-cell", "4", "--practice-trials", "0")
    Path("study.toml").write_text('[people]\nexclude = ["pilots"]\n')
    missing = run("study.toml", *words).output
    assert "study.toml, line 2: people.exclude is 'pilots'; there is no file or folder pilots." in missing
    Path("notes.csv").write_text("name\n")
    assert "--exclude notes.csv is no workers.csv" in run(*words, "--exclude", "notes.csv").output
    Path("study.toml").write_text('[people]\nexclude = ["notes.csv"]\n')
    assert (
        "study.toml, line 2: people.exclude notes.csv is no workers.csv" in run("study.toml", *words).output
    )
    assert not Path("study").exists()
    Path("pilot").mkdir()
    Path("pilot/workers.csv").write_text("worker,worker_id,participant\nw1,A1,P1\n")
    Path("study.toml").write_text('[people]\nexclude = ["pilot/"]\n')
    assert run("study.toml", *words).exit_code == 0
    assert 'exclude = ["../pilot"]' in Path("study/study.toml").read_text()
    assert run(*words, "--exclude", "pilot", "--out", "other").exit_code == 0
    assert run(*words, "--out", "without").exit_code == 0
    assert 'exclude = ["../pilot"]' in Path("other/study.toml").read_text()
    assert read_study("study").identity == read_study("other").identity == read_study("without").identity


def test_a_consent_that_is_no_text_is_named_before_anything_is_written(here: Path) -> None:
    Path("consent.md").write_bytes("Caf\xe9 and more".encode("latin-1"))
    result = run("study.toml")
    assert result.exit_code == 1
    assert "consent.md is not UTF-8 text" in result.output
    assert not Path("study").exists()


def test_a_file_that_is_no_text_or_not_there(here: Path) -> None:
    Path("latin.toml").write_bytes('title = "Caf\xe9"'.encode("latin-1"))
    assert "latin.toml is not UTF-8 text (" in run("latin.toml").output
    assert run("none.toml").output.startswith("Error: none.toml is no file; name a TOML file")
    assert run("images").output.startswith("Error: images is no file")


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("looks better", "looks\\u0007 better", "question quality holds the character U+0007, which no page"),
        ("30 or older", "30\\u0000", "form field age holds the character U+0000, which no page can show"),
        ("cell = 4", "cell = 100000", "A HIT would have 100,002 trials; 100,000 at most can be planned."),
        ("trials_per_cell = 4", "trials_per_hit = 5001", "trials_per_hit is 5,001; 5,000 at most"),
        ("cell = 4", "cell = 9223372036854775807", "at most can be planned. Lower design.trials_per_cell"),
        (
            "per_batch = 1",
            "per_batch = 1000000",
            "1,000,000 HITs of up to 6 trials are more than the 4,000,000",
        ),
    ],
)
def test_what_no_page_and_no_plan_can_hold_is_refused(
    here: Path, found: str, instead: str, message: str
) -> None:
    Path("study.toml").write_text(STUDY.replace(found, instead, 1))
    result = run("study.toml")
    assert result.exit_code == 1
    assert message in result.output
    assert not Path("study").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ask", "fit:Which?"], "--ask fit:Which?: a question is NAME:KIND:TEXT"),
        (["--ask", "a:choice:Which?", "--question", "Why?"], "--ask goes without --question"),
        (["study.toml", "--answer", "scale-5"], "this one asks 2"),
        (["--form", "age:How old?"], "a field is NAME:WHEN:KIND:TEXT"),
        (["--form", "age:never:number:How old?"], "when is 'never'"),
        (["--sentinel-mismatch", "--sentinel", "mine"], "give one of them"),
    ],
)
def test_options_that_say_nothing_sensible(here: Path, words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code in {1, 2}
    assert message in result.output
    assert not Path("study").exists()


def test_a_study_that_cannot_be_done_in_its_time_is_refused(here: Path) -> None:
    result = run("study.toml", "--time-allotted-minutes", "1")
    assert result.exit_code == 1
    assert "takes about 2 minutes, 1 more than the 1 allotted" in result.output
    assert "Raise --time-allotted-minutes to 4" in result.output
    assert not Path("study").exists()


def test_pay_is_said_and_low_pay_warned_about(here: Path) -> None:
    low = run("study.toml", "--reward-usd", "0.10", "--out", "low")
    assert "Warning: $0.10 for about 2 minutes is $3.00 an hour, less than the $8.00" in low.output
    assert "pay $0.27" in low.output
    assert "$3.00 an hour" in Path("low/design.html").read_text()
    assert "an hour, less" not in run("study.toml", "--least-hourly", "3", "--reward-usd", "0.10").output
    free = run("study.toml", "--reward-usd", "0", "--out", "free")
    assert "$0 is $0.00 an hour" in free.output
    assert "less than" not in free.output


def test_python_builds_what_a_file_says(here: Path) -> None:
    assert run("study.toml", "--seed", "4").exit_code == 0
    study = build_study("study.toml", out="ours", seed=4)
    assert study.identity == read_study("study").identity
    names = sorted(path.relative_to("ours") for path in Path("ours").rglob("*") if path.is_file())
    assert [
        name for name in names if Path("ours", name).read_bytes() != Path("study", name).read_bytes()
    ] == []


def test_python_asks_questions_and_shows_prompts(here: Path) -> None:
    questions = [{"name": "fit", "text": "Which fits?", "answer": "choice-or-tie"}]
    numbers: dict[str, Any] = {"sentinels": "mismatch", "sentinels_per_hit": 1, "trials_per_cell": 2}
    experiment = plan_study(
        "images", mode="unlimited-time", real="", contrasts="mine:theirs", questions=questions,
        pairing="same-item", max_wrong_sentinels=0, hits_per_batch=3, **numbers,
    )  # fmt: skip
    form = [{"name": "age", "text": "How old?", "kind": "number"}]
    study = build_study(
        "images",
        experiment,
        "ours",
        context_text="prompts.csv",
        form=form,
        contact="me@lab.org",
        comment=True,
    )
    assert study.experiment.questions == (Question("fit", "Which fits?", "choice-or-tie"),)
    assert study.forms == (FormField("age", "How old?", "number"),)
    assert study.contexts["3"].text == "a red fox number 3"
    assert study.page_settings["contact"] == "me@lab.org"
    assert run("ours/study.toml", "--out", "again").exit_code == 0
    assert read_study("again").identity == study.identity


@pytest.mark.parametrize("mode", ["limited-time", "unlimited-time"])
@pytest.mark.parametrize("preset", ["glimpse", "paper", "authors"])
def test_the_copy_of_a_study_made_by_options_says_all_of_it(here: Path, mode: str, preset: str) -> None:
    for name in ("real", "image-space"):
        shutil.copytree("images/mine", f"images/{name}")
    words = ["--mode", mode, "--preset", preset, "--ours", "mine"]
    rule = "width=0.1 contrast=mine:theirs"
    words = [*words[: 6 if mode == "unlimited-time" else 4], "--stop-when", rule, "--trials-per-cell", "12"]
    assert run(*words).exit_code == 0
    assert run("study/study.toml", "--out", "again").exit_code == 0
    first, again = read_study("study"), read_study("again")
    assert (again.experiment, again.identity) == (first.experiment, first.identity)
    said = read_study_file(Path("study/study.toml"))
    for name in ("workers_per_hit", "trials_per_cell", "reward_usd", "break_every", "pairing", "stop_when"):
        assert name in said


@pytest.mark.parametrize("field", [field for field in FIELDS if field.key], ids=lambda field: field.name)
def test_the_guide_tells_every_key_as_its_option_does(field: Any) -> None:
    guide = (ROOT / "docs" / "study-file.md").read_text(encoding="utf-8")
    row = f"| `{field.key}` | `{field.option}` | {in_words(field.help)} | {in_words(field.usual)} |"
    assert row in guide.splitlines()


def test_a_wording_that_no_page_has_is_named_with_its_line(here: Path) -> None:
    Path("wording.toml").write_text('[consent]\nagree = "Yes"\nagre = "No"\n')
    result = run("study.toml", "--wording", "wording.toml")
    assert result.exit_code == 1
    assert "wording.toml, line 3: [consent] agre is no text of a page; the nearest is agree." in result.output
    assert not Path("study").exists()


def test_language_and_wording_reach_the_default_question_and_the_title(here: Path) -> None:
    Path("wording.toml").write_text('[questions]\nrealism = "Which is a photograph?"\n')
    words = ["--mode", "unlimited-time", "--contrast", "mine:theirs", "--sentinels-per-hit", "0"]
    assert run(*words, "--wording", "wording.toml").exit_code == 0
    study = read_study("study")
    assert study.experiment.questions == (Question("realism", "Which is a photograph?"),)
    assert study.title == "Which is a photograph?"
    assert "Which is a photograph?" in study.page_path(study.hits[0].hit).read_text()


def test_a_consent_that_names_nobody_to_ask_is_warned_about(here: Path) -> None:
    assert "names no contact" not in run("study.toml", "--out", "one").output
    Path("consent.md").write_text("Do you agree?\n")
    own = run("study.toml", "--contact", "me@lab.org", "--out", "two").output
    assert "Participants cannot ask anybody: the text of --consent names no contact" in own
    words = ["--mode", "unlimited-time", "--contrast", "mine:theirs", "--sentinels-per-hit", "0"]
    assert "Give an e-mail address with --contact." in run(*words, "--out", "three").output
    assert "names no contact" not in run(*words, "--contact", "me@lab.org", "--out", "four").output


def test_what_is_listed_follows_from_the_questions_and_the_language(here: Path) -> None:
    assert run("study.toml", "--language", "de").exit_code == 0
    study = read_study("study")
    assert study.title == "Which picture looks better?"
    assert study.description == language("de").say("tasks.description", count=2)
    assert run("study.toml", "--title", "T", "--description", "D", "--out", "stated").exit_code == 0
    assert (read_study("stated").title, read_study("stated").description) == ("T", "D")
