"""The report as a page: sections in the order in which a reviewer asks, each of a template of its own."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from glimpse.text import joined, template_text

from .drawings import over_time
from .findings import by_question
from .methods import assumptions
from .wording import each_question, shared_values, template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..figures.drawing import Drawing, Drawn
    from .findings import Finding

# In the order in which a reviewer asks: of one question, and of several.
SECTIONS = (
    "findings", "preference", "answers", "stopping", "curves", "differences", "ranking", "groups", "metric",
    "registered", "design", "participants", "exclusions", "workers", "pairs", "comparison", "panels",
    "sensitivity", "assumed", "methods", "cite", "provenance",
)  # fmt: skip
OF_A_QUESTION = (
    "preference", "answers", "stopping", "curves", "differences", "ranking", "groups", "metric", "agreement",
    "pairs", "comparison", "panels", "sensitivity",
)  # fmt: skip
AFTER_QUESTIONS = (
    "correlation", "registered", "design", "participants", "exclusions", "workers", "assumed", "methods",
    "cite", "provenance",
)  # fmt: skip
MIME = {"svg": "image/svg+xml", "png": "image/png"}
NUMBERED = " A character that no font on this computer has is shown by its Unicode number, as in [U+6A21]."
LATER = "\x1f{} {}\x1f"  # what comes of a figure: control characters that no name of a figure can have
FIGURES = ("preference", "answers", "ranking", "wins", "metric", "hardest_pairs")
FIRST_OF_MANY = ("ranking", "groups")


@dataclass(frozen=True)
class Picture:
    """A figure of the page; `data` is a data URI, `width` is "column" or "wide"."""

    name: str
    data: str
    alt: str
    caption: str
    width: str


def picture(name: str, drawing: Drawing) -> Picture:
    """Return a figure of which the page can be made while it is drawn; `with_figures` puts it in."""
    caption, width = drawing.caption + LATER.format("note", name), "wide" if drawing.wide else "column"
    return Picture(name, LATER.format("data", name), drawing.alt, caption, width)


def with_figures(page: str, drawings: Mapping[str, Drawing], drawn: Drawn) -> str:
    """Return the page with its figures in it."""
    values = {LATER.format("note", name): NUMBERED * (name in drawn.numbered) for name in drawings}
    for name, one in drawings.items():
        data = base64.b64encode(drawn.files[f"{name}.{one.on_page}"]).decode()
        values[LATER.format("data", name)] = f"data:{MIME[one.on_page]};base64,{data}"
    any_later = LATER.format("(?:data|note)", "[^\x1f]*")
    return re.sub(any_later, lambda later: values[later[0]], page)


@dataclass(frozen=True)
class Section:
    """A part of the page: its heading, and what stands under it; empty where there is nothing to say.

    parts: the sections under it, of a question.
    """

    id: str
    title: str
    html: Markup
    parts: tuple[Section, ...] = ()


def section(name: str, values: Mapping[str, Any]) -> Section:
    """Return a section of the page; its template sets the title."""
    given = {"below": "h3"} | dict(values)
    module = template(f"sections/{name}.html.j2").make_module(given)
    return Section(name, str(vars(module)["title"]), Markup(joined(str(module), "<", "")))  # noqa: S704 - escaped


def in_turn(sections: Sequence[str], *, crowded: bool) -> list[str]:
    """Return sections in their order; of many conditions the ranking comes first, behind the findings."""
    if not crowded:
        return list(sections)
    opening = [name for name in sections if name == "findings"]
    first = [name for name in sections if name in FIRST_OF_MANY]
    return [*opening, *first, *(name for name in sections if name not in {*opening, *first})]


def render(
    facts: Mapping[str, Any],
    found: Sequence[Finding],
    methods: str,
    tex: tuple[str, str],
    figures: Mapping[str, Picture],
) -> str:
    """Return the page as one self-contained HTML text.

    tex: a table for a paper, its file's name and text. figures: by the name of their files.
    """
    values = shared_values(facts) | {
        "findings": by_question(found),
        "methods": methods,
        "tex_file": tex[0],
        "tex": tex[1],
        "figures": _figures(facts["question"]["name"], figures, several=bool(facts["other_questions"])),
        "assumptions": assumptions(facts),
    }
    if values["many"]:
        parts = [section("findings", values)]
        parts += [_about(own, figures) for own in each_question(facts)]
        parts += [section(name, values) for name in AFTER_QUESTIONS]
    else:
        parts = [section(name, values) for name in in_turn(SECTIONS, crowded=values["crowded"])]
    return template("report.html.j2", prose=False).render(
        values,
        sections=[part for part in parts if part.html or part.parts],
        css=template_text("report/report.css"),
    )


def _about(facts: Mapping[str, Any], figures: Mapping[str, Picture]) -> Section:
    """What is said about one of several questions."""
    name, text = facts["question"]["name"], facts["question"]["text"]
    own = _figures(name, figures, several=True)
    values = shared_values(facts) | {"figures": own, "below": "h4"}
    turns = in_turn(OF_A_QUESTION, crowded=values["crowded"])
    parts = [replace(section(each, values), id=f"{each}-{name}") for each in turns]
    asked = section("question", values)
    return Section(f"question-{name}", text, asked.html, tuple(part for part in parts if part.html))


def _figures(question: str, figures: Mapping[str, Picture], *, several: bool) -> dict[str, Picture]:
    """Return the figures that sections ask for, of one question."""
    files = {name: name for name in FIGURES} | {"over_time": over_time(question)}
    if several:
        files = {name: f"{file}-{question}" for name, file in files.items()}
    files["workers"] = "workers"
    return {name: figures[file] for name, file in files.items() if file in figures}
