"""Every analysis that a report can hold, by name: which of them a design plans, and which a report shows.

`register` states those that are planned; the report says which of those that it shows were not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..statistics.differences import references
from .wording import CURVE_NEEDS, each_question

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from glimpse.experiment import Experiment
    from glimpse.questions import AnswerKind

    Facts = Mapping[str, Any]

RANKED = 3  # conditions, of which a ranking says more than one rate does


class AnalysedDesign(NamedTuple):
    """What decides which analyses are planned: the experiment, and settings as summary.json has them."""

    experiment: Experiment
    settings: Facts

    @property
    def kinds(self) -> list[AnswerKind]:
        """The kinds of answers that its questions have."""
        return [question.kind for question in self.experiment.questions]

    @property
    def many_exposures(self) -> bool:
        """Whether a curve can be fitted over them."""
        return len(self.experiment.exposures_ms) >= CURVE_NEEDS

    @property
    def ranked(self) -> bool:
        """Whether enough conditions are compared for a ranking."""
        return len({name for pair in self.experiment.contrasts for name in pair}) >= RANKED

    @property
    def share_a_condition(self) -> bool:
        """Whether two contrasts have a condition in common, beside which the report compares methods."""
        contrasts = self.experiment.contrasts
        own = references([":".join(pair) for pair in contrasts], self.experiment.real)
        return any(sum(name in pair for pair in contrasts) > 1 for name in own)


@dataclass(frozen=True)
class KnownAnalysis:
    """One analysis of a report.

    planned: whether a design plans it without being asked to; None: only where it is asked for. shown:
    whether a summary has it; of single images, of one question. optional: whether a report of any design can
    have it, so that it is exploratory where it is not planned.
    """

    name: str
    title: str
    shown: Callable[[Facts], bool]
    planned: Callable[[AnalysedDesign], bool] | None = None
    optional: bool = False


def _rows(name: str) -> Callable[[Facts], bool]:
    return lambda facts: bool(facts.get(name))


def _tested(facts: Facts) -> bool:
    return any(row["n"] for row in facts["preference"])


def _curved(facts: Facts) -> bool:
    return any(curve["identified"] for curve in facts["curves"])


def _ranked(facts: Facts) -> bool:
    return any(len(one["strengths"]) >= RANKED for one in facts["rankings"])


def _sentinels(facts: Facts) -> bool:
    return bool(facts["counts"]["sentinels"])


PAIRS = (
    KnownAnalysis("rates", "preference rates and their tests", _tested,
                  lambda design: bool(design.experiment.contrasts)),
    KnownAnalysis("equivalence", "tests of equivalence",
                  lambda facts: facts["settings"]["equivalence"] is not None,
                  lambda design: design.settings["equivalence"] is not None, optional=True),
    KnownAnalysis("ties", "shares of ties, and strengths that allow for them", _rows("ties"),
                  lambda design: any(kind.tie for kind in design.kinds)),
    KnownAnalysis("scales", "means on scales", _rows("scale"),
                  lambda design: any(kind.scale for kind in design.kinds)),
    KnownAnalysis("curves", "curves over exposure", _curved, lambda design: design.many_exposures),
    KnownAnalysis("differences", "differences between methods", _rows("differences"),
                  lambda design: design.share_a_condition),
    KnownAnalysis("ranking", "the ranking of the conditions", _ranked, lambda design: design.ranked),
    KnownAnalysis("stopping", "intervals that hold at every look", _rows("stopping"),
                  lambda design: design.experiment.stop_when is not None),
    KnownAnalysis("metrics", "metrics against people", _rows("metrics"),
                  lambda design: bool(design.settings["metrics"]),
                  optional=True),
    KnownAnalysis("groups", "the ranking by group of items", _rows("groups"),
                  lambda design: bool(design.settings["items"]), optional=True),
    KnownAnalysis("correlation", "correlations between questions", _rows("correlation")),
    KnownAnalysis("agreement", "agreement between participants", _rows("agreement"), optional=True),
    KnownAnalysis("sides", "a preference for a side",
                  lambda facts: facts["side_bias"]["low"] is not None, optional=True),
    KnownAnalysis("times", "response times", _rows("response_times"), optional=True),
    KnownAnalysis("sensitivity", "results under other rules for sentinels", _sentinels, optional=True),
    KnownAnalysis("workers", "participants who stand out", _rows("worker_flags"), optional=True),
    KnownAnalysis("pairs", "single pairs", _rows("pairs"), optional=True),
    KnownAnalysis("panels", "differences between panels", _rows("panels"), optional=True),
    KnownAnalysis("folders", "differences between results folders", _rows("comparison"), optional=True),
)  # fmt: skip
SINGLE = (
    KnownAnalysis("detection", "d\u2032, criterion, errors and shares taken for real", _rows("conditions"),
                  lambda design: bool(design.experiment.shown)),
    KnownAnalysis("areas", "areas under the curve of confidence ratings", _rows("roc"),
                  lambda design: any(kind.scale for kind in design.kinds)),
    KnownAnalysis("exposures", "d\u2032 by exposure", _rows("by_exposure"),
                  lambda design: len(design.experiment.exposures_ms) > 1),
    KnownAnalysis("curves", "curves of d\u2032 over exposure", _rows("curves"),
                  lambda design: design.many_exposures),
    KnownAnalysis("differences", "differences between conditions", _rows("differences"),
                  lambda design: len(design.experiment.shown) >= RANKED),
    KnownAnalysis("staircases", "thresholds of staircases", _rows("staircases"),
                  lambda design: design.experiment.staircase is not None),
    KnownAnalysis("workers", "each participant's own d\u2032", _rows("workers"), optional=True),
    KnownAnalysis("sensitivity", "results under another rule for sentinels", _rows("conditions_other_filter"),
                  optional=True),
)  # fmt: skip


def known_analyses(task: str) -> tuple[KnownAnalysis, ...]:
    """Return the analyses of a task, "pairs" or "single"."""
    return SINGLE if task == "single" else PAIRS


def planned_analyses(experiment: Experiment, settings: Facts, also: Collection[str] = ()) -> list[str]:
    """Return the names of the analyses that a design plans, and of those that are asked for, in order."""
    design = AnalysedDesign(experiment, settings)
    return [
        one.name
        for one in known_analyses(experiment.task)
        if one.name in also or (one.planned is not None and one.planned(design))
    ]


def shown_analyses(facts: Facts) -> list[str]:
    """Return the names of the analyses that a summary, as summary.json has it, shows."""
    single = facts.get("task") == "single"
    each = facts["questions"] if single else each_question(facts)
    sentinels = bool(facts["counts"]["sentinels"])
    found = [one for one in known_analyses("single" if single else "pairs") if any(map(one.shown, each))]
    return [one.name for one in found if one.name != "sensitivity" or sentinels]


def titles_of(task: str, names: Collection[str]) -> list[str]:
    """Return the titles of analyses, in the order of the report."""
    return [one.title for one in known_analyses(task) if one.name in names]


def exploratory_titles(task: str, planned: Collection[str]) -> list[str]:
    """Return the titles of what a report may show beside the planned analyses, whatever the design."""
    return [one.title for one in known_analyses(task) if one.optional and one.name not in planned]
