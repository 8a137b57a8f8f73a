"""Glimpse: human evaluation of generative images.

The names below are the Python API; each is imported when it is first used, so that `import glimpse` takes no
time. `docs/python.md` shows how they go together.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .analysis.api.answers import exclude, read_results, simulate
    from .analysis.api.bundles import bundle, reproduce
    from .analysis.api.detection import (
        detection_power_table,
        detection_table,
        detections,
        staircase_table,
    )
    from .analysis.api.drawing import plot_preference, plot_ranking, plot_realism
    from .analysis.api.metrics import anytime_table, metric_pairs, metric_table, plot_metric
    from .analysis.api.planning import power_table
    from .analysis.api.scales import scale_table, ties_table
    from .analysis.api.tables import (
        curves_table,
        fit_curves,
        preference_table,
        rank_conditions,
        ranking_table,
    )
    from .crn.api import render, synthesize
    from .errors import ArgumentError, GlimpseError
    from .mturk.api import build_study, plan_study
    from .mturk.api_single import plan_single

__all__ = [
    "ArgumentError",
    "GlimpseError",
    "anytime_table",
    "build_study",
    "bundle",
    "curves_table",
    "detection_power_table",
    "detection_table",
    "detections",
    "exclude",
    "fit_curves",
    "metric_pairs",
    "metric_table",
    "plan_single",
    "plan_study",
    "plot_metric",
    "plot_preference",
    "plot_ranking",
    "plot_realism",
    "power_table",
    "preference_table",
    "rank_conditions",
    "ranking_table",
    "read_results",
    "render",
    "reproduce",
    "scale_table",
    "simulate",
    "staircase_table",
    "synthesize",
    "ties_table",
]
# Where each name stands, by module.
_HOMES = {
    "analysis.api.answers": ("exclude", "read_results", "simulate"),
    "analysis.api.bundles": ("bundle", "reproduce"),
    "analysis.api.detection": (
        "detection_power_table",
        "detection_table",
        "detections",
        "staircase_table",
    ),
    "analysis.api.drawing": ("plot_preference", "plot_ranking", "plot_realism"),
    "analysis.api.metrics": ("anytime_table", "metric_pairs", "metric_table", "plot_metric"),
    "analysis.api.planning": ("power_table",),
    "analysis.api.scales": ("scale_table", "ties_table"),
    "analysis.api.tables": (
        "curves_table",
        "fit_curves",
        "preference_table",
        "rank_conditions",
        "ranking_table",
    ),
    "crn.api": ("render", "synthesize"),
    "errors": ("ArgumentError", "GlimpseError"),
    "mturk.api": ("build_study", "plan_study"),
    "mturk.api_single": ("plan_single",),
}

# Once installed, `crn`, `mturk`, `analysis` and `templates` stand inside this package, so that they are in
# the way of nobody's own `analysis`. In a checkout they stand beside it, under the same names.
if not (Path(__file__).parent / "analysis").is_dir():
    __path__.append(str(Path(__file__).parents[1]))


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"glimpse.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'glimpse' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what there is, for completion."""
    return sorted({*globals(), *__all__})
