"""The report as a page: sections in the order in which a reviewer asks, each of a template of its own."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from glimpse.text import joined, template_text

from .methods import assumptions
from .wording import shared_values, template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .findings import Finding

SECTIONS = (
    "findings", "preference", "stopping", "curves", "differences", "ranking", "metric", "design",
    "exclusions", "workers", "pairs", "comparison", "sensitivity", "assumed", "methods", "cite", "provenance",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A figure of the page; `data` is a data URI, `width` is "column" or "wide"."""

    name: str
    data: str
    alt: str
    caption: str
    width: str


def picture(name: str, data: bytes, kind: str, alt: str, caption: str, *, wide: bool = False) -> Picture:
    """Return a figure with its data; kind is "svg" or "png"."""
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    uri = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return Picture(name, uri, alt, caption, "wide" if wide else "column")


@dataclass(frozen=True)
class Section:
    """A part of the page: its heading, and what stands under it; empty where there is nothing to say."""

    id: str
    title: str
    html: Markup


def section(name: str, values: Mapping[str, Any]) -> Section:
    """Return a section of the page; its template sets the title."""
    module = template(f"sections/{name}.html.j2").make_module(dict(values))
    return Section(name, str(vars(module)["title"]), Markup(joined(str(module), "<", "")))  # noqa: S704 - escaped


def render(
    facts: Mapping[str, Any],
    found: Sequence[Finding],
    methods: str,
    tex: str,
    figures: Mapping[str, Picture],
) -> str:
    """Return the page as one self-contained HTML text."""
    values = shared_values(facts) | {
        "findings": found,
        "methods": methods,
        "tex": tex,
        "figures": figures,
        "assumptions": assumptions(facts),
    }
    parts = [section(name, values) for name in SECTIONS]
    return template("report.html.j2", prose=False).render(
        values, sections=[part for part in parts if part.html], css=template_text("report/report.css")
    )
