"""What the report draws: of each figure its tables, its caption, and its text for those who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glimpse.counting import SENTINELS
from glimpse.questions import DEFAULT_QUESTION

from ..figures.drawing import Drawing
from ..figures.series import MANY_SERIES, MANY_WORKERS, by_strength, curve_grid
from ..statistics.choices import CLUSTERS
from ..statistics.distributions import coin_quantile
from ..statistics.ranked import ranking_table
from .crowd import at_longest, is_crowded, only, told_one_by_one
from .formats import exposure, level_text
from .metrics import metric_drawing
from .pair_drawing import at, figure_name, marked, pairs_drawing
from .tables import facing, records, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .evaluation import Evidence

MATRIX_FROM = 4  # conditions


SHORT = 20  # characters of a word in the legend


def drawings_of(evidence: Evidence) -> dict[str, Drawing]:
    """Return what is drawn of all questions, by the name of its files."""
    found: dict[str, Drawing] = {}
    for own in evidence.each:
        found |= {figure_name(name, own.results): drawing for name, drawing in _of_question(own).items()}
    if evidence.results.sided:
        found["workers"] = _workers(evidence)
    found = {name: marked(one, evidence.results) for name, one in found.items()}
    for own in evidence.each:
        found |= pairs_drawing(own.results, own.pairs, own.stimuli)
    return found


def _of_question(evidence: Evidence) -> dict[str, Drawing]:
    """Return what is drawn of one question."""
    rates = turned(evidence.preference, evidence.results.real)
    answered = rates[rates["n"] > 0]
    names = tuple(dict.fromkeys([*answered["winner"], *answered["loser"]]))
    contrasts = list(dict.fromkeys(evidence.preference["contrast"]))
    crowded, told = is_crowded(contrasts), told_one_by_one(contrasts, evidence.results.real)
    answered = answered[answered["contrast"].isin(told)]
    limited = evidence.results.mode == "limited-time"
    found: dict[str, Drawing] = {}
    if limited and len(answered):
        found[over_time(evidence.results.question.name)] = _realism(evidence, answered)
    if len(answered) and not (limited and crowded):
        found["preference"] = _preference(evidence, answered)
    if len(evidence.distribution) and told:
        found["answers"] = _answers(evidence, told)
    if len(names) >= MATRIX_FROM:
        found["wins"] = _wins(evidence)
    strengths = by_strength(ranking_table(evidence.rankings))
    if len(strengths):
        found["ranking"] = _ranking(evidence, strengths)
    if len(evidence.metrics.pairs):
        found["metric"] = _metric(evidence)
    return {name: one._replace(names=names) for name, one in found.items()}


def over_time(question: str) -> str:
    """Return how the figure of rates by exposure is called."""
    return "realism_vs_time" if question == DEFAULT_QUESTION.name else "preference_vs_time"


def _answers(evidence: Evidence, told: Sequence[str]) -> Drawing:
    """How answers are spread from one condition to the other."""
    flips = facing(records(evidence.preference), evidence.results.real)
    limited = evidence.results.mode == "limited-time"
    rows = []
    for row in only(records(evidence.distribution), told):
        if row["n"] is None or not np.isfinite(row["share"]):
            continue
        flip = flips[row["contrast"]]
        first, second = (
            (row["condition_b"], row["condition_a"]) if flip else (row["condition_a"], row["condition_b"])
        )
        label = f"{first} over {second}" + (at(row["exposure_ms"]) if limited else "")
        rows.append(
            {"label": label, "points": -row["points"] if flip else row["points"], "share": row["share"]}
        )
    most = evidence.results.question.kind.steps
    labels = evidence.results.question.labels
    words = {kind: _words_of(kind, most, labels) for kind in range(-most, most + 1)}
    caption = (
        "How answers are spread: to the right those for the first-named condition, to the left those for the "
        "other; grey, across the middle: those that prefer neither."
    ) + (f" On the page they were, from left to right: {'; '.join(labels)}." if labels else "")
    alt = "Distribution of the answers; the means or shares are in the table."
    return Drawing("answers", (pd.DataFrame(rows), words), {}, alt, caption, wide=False)


def _words_of(points: int, most: int, labels: Sequence[str]) -> str:
    """An answer in the legend. labels: the study's own words for answers, which name sides; so those of the
    one in the middle alone can stand here, if they are few."""
    if not points:
        return labels[most] if labels and len(labels[most]) <= SHORT else "neither"
    if most == 1:
        return "first-named" if points > 0 else "other"
    return f"{points:+d}".replace("-", "\u2212")


def _realism(evidence: Evidence, answered: pd.DataFrame) -> Drawing:
    grid = curve_grid(evidence.curves)
    level = level_text(evidence.settings.intervals.level)
    caption = (
        f"Share of trials in which the first-named condition was chosen, by exposure. Points: rates with "
        f"{_intervals(evidence)}. "
        + (f"Lines: fitted curves with pointwise {level} bands. " if len(grid) else "")
        + "Dashed: chance."
    )
    many = answered["series"].nunique() > MANY_SERIES
    return Drawing("realism", (answered, grid), {}, _alt(answered), caption, many)


def _preference(evidence: Evidence, answered: pd.DataFrame) -> Drawing:
    limited = evidence.results.mode == "limited-time"
    labels = [exposure(value) for value in answered["exposure_ms"]] if limited else answered["series"]
    rows = answered.assign(label=labels)
    caption = f"Preference rates with {_intervals(evidence)}" + (
        ". Thin lines: these intervals; pale lines: naive ones, which treat answers as independent."
        if limited
        else "."
    )
    wide = limited and answered["series"].nunique() > MANY_SERIES
    return Drawing("preference", (rows,), {"limited": limited}, _alt(answered), caption, wide)


def _ranking(evidence: Evidence, strengths: pd.DataFrame) -> Drawing:
    limited = evidence.results.mode == "limited-time"
    caption = (
        f"Bradley-Terry strengths with {level_text(evidence.settings.intervals.level)} intervals; "
        "a difference of 1 is an odds ratio of 2.7."
    )
    alt = "Bradley-Terry strength of each condition by exposure; the numbers are in the table."
    return Drawing("ranking", (strengths,), {"limited": limited}, alt, caption, wide=False)


def _wins(evidence: Evidence) -> Drawing:
    """The win matrix at the longest exposure."""
    table = pd.DataFrame(at_longest(records(evidence.wins.astype(object).where(evidence.wins.notna(), None))))
    sure = (table["low"].astype(float) > 0.5) | (table["high"].astype(float) < 0.5)
    limited = evidence.results.mode == "limited-time"
    when = at(table["exposure_ms"].iloc[0]) if limited else ""
    caption = (
        f"Win matrix{when}: how often the condition of a row was chosen beside that of a column (%); "
        f"conditions as in the table. Bold, or a dot: the {level_text(evidence.settings.intervals.level)} "
        "interval, which is not adjusted for the number of pairs, leaves 50 % out. Grey: never compared."
    )
    alt = "Win matrix: the rate of every condition beside every other; the numbers are in win_matrix.csv."
    return Drawing("wins", (table.assign(sure=sure),), {}, alt, caption, wide=True)


def _metric(evidence: Evidence) -> Drawing:
    seen = evidence.results.stimulus
    flips = facing(records(evidence.preference), evidence.results.real)
    caption = (
        f"Each point is a pair of {seen}s: how much better the first-named condition's {seen} is by a "
        "metric, and how often people chose it. Line: logistic fit through 1/2 at no "
        f"difference. Above: how often the metric prefers the {seen} that people chose."
    )
    return metric_drawing(evidence.metrics, flips, caption)


def _intervals(evidence: Evidence) -> str:
    used = evidence.settings.intervals
    cluster = CLUSTERS[used.cluster].spoken(evidence.results.stimulus)
    return f"{level_text(used.level)} intervals, {cluster.clustered}"


def _alt(rates: pd.DataFrame) -> str:
    parts = [f"{row['series']}{at(row['exposure_ms'])}: {100 * row['rate']:.0f} %" for row in records(rates)]
    return "Preference rates. " + "; ".join(parts) + "."


def _workers(evidence: Evidence) -> Drawing:
    table, workers = evidence.exclusion.assignments, evidence.workers
    shown = workers[workers["n"] > 0]
    median = int(shown["n"].median()) if len(shown) else 1
    low, high = (coin_quantile(q, max(median, 1)) / max(median, 1) for q in (0.025, 0.975))
    filtered = evidence.settings.rules.sentinel_filter
    left_out = table.groupby("worker", observed=True)["excluded"].all()
    panels = pd.DataFrame(
        {
            "excluded": shown["worker"].map(left_out).astype(bool),
            "left_share": shown["left_share"],
            "median_response_ms": shown["median_response_ms"],
            "sentinel_share": 1 - shown["n_wrong"] / shown["n_sentinels"].where(shown["n_sentinels"] > 0),
        }
    )
    caught = table["reasons"].str.contains(SENTINELS).to_numpy(bool)
    shares = (low, high), _edges(max(median, 1))
    tables = table["n_wrong"].to_numpy(int), panels, caught, *shares
    points = "each worker's speed and share of right sentinels; orange crosses: excluded"
    cloud = "speeds and shares of right sentinels; darker: more workers; orange: excluded"
    caption = (
        "Left: wrong sentinels per assignment; orange: what the rule excludes"
        + ("" if filtered else " (nothing: the filter is off)")
        + f". Middle: {cloud if len(panels.dropna()) > MANY_WORKERS else points}. Right: how often "
        f"workers chose the left {evidence.results.stimulus}; orange: excluded; grey: the range that chance "
        "gives for 95 % of them."
    )
    alt = "Sentinel errors, response times and side bias of the workers."
    return Drawing("workers", tables, {}, alt, caption, wide=True)


def _edges(answers: int) -> NDArray[np.float64]:
    """Edges of bars about 2.5 % wide, one of them centred on 1/2, that hold equally many shares each.

    answers: of a worker; its shares are multiples of 1 / answers, and none of them lies on an edge.
    """
    step = max(1, round(0.025 * answers))
    step += (step + answers + 1) % 2  # odd where the number of answers is even, else even
    half = np.arange(step / 2, answers / 2 + step, step)
    return np.asarray(0.5 + np.concatenate([-half[::-1], half]) / answers)
