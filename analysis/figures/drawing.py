"""The figures of a report: what is to be drawn, and all of it drawn in every format.

Nothing here imports Matplotlib before it draws: who says what is to be drawn, need not be who draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from glimpse.errors import GlimpseError

from .aside import aside
from .series import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

PRINT_DPI, PHOTO_DPI = 300, 220


class Drawing(NamedTuple):
    """A figure that is to be drawn.

    kind: `<kind>_figure` draws it, from `tables` and options. caption, alt: what stands beside it. wide:
    whether it is two columns wide. names: of conditions, as far as they are in it. photographs: it is pixels,
    in every report.
    """

    kind: str
    tables: tuple[Any, ...]
    options: dict[str, Any]
    alt: str
    caption: str
    wide: bool
    names: tuple[str, ...] = ()
    photographs: bool = False

    @property
    def on_page(self) -> str:
        """The format in which the page shows it."""
        return "png" if self.photographs else "svg"

    def kinds(self, formats: Sequence[str]) -> list[str]:
        """In which of the formats it is a file."""
        return [self.on_page] if self.photographs else list(formats)


class Order(NamedTuple):
    """The figures that are wanted, by name, and their formats."""

    drawings: Mapping[str, Drawing]
    formats: Sequence[str]


class Drawn(NamedTuple):
    """Rendered figures by file name; the drawings that show a character as its number, as no font has it."""

    files: dict[str, bytes]
    numbered: frozenset[str] = frozenset()


def prepare(formats: Sequence[str]) -> None:
    """Import what draws, which takes as long as all else together."""
    from matplotlib.backends import backend_svg  # noqa: F401

    from . import answers, figures, metric  # noqa: F401

    if "pdf" in formats:
        from fontTools import subset  # noqa: F401
        from matplotlib.backends import backend_pdf  # noqa: F401


def rendered(order: Order) -> Iterator[Drawn]:
    """Yield the figures as the page shows them, then those that it does not: on two cores, if there are."""
    from .style import legible, style

    drawn = {name: _figure(drawing) for name, drawing in order.drawings.items()}
    numbered = set()
    for name, drawing in order.drawings.items():
        with style(drawing.names):
            numbered |= {name} if any(legible(own) != own for own in drawing.names) else set()
    beside = aside(lambda: _files(order, drawn, page=False))
    yield Drawn(_files(order, drawn, page=True), frozenset(numbered))
    yield Drawn(beside())


def _figure(drawing: Drawing) -> Figure:
    from . import answers, figures, metric

    draw = (vars(answers) | vars(figures) | vars(metric))[f"{drawing.kind}_figure"]
    figure: Figure = draw(*drawing.tables, **drawing.options)
    return figure


def _files(order: Order, drawn: Mapping[str, Figure], *, page: bool) -> dict[str, bytes]:
    """Return figures by file name. page: in the formats that the page shows, or in the others."""
    from .figures import render

    found: dict[str, bytes] = {}
    for name, drawing in order.drawings.items():
        here = drawing.on_page
        kinds = [here] if page else [kind for kind in drawing.kinds(order.formats) if kind != here]
        dpi = PHOTO_DPI if drawing.photographs else PRINT_DPI
        found |= {f"{name}.{kind}": data for kind, data in render(drawn[name], kinds, dpi).items()}
    return found


def figure_formats(text: str) -> tuple[str, ...]:
    """Read "png,pdf" as formats; GlimpseError for what is none."""
    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise GlimpseError(f"--figures {text!r}: allowed are {', '.join(FORMATS)}, separated by commas.")
    return formats
