"""The figures: labels that stand free, names that fit, the same bytes; and numbers in words."""

import io

import matplotlib as mpl
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from PIL import Image

from analysis import figures, plots
from analysis.findings import seconds
from analysis.labels import exposure_label, fold, spread, text_width_in
from analysis.report import _edges
from analysis.tables import csv_text, interval, number, oriented, p_text, percent, tex

EXPOSURES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)


def points(names: list[str], rate: float = 0.8) -> pd.DataFrame:
    rows = [(name, e, rate, rate - 0.05, rate + 0.05) for name in names for e in EXPOSURES]
    return pd.DataFrame(rows, columns=["series", "exposure_ms", "rate", "low", "high"])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.4))
def test_labels_are_moved_apart_and_stay_inside(ends: list[float], gap: float) -> None:
    placed = np.array(spread(ends, gap, 0.0, 1.0))
    possible = min(gap, 1 / max(len(ends) - 1, 1))
    assert (np.diff(np.sort(placed)) >= possible - 1e-9).all()
    assert placed.min() >= -1e-9
    assert placed.max() <= 1 + 1e-9
    order = np.argsort(ends, kind="stable")
    assert (np.diff(placed[order]) >= -1e-9).all()


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([0.9, 0.1, 0.5], 0.1, 0, 1) == pytest.approx([0.9, 0.1, 0.5])


LONG = "our-refinement-network_v2-large over pix2pixHD_multiscale-256-finetuned"


def test_long_names_are_folded_where_they_can_be_and_never_cut() -> None:
    assert fold("real over crn", 1.15) == "real over crn"
    assert fold("encoder-decoder over real", 1.15) == "encoder-decoder\nover real"
    assert fold("full resolution network", 0.8) == "full resolution\nnetwork"
    for name in (LONG, "x" * 80, "a" * 30 + "-" + "b" * 30, "ends-in-a-hyphen-" * 3):
        folded = fold(name, 1.0, bold=True)
        assert text_width_in(folded, bold=True) <= 1.0
        assert folded.replace("\n", "").replace(" ", "") == name.replace(" ", "")


def test_long_names_stay_on_the_figures() -> None:
    names = [LONG, f"real over {LONG.split(' ')[2]}", "real over crn"]
    table = points(names).assign(label="1 s", wilson_low=0.78, wilson_high=0.82, strength=0.5)
    bars = table.drop_duplicates("series").assign(label=names, condition=names)
    drawn = [
        figures.realism_figure(table, table, simulated=True),
        figures.preference_figure(table, limited=True, simulated=True),
        figures.preference_figure(bars, limited=False, simulated=True),
        figures.ranking_figure(table.assign(condition=table["series"]), limited=True, simulated=True),
        figures.ranking_figure(bars, limited=False, simulated=True),
    ]
    for figure in drawn:
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        ax = figure.axes[0]
        texts = [text for text in [*ax.texts, *ax.get_yticklabels()] if "over" in text.get_text()]
        boxes = [Text.get_window_extent(text, renderer) for text in texts]
        assert {text.get_text().replace("\n", "").replace(" ", "") for text in texts} == {
            name.replace(" ", "") for name in names
        }
        assert min(box.x0 for box in boxes) >= -1
        assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
        assert max(box.y1 for box in boxes) <= figure.bbox.y1 + 1
        assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_end_labels_do_not_overlap_in_the_drawn_figure() -> None:
    names = [f"real over model-{letter}" for letter in "abcdef"]
    figure = figures.realism_figure(points(names), points(names), simulated=True)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    # An annotation's own extent has its leader line in it; the text's is what must stand free.
    texts = [text for text in figure.axes[0].texts if "model" in text.get_text()]
    boxes = [Text.get_window_extent(text, renderer) for text in texts]
    assert len(boxes) == 6
    assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["1/8", "1/4", "1/2", "1", "2", "4", "8"]


def test_plots_return_the_axes_they_were_given() -> None:
    table = points(["a over b"]).assign(label="1 s", wilson_low=0.78, wilson_high=0.82)
    strengths = pd.DataFrame({"condition": ["a", "b"], "exposure_ms": [125.0, 125.0], "strength": [0.5, -0.5],
                              "low": [0.3, -0.7], "high": [0.7, -0.3]})  # fmt: skip
    workers = pd.DataFrame({"left_share": [0.5], "excluded": [False], "median_response_ms": [800.0],
                            "sentinel_share": [1.0]})  # fmt: skip
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    calls = [
        lambda ax: plots.plot_realism(ax, points(["a over b"]), points([])),
        lambda ax: plots.plot_preference_bars(ax, table),
        lambda ax: plots.plot_preference_dots(ax, table),
        lambda ax: plots.plot_ranking(ax, strengths),
        lambda ax: plots.plot_ranking_list(ax, strengths),
        lambda ax: plots.plot_sentinels(ax, np.array([0, 0, 3]), 0),
        lambda ax: plots.plot_speed(ax, workers),
        lambda ax: plots.plot_side_bias(ax, workers, 0.4, 0.6),
        lambda ax: plots.plot_pair(ax, (image, image), "caption", ("real", "crn")),
    ]
    with mpl.rc_context(plots.STYLE):
        for call in calls:
            ax = figures.blank(3.3, 2).add_subplot()
            assert call(ax) is ax


def test_same_figure_same_bytes_and_simulated_is_written_on_it() -> None:
    both = [
        figures.render(figures.realism_figure(points(["a over b"]), points([]), simulated=True)) for _ in "ab"
    ]
    assert both[0] == both[1]
    plain = figures.render(
        figures.realism_figure(points(["a over b"]), points([]), simulated=False), ("png",)
    )
    with Image.open(io.BytesIO(both[0]["png"])) as image:
        corner = np.asarray(image.convert("RGB"))[:30, -250:].reshape(-1, 3)
    with Image.open(io.BytesIO(plain["png"])) as image:
        other = np.asarray(image.convert("RGB"))[:30, -250:].reshape(-1, 3)
    assert (np.abs(corner.astype(int) - (213, 94, 0)).sum(axis=1) < 12).sum() > 100
    assert (other == 255).all()
    assert b"CreationDate" not in both[0]["pdf"]
    assert b"<dc:date>" not in both[0]["svg"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(125, "1/8"), (250, "1/4"), (500, "1/2"), (1000, "1"), (333, "0.333"), (float("nan"), "unlimited")],
)
def test_exposures_have_names(value: float, text: str) -> None:
    assert exposure_label(value) == text


def test_numbers_in_words() -> None:
    assert percent(0.7834) == "78.3\u00a0%"
    assert percent(float("nan")) == percent(None) == "–"
    assert interval(0.74, 0.821) == "74.0–82.1\u00a0%"
    assert number(-0.001) == "0.00"
    assert number(-1.5, 1) == "\u22121.5"
    assert p_text(0.0004) == "<\u00a00.001"
    assert [seconds(value) for value in (868.9, 2166.0, 12_345.0, 87.0)] == [
        "0.87\u00a0s", "2.2\u00a0s", "12\u00a0s", "0.087\u00a0s",
    ]  # fmt: skip


def test_latex_specials_are_escaped() -> None:
    assert tex("a_b & 5% ~^\\") == r"a\_b \& 5\% \textasciitilde{}\textasciicircum{}\textbackslash{}"


def test_turning_a_row_twice_changes_nothing() -> None:
    row = {"condition_a": "crn", "condition_b": "real", "n": 10, "k": 3, "rate": 0.3, "low": 0.1, "high": 0.6,
           "wilson_low": 0.2, "wilson_high": 0.5}  # fmt: skip
    once = oriented(row, flip=True)
    assert (once["winner"], once["rate"], once["low"], once["high"], once["k"]) == ("real", 0.7, 0.4, 0.9, 7)
    assert once["low"] < once["rate"] < once["high"]
    twice = oriented({**once, "condition_a": "real", "condition_b": "crn"}, flip=True)
    assert {key: twice[key] for key in ("rate", "low", "high", "wilson_low", "wilson_high")} == pytest.approx(
        {key: row[key] for key in ("rate", "low", "high", "wilson_low", "wilson_high")}
    )


def test_csv_is_plain() -> None:
    table = pd.DataFrame({"a": [True, False], "b": [0.1 + 0.2, float("nan")], "c": ["x", None]})
    assert csv_text(table) == "a,b,c\n1,0.3,x\n0,,\n"


def test_many_contrasts_get_a_panel_each() -> None:
    names = [f"real over model-{number}" for number in range(8)]
    figure = figures.realism_figure(points(names), points(names), simulated=False)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == names
    assert len({ax.get_ylim() for ax in shown}) == 1
    table = points(names).assign(label="1 s", wilson_low=0.78, wilson_high=0.82)
    assert len(figures.preference_figure(table, limited=True, simulated=False).axes) == 3


@pytest.mark.parametrize("answers", [1, 2, 7, 40, 99, 100, 105, 630])
def test_bars_of_side_bias_hold_equally_many_shares(answers: int) -> None:
    edges = _edges(answers)
    shares = np.arange(answers + 1) / answers
    held = np.histogram(shares, edges)[0]
    inner = held[(edges[:-1] > 0) & (edges[1:] < 1)]
    assert held.sum() == answers + 1
    assert len(set(inner)) <= 1
    assert np.abs(edges[:, None] - shares).min() > 0.2 / answers
    assert edges + edges[::-1] == pytest.approx(1)


def test_workers_who_are_kept_are_drawn_as_kept() -> None:
    ax = figures.blank(3, 2).add_subplot()
    workers = pd.DataFrame({"left_share": [0.44, 0.52], "excluded": [False, False]})
    plots.plot_side_bias(ax, workers, 0.4, 0.6)
    drawn = {bar.get_facecolor()[:3] for bar in ax.patches if bar.get_height() == 1 and bar.get_width() < 0.1}
    assert drawn == {matplotlib.colors.to_rgb(plots.COLOURS[0])}
