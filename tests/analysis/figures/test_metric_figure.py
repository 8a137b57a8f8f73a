"""The figure of metrics against people: what is drawn, names that fit, the same bytes."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from glimpse.analysis.figures.figures import render
from glimpse.analysis.figures.metric import metric_figure, plot_metric
from glimpse.analysis.figures.series import line_of, seen_from


def pairs(names=("real over crn", "crn over pix2pix"), metrics=("lpips",), n=30):
    rng = np.random.default_rng(0)
    rows = [
        (metric, name, rng.normal(), 10 + rng.integers(10), rng.random())
        for metric in metrics for name in names for _ in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["metric", "series", "difference", "n", "rate"])


def drawn(table, *, simulated=True):
    metrics = list(dict.fromkeys(table["metric"]))
    line = pd.concat([line_of(0.7, table["difference"]).assign(metric=metric) for metric in metrics])
    titles = [(metric, "right in 71 % (69–73 %)") for metric in metrics]
    return metric_figure(table, line, titles, simulated=simulated)


def test_it_draws_on_the_axes_that_are_given():
    ax = Figure().subplots()
    table = pairs()
    assert plot_metric(ax, table, line_of(1.0, table["difference"])) is ax
    points = np.concatenate([part.get_offsets() for part in ax.collections])
    assert sorted(points[:, 1]) == pytest.approx(sorted(table["rate"]))
    line = ax.lines[-1].get_xydata()
    assert line[:, 1] == pytest.approx(1 / (1 + np.exp(-line[:, 0])))
    assert (line[0, 0], line[-1, 0]) == (table["difference"].min(), table["difference"].max())


def test_without_a_slope_there_is_no_line():
    ax = Figure().subplots()
    plot_metric(ax, pairs(n=1), line_of(np.nan, pairs()["difference"]))
    assert len(ax.lines[-1].get_xydata()) == 0


def test_pairs_are_seen_from_the_real_condition():
    found = seen_from(
        pd.DataFrame({
            "contrast": ["crn:real", "crn:pix2pix"],
            "condition_a": ["crn", "crn"], "condition_b": ["real", "pix2pix"], "difference": [-2.0, 1.0],
            "n": [4, 4], "k": [1, 3],
        }),
        {"crn:real": True, "crn:pix2pix": False},
    )  # fmt: skip
    assert found["series"].tolist() == ["real over crn", "crn over pix2pix"]
    assert found["difference"].tolist() == [2.0, 1.0]
    assert found["rate"].tolist() == [0.75, 0.75]


LONG = "a-metric-whose-name-is-very-long-and-goes-on-and-on-and-on"


@pytest.mark.parametrize(
    "metrics", [("lpips",), ("a", "b"), ("a", "b", "c", "d", "e"), (LONG,), (LONG, "b", "c")]
)
@pytest.mark.parametrize(
    "names", [("real over crn",), tuple(f"real over a method called {i}" for i in range(6))]
)
def test_texts_stand_free_of_one_another_and_inside(metrics, names):
    figure = drawn(pairs(names, metrics))
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [
        *figure.texts,
        *(part for ax in figure.axes for part in (ax.xaxis.label, ax.yaxis.label, ax._left_title)),
    ]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    width, height = figure.get_size_inches() * figure.dpi
    assert [
        name for name, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ] == []
    assert [(a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if one.overlaps(two)] == []
    assert {*names} <= {name for name, _ in boxes}
    assert "SIMULATED" in {name for name, _ in boxes}


def test_more_series_than_colours_are_not_told_apart():
    figure = drawn(pairs(tuple(f"real over {i}" for i in range(9))), simulated=False)
    colours = {tuple(part.get_facecolor()[0]) for part in figure.axes[0].collections}
    assert len(colours) == 1
    assert not [text for text in figure.findobj(Text) if "real over" in text.get_text()]


def test_a_name_with_dollar_signs_is_no_formula_and_the_bytes_are_the_same():
    table = pairs(("$x$ over real",), ("$\\alpha$",))
    assert render(drawn(table), ("svg",)) == render(drawn(table), ("svg",))
