"""The figures of a report: what is to be drawn, and all of it drawn in every format.

Nothing here imports Matplotlib before it draws: who says what is to be drawn, need not be who draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError

from .aside import aside
from .series import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

PRINT_DPI, PHOTO_DPI = 300, 220


class Drawing(NamedTuple):
    """A figure that is to be drawn.

    kind: `<kind>_figure` draws it, from `tables` and options. caption, alt: what stands beside it. wide:
    whether it is two columns wide. names: of conditions, as far as they are in it. pixels_dpi: it is a PNG in
    every report, of so many dots per inch; 0: in the formats that are wanted.
    """

    kind: str
    tables: tuple[Any, ...]
    options: dict[str, Any]
    alt: str
    caption: str
    wide: bool
    names: tuple[str, ...] = ()
    pixels_dpi: int = 0

    @property
    def on_page(self) -> str:
        """The format in which the page shows it."""
        return "png" if self.pixels_dpi else "svg"

    def kinds(self, formats: Sequence[str]) -> list[str]:
        """In which of the formats it is a file."""
        return [self.on_page] if self.pixels_dpi else list(formats)


class Order(NamedTuple):
    """The figures that are wanted, by name, and their formats."""

    drawings: Mapping[str, Drawing]
    formats: Sequence[str]


class Drawn(NamedTuple):
    """Rendered figures by file name; the drawings that show a character as its number, as no font has it."""

    files: dict[str, bytes]
    numbered: frozenset[str] = frozenset()


class DrawingBoard:
    """Figures that are drawn while the report is made, each from when it is known what is to be drawn."""

    def __init__(
        self, formats: Sequence[str] = FORMATS, ask: Callable[[Order], Callable[[], Drawn]] | None = None
    ) -> None:
        """ask: has an order drawn, and returns what waits for it; None draws when the figures are needed."""
        self.formats = formats
        self._ask = ask or (lambda order: lambda: rendered(order))
        self._begun: dict[str, Callable[[], Drawn]] = {}

    def begin(self, drawings: Mapping[str, Drawing]) -> None:
        """Begin those drawings, by name, that were not begun yet."""
        new = {name: one for name, one in drawings.items() if name not in self._begun}
        if new:
            self._begun |= dict.fromkeys(new, self._ask(Order(new, self.formats)))

    def drawn(self) -> Drawn:
        """All that was begun."""
        found = [ready() for ready in dict.fromkeys(self._begun.values())]
        files = {name: data for one in found for name, data in one.files.items()}
        return Drawn(files, frozenset().union(*(one.numbered for one in found)))


def prepare(formats: Sequence[str]) -> None:
    """Import what draws, which takes as long as all else together."""
    from matplotlib.backends import backend_svg  # noqa: F401

    from . import answers, detection, figures, metric, slide, wins  # noqa: F401

    if "pdf" in formats:
        from fontTools import subset  # noqa: F401
        from matplotlib.backends import backend_pdf  # noqa: F401


def rendered(order: Order) -> Drawn:
    """The figures as the page shows them and in the formats that are wanted: on two cores, if there are."""
    names = list(order.drawings)
    if len(names) == 1:
        return _drawn(order, names)
    beside = aside(lambda: _drawn(order, names[1::2]))
    here = _drawn(order, names[::2])
    other = beside()
    return Drawn(here.files | other.files, here.numbered | other.numbered)


def _drawn(order: Order, names: Sequence[str]) -> Drawn:
    """Some of the figures."""
    from .figures import render
    from .style import legible, style

    files: dict[str, bytes] = {}
    numbered: set[str] = set()
    for name in names:
        drawing = order.drawings[name]
        dpi = drawing.pixels_dpi or PRINT_DPI
        kinds = dict.fromkeys([drawing.on_page, *drawing.kinds(order.formats)])
        files |= {f"{name}.{kind}": data for kind, data in render(_figure(drawing), list(kinds), dpi).items()}
        with style(drawing.names):
            numbered |= {name} if any(legible(own) != own for own in drawing.names) else set()
    return Drawn(files, frozenset(numbered))


def _figure(drawing: Drawing) -> Figure:
    from . import answers, detection, figures, metric, slide, wins

    modules = (answers, detection, figures, metric, slide, wins)
    draw = {name: own for module in modules for name, own in vars(module).items()}[f"{drawing.kind}_figure"]
    figure: Figure = draw(*drawing.tables, **drawing.options)
    return figure


def figure_formats(text: str) -> tuple[str, ...]:
    """Read "png,pdf" as formats; GlimpseError for what is none."""
    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise GlimpseError(f"--figures {text!r}: allowed are {', '.join(FORMATS)}, separated by commas.")
    return formats
