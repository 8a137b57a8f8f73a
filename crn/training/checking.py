"""What is checked of a run before it begins, so that nothing is written that cannot be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from .request import Request
    from .schedule import Stage


def check_request(request: Request) -> None:
    """Refuse what cannot be trained, whatever the data are like."""
    if request.architecture == "pix2pix" and len(request.stages) > 1:
        first, second = request.stages[:2]
        raise GlimpseError(
            f"pix2pix trains at one size, {first.height}x{first.width}; a second stage is "
            f"{second.height}x{second.width}. Give one stage."
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
