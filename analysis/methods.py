"""Words for a paper: the methods paragraph, what was assumed, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.tables import count, exposure, percent, series

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
CITATIONS = (
    (
        "The software",
        "Glimpse: human evaluation of generative images, with the version that stands under Provenance.",
    ),
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


def methods_text(facts: Mapping[str, Any]) -> str:
    """Return the methods paragraph to paste into a paper; `facts` is the summary of summary.json."""
    parts = [_task(facts), _material(facts), _people(facts), _exclusion(facts), _statistics(facts)]
    text = " ".join(part for part in parts if part).replace("\u00a0", " ")
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
        kind = "limited-time"
    else:
        how = (
            "On each trial two images stood side by side until the participant said which of the two looks "
            "more realistic."
        )
        kind = "unlimited-time"
    return (
        f"We compared {conditions} images in a {kind} two-alternative forced-choice study (Chen and Koltun "
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
        f"{paired}; sides and order were random. The {count(counts['pairs'], 'image pair')} were divided "
        f"over {hits} of up to {experiment['trials_per_hit']} trials"
    )
    if experiment["sentinels_per_hit"]:
        text += f", of which {experiment['sentinels_per_hit']} were sentinels with a known answer"
    return text + "."


def _people(facts: Mapping[str, Any]) -> str:
    counts = facts["counts"]
    return (
        f"{count(counts['workers'], 'participant')} completed {count(counts['assignments'], 'assignment')} "
        f"and gave {count(counts['judgments'], 'answer')}."
    )


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
    level = percent(rules["level"], 0)
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
    if facts["curves"]:
        text += (
            f" Realism curves are {CURVE_NAMES[rules['curve']]} functions of log exposure between 1/2 and a "
            f"free plateau, fitted by maximum likelihood with clustered sandwich errors."
        )
    return text


def assumptions(facts: Mapping[str, Any]) -> list[str]:
    """Return what the numbers rest on, one statement an entry."""
    rules, experiment = facts["settings"], facts["experiment"]
    found = [
        (
            "Workers, and pairs of images, are a sample of those to whom the findings are meant to apply; "
            "answers are correlated within both, and independent otherwise."
        ),
        "An answer is a forced choice: people who saw no difference had to guess, and chance is 1/2.",
        (
            "Exclusion is decided per assignment, by rules fixed before the answers were seen; it has "
            "nothing to do with payment."
        ),
    ]
    if experiment["mode"] == "limited-time":
        used = "as planned" if rules["exposure"] == "nominal" else "as measured by the page"
        found.append(f"Exposures are taken {used}.")
        found.append(
            "A realism curve starts at chance (guess rate fixed at 1/2) and rises or falls in log exposure "
            "to a plateau that is estimated, not assumed to be 1; the plateau is what people can tell given "
            "time, and is not read as inattention."
        )
    found.append(
        "Bradley-Terry strengths assume that one number a condition explains all its comparisons; where a "
        "comparison more than needed was made, that is tested."
    )
    found.append(
        "Exact binomial p-values and naive Wilson intervals treat answers as independent, which they are "
        "not; they stand here only for comparison with the literature."
    )
    return found
