"""Words for a paper: the methods paragraph, what was assumed, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .findings import by_study, measured_share, tests, under_way
from .tables import NBSP, count, dollars, level_text, percent, seconds_of, series

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
    unused = {"The ranking": not ranked, "The design": not after_the_paper(facts)}
    return (software, *(entry for entry in CITATIONS if not unused.get(entry[0])))


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
    experiment, studies = facts["experiment"], facts["studies"]
    answered = [row for row in facts["preference"] if row["n"]]
    seen = {row[side] for row in answered for side in ("condition_a", "condition_b")}
    limited = experiment["mode"] == "limited-time"
    kind = "limited-time" if limited else "unlimited-time"
    where = f"a{'' if limited else 'n'} {kind} two-alternative forced-choice study"
    if len(studies) > 1:
        where = f"{len(studies)} {kind} two-alternative forced-choice studies"
    cited = " (Chen and Koltun 2017)" if after_the_paper(facts) else ""
    pooled = " and pooled here" if len(studies) > 1 else ""
    if limited:
        masked = ", were then covered by masks," if made_here(facts) else ","
        shown = {row["exposure_ms"] for row in answered}
        times = seconds_of([value for value in experiment["exposures_ms"] if value in shown], "or")
        how = f"two images appeared side by side for {times}{masked} and the participant chose one of them"
    else:
        how = "two images stood side by side until the participant chose one of them"
    questions = series([f'"{question}"' for question in by_study(facts, "question")], "or")
    asked = f" ({questions})" if questions else ""
    conditions = series([name for name in experiment["conditions"] if name in seen])
    return (
        f"We compared {conditions} images in {where}{cited}, "
        f"{_software(facts)}{pooled}. On each trial {how}{asked}."
    )


def made_here(facts: Mapping[str, Any]) -> bool:
    """Whether the pages of all studies are Glimpse's, of which it is known what they do."""
    return all(study["run_with"] for study in facts["studies"])


def after_the_paper(facts: Mapping[str, Any]) -> bool:
    """Whether the design of all studies is known to be the paper's."""
    return all(study["run_with"] or study["imported_from"] == "crn-authors" for study in facts["studies"])


def _software(facts: Mapping[str, Any]) -> str:
    mine = facts["versions"].get("glimpse", "")
    used = list(dict.fromkeys(study["run_with"] for study in facts["studies"]))
    if used == [mine]:
        return f"run and analysed with Glimpse {mine}"
    run = f"run with Glimpse {series(used)} and " if all(used) else ""
    return f"{run}analysed with Glimpse {mine}"


def _material(facts: Mapping[str, Any]) -> str:
    experiment, counts = facts["experiment"], facts["counts"]
    paired = {
        "random": "images were paired at random",
        "same-item": "both images of a pair showed the same scene",
    }.get(experiment["pairing"])
    sides = {
        "balanced": "order was random and sides were balanced",
        "random": "order and sides were random",
    }.get(experiment["sides"])
    said = "; ".join(part for part in (paired, sides) if part)
    return (
        f"{said[:1].upper()}{said[1:]}{'. ' if said else ''}{count(counts['pairs'], 'image pair')} "
        f"{'was' if counts['pairs'] == 1 else 'were'} compared in {count(counts['hits'], 'HIT')} of up to "
        f"{count(experiment['trials_per_hit'], 'trial')}{_sentinels(experiment)}{_practice(experiment)}."
    )


def _practice(experiment: Mapping[str, Any]) -> str:
    number = experiment["practice_trials"]
    if number is None:
        return "; practice trials were not analysed"
    verb = "was" if number == 1 else "were"
    return f"; {count(number, 'practice trial')} a HIT {verb} not analysed" if number else ""


def _sentinels(experiment: Mapping[str, Any]) -> str:
    number = experiment["sentinels_per_hit"]
    if number == 0:
        return ""
    many = "some" if number is None else f"{number}"
    text = f", of which {many} {'was a sentinel' if number == 1 else 'were sentinels'} with a known answer"
    return f"{text} ({sentinels_shown(experiment, 'shown for ')})"


def sentinels_shown(experiment: Mapping[str, Any], before: str = "") -> str:
    """What sentinels showed, and for how long where that was limited: "crn against real, 4 s"."""
    pairs = series([f"{wrong} against {right}" for wrong, right in experiment["sentinel_contrasts"]])
    exposures = experiment["sentinel_exposures_ms"]
    return pairs if exposures == [None] else f"{pairs}, {before}{seconds_of(exposures, 'or')}"


def _people(facts: Mapping[str, Any]) -> str:
    counts = facts["counts"]
    fewest, most = counts["fewest_workers_a_hit"], counts["most_workers_a_hit"]
    known = f", {counts['sentinels']:,} of them to sentinels" if counts["sentinels"] else ""
    many = f"{most}" if fewest == most else f"{fewest} to {most}"
    who = "participants, who saw the same pairs" if most > 1 else "participant"
    rewards = [dollars(reward) for reward in by_study(facts, "reward_usd")]
    which = ", depending on the study" if len(rewards) > 1 else ""
    reward = f" The reward was {series(rewards, 'or')}{which}." if rewards else ""
    return (
        f"{count(counts['workers'], 'participant')} submitted {count(counts['assignments'], 'assignment')} "
        f"and gave {count(counts['judgments'], 'answer')}{known}; each HIT was done by {many} "
        f"{who}.{reward}"
    )


def _exclusion(facts: Mapping[str, Any]) -> str:
    counts, rules = facts["counts"], facts["settings"]
    out = count(counts["excluded_assignments"], "assignment")
    share = percent(counts["excluded_assignments"] / counts["assignments"])
    unfiltered, reasons = "", ["Incomplete assignments"]
    if counts["sentinels"] and rules["sentinel_filter"]:
        reasons = [f"Assignments with {_too_wrong(facts)}", "incomplete ones"]
    elif counts["sentinels"]:
        unfiltered = "No assignment was excluded for its sentinels. "
    if rules["repeat_workers"] == "first":
        batch = " in a batch" if facts["experiment"]["batches"] > 1 else ""
        reasons.append(f"all but a participant's first{batch}")
    return (
        f"{unfiltered}{series(reasons)} were excluded ({out}, {share}){_off(facts)}, which leaves "
        f"{count(counts['analysed'], 'answer')} to genuine trials for analysis."
    )


def _too_wrong(facts: Mapping[str, Any]) -> str:
    """The sentinel rule, as what an excluded assignment has."""
    allowed, own = facts["settings"]["max_wrong_sentinels"], by_study(facts, "max_wrong_sentinels")
    if allowed is None:
        numbers = f" ({series([str(number) for number in own], 'or')})" if own else ""
        return f"more wrong answers to sentinels than their study allows{numbers}"
    if allowed == 0:
        return "a wrong answer to any sentinel"
    return f"wrong answers to more than {count(allowed, 'sentinel')}"


def _off(facts: Mapping[str, Any]) -> str:
    """The single answers that were left out for their exposure, where that was asked for."""
    most = facts["settings"]["max_exposure_error_ms"]
    if most is None or facts["experiment"]["mode"] != "limited-time":
        return ""
    lost = next(row["judgments"] for row in facts["exclusions"] if row["reason"] == "exposure error")
    return f", and so were {count(lost, 'more answer')} whose measured exposure was more than {most:g} ms off"


def _statistics(facts: Mapping[str, Any]) -> str:
    rules = facts["settings"]
    level = level_text(rules["level"])
    text = (
        f"Preference rates are given with {level} intervals that account for correlation within "
        f"{WAYS[rules['cluster']]}"
    )
    if not rules["cluster"].endswith("bootstrap"):
        text += ": Wilson intervals with the effective sample size and a t quantile"
    text += "."
    if tests(facts):
        text += " Rates were tested against chance (1/2) by two-sided t tests with the same variance"
        text += f", adjusted over {adjustment(facts)}." if tests(facts) > 1 else "."
    return f"{text}{_curves(facts)}"


def adjustment(facts: Mapping[str, Any]) -> str:
    """Over what p-values are adjusted, and how: "21 cells (Holm)"."""
    how = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[facts["settings"]["adjust"]]
    return f"{count(tests(facts), 'cell')} ({how})"


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
    rules, own = facts["settings"], by_study(facts, "max_wrong_sentinels")
    used, one = rules["max_wrong_sentinels"], len(facts["studies"]) == 1
    text = "Exclusion is decided per assignment and has nothing to do with payment."
    if not facts["counts"]["sentinels"]:
        return text
    if not own:
        which = "The study states no" if one else "Not every study states a"
        instead = "; in its place stands this report's" if rules["sentinel_filter"] else ""
        return f"{text} {which} sentinel rule of its own{instead}."
    if rules["sentinel_filter"] and (used is None or own == [used]):
        whose = "the study's own" if one else "each study's own"
        when = ", fixed before the answers were seen" if made_here(facts) else ""
        return f"{text} The sentinel rule is {whose}{when}."
    whose = "the study's own" if one else "the studies' own"
    return f"{text} The sentinel rule was chosen for this report and is not {whose}."


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
