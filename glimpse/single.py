"""One image at a time: what such an experiment shows, and what it cannot have. Pure.

`Experiment` calls `check_single` when it is made; it takes it as it is, since its class imports this.
"""

from __future__ import annotations

from typing import Any, Literal

from glimpse.errors import GlimpseError
from glimpse.questions import PAIR_KINDS, SINGLE_KINDS

Task = Literal["pairs", "single"]
# Real images of every condition that is shown beside them, in a HIT of a study that does not say how long.
USUAL_TRIALS = 100


def real_per_exposure(generated: int, real_share: float) -> int:
    """Return how many real images stand beside so many generated ones.

    >>> real_per_exposure(50, 0.5), real_per_exposure(10, 0.2)
    (50, 2)
    """
    return max(1, round(generated * real_share / (1 - real_share)))


def real_of(trials: int, real_share: float) -> int:
    """Return how many of a HIT's compared trials show real images; at least one does, and one does not.

    >>> real_of(100, 0.5), real_of(3, 0.1)
    (50, 1)
    """
    return min(trials - 1, max(1, round(trials * real_share)))


def block_sizes(trials: int, blocks: int) -> list[int]:
    """Return the lengths of the blocks of a HIT's trials, practice aside, in their order.

    >>> block_sizes(100, 3)
    [34, 33, 33]
    """
    return [trials // blocks + (block < trials % blocks) for block in range(blocks)]


def check_single(experiment: Any) -> None:
    """Check what a study of one image at a time shows, and that nothing is stated that belongs to pairs."""
    single = experiment.task == "single"
    _check_answers(experiment, single=single)
    if not single:
        _check_none(experiment)
        return
    _check_shown(experiment)
    share = experiment.real_share
    if not isinstance(share, float) or not 0 < share < 1:
        raise GlimpseError(
            f"--real-share is {share:g}; it must be above 0 and below 1, the share of trials that show a "
            "real image, such as 0.5."
        )
    if experiment.stop_when is not None:
        raise GlimpseError("--stop-when is about contrasts, and one image at a time has none. Leave it out.")
    if experiment.sentinels == "mismatch":
        raise GlimpseError(
            "--sentinel-mismatch shows two images under a prompt, and belongs to --task pairs. Take known "
            "answers from --sentinel or --sentinel-file."
        )
    _check_blocks(experiment)


def _check_shown(experiment: Any) -> None:
    """Check that real images are shown, and others beside them, and no contrasts."""
    if experiment.contrasts or any(batch.contrasts for batch in experiment.batches):
        raise GlimpseError("contrasts are of pairs; one image at a time has conditions that are shown.")
    if experiment.real is None:
        raise GlimpseError(
            "One image at a time needs real images, to which the generated ones are compared. Name their "
            "condition with --real."
        )
    for batch in experiment.batches:
        if experiment.real not in batch.shown or len(set(batch.shown)) < 2:
            raise GlimpseError(
                f"batch {batch.batch} shows {', '.join(batch.shown) or 'nothing'}; it needs the real "
                f"condition {experiment.real} and at least one other. Name conditions with --condition."
            )
    if sorted({name for batch in experiment.batches for name in batch.shown}) != sorted(experiment.shown):
        raise GlimpseError("batches must hold each of the conditions that are shown.")
    if len(set(experiment.shown)) != len(experiment.shown):
        raise GlimpseError(f"shown is {', '.join(experiment.shown)}; name each condition once.")


def _check_answers(experiment: Any, *, single: bool) -> None:
    """Check that questions are answered as the task has it."""
    for question in experiment.questions:
        if question.kind.single != single:
            kinds = SINGLE_KINDS if single else PAIR_KINDS
            raise GlimpseError(
                f"question {question.name}: answer is {question.answer!r}; with --task {experiment.task} "
                f"allowed are {', '.join(kinds)}."
            )


def _check_none(experiment: Any) -> None:
    """Refuse in pairs what one image at a time alone has."""
    named = {
        "--condition": experiment.shown or any(batch.shown for batch in experiment.batches),
        "--real-share": experiment.real_share != 0.5,
        "--blocks": experiment.blocks != 1,
        "--allocation staircase": experiment.allocation == "staircase" or experiment.staircase is not None,
    }
    for option, stated in named.items():
        if stated:
            raise GlimpseError(f"{option} belongs to --task single; leave it out, or add --task single.")


def _check_blocks(experiment: Any) -> None:
    """Check that blocks have trials, and that a staircase has what it needs."""
    blocks = experiment.blocks
    if type(blocks) is not int or blocks < 1:
        raise GlimpseError(f"--blocks is {blocks!r}; it must be a whole number of at least 1.")
    stairs = experiment.allocation == "staircase"
    if stairs != (experiment.staircase is not None):
        raise GlimpseError("allocation is 'staircase' where a staircase is stated, and only there.")
    for batch in experiment.batches:
        trials = experiment.genuine_per_hit(batch)
        if trials < 2 * blocks:
            raise GlimpseError(
                f"--blocks is {blocks}, and a HIT has {trials} images beside sentinels; each block needs a "
                "real and a generated one. Lower --blocks, or raise --trials-per-hit."
            )
        if stairs and trials % blocks:
            raise GlimpseError(
                f"--blocks is {blocks}, and a HIT has {trials} images; staircases of one length need a "
                "multiple of it. Change --trials-per-hit."
            )
    if not stairs:
        return
    if experiment.mode != "limited-time":
        raise GlimpseError("--allocation staircase chooses exposures, and needs --mode limited-time.")
    if experiment.sentinels_per_hit:
        raise GlimpseError(
            f"sentinels_per_hit is {experiment.sentinels_per_hit}; a staircase decides the exposure of every "
            "image, so that no answer is plain. Set --sentinels-per-hit 0."
        )
    if experiment.exposures_ms != (experiment.staircase.start_ms,):
        raise GlimpseError("--exposure-ms does not go with --allocation staircase, which chooses them.")
