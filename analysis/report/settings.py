"""How answers are turned into evidence: every choice that `analyze` offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..reading.exclusion import Rules
from ..statistics.curve import THRESHOLD
from ..statistics.preference import Intervals
from ..statistics.psychometric import blank_curve

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@dataclass(frozen=True)
class AnalysisSettings:
    """How answers are turned into evidence; every choice that `analyze` offers.

    rules: exclusion. intervals: intervals, tests. curve: one of `choices.CURVE_SHAPES`. exposure: one of
    `choices.EXPOSURES`. threshold: the rate whose exposure the curves are asked for. compare: set the folders
    against each other as well as pooling them. seed: of bootstraps. metrics, directions: as
    `scores.read_scores` takes them. items: the file with the groups of items; None takes an items.csv that
    lies in a results folder or beside it.
    """

    rules: Rules = field(default_factory=Rules)
    intervals: Intervals = field(default_factory=Intervals)
    curve: str = "logistic"
    exposure: str = "nominal"
    threshold: float = THRESHOLD
    compare: bool = False
    seed: int = 0
    metrics: tuple[Path, ...] = ()
    directions: tuple[str, ...] = ()
    items: Path | None = None

    def __post_init__(self) -> None:
        """Check the choices that no other part checks."""
        blank_curve(self.curve, self.exposure, self.intervals.level, self.threshold)

    @property
    def alpha(self) -> float:
        """The level of every test whose verdict is stated: what the intervals leave."""
        return self.intervals.alpha

    def to_json(self, own_max_wrong: int | None) -> dict[str, Any]:
        """Return the choices as summary.json has them, but for files.

        own_max_wrong: how many wrong sentinels the study allows, where the rules do not say.
        """
        rules = self.rules
        allowed = rules.max_wrong_sentinels
        return {
            "sentinel_filter": rules.sentinel_filter,
            "max_wrong_sentinels": own_max_wrong if allowed is None else allowed,
            "repeat_workers": rules.repeat_workers,
            "max_exposure_error_ms": rules.max_exposure_error_ms,
            "exposure": self.exposure,
            "cluster": self.intervals.cluster,
            "level": self.intervals.level,
            "alpha": self.alpha,
            "equivalence": self.intervals.equivalence,
            "threshold": self.threshold,
            "adjust": self.intervals.adjust,
            "resamples": self.intervals.resamples,
            "curve": self.curve,
            "compare": self.compare,
            "seed": self.seed,
        }
