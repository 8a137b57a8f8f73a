"""The report as a page: sections of blocks, in the order in which a reviewer asks; rendered by Jinja."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .blocks import Block, Section
from .evidence_sections import (
    comparison_section,
    curve_section,
    pair_section,
    preference_section,
    ranking_section,
    some,
)
from .findings import under_way
from .methods import assumptions, citations
from .quality_sections import (
    design_section,
    exclusion_section,
    provenance_section,
    sensitivity_section,
    worker_section,
)
from .tables import series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .findings import Finding


def sections(
    facts: Mapping[str, Any], found: Sequence[Finding], methods: str, tex: str, figures: Mapping[str, Block]
) -> list[Section]:
    """Return the page's sections; those with nothing to say are left out."""
    limited = facts["experiment"]["mode"] == "limited-time"
    main = figures.get("realism_vs_time") if limited else figures.get("preference")
    pages = [
        Section("findings", "Findings", (Block("findings", entries=tuple(found)), *some(main))),
        Section("preference", "Preference rates", preference_section(facts, figures, limited=limited)),
        Section("curves", "Realism curves", curve_section(facts)),
        Section("ranking", "Ranking", ranking_section(facts, figures)),
        Section("design", "Design", design_section(facts)),
        Section("exclusions", "Exclusions", exclusion_section(facts)),
        Section("workers", "Workers and agreement", worker_section(facts, figures)),
        Section("pairs", _pairs_title(facts), pair_section(facts, figures)),
        Section("comparison", "Studies compared", comparison_section(facts)),
        Section("sensitivity", "Sensitivity", sensitivity_section(facts)),
        Section("assumed", "What was assumed", (Block("list", entries=tuple(assumptions(facts))),)),
        Section("methods", "For your paper", _paper(methods, tex)),
        Section("cite", "How to cite", (Block("facts", entries=citations(facts)),)),
        Section("provenance", "Provenance", provenance_section(facts)),
    ]
    return [page for page in pages if page.blocks]


def _paper(methods: str, tex: str) -> tuple[Block, ...]:
    return (
        Block("heading", "Methods"),
        Block("paste", methods),
        Block("heading", "Table (preference.tex)"),
        Block("paste", tex, code=True),
    )


def _pairs_title(facts: Mapping[str, Any]) -> str:
    real = facts["experiment"]["real"]
    return "Pairs that fooled people" if any(row["winner"] == real for row in facts["pairs"]) else "Upsets"


def render(facts: Mapping[str, Any], pages: Sequence[Section]) -> str:
    """Return the page as one self-contained HTML text."""
    from glimpse.text import environment, template_text

    several = len(facts["studies"])
    names = f"study {facts['studies'][0]['study']}" if several == 1 else f"studies, {several} pooled"
    titles = series(list(dict.fromkeys(study["title"] for study in facts["studies"] if study["title"])))
    counts = facts["counts"]
    simulated = ""
    if facts["simulated"]:
        share = (
            "Every answer"
            if counts["simulated_assignments"] == counts["assignments"]
            else (f"{counts['simulated_assignments']:,} of {counts['assignments']:,} assignments")
        )
        verb = "was" if share == "Every answer" else "were"
        simulated = f"{share} {verb} made by the simulator. Nothing here is evidence about people."
    template = environment().get_template("report/report.html.j2")
    return template.render(
        title=titles or "How real do the images look?",
        kicker=f"Glimpse report · {facts['experiment']['mode']} {names}",
        simulated=simulated,
        under_way=under_way(facts),
        sections=pages,
        css=template_text("report/report.css"),
        version=facts["versions"].get("glimpse", ""),
        footer=f"Made by Glimpse {facts['versions'].get('glimpse', '')} from the answers named under "
        "Provenance. The same answers and settings give the same bytes.",
    )
