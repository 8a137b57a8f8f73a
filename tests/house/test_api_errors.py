"""Errors of the Python API: what was given, what to give instead, in Python's words."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import glimpse
from glimpse.calling import in_python_words

STATISTICS = ["preference_table", "fit_curves", "rank_conditions"]


class Odd:
    pass


def cases(text):
    """Read a call, and in the line below what its error says, as often as there are such."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


SCORES = pd.DataFrame({"item": ["1"], "condition": ["crn"], "value": [1.0]})


def call(code, of=None):
    """Run a call of the API; `of` stands for judgments."""
    names = {name: getattr(glimpse, name) for name in glimpse.__all__}
    return eval(code, {**names, "np": np, "pd": pd, "Figure": Figure, "Odd": Odd, "of": of, "SCORES": SCORES})


WRONG = cases("""
read_results(3)
    folders is 3 (int); give the path of a results folder, or a list of them.
read_results([])
    folders is [] (list); give the path of a results folder, or a list
read_results(['results', None])
    folders is None (NoneType); give the path
read_results(Odd())
    folders is of type Odd; give the path
exclude('results')
    results is 'results' (str); give what glimpse.read_results(folder)
preference_table('results')
    judgments is 'results' (str); give what glimpse.exclude
curves_table([3])
    curves is [3] (list); give what glimpse.fit_curves(judgments) returns.
ranking_table(pd.DataFrame())
    rankings is of type DataFrame; give what glimpse.rank_c
plot_ranking(None, [])
    ax is None (NoneType); give the Axes to draw on
bundle(3, 'results')
    study is 3 (int); give a study's folder, or what glimpse.build_study returned.
bundle('study', None)
    results is None (NoneType); give a path.
bundle('study', 'results', images='some')
    images is 'some' (str); allowed are 'all', 'previews', 'digests'.
bundle('study', 'results', scores='lpips.csv')
    scores is 'lpips.csv' (str); give a list of paths.
bundle('study', 'results', licence=3)
    licence is 3 (int); give a text.
reproduce(None)
    path is None (NoneType); give the path of a bundle.
plan_study(3)
    images is 3 (int); give the path of a folder that holds one folder of im
plan_study([3])
    images is [3] (list); give a text, or a list of texts.
plan_study('images', hits_per_bach=3)
    no argument 'hits_per_bach'; did you mean hits_per_batch?
plan_study('images', hits_per_batch='3')
    hits_per_batch is '3' (str); give a whole number
plan_study('images', hits_per_batch='8')
    hits_per_batch is '8' (str); give a whole number of at least 1.
plan_study('images', sentinels_per_hit=-1)
    sentinels_per_hit is -1 (int); give a whole number of at least 0.
plan_study('images', sentinal='crn')
    plan_study() has no argument 'sentinal'; did you mean sentinel?
read_results('results', folder='x')
    read_results() has no argument 'folder'; did you mean folders?
build_study('images', sed=1)
    build_study() has no argument 'sed'; did you mean seed?
plan_study('images', exposures_ms=[0.1])
    exposures_ms[0] is 0.1 (float); give a whole numb
plan_study('images', contrasts=[('crn', 3)])
    contrasts is [('crn', 3)] (list); give a list
plan_study('images', contrasts=3)
    contrasts is 3 (int); give a list of "a:b"
plan_study('images', mode=None)
    mode is None (NoneType); give a text.
build_study('images', 'study')
    experiment is 'study' (str); give what glimpse.plan_study
build_study('images', seed=-1)
    seed is -1 (int); give a whole number of at least 0.
build_study('images', replace=1)
    replace is 1 (int); give True or False.
build_study('images', encoding='gif')
    encoding is 'gif' (str); allowed are 'auto', 'keep'
simulate(3)
    study is 3 (int); give what glimpse.build_study returns, or a study's folder.
simulate('study', quality=3)
    quality is 3 (int); give a dict such as {"crn": -0.85}.
simulate('study', quality={'crn': 'x'})
    quality['crn'] is 'x' (str); give a number.
simulate('study', lapse=True)
    lapse is True (bool); give a number.
power_table(3)
    experiment is 3 (int); give what glimpse.plan_study or glimpse.build_study
power_table(spreads=[0.2])
    spreads is [0.2] (list); give a list of (worker, pair)
power_table(rates=['x'])
    rates[0] is 'x' (str); give a number.
power_table(image_spread='x')
    image_spread is 'x' (str); give a number.
power_table(images=1)
    images is 1 (int); give a whole number of at least 2.
plan_study(['real', 'crn', 'image-space'], stop_when=3)
    stop_when is 3 (int); give a text.
anytime_table(3)
    judgments is 3 (int); give what glimpse.exclude(results) returns.
metric_table(3, 'lpips.csv')
    judgments is 3 (int); give what glimpse.exclude(results) returns, or a DataFrame of judgments.
plot_metric(None, 3)
    ax is None (NoneType); give the Axes to draw on
plot_metric(Figure().subplots(), 3)
    pairs is 3 (int); give what glimpse.metric_pairs(judgments, scores) returns.
plot_metric(Figure().subplots(), pd.DataFrame())
    pairs lacks the column 'metric'; give what glimpse.metric_pairs returns.
synthesize(3)
    labels is 3 (int); give the path of a label map, or of a folder of them.
synthesize('labels', size=256)
    size is 256 (int); give (height, width) in pixels
synthesize('labels', condition='../x')
    condition is '../x' (str); give a name without /
render(3)
    label_map is 3 (int); give a label map: whole numbers of shape (H, W)
render(np.zeros((4, 4)))
    or the path of a file; this has shape (4, 4) of float64.
render(np.zeros((128, 256), int), dtype='float16')
    dtype is 'float16' (str); allowed are
""")


@pytest.mark.parametrize(("code", "text"), WRONG)
def test_a_wrong_type_is_an_error_that_says_what_to_give(code, text, here):
    with pytest.raises(glimpse.GlimpseError, match=re.escape(text)) as caught:
        call(code)
    assert isinstance(caught.value, glimpse.ArgumentError)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        (3, "scores is 3 (int); give a DataFrame with the columns item, condition, value, or the path"),
        (SCORES[["item", "value"]], "scores lacks the column 'condition'; give a DataFrame"),
        (SCORES.assign(value="x"), "scores: 'value' is 'x' in a row; it must be a number from -1e+100"),
        (pd.concat([SCORES, SCORES]), "scores has item '1' of crn twice; give one value an image."),
        (SCORES, 'direction is None, and the name \'metric\' does not tell; give "lower" or "higher".'),
    ],
    ids=range(5),
)
def test_scores_that_are_none_are_refused(judgments, scores, text):
    with pytest.raises(glimpse.ArgumentError, match=re.escape(text)):
        glimpse.metric_table(judgments, scores)


@pytest.mark.parametrize("option", ["level", "cluster", "adjust", "resamples", "filtered", "seed"])
def test_every_option_of_a_statistic_is_checked(judgments, option):
    with pytest.raises(glimpse.ArgumentError, match=f"{option} is of type Odd; give "):
        glimpse.preference_table(judgments, **{option: Odd()})


OUT_OF_RANGE = cases("""
preference_table(of, level=95)
    level is 95.0; it must lie between 0 and 1
preference_table(of, cluster='x')
    cluster is 'x'; allowed are
fit_curves(of, curve='x')
    curve is 'x'; allowed are
power_table(rates=[])
    rates is empty; give one true rate at least, for example 0.6.
anytime_table(of, level=2)
    level is 2.0; it must lie between 0 and 1
metric_table(of, 'nothing.csv')
    nothing.csv is no file; name a CSV file with columns such as item, condition, value.
metric_table(of, SCORES, direction='lower')
    metric: no trial shows two images that have a value of metric.
plan_study(['real', 'crn', 'image-space'], stop_when='soon')
    stop_when: 'soon' is no part of a rule; allowed are excludes-chance,
fit_curves(of, exposure='x')
    exposure is 'x' (str); allowed are 'nominal', 'measured'.
read_results(['results', './results'])
    results is named twice
read_results('nowhere')
    nowhere does not exist: there are no answers yet.
read_results('study')
    Run collect, glimpse.simulate or import-results first.
plan_study('nowhere')
    Make it with glimpse.synthesize, or name another with `images`.
plan_study(['a', 'real'])
    Name one with `sentinel`, or do without: `sentinels_per_hit=0`.
plan_study('images', ours='crn')
    `ours` and `baselines` belong to `mode="unlimited-time"`; use `contrasts=["A:B"]` here.
plan_study('images', max_wrong_sentinels=9)
    Lower `max_wrong_sentinels`, or raise `sentinels_per_hit`.
build_study('images')
    possible as long as it was never published, with `replace=True`.
simulate('nowhere')
    Build a study first: glimpse.build_study(...)
simulate('study', 'labels')
    move them, or name another folder with `out`.
simulate('study', lapse=0.7)
    lapse is 0.7; it must be a number from 0 to 0.5.
simulate('study', workers=10000)
    workers is 10000; this study has 400 places
simulate('study', quality={'x': 0})
    `quality` names x, which study does not have
power_table(rates=[2])
    rates is 2; it must lie between 0 and 1
build_study('images', None, 'images')
    images is not a study folder; `replace=True` replaces only study folders.
power_table('images')
    no study that glimpse.build_study has written. Name one, or give what glimpse.plan_study(...) returns.
plan_study('study')
    study is a study, not a folder of images; give the path
build_study('study', None, 'new')
    study is a study, not a folder of images; give the path
power_table(hits_per_batch=1, trials_per_cell=1)
    Raise `hits_per_batch`, `workers_per_hit` or `trials_per_cell`.
synthesize('labels', 'x', size=(100, 100))
    make heights and widths that are multiples of 32
synthesize('labels', 'x', weights='scenes-crn', samples=3)
    `samples=3` needs those of a diverse network.
synthesize('images/real', 'x', label_set='cityscapes')
    map such pixels to void with `unknown_to_void=True`.
render(np.zeros((100, 100), int))
    multiples of 32
render(np.full((128, 256), 20))
    label_map has class 20; weights 'scenes-crn' take 0 to 19
render('labels/000001.png', 'no-such')
    no such weights file; bundled weights are
""")


@pytest.mark.parametrize(("code", "text"), OUT_OF_RANGE)
def test_an_error_from_inside_speaks_of_arguments(code, text, judgments, here):
    with pytest.raises(glimpse.GlimpseError, match=re.escape(text)) as caught:
        call(code, judgments)
    assert "--" not in str(caught.value)
    assert "build-hits" not in str(caught.value)
    assert not (here / "x").exists()


def test_a_warning_speaks_of_arguments_and_points_at_its_caller(here, tmp_path):
    experiment = glimpse.plan_study("images", hits_per_batch=1)
    with pytest.warns(UserWarning, match="scenes|images|contact") as caught:
        glimpse.build_study("images", experiment, tmp_path / "study")
    assert [warning.filename for warning in caught] == [__file__] * 4
    assert str(caught[0].message).endswith("use fewer trials a HIT (`trials_per_cell`).")
    assert "images, and one stands in 1.1 of a cell's 5 trials" in str(caught[1].message)
    assert "in the browser can recognise sentinels by that." in str(caught[2].message)
    assert str(caught[3].message).endswith("Give an e-mail address with `contact`.")


def test_paths_are_left_as_they_are_in_messages():
    text = "/home/me/simulate/my--out/build-hits: no such file --out"
    assert in_python_words(text) == "/home/me/simulate/my--out/build-hits: no such file `out`"


@pytest.mark.parametrize("name", STATISTICS)
def test_a_column_that_is_missing_is_named(name, rows):
    function = getattr(glimpse, name)
    for column in rows:
        less = rows.drop(columns=column)
        try:
            function(less)
        except glimpse.ArgumentError as error:
            first = (
                "call glimpse.exclude(results) first" if column in {"excluded", "reason"} else "give glimpse"
            )
            assert str(error).startswith(f"judgments lacks the column {column!r}; {first}")  # noqa: PT017
    with pytest.raises(glimpse.ArgumentError, match=r"'excluded'; call glimpse.exclude\(results\) first\.$"):
        function(rows.drop(columns="excluded"))


def test_columns_that_some_options_need_are_named(rows):
    with pytest.raises(glimpse.ArgumentError, match="lacks the column 'item_a'"):
        glimpse.preference_table(rows.drop(columns="item_a"), cluster="scene")
    with pytest.raises(glimpse.ArgumentError, match="lacks the column 'shown_ms'"):
        glimpse.fit_curves(rows.drop(columns="shown_ms"), exposure="measured")


@pytest.mark.parametrize("name", STATISTICS)
def test_what_is_not_excluded_yet_is_refused(name, made, rows):
    function = getattr(glimpse, name)
    with pytest.raises(
        glimpse.ArgumentError, match=r"is of type Results; call glimpse.exclude\(results\) first"
    ):
        function(glimpse.read_results(made / "results"))
    with pytest.raises(glimpse.ArgumentError, match="judgments has no rows"):
        function(rows[:0])
    with pytest.raises(glimpse.ArgumentError, match="'excluded' is 'no' in a row; it must be True or False"):
        function(rows.assign(excluded="no"))
    with pytest.raises(glimpse.GlimpseError, match=r"excluded .*Analyse with `sentinel_filter=False`"):
        function(rows.assign(excluded=True, reason="wrong sentinels"))


BAD_VALUES = [
    ("exposure_ms", "abc", "'abc' in a row; it must be a positive number, in ms"),
    ("exposure_ms", -125.0, "-125.0 in a row; it must be a positive number, in ms"),
    ("exposure_ms", np.nan, "nan in a row; it must be a positive number, in ms, or missing in all rows"),
    ("worker", None, "None in a row; every row needs one"),
    ("pair", None, "None in a row; every row needs one"),
    ("contrast", None, "None in a row; it must name two conditions"),
    ("contrast", "crn", "'crn' in a row; it must name two conditions"),
    ("chose_a", None, "None in a row; it must be True or False"),
]


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize(("column", "value", "told"), BAD_VALUES)
def test_a_value_that_a_column_cannot_have_is_named(name, column, value, told, rows):
    if (name, column) == ("rank_conditions", "chose_a"):
        return  # a ranking takes the sides instead
    wrong = rows[:500].astype({column: object})
    wrong.loc[7, column] = value
    with pytest.raises(glimpse.ArgumentError, match=re.escape(f"judgments: {column!r} is {told}")):
        getattr(glimpse, name)(wrong)


def test_exposures_and_sides_as_other_texts_are_refused(rows):
    texts = rows.assign(exposure_ms=rows["exposure_ms"].astype(int).astype(str))
    with pytest.raises(glimpse.ArgumentError, match="'exposure_ms' is '4000' in a row; it must be a posi"):
        glimpse.preference_table(texts)
    with pytest.raises(glimpse.ArgumentError, match="'chosen_side' is 'Left' in a row; it must be 'left' or"):
        glimpse.rank_conditions(rows.assign(chosen_side="Left"))
    with pytest.raises(glimpse.ArgumentError, match="'shown_ms' is 'x' in a row; it must be a number, in ms"):
        glimpse.fit_curves(rows.assign(shown_ms="x"), exposure="measured")


def test_a_real_condition_that_is_not_there_is_refused(judgments):
    table, ax = glimpse.preference_table(judgments), Figure().subplots()
    for draw in (glimpse.plot_realism, glimpse.plot_preference):
        with pytest.raises(glimpse.ArgumentError, match=r"real is 'crnn' \(str\); preference has the cond"):
            draw(ax, table, real="crnn")
    for given in (judgments, judgments.table()):
        with pytest.raises(glimpse.ArgumentError, match=r"real is 'crnn' \(str\); judgments has the cond"):
            glimpse.fit_curves(given, real="crnn")


@pytest.mark.parametrize("exposures", ["a", ["a"], [-1], [0, 250], [np.nan]])
def test_a_curve_takes_exposures_alone(judgments, exposures):
    curve = glimpse.fit_curves(judgments)[0]
    for ask in (curve.band, curve.predict):
        with pytest.raises(glimpse.ArgumentError, match=r"exposure_ms is .*; give exposures in ms, positive"):
            ask(exposures)


def test_a_figure_warns_where_its_table_does_not_say_what_is_simulated(judgments):
    table = glimpse.preference_table(judgments)
    table.attrs.clear()
    ranking = glimpse.rank_conditions(judgments)[:1]
    for draw, given in ((glimpse.plot_realism, table), (glimpse.plot_ranking, ranking)):
        with pytest.warns(UserWarning, match="does not say whether its answers are simulated") as caught:
            draw(Figure().subplots(), given)
        assert [warning.filename for warning in caught] == [__file__]
    glimpse.plot_preference(Figure().subplots(), table, simulated=True)


@pytest.mark.parametrize("column", ["contrast", "rate", "n", "wilson_low"])
def test_a_figure_names_the_column_that_its_table_lacks(column, judgments):
    table = glimpse.preference_table(judgments).drop(columns=column)
    wanted = f"preference lacks the column '{column}'; give what glimpse.preference_table"
    with pytest.raises(glimpse.ArgumentError, match=wanted):
        glimpse.plot_realism(Figure().subplots(), table)


def test_nothing_to_draw_is_an_error(judgments):
    table = glimpse.preference_table(judgments)
    with pytest.raises(glimpse.ArgumentError, match="no row with answers"):
        glimpse.plot_preference(Figure().subplots(), table[:0])
    ranking = glimpse.ranking_table(glimpse.rank_conditions(judgments)).assign(strength=np.nan)
    with pytest.raises(glimpse.ArgumentError, match="no strength in any row; its column 'note' says why"):
        glimpse.plot_ranking(Figure().subplots(), ranking)
