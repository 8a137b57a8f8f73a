"""Answers in Python: read, excluded, simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.calling import flag, in_python, number, path_of, refuse, whole, word
from glimpse.console import versions
from glimpse.errors import GlimpseError
from glimpse.files import refuse_twice
from glimpse.precision import IMAGE_SD, PAIR_SD
from glimpse.study import Study

from ..reading import exclusion, results
from ..reading.belonging import belonging
from ..reading.exclusion import Exclusion, Rules
from ..reading.results import Results

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

FOLDERS = "give the path of a results folder, or a list of them"


@in_python
def read_results(folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Results:
    """Read what people answered: one results folder, or several that are pooled.

    A study that still runs can be read at any time. Answers that belong to another study are left out, as
    `glimpse analyze` leaves them out; `Results.problems` names each.

    Args:
        folders: The folder that `glimpse collect`, `glimpse import-results` or `glimpse.simulate` wrote, or a
            list of such folders. Studies that are pooled must have one mode.

    Returns:
        Results. `assignments` is a DataFrame with one row an assignment (among its columns worker, hit,
        submitted_at, refresh_hz, n_answered, n_wrong), `trials` one with the design, one row a trial;
        `mode`, `real`, `simulated` and `questions` say what was read, `problems` what was left out or
        repaired.

    Raises:
        ArgumentError: `folders` is no path and no list of paths.
        GlimpseError: A folder is missing, incomplete or named twice, no answer can be used, or the studies
            have different modes.

    Example:
        >>> import glimpse
        >>> results = glimpse.read_results("results")
        >>> results
        <Results: 9,600 answers of 400 workers, limited-time, 3 contrasts, simulated>
        >>> results.assignments["n_wrong"].value_counts().to_dict()
        {0: 388, 1: 7, 2: 5}
    """
    several = folders if isinstance(folders, list | tuple) else [folders]
    if not several:
        refuse("folders", folders, FOLDERS)
    names = [path_of("folders", folder, FOLDERS) for folder in several]
    refuse_twice(names, "results folder")
    return belonging(results.read_results(names))


@in_python
def exclude(
    results: Results,
    *,
    sentinel_filter: bool = True,
    max_wrong_sentinels: int | None = None,
    repeat_workers: str = "first",
    max_exposure_error_ms: float | None = None,
    question: str | None = None,
) -> Exclusion:
    """Mark the judgments that do not count: of incomplete, repeated and careless assignments.

    Nothing is deleted, and nobody's payment changes. The rules are those of `glimpse analyze`.

    Args:
        results: What `glimpse.read_results` returned.
        sentinel_filter: Exclude assignments with too many wrong answers to sentinels, the trials whose answer
            is known.
        max_wrong_sentinels: How many wrong sentinels an assignment may have; None: as the study says.
        repeat_workers: Of a worker's assignments in a batch, "first" counts the first, "keep" counts all.
        max_exposure_error_ms: Exclude single judgments whose measured exposure is further from the planned
            one than this, in ms; None: exclude none.
        question: Of a study that asks several, the name of the one whose answers are wanted; None: the first.
            The same assignments are excluded for each, since sentinels are judged by one question.

    Returns:
        Exclusion, which the statistics take. `assignments` is a DataFrame with one row an assignment
        (excluded, reason, reasons, n_wrong, ...), as in exclusions.csv; `counts` has one row a reason;
        `table()` gives the DataFrame of all judgments, as in judgments.csv.

    Raises:
        ArgumentError: `results` is something else than what `read_results` returns, or an option has a wrong
            type.
        GlimpseError: An option is out of its range, or there is no such question.

    Example:
        >>> import glimpse
        >>> judgments = glimpse.exclude(glimpse.read_results("results"))
        >>> judgments
        <Exclusion: 12 of 400 assignments and 288 of 9,600 judgments excluded>
        >>> judgments.counts.set_index("reason").loc["wrong sentinels"].to_dict()
        {'assignments': 12, 'workers': 12, 'judgments': 288}
    """
    if not isinstance(results, Results):
        refuse("results", results, "give what glimpse.read_results(folder) returns")
    flag("sentinel_filter", sentinel_filter)
    word("repeat_workers", repeat_workers, ("first", "keep"))
    if max_wrong_sentinels is not None:
        max_wrong_sentinels = whole("max_wrong_sentinels", max_wrong_sentinels)
    if max_exposure_error_ms is not None:
        max_exposure_error_ms = number("max_exposure_error_ms", max_exposure_error_ms)
    if question is not None:
        results = results.asked(word("question", question))
    rules = Rules(sentinel_filter, max_wrong_sentinels, repeat_workers, max_exposure_error_ms)
    return exclusion.exclude(results, rules)


@in_python
def simulate(
    study: Study | str | os.PathLike[str],
    out: str | os.PathLike[str] = "results",
    *,
    workers: int | None = None,
    seed: int = 0,
    quality: Mapping[str, float] | None = None,
    random_share: float = 0.01,
    lapse: float = 0.003,
    pair_sd: float = PAIR_SD,
    image_sd: float = IMAGE_SD,
    item_sd: float = 0.0,
    tie_threshold: float = 0.3,
    scale_step: float = 0.8,
    question_correlation: float = 0.5,
    ability_sd: float = 0.25,
    side_bias_sd: float = 0.10,
    d_prime: Mapping[str, float] | None = None,
    criterion: float = 0.6,
    criterion_sd: float = 0.2,
    half_ms: float = 120.0,
) -> Results:
    """Let simulated people answer a study, to try out an analysis before anybody is asked.

    The people differ in ability, care, side bias and speed, and some click at random; some images look more
    real than others of their condition, and some pairs are easier than others. What they answer is marked
    simulated for good: in the files, and on every figure.

    Args:
        study: What `glimpse.build_study` returned, or the study's folder.
        out: The results folder to write. It must be new, or hold earlier simulated answers, which are
            replaced; answers of people never are.
        workers: How many people answer, one HIT each; None: as many as fill the study.
        seed: The same seed gives the same people and answers.
        quality: Condition -> how real it looks without a time limit, in probit units: the real one is 0, and
            beside one of -1 it is chosen 84 % of the time. None: by the condition's name and role. Of several
            questions, "question:condition" says it for one.
        random_share: Share of workers who click at random, 0 to 1.
        lapse: Share of trials that the others answer without looking, on average, 0 to 0.5.
        pair_sd: How much pairs differ, beyond their images, a standard deviation in probit units, 0 to 5.
        image_sd: How much the images of a condition differ in how real they look, a standard deviation in
            probit units, 0 to 5. With both defaults, what pairs show differs by 0.45 in all.
        item_sd: How much prompts (or scenes, where both images show one) differ in how hard they make it to
            tell conditions apart, a standard deviation of what each adds to every worker's ability, 0 to 1.
        tie_threshold: How little two images differ where workers answer a tie, or 0 of a scale, in probit
            units, 0 to 5.
        scale_step: How much more they differ for each further step of a scale, in probit units, 0 to 5.
        question_correlation: How alike pairs and images look under the first question and another, 0 to 1.
        ability_sd: How much workers differ in how well they see, a standard deviation around 1, 0 to 1.
        side_bias_sd: How much workers lean to one side, a standard deviation in probit units, 0 to 5.
        d_prime: Of one image at a time: condition -> how well its images are told from real ones without a
            time limit; None: by how real it looks. criterion: what people need to see to say "generated";
            criterion_sd: how much they differ in it. half_ms: the exposure at which half of d' is there.

    Returns:
        Results, as `glimpse.read_results(out)` gives them.

    Raises:
        ArgumentError: An argument has a wrong type.
        GlimpseError: There is no such study, a number is out of its range, `quality` names a condition that
            the study does not have, or `out` holds something else than simulated answers.

    Source:
        The observer is described in `analysis/simulation/observer.py`; the usual qualities are near the
        rates of Chen & Koltun (2017), Table 1.

    Example:
        >>> import glimpse
        >>> glimpse.simulate("study", "pilot", workers=10, quality={"crn": -0.5})
        <Results: 240 answers of 10 workers, limited-time, 3 contrasts, simulated>
    """
    from ..simulation.detector import detector, settings_used
    from ..simulation.observer import Observer
    from ..simulation.simulated_results import check_out, write_results
    from ..simulation.simulated_study import read_simulated, shows_single
    from ..simulation.simulation import answer_study

    if isinstance(study, Study) and study.folder is not None:
        study = study.folder
    folder = path_of("study", study, "give what glimpse.build_study returns, or a study's folder")
    target = path_of("out", out, "give the path of the results folder to write")
    observer = Observer(
        quality=_qualities("quality", quality),
        random_share=number("random_share", random_share),
        lapse_mean=number("lapse", lapse),
        pair_sd=number("pair_sd", pair_sd),
        image_sd=number("image_sd", image_sd),
        item_sd=number("item_sd", item_sd),
        tie_threshold=number("tie_threshold", tie_threshold),
        scale_step=number("scale_step", scale_step),
        question_correlation=number("question_correlation", question_correlation),
        ability_sd=number("ability_sd", ability_sd),
        side_bias_sd=number("side_bias_sd", side_bias_sd),
    )
    if shows_single(folder):
        observer = detector(
            observer,
            _qualities("d_prime", d_prime),
            criterion=number("criterion", criterion),
            criterion_sd=number("criterion_sd", criterion_sd),
            half_ms=number("half_ms", half_ms),
        )
    elif d_prime is not None:
        raise GlimpseError(f"d_prime is for studies of one image at a time; {folder} shows pairs.")
    seed, people = whole("seed", seed), None if workers is None else whole("workers", workers, 1)
    plan = read_simulated(folder, observer, versions()["glimpse"])
    check_out(target)
    visits = answer_study(plan, observer, seed, people)
    used = settings_used(observer, plan.quality)
    record = {"seed": seed, "observer": used, "versions": versions("numpy", "scipy")}
    write_results(plan, visits, seed, target, record)
    return read_results(target)


def _qualities(name: str, quality: Mapping[str, float] | None) -> dict[str, float]:
    """Return numbers by condition, after a look at their types."""
    if quality is None:
        return {}
    if not hasattr(quality, "items"):
        refuse(name, quality, 'give a dict such as {"crn": -0.85}')
    return {word(name, one): number(f"{name}[{one!r}]", value) for one, value in quality.items()}
