"""The figures: labels that stand free, names that fit, the same bytes; and numbers in words."""

import io
import itertools
import re
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from PIL import Image

from glimpse.analysis.figures import figures, plots, style
from glimpse.analysis.figures.labels import exposure_label, fold, spread, text_width_in
from glimpse.analysis.report.drawings import _edges
from glimpse.analysis.report.formats import interval, number, p_text, percent, seconds
from glimpse.analysis.report.page import NUMBERED
from glimpse.analysis.report.tables import csv_text, oriented, tex
from glimpse.main import main
from tests.analysis.folders import build_study

EXPOSURES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)


def points(names: list[str], rate: float = 0.8) -> pd.DataFrame:
    rows = [(name, e, rate, rate - 0.05, rate + 0.05) for name in names for e in EXPOSURES]
    return pd.DataFrame(rows, columns=["series", "exposure_ms", "rate", "low", "high"])


def boxes_of(figure, wanted) -> dict[str, mpl.transforms.Bbox]:
    """Where the wanted texts of a figure are drawn; an annotation's own extent has its leader line in it."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if wanted(text.get_text()) and text.get_visible()]
    return {text.get_text(): Text.get_window_extent(text, renderer) for text in texts}


def free(boxes) -> bool:
    return all(not a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


LABELS = st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.4)), min_size=1, max_size=8)


@given(LABELS)
def test_labels_are_moved_apart_and_stay_inside(labels: list[tuple[float, float]]) -> None:
    ends, sizes = np.array(labels).T
    placed = np.array(spread(ends, sizes, 0.0, 1.0))
    half = sizes * min(1, 1 / sizes.sum()) / 2
    assert (placed - half).min() >= -1e-9
    assert (placed + half).max() <= 1 + 1e-9
    order = np.argsort(ends, kind="stable")
    assert (np.diff(placed[order]) >= half[order][1:] + half[order][:-1] - 1e-9).all()


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert spread([0.9, 0.1, 0.5], [0.1, 0.2, 0.1], 0, 1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread([0.5, 0.5], [0.1, 0.3], 0, 1) == pytest.approx([0.4, 0.6])


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


@pytest.mark.parametrize("rate", [0.0, 0.48, 0.5, 0.51, 0.8, 1.0])
@pytest.mark.parametrize("names", [["a over b"], [f"real over model-{letter}" for letter in "abcdef"]])
def test_names_chance_and_simulated_stand_free_of_one_another_and_of_the_axes(names, rate) -> None:
    table = points(names, rate)
    table = table.assign(low=table["low"].clip(lower=0.0), high=table["high"].clip(upper=1.0))
    figure = figures.realism_figure(table, table, simulated=True)
    boxes = boxes_of(figure, {"chance", "SIMULATED", *names}.__contains__)
    assert set(boxes) == {"chance", "SIMULATED", *names}
    assert free([*boxes.values(), figure.axes[0].bbox])
    assert max(box.x1 for box in boxes.values()) <= figure.bbox.x1 + 1
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["1/8", "1/4", "1/2", "1", "2", "4", "8"]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_line_of_chance_runs_through_no_heading_of_the_dots(count: int) -> None:
    names = [LONG.replace(" over", f"-{number} over") for number in range(count)]
    table = points(names, 0.5).assign(label="1 s", wilson_low=0.48, wilson_high=0.52)
    figure = figures.preference_figure(table, limited=True, simulated=True)
    headings = boxes_of(figure, lambda text: "over" in text)
    assert len(headings) == count
    assert free([*headings.values(), boxes_of(figure, "SIMULATED".__eq__)["SIMULATED"]])
    lines = [line for ax in figure.axes for line in ax.lines if line.get_color() == plots.FAINT]
    assert len(lines) == count
    assert free([*headings.values(), *(line.get_window_extent().padded(0.1) for line in lines)])
    assert len({ax.get_ylim() for ax in figure.axes}) == 1


def test_marks_at_the_ends_of_the_axis_are_drawn_whole() -> None:
    names = ["a over b", "c over d", "e over f"]
    table = points(names).assign(label="1 s", low=0.0, high=1.0, wilson_low=0.0, wilson_high=1.0)
    table["rate"] = table["series"].map(dict(zip(names, (0.0, 1.0, 0.5), strict=True)))
    drawn = [
        figures.preference_figure(table, limited=True, simulated=False),
        figures.realism_figure(table, table, simulated=False),
    ]
    for figure in drawn:
        marks = [line for line in figure.axes[0].lines if line.get_marker() in style.SIZES]
        assert len(marks) == 3
        assert not any(line.get_clip_on() for line in marks)
    bars = table.drop_duplicates("series").assign(label=names)
    ax = figures.preference_figure(bars, limited=False, simulated=False).axes[0]
    assert not any(line.get_clip_on() for line in ax.lines if line.get_marker() == "|")


def test_rates_in_words_stand_beside_the_bars() -> None:
    bars = pd.DataFrame(
        {"label": ["a over b", "c over d"], "rate": [0.0, 1.0], "low": [0, 0.9], "high": [0.1, 1]}
    )
    figure = figures.preference_figure(bars, limited=False, simulated=True)
    boxes = boxes_of(figure, {"0.0 %", "100.0 %", "SIMULATED"}.__contains__)
    assert len(boxes) == 3
    assert free([*boxes.values(), figure.axes[0].bbox])
    assert max(box.x1 for box in boxes.values()) <= figure.bbox.x1


def test_no_two_of_twelve_series_share_a_colour_or_a_marker() -> None:
    colours, markers = zip(*map(style.colour_and_marker, range(12)), strict=True)
    assert len({*colours}) == len({*markers}) == 12
    assert {*markers} <= style.SIZES.keys()
    assert {style.colour_and_marker(rank)[0] for rank in range(12, 60)} == {style.SOFT}


ODD = "模型 🙂 $\\frac{ x$ é"


@pytest.fixture
def no_fonts(monkeypatch):
    monkeypatch.setattr(style, "findSystemFonts", list)
    style._installed.cache_clear()
    yield monkeypatch
    style._installed.cache_clear()


def odd_figures(name: str) -> list:
    table = points([f"real over {name}"]).assign(label="1 s", wilson_low=0.78, wilson_high=0.82)
    bars = table[:1].assign(label=table["series"], condition=name, strength=0.0)
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    panel = (image, image), f"{name} chosen", ("real", name), f"a picture of {name}"
    pairs = [([panel], f"{name} against real")]
    return [
        figures.realism_figure(table, table, simulated=True),
        figures.preference_figure(table, limited=True, simulated=True),
        figures.preference_figure(bars, limited=False, simulated=True),
        figures.ranking_figure(bars, limited=True, simulated=True),
        figures.ranking_figure(bars, limited=False, simulated=True),
        figures.pairs_figure(pairs, simulated=True),
    ]


def test_characters_that_no_font_has_stand_as_their_numbers(no_fonts) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in odd_figures(ODD):
            texts = "".join(text.get_text() for text in figure.findobj(Text)).replace("\n", "")
            assert "[U+6A21][U+578B][U+1F642]$\\frac{x$é" in texts.replace(" ", "")
            figures.render(figure, dpi=50)


def test_characters_come_from_fonts_that_are_installed(no_fonts, caplog) -> None:
    sign = "\ue0d6"  # of the STIX fonts that Matplotlib ships, and of no DejaVu
    font = Path(mpl.get_data_path()) / "fonts/ttf/STIXNonUni.ttf"
    no_fonts.setattr(style, "findSystemFonts", lambda: [str(font), __file__])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in odd_figures(sign):
            assert any(sign in text.get_text() for text in figure.findobj(Text))
            first, second = (figures.render(figure, dpi=50) for _ in "ab")
            assert first == second
            assert b"STIXNonUnicode" in first["pdf"]
            assert b"/Type3" in first["pdf"].replace(b" ", b"")
    assert caplog.text == ""


def test_the_report_says_what_the_numbers_are_and_nothing_else_does(no_fonts, tmp_path, capfd) -> None:
    study = build_study(tmp_path / "study", "unlimited-time", contrasts=[["crn", "\u6a21"]], per_cell=9)
    invoke = CliRunner().invoke
    made = invoke(main, ["simulate", str(study), "--out", str(tmp_path / "results")])
    assert made.exit_code == 0, made.output
    out = ["--out", str(tmp_path / "report"), "--figures", "svg"]
    result = invoke(main, ["analyze", str(tmp_path / "results"), *out])
    assert result.exit_code == 0, result.output
    assert "Glyph" not in result.output + "".join(capfd.readouterr())
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", (tmp_path / "report/report.html").read_text())
    said = [caption.endswith(NUMBERED) for caption in captions]
    assert said == [True, True, False]  # preference, ranking; no name is on the workers' figure


def crowd(count: int) -> pd.DataFrame:
    number = np.arange(count)
    return pd.DataFrame({"left_share": 0.5, "excluded": number % 9 == 0, "sentinel_share": number % 6 / 5,
                         "median_response_ms": 500 + 4000 * number / count})  # fmt: skip


def test_a_crowd_of_workers_is_drawn_as_a_density_of_its_size() -> None:
    def svg(count: int) -> bytes:
        wrong = np.zeros(count, dtype=np.int64)
        figure = figures.workers_figure(wrong, crowd(count), wrong > 0, (0.4, 0.6), simulated=True)
        return figures.render(figure, ("svg",))["svg"]

    few, many, more = (len(svg(count)) for count in (1_000, 3_000, 30_000))
    assert few > 120_000
    assert many < 90_000
    assert more < 1.2 * many


def test_counts_of_sentinels_are_written_where_they_fit() -> None:
    def counts(wrong) -> list[str]:
        wrong = np.array(wrong)
        figure = figures.workers_figure(wrong, crowd(3), wrong > 0, (0.4, 0.6), simulated=True)
        return [text.get_text() for text in figure.axes[0].texts]

    assert counts([0] * 1200 + [2] * 3) == ["1200", "0", "3"]
    assert counts(np.repeat(np.arange(20), 1000)) == []


def test_many_panels_of_prices_stand_in_rows() -> None:
    spreads = [f"{n} / {n}: workers {n}, pairs {n}" for n in range(5)]
    rows = itertools.product(spreads, ("more workers", "more HITs"), (100.0, 200.0))
    table = pd.DataFrame(rows, columns=["panel", "series", "price_usd"]).assign(width=0.1)
    table["planned"] = table["price_usd"] == 200.0
    for count in (1, 3, 5):
        figure = figures.width_price_figure(table[table["panel"].isin(spreads[:count])])
        assert free(boxes_of(figure, lambda text: "/" in text).values())
        assert max(box.x1 for box in boxes_of(figure, lambda text: "more" in text).values()) <= figure.bbox.x1


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
        lambda ax: plots.plot_sentinels(ax, np.array([0, 0, 3]), np.array([False, False, True])),
        lambda ax: plots.plot_speed(ax, workers),
        lambda ax: plots.plot_side_bias(ax, workers, 0.4, 0.6),
        lambda ax: plots.plot_pair(ax, (image, image), "caption", ("real", "crn")),
    ]
    with mpl.rc_context(style.STYLE):
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
    assert tex("a<b>c") == r"a\textless{}b\textgreater{}c"
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
    assert drawn == {matplotlib.colors.to_rgb(style.COLOURS[0])}
