"""summary.png: what stands on the slide never overlaps, however long it is, and it says what it is."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from glimpse.analysis.figures.drawing import PRINT_DPI, Drawing, Order, rendered
from glimpse.analysis.figures.figures import render
from glimpse.analysis.figures.labels import text_width_in, wrap
from glimpse.analysis.figures.series import SlideWords
from glimpse.analysis.figures.slide import FOUND_LINES, HEIGHT_IN, WIDTH_IN, slide_figure
from glimpse.analysis.figures.style import style

SHORT = "People preferred real to crn in 79.7\u00a0% (95\u00a0% interval 67.1\u201388.3\u00a0%) of trials."
LONG = " ".join(
    ["At 8\u00a0s, people chose real over a_condition-with.a/very_long-name in 83.3\u00a0%."] * 12
)
TIMES = (125.0, 1000.0, 8000.0)


def words(finding: str = SHORT, *, more: str = SHORT) -> SlideWords:
    return SlideWords("Which image is more realistic?", finding, (more,) * 9, (more,), "32 participants")


def tables_of(kind: str, count: int) -> tuple[pd.DataFrame, ...]:
    names = [f"condition-{number}_of-many.models" for number in range(count)]
    ends = {"low": 0.3, "high": 0.9}
    if kind in {"realism", "over_exposures"}:
        column, value = ("series", "rate") if kind == "realism" else ("condition", "value")
        rows = [{column: name, "exposure_ms": at, value: 0.7, **ends} for name in names for at in TIMES]
        return pd.DataFrame(rows), pd.DataFrame(rows[:3])
    if kind == "rates":
        return (pd.DataFrame({"label": names, "rate": 0.7, **ends}),)
    value = "strength" if kind == "board" else "value"
    return (pd.DataFrame({"condition": names, value: np.linspace(0.8, 0.4, count), **ends}),)


OPTIONS = {"label": "d\u2032", "percent": False, "chance": 0.0}
KINDS = {"realism": 6, "rates": 12, "board": 42, "over_exposures": 6, "by_condition": 12, "few": 2, "": 0}


def drawn(kind: str, said: SlideWords, *, simulated: bool = True):
    own = "rates" if kind == "few" else kind
    options = OPTIONS if own in {"over_exposures", "by_condition"} else {}
    tables = tables_of(own, KINDS[kind]) if own else ()
    return slide_figure(own, tables, options, words=said, simulated=simulated)


@pytest.mark.parametrize("finding", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_on_the_slide_overlaps_or_leaves_it(kind: str, finding: str) -> None:
    figure = drawn(kind, words(finding))
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    own = {text: text.get_window_extent(renderer) for text in figure.texts}
    for one, other in itertools.combinations(own, 2):
        assert not own[one].overlaps(own[other]), (one.get_text(), other.get_text())
    axes = [ax.get_tightbbox(renderer) for ax in figure.axes]
    assert not [text.get_text() for text in own if any(own[text].overlaps(box) for box in axes)]
    assert not [pair for pair in itertools.combinations(axes, 2) if pair[0].overlaps(pair[1])]
    assert all(ax.bbox.height > 40 for ax in figure.axes)
    page = figure.bbox
    for box in [*own.values(), *axes]:
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1


def test_a_long_finding_is_told_whole_and_an_endless_one_is_cut() -> None:
    lines = [text.get_text() for text in drawn("", words(LONG[:900])).texts]
    assert LONG[:900].replace(" ", "") in "".join(lines).replace(" ", "")
    endless = [text.get_text() for text in drawn("rates", words(LONG * 3)).texts]
    assert sum(text.endswith(" \u2026") for text in endless) == 1
    assert len(endless) <= FOUND_LINES + 6


def test_further_findings_stand_only_where_there_is_place() -> None:
    assert [text.get_text() for text in drawn("few", words("Main.")).texts].count(SHORT) > 2
    assert [text.get_text() for text in drawn("rates", words("Main.")).texts].count(SHORT) == 1  # the doubt


def test_the_slide_says_that_answers_are_simulated() -> None:
    for simulated in (True, False):
        texts = [text.get_text() for text in drawn("few", words(), simulated=simulated).texts]
        assert ("SIMULATED" in texts) == simulated


def test_it_is_a_png_of_the_size_of_a_screen_in_every_report_and_the_same_bytes() -> None:
    drawing = Drawing("slide", ("rates", tables_of("rates", 2), {}), {"words": words(), "simulated": True},
                      "", "", wide=True, pixels_dpi=PRINT_DPI)  # fmt: skip
    files = rendered(Order({"summary": drawing}, ("svg", "pdf"))).files
    assert list(files) == ["summary.png"]
    with Image.open(io.BytesIO(files["summary.png"])) as image:
        assert image.size == (1920, 1080) == (round(WIDTH_IN * PRINT_DPI), round(HEIGHT_IN * PRINT_DPI))
    assert files["summary.png"] == render(drawn("few", words()), ["png"], PRINT_DPI)["png"]


def test_prose_breaks_at_spaces_alone() -> None:
    with style():
        lines = wrap(SHORT, 1.0)
        assert " ".join(lines) == SHORT
        assert all(text_width_in(line) <= 1.0 for line in lines)
        assert all(text_width_in(line) <= 0.5 for line in wrap("x" * 60, 0.5))
