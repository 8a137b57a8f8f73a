"""What is checked of a run before it begins, so that nothing is written that cannot be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from ..losses.features import FeaturePlan
    from ..network.config import NetworkConfig
    from .request import Request
    from .schedule import Stage, TrainingSettings


def check_request(request: Request) -> None:
    """Refuse what cannot be trained, whatever the data are like."""
    if request.architecture == "pix2pix" and len(request.stages) > 1:
        first, second = request.stages[:2]
        raise GlimpseError(
            f"pix2pix trains at one size, {first.height}x{first.width}; a second stage is "
            f"{second.height}x{second.width}. Give one stage."
        )
    _check_window(request.settings.get("window", ()), request.stages)


def check_settings(
    settings: TrainingSettings, stated: dict[str, Any], config: NetworkConfig, plan: FeaturePlan | None
) -> None:
    """Refuse stages, a window and factors that the network or its loss has no use for; `stated`: as typed."""
    _check_window(settings.window, settings.stages)
    for stage in settings.stages:
        heights = [config.base_height * 2**doubling for doubling in range(16)]
        known = [height for height in heights if height <= stage.height]
        if strange := [height for height in stage.trained_heights if height not in known]:
            raise GlimpseError(
                f"--stage {stage.height}x{stage.width}: the network has no module of height {strange[0]}; "
                f"it has {', '.join(map(str, known))}. Name those of them that learn, or leave the heights "
                "out: all learn then."
            )
    given = ",".join(f"{factor:g}" for factor in settings.emphasis)
    if plan and settings.balance == "authors" and "emphasis" in stated:
        raise GlimpseError(
            f"--emphasis is {given}: it works only with --balance alike; the authors' weights of the loss's "
            "terms are as they are. Leave --emphasis out, or add --balance alike."
        )
    if plan and not any(settings.emphasis[: len(plan.taps)]):
        raise GlimpseError(
            f"--emphasis is {given}: no term of the loss would count ({', '.join(plan.taps)}), and nothing "
            "be learnt. One factor at least must be above 0."
        )


def _check_window(window: tuple[int, ...], stages: tuple[Stage, ...]) -> None:
    for stage in stages:
        if window and (window[0] > stage.height or window[1] > stage.width):
            raise GlimpseError(
                f"--loss-window is {window[0]}x{window[1]}, larger than stage {stage.height}x{stage.width}. "
                "Give a window that every stage has room for, or leave it out."
            )


def check_widths(request: Request, stages: tuple[Stage, ...], modules: int) -> None:
    """Refuse widths that are fewer than the modules of the first stage, or more than those of the last."""
    most = modules + len(stages) - 1
    if request.widths and not modules <= len(request.widths) <= most:
        allowed = f"{modules}" if modules == most else f"{modules} to {most}"
        raise GlimpseError(
            f"--widths is {','.join(map(str, request.widths))}; with these stages the network has {allowed} "
            "modules, the coarsest first, and each takes one number. Give that many, or leave --widths out."
        )
