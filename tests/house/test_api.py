"""The Python API: what `import glimpse` gives, documented, checked, and equal to what the commands write."""

import ast
import doctest
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image

import glimpse
from glimpse.analysis.report.tables import csv_text
from glimpse.analysis.statistics.choices import ADJUSTMENTS, CLUSTERS, CURVE_SHAPES, EXPOSURES
from glimpse.crn.data.labels import BUNDLED
from glimpse.experiment import MODES, PRESETS
from glimpse.main import main
from glimpse.mturk.design.encoding import ENCODINGS
from tests.house.api_folder import SMALL

ROOT = Path(__file__).parents[2]
FUNCTIONS = [name for name in glimpse.__all__ if name[0].islower()]
HEAVY = {"torch", "pandas", "numpy", "scipy", "boto3", "matplotlib", "click", "PIL"}


def run(*words):
    """Run a command in this process."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def python(code, folder):
    """Run code in a fresh interpreter that finds the checkout."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=240,
    ).stdout  # fmt: skip


# Names and documentation


def test_nothing_heavy_is_imported_before_it_is_used(tmp_path):
    code = (
        "import glimpse\ndir(glimpse)\nglimpse.GlimpseError\n"
        "print(*{name.split('.')[0] for name in sys.modules})\n"
        "glimpse.read_results\nprint(*{name.split('.')[0] for name in sys.modules})"
    )
    before, after = (set(line.split()) for line in python(code, tmp_path).splitlines())
    assert before & HEAVY == set()
    assert "pandas" in after
    assert after & {"torch", "boto3"} == set()


def test_type_checkers_and_completion_see_every_name():
    tree = ast.parse((ROOT / "glimpse" / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {(node.module, alias.name) for node in checked.body for alias in node.names}
    homes = {(home, name) for home, names in glimpse._HOMES.items() for name in names}
    assert seen == homes
    assert sorted(name for _, name in homes) == sorted(glimpse.__all__)
    assert set(glimpse.__all__) <= set(dir(glimpse))
    assert (ROOT / "glimpse" / "py.typed").exists()


def test_a_name_that_is_not_there_is_said_so():
    with pytest.raises(AttributeError, match="module 'glimpse' has no attribute 'read_result'"):
        glimpse.read_result  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_and_gives(name):
    function = getattr(glimpse, name)
    text = inspect.getdoc(function)
    for part in ("Args:", "Returns:", "Raises:", "Example:", ">>> import glimpse"):
        assert part in text, f"{name} lacks {part}"
    parameters = inspect.signature(function).parameters
    told = re.search(r"Args:\n(.*?)\n\nReturns:", text, re.DOTALL)[1]
    assert [one for one in parameters if not re.search(rf"\b{one}\b", told)] == []
    keywords = set(re.findall(r"(?<![\w`])--\w+", text))
    assert keywords == set(), "options belong to commands"


@pytest.mark.parametrize(
    ("function", "choices"),
    [
        (glimpse.preference_table, [*CLUSTERS, *ADJUSTMENTS]),
        (glimpse.fit_curves, [*CURVE_SHAPES, *EXPOSURES]),
        (glimpse.build_study, ENCODINGS),
        (glimpse.plan_study, [*MODES, *PRESETS]),
        (glimpse.synthesize, BUNDLED),
    ],
)
def test_every_choice_is_told(function, choices):
    assert [name for name in choices if f'"{name}"' not in function.__doc__] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_example_runs(name, here):
    example = doctest.DocTestParser().get_doctest(getattr(glimpse, name).__doc__, {}, name, None, 0)
    said = []
    failed, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
        example, out=said.append
    )
    assert tried > 0
    assert failed == 0, "".join(said)


def test_every_name_stands_in_the_guide():
    guide = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert [
        name for name in glimpse.__all__ if f"`{name}`" not in guide and f"glimpse.{name}(" not in guide
    ] == []


def test_the_guides_python_runs(here):
    guide = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    shutil.rmtree(here / "my-study", ignore_errors=True)
    scope = {"__name__": "guide"}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(block, "docs/python.md", "exec"), scope)
    assert (here / "realism.pdf").stat().st_size > 1_000


def test_the_readmes_python_runs(here):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    mpl.pyplot.close("all")


# Equal to what the commands write


@pytest.fixture(scope="module")
def report(made):
    run("analyze", made / "results", "--out", made / "report", "--figures", "png")
    return made / "report"


def test_tables_equal_those_of_the_report(report, judgments):
    both = [glimpse.preference_table(judgments, filtered=filtered) for filtered in (True, False)]
    assert (report / "preference.csv").read_text() == csv_text(pd.concat(both, ignore_index=True))
    curves = glimpse.curves_table(glimpse.fit_curves(judgments))
    assert (report / "curves.csv").read_text() == csv_text(curves)
    ranking = glimpse.ranking_table(glimpse.rank_conditions(judgments))
    assert (report / "ranking.csv").read_text() == csv_text(ranking)
    assert (report / "exclusions.csv").read_text() == csv_text(judgments.assignments)
    assert (report / "judgments.csv").read_text() == csv_text(judgments.table())


def test_metrics_equal_those_of_the_report(made, judgments, tmp_path):
    images = pd.concat(
        judgments.results.trials[[f"item_{side}", f"condition_{side}"]]
        .astype(str).set_axis(["item", "condition"], axis=1) for side in "ab"
    ).drop_duplicates()  # fmt: skip
    scores = images.assign(value=np.random.default_rng(0).random(len(images)).round(3))
    scores.to_csv(tmp_path / "lpips.csv", index=False)
    run("analyze", made / "results", "--metric", tmp_path / "lpips.csv", "--out", tmp_path / "report",
        "--figures", "svg")  # fmt: skip
    for given in (scores, tmp_path / "lpips.csv"):
        table = glimpse.metric_table(judgments, given, name="lpips")
        assert (tmp_path / "report" / "metric.csv").read_text() == csv_text(table)
        pairs = glimpse.metric_pairs(judgments, given, name="lpips", direction="lower")
        assert (tmp_path / "report" / "metric_pairs.csv").read_text() == csv_text(pairs)
    ax = glimpse.plot_metric(Figure().subplots(), pairs)
    assert [text.get_text() for text in ax.texts] == ["SIMULATED"]


def test_a_plan_states_when_it_may_stop(made):
    assert glimpse.plan_study(made / "images", stop_when=None, **SMALL).stop_when is None
    experiment = glimpse.plan_study(made / "images", stop_when="width=0.10 contrast=crn:real", **SMALL)
    assert experiment.stop_when.contrasts == (("crn", "real"),)


def test_a_dataframe_gives_what_the_judgments_give(report, judgments, rows):
    expected = glimpse.preference_table(judgments)
    plateaus = {fit.contrast: fit.plateau for fit in glimpse.fit_curves(judgments)}
    strengths = [pytest.approx(ranking.strengths) for ranking in glimpse.rank_conditions(judgments)]
    for given in (rows, pd.read_csv(report / "judgments.csv")):
        table = glimpse.preference_table(given).set_index("contrast").loc[list(plateaus)].reset_index()
        pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False)
        curves = glimpse.fit_curves(given, real="real")
        assert {fit.contrast: fit.plateau for fit in curves} == pytest.approx(plateaus)
        assert [ranking.strengths for ranking in glimpse.rank_conditions(given)] == strengths


def test_a_part_of_the_rows_can_be_analysed(rows):
    few = rows[rows["worker"].isin(rows["worker"].unique()[:60])]
    table = glimpse.preference_table(few)
    assert table["n_workers"].max() <= 60
    assert table.attrs == {"real": "real", "simulated": True}


def test_a_study_equals_that_of_the_command(here, tmp_path):
    experiment = glimpse.plan_study("images", hits_per_batch=2, **SMALL)
    words = {"title": "Which is real?", "contact": "me@lab.org"}
    glimpse.build_study("images", experiment, tmp_path / "ours", seed=3, **words)
    run("build-hits", "--pairing", "same-item", "--trials-per-cell", 1, "--sentinels-per-hit", 3,
        "--hits-per-batch", 2, "--seed", 3, "--title", "Which is real?", "--contact", "me@lab.org",
        "--out", tmp_path / "theirs")  # fmt: skip
    same_files(tmp_path / "ours", tmp_path / "theirs")
    glimpse.simulate(tmp_path / "ours", tmp_path / "our-results", seed=5, quality={"crn": -0.5}, workers=7)
    run("simulate", tmp_path / "theirs", "--seed", 5, "--quality", "crn=-0.5", "--workers", 7,
        "--out", tmp_path / "their-results")  # fmt: skip
    same_files(tmp_path / "our-results", tmp_path / "their-results")


def same_files(ours, theirs):
    names = sorted(str(path.relative_to(ours)) for path in ours.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(theirs)) for path in theirs.rglob("*") if path.is_file())
    assert [name for name in names if (ours / name).read_bytes() != (theirs / name).read_bytes()] == []


def test_images_equal_those_of_the_command(here, tmp_path):
    options = {"weights": "scenes-crn", "condition": "mine", "encoding": "train-ids"}
    glimpse.synthesize("labels", tmp_path / "ours", **options)
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    run("synthesize", "labels", *words, "--out", tmp_path / "theirs")
    same_files(tmp_path / "ours", tmp_path / "theirs")
    rendered = glimpse.render(Path("labels/000001.png"))
    assert (rendered == np.asarray(Image.open(tmp_path / "ours" / "mine" / "000001.png"))).all()


def test_power_equals_that_of_the_command(here, tmp_path):
    run("power", "study", "--rate", 0.6, "--spread", 0.25, 0.15, "--image-spread", 0.4, "--studies", 50,
        "--workers-per-hit", 4, "--out", tmp_path / "power")  # fmt: skip
    planned = glimpse.plan_study("images", hits_per_batch=20, **SMALL)
    for experiment, images in (("study", None), (planned, 24)):
        table = glimpse.power_table(
            experiment, images=images, rates=[0.6], spreads=[(0.25, 0.15)], image_spread=0.4, studies=50,
            workers_per_hit=4,
        )  # fmt: skip
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        assert (tmp_path / "power" / "power.csv").read_text() == text


def test_diverse_weights_and_several_maps_give_more_dimensions():
    maps = np.zeros((2, 128, 256), dtype=np.int64)
    maps[1, 64:] = 255  # void
    assert glimpse.render(maps[:1]).shape == (1, 128, 256, 3)
    images = glimpse.render(maps, "scenes-diverse")
    assert images.shape[::2] == (2, 128, 3)
    assert images.shape[1] > 1
    maps[maps == 255] = 19
    assert (glimpse.render(maps, "scenes-diverse") == images).all()


# Figures


def look_of(state):
    return {key: value for key, value in state.items() if key not in {"backend", "backend_fallback"}}


@pytest.mark.parametrize("name", ["plot_realism", "plot_preference", "plot_ranking"])
def test_a_figure_is_drawn_on_the_axes_that_are_given(name, judgments):
    import matplotlib.pyplot as plt

    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    table = glimpse.preference_table(judgments)
    given = glimpse.rank_conditions(judgments) if name == "plot_ranking" else table
    before, open_figures = look_of(mpl.rcParams.copy()), plt.get_fignums()
    assert getattr(glimpse, name)(right, given) is right
    assert look_of(mpl.rcParams.copy()) == before
    assert plt.get_fignums() == open_figures
    assert figure.axes == [left, right]
    assert not left.has_data()
    assert right.has_data()
    assert [text.get_text() for text in right.texts].count("SIMULATED") == 1
    figure.canvas.draw()


def test_figures_speak_of_the_real_condition_first(judgments):
    table, curves = glimpse.preference_table(judgments), glimpse.fit_curves(judgments)
    ax = glimpse.plot_realism(Figure().subplots(), table, curves)
    names = {text.get_text() for text in ax.texts}
    assert names == {"real over crn", "real over pix2pix", "crn over pix2pix", "chance", "SIMULATED"}
    ax = glimpse.plot_realism(Figure().subplots(), table, real="crn", simulated=False, named=False)
    assert [text.get_text() for text in ax.texts] == []
    assert glimpse.fit_curves(judgments.table(), real="crn")[1].condition == "crn"


def test_unlimited_time_is_drawn_without_a_curve(unlimited):
    table = glimpse.preference_table(unlimited)
    assert glimpse.fit_curves(unlimited) == []
    with pytest.raises(glimpse.ArgumentError, match=r"draw them with glimpse\.plot_preference"):
        glimpse.plot_realism(Figure().subplots(), table)
    bars = glimpse.plot_preference(Figure().subplots(), table)
    assert [label.get_text() for label in bars.get_yticklabels()] == ["crn over pix2pix"]
    ranking = glimpse.ranking_table(glimpse.rank_conditions(unlimited))
    assert glimpse.plot_ranking(Figure().subplots(), ranking).get_xlabel().startswith("Bradley-Terry")


def test_a_name_with_dollar_signs_is_no_formula(judgments):
    table = glimpse.preference_table(judgments)
    table["condition_a"] = table["condition_a"].replace("crn", "$\\crn$")
    table["mine"] = "a column of one's own"
    figure = Figure()
    glimpse.plot_realism(figure.subplots(), table)
    figure.canvas.draw()


# What a result looks like


def test_a_result_is_summed_up_in_a_line(made, judgments, unlimited, rows):
    study = glimpse.build_study(
        made / "images",
        glimpse.plan_study(made / "images", hits_per_batch=1, **SMALL),
        made / "one",
        replace=True,
        contact="me@lab.org",
    )
    told = {
        repr(
            judgments.results
        ): "<Results: 9,600 answers of 400 workers, limited-time, 3 contrasts, simulated>",
        repr(judgments): "<Exclusion: 12 of 400 assignments and 288 of 9,600 judgments excluded>",
        repr(
            unlimited.results
        ): "<Results: 240 answers of 20 workers, unlimited-time, 1 contrast, simulated>",
        repr(study): f"<Study in {made / 'one'}: 1 HIT of 24 trials, limited-time, 3 contrasts>",
        repr(
            study.experiment
        ): "<Experiment: limited-time, 3 contrasts at 7 exposures, 1 HIT for 20 workers each at $2.00>",
    }
    assert list(told) == list(told.values())
    assert study.secret not in repr(study)
    assert repr(judgments.judgments) == "<Judgments: 9,600 of 400 assignments>"
    assert repr(judgments.results.answers) == "<AnswerFile: 9,600 answers>"
    ones = rows[(rows["exposure_ms"] == 500) & (rows["contrast"] == "crn:real")]
    assert repr(glimpse.fit_curves(ones)).startswith(
        "[<CurveFit: real over crn, not identified: a curve has three"
    )
    alone = rows[rows["worker"] == rows["worker"].iloc[0]]
    assert repr(glimpse.rank_conditions(alone)[0]).startswith(
        "<Ranking at 125 ms, not identified: one worker"
    )


def test_what_is_partly_simulated_says_so(judgments):
    from dataclasses import replace

    table = judgments.results.assignments
    mixed = replace(judgments.results, assignments=table.assign(simulated=table.index > 0))
    people = replace(judgments.results, assignments=table.assign(simulated=False))
    assert repr(mixed).endswith("3 contrasts, partly simulated>")
    assert repr(people).endswith("limited-time, 3 contrasts>")


# The notebook


def cells():
    notebook = json.loads((ROOT / "examples" / "study.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def stored(cell, kind):
    return ["".join(out["data"][kind]) for out in cell["outputs"] if kind in out.get("data", {})]


def test_the_notebook_is_ten_lines_and_holds_what_they_give():
    lines = [node for cell in cells() for node in ast.parse("".join(cell["source"])).body]
    assert len([node for node in lines if not isinstance(node, ast.Import | ast.ImportFrom)]) <= 10
    assert {out["output_type"] for cell in cells() for out in cell["outputs"]} <= {
        "execute_result",
        "display_data",
    }
    assert any(stored(cell, "image/png") for cell in cells())
    assert any("rate" in text for cell in cells() for text in stored(cell, "text/plain"))
    text = (ROOT / "examples" / "study.ipynb").read_text(encoding="utf-8")
    assert "/tmp" not in text
    assert "/home" not in text


SHOW = """
import ast, json
def show(source, scope):
    tree = ast.parse(source)
    shown = isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
    last = tree.body.pop() if shown else None
    exec(compile(tree, "cell", "exec"), scope)
    return repr(eval(compile(ast.Expression(last.value), "cell", "eval"), scope)) if last else None
scope = {}
import matplotlib
matplotlib.use("agg")
"""


@pytest.mark.slow
def test_the_notebook_runs_and_gives_what_it_holds(tmp_path):
    sources = ["".join(cell["source"]) for cell in cells()]
    code = f"{SHOW}print(json.dumps([show(source, scope) for source in {sources!r}]))"
    shown = json.loads(python(code, tmp_path).splitlines()[-1])
    for cell, found in zip(cells(), shown, strict=True):
        kept = [text for text in stored(cell, "text/plain") if not text.startswith("<Figure")]
        assert kept == ([] if found is None else [found])
    assert list(tmp_path.iterdir()) == []
