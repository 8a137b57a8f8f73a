"""Words for a paper: the methods paragraph, what was assumed, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.findings import measured_share, under_way
from analysis.tables import NBSP, count, exposure, level_text, percent, series

if TYPE_CHECKING:
    from collections.abc import Mapping

CURVE_NAMES = {"logistic": "logistic", "weibull": "Weibull", "gaussian": "cumulative Gaussian"}
WAYS = {
    "two-way": "participants and image pairs (two-way cluster-robust variance; Cameron, Gelbach and Miller "
    "2011)",
    "scene": "participants and scenes (multi-way cluster-robust variance; Cameron, Gelbach and Miller 2011)",
    "worker": "participants (cluster-robust variance)",
    "pair": "image pairs (cluster-robust variance)",
    "worker-bootstrap": "participants (percentile bootstrap over participants)",
    "pair-bootstrap": "image pairs (percentile bootstrap over pairs)",
}
SAMPLED = {
    "two-way": "Workers, and pairs of images,",
    "scene": "Workers, and scenes,",
    "worker": "Workers, but not pairs of images,",
    "pair": "Pairs of images, but not workers,",
    "worker-bootstrap": "Workers, but not pairs of images,",
    "pair-bootstrap": "Pairs of images, but not workers,",
}
CITATIONS = (
    (
        "The design",
        "Q. Chen and V. Koltun. Photographic image synthesis with cascaded refinement networks. ICCV, 2017.",
    ),
    (
        "The two-way variance",
        (
            "A. C. Cameron, J. B. Gelbach and D. L. Miller. Robust inference with multiway clustering. "
            "Journal of Business & Economic Statistics 29(2), 238-249, 2011."
        ),
    ),
    (
        "The interval",
        (
            "E. B. Wilson. Probable inference, the law of succession, and statistical inference. Journal of "
            "the American Statistical Association 22(158), 209-212, 1927."
        ),
    ),
    (
        "The ranking",
        (
            "R. A. Bradley and M. E. Terry. Rank analysis of incomplete block designs. Biometrika 39(3/4), "
            "324-345, 1952."
        ),
    ),
)


def citations(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what to cite, and for what: only what this report used."""
    version = facts["versions"].get("glimpse", "")
    software = ("The software", f"Glimpse {version}: human evaluation of generative images. Software.")
    ranked = any(ranking["identified"] for ranking in facts["rankings"])
    return (software, *(entry for entry in CITATIONS if ranked or entry[0] != "The ranking"))


def methods_text(facts: Mapping[str, Any]) -> str:
    """Return the methods paragraph to paste into a paper; `facts` is the summary of summary.json."""
    parts = [_task(facts), _material(facts), _people(facts), _exclusion(facts), _statistics(facts)]
    # As papers print it: no space before the sign, and none that a text editor would not know.
    text = " ".join(part for part in parts if part).replace("\u00a0%", "%").replace("\u00a0", " ")
    much = under_way(facts)
    if much:
        text = f"[PRELIMINARY: {much.replace(NBSP, '')} filled.] {text}"
    if facts["simulated"]:
        text = "[SIMULATED ANSWERS: not evidence about people.] " + text
    return text


def _task(facts: Mapping[str, Any]) -> str:
    experiment = facts["experiment"]
    conditions = series(experiment["conditions"])
    if experiment["mode"] == "limited-time":
        times = series([exposure(value).removesuffix("\u00a0s") for value in experiment["exposures_ms"]])
        how = (
            f"On each trial two images appeared side by side for {times} s, both were then covered by masks, "
            f"and the participant said which of the two had looked more realistic."
        )
        kind = "a limited-time"
    else:
        how = (
            "On each trial two images stood side by side until the participant said which of the two looks "
            "more realistic."
        )
        kind = "an unlimited-time"
    return (
        f"We compared {conditions} images in {kind} two-alternative forced-choice study (Chen and Koltun "
        f"2017), run with Glimpse {facts['versions'].get('glimpse', '')}. {how}"
    )


def _material(facts: Mapping[str, Any]) -> str:
    experiment, counts = facts["experiment"], facts["counts"]
    hits = count(counts["hits"], "HIT")
    pairs = {
        "random": "Images were paired at random",
        "same-item": "Both images of a pair showed the same scene",
    }
    paired = pairs.get(str(experiment["pairing"]), "Pairs were drawn in advance")
    text = (
        f"{paired}; order and sides were random. The {count(counts['pairs'], 'image pair')} were divided "
        f"over {hits} of up to {experiment['trials_per_hit']} trials"
    )
    if experiment["sentinels_per_hit"]:
        text += f", of which {experiment['sentinels_per_hit']} were sentinels with a known answer"
        if experiment["sentinel"]:
            text += f" ({experiment['sentinel']} against {experiment['real']}"
            shown = experiment["sentinel_exposure_ms"]
            text += ")" if shown is None else f", shown for {exposure(shown)})"
    return text + "."


def _people(facts: Mapping[str, Any]) -> str:
    counts, experiment = facts["counts"], facts["experiment"]
    each = experiment["workers_per_hit"]
    text = (
        f"{count(counts['workers'], 'participant')} completed {count(counts['assignments'], 'assignment')} "
        f"and gave {count(counts['judgments'], 'answer')}"
    )
    text += f"; each HIT was for {each} of them, who saw the same pairs." if each else "."
    return text + (f" The reward was ${experiment['reward_usd']}." if experiment["reward_usd"] else "")


def _exclusion(facts: Mapping[str, Any]) -> str:
    counts, rules = facts["counts"], facts["settings"]
    share = percent(counts["excluded_assignments"] / counts["assignments"]) if counts["assignments"] else "0"
    allowed = rules["max_wrong_sentinels"]
    if not rules["sentinel_filter"]:
        return (
            f"No assignment was excluded for its sentinels; "
            f"{count(counts['excluded_assignments'], 'assignment')} ({share}) were excluded as incomplete or "
            f"repeated."
        )
    if not counts["sentinels"]:
        return (
            f"Incomplete assignments, and any but a participant's first, were excluded "
            f"({count(counts['excluded_assignments'], 'assignment')}, {share}), which leaves "
            f"{count(counts['analysed'], 'answer')} for analysis."
        )
    rule = "any sentinel" if allowed == 0 else f"more than {count(allowed, 'sentinel')}"
    return (
        f"Assignments with a wrong answer to {rule}, incomplete ones, and any but a participant's first were "
        f"excluded ({count(counts['excluded_assignments'], 'assignment')}, {share}), which leaves "
        f"{count(counts['analysed'], 'answer')} for analysis."
    )


def _statistics(facts: Mapping[str, Any]) -> str:
    rules = facts["settings"]
    level = level_text(rules["level"])
    text = (
        f"Preference rates are given with {level} intervals that account for correlation within "
        f"{WAYS[rules['cluster']]}"
    )
    if not rules["cluster"].endswith("bootstrap"):
        text += ": Wilson intervals with the effective sample size and a t quantile"
    adjusted = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[rules["adjust"]]
    text += (
        f". Rates were tested against chance (1/2) by two-sided t tests with the same variance, adjusted "
        f"over {count(len(facts['preference']), 'cell')} ({adjusted})."
    )
    return f"{text}{_curves(facts)}"


def _curves(facts: Mapping[str, Any]) -> str:
    """What is said of the curves: nothing where none was fitted, and which were not identified."""
    fitted = [curve for curve in facts["curves"] if curve["identified"]]
    if not fitted:
        return ""
    rules = facts["settings"]
    used = _exposures(facts)
    at = "" if used == "as planned" else f", {used},"
    text = (
        f" Realism curves are {CURVE_NAMES[rules['curve']]} functions of log exposure{at} between 1/2 and a "
        f"free plateau, fitted by maximum likelihood with sandwich errors clustered by participant and image "
        f"pair."
    )
    names = [f"{curve['condition']} against {curve['versus']}" for curve in facts["curves"]]
    missing = [name for name, curve in zip(names, facts["curves"], strict=True) if not curve["identified"]]
    return text + (f" For {series(missing)} the answers do not determine a curve." if missing else "")


def _exposures(facts: Mapping[str, Any]) -> str:
    share = measured_share(facts)
    if facts["settings"]["exposure"] == "nominal" or not share:
        return "as planned"
    rest = "" if share == 1 else f" for {percent(share)} of answers and as planned for the rest"
    return f"as measured by the page{rest}"


def assumptions(facts: Mapping[str, Any]) -> list[str]:
    """Return what the numbers rest on, one statement an entry."""
    rules, experiment = facts["settings"], facts["experiment"]
    found = [
        (
            f"{SAMPLED[rules['cluster']]} are a sample of those to whom the findings are meant to apply; "
            f"answers are correlated within each of them, and independent otherwise."
        ),
        "An answer is a forced choice: people who saw no difference had to guess, and chance is 1/2.",
        _fixed(facts),
    ]
    if rules["cluster"] == "scene" and experiment["pairing"] != "same-item":
        found.append(
            "Where a pair shows two scenes, those of either side cluster by themselves: answers to a scene "
            "are taken as correlated where it stands for the same condition, and as independent where it "
            "stands once for the one condition and once for the other."
        )
    if rules["cluster"] != "two-way":
        found.append(
            "Only preference rates are clustered as chosen; realism curves, ranking and side bias are "
            "clustered by worker and pair throughout."
        )
    found += _folders(facts)
    if any(curve["identified"] for curve in facts["curves"]):
        found.append(f"Exposures of the realism curves are taken {_exposures(facts)}.")
        found.append(
            "A realism curve starts at chance (guess rate fixed at 1/2) and rises or falls in log exposure "
            "to a plateau that is estimated, not assumed to be 1; the plateau is what people can tell given "
            "time, and is not read as inattention."
        )
    if any(ranking["identified"] for ranking in facts["rankings"]):
        found.append(
            "Bradley-Terry strengths assume that one number a condition explains all its comparisons; where "
            "a comparison more than needed was made, that is tested."
        )
    found.append(
        "Exact binomial p-values and naive Wilson intervals treat answers as independent, which they are "
        "not; they stand here only for comparison with the literature."
    )
    return found


def _fixed(facts: Mapping[str, Any]) -> str:
    """Who is excluded, and whether the rule was the study's own, fixed before the answers were seen."""
    rules, own = facts["settings"], facts["experiment"]["max_wrong_sentinels"]
    used = rules["max_wrong_sentinels"] if rules["sentinel_filter"] else None
    text = "Exclusion is decided per assignment and has nothing to do with payment."
    if not facts["counts"]["sentinels"]:
        return text
    if own is None:
        return f"{text} The study states no sentinel rule of its own; the usual one was taken."
    if used == own:
        return f"{text} The sentinel rule is the study's own, fixed before the answers were seen."
    return f"{text} The sentinel rule was chosen for this report and is not the one that the study fixed."


def _folders(facts: Mapping[str, Any]) -> list[str]:
    """What pooling and comparing several folders takes for granted."""
    if len(facts["sources"]) < 2:
        return []
    counts = facts["counts"]
    text = (
        "Folders are pooled answer by answer. Within a study a worker is recognised in every folder; whoever "
        "took part in two studies has a pseudonym in each, and counts as two independent workers."
    )
    found = [text]
    if facts["settings"]["compare"]:
        shared = (
            f"{count(counts['shared_workers'], 'worker')} and {count(counts['shared_pairs'], 'pair')} occur "
            f"in more than one folder"
        )
        found.append(
            f"Differences between folders take the folders as independent samples. Here {shared}; what is "
            f"shared usually makes the intervals of the differences wider than they need be."
        )
    return found
