"""Options of `train` that say how a network learns: the loss, its feature network, rates, windows, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..losses.feature_networks import FEATURE_NETWORKS
from .options import Real, Size, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])}, or {words[-1]}"


OPTIONS = (
    click.option(
        "--features",
        type=click.Choice(list(FEATURE_NETWORKS)),
        default="small",
        show_default=True,
        help=f"The loss's feature network: {_listed([kind.words for kind in FEATURE_NETWORKS.values()])}.",
    ),
    click.option(
        "--features-file",
        default="",
        metavar="FILE",
        help="Weights of the feature network: torchvision's vgg19-dcbb9e9d.pth, "
        "imagenet-vgg-verydeep-19.mat, or a file of import-weights or `train --arch features`.  "
        "[default for VGG-16: vgg16.safetensors]",
    ),
    click.option(
        "--download-features", is_flag=True, help="Fetch VGG-19 from download.pytorch.org (548 MB)."
    ),
    click.option(
        "--balance",
        type=click.Choice(["alike", "authors"]),
        default=None,
        help="Weights of the loss's terms: the paper's rule, or its result for VGG-19.  "
        "[default: authors for the paper preset with VGG-19, else alike]",
    ),
    click.option(
        "--emphasis",
        default="",
        callback=numbers(Real(min=0)),
        metavar="F,F,F,F,F,F",
        help="Factor of each term: input, conv1_2 ... conv5_2 (VGG-16 has no conv5_2).  "
        "[default: 1 each; small preset 4,1,1,1,1,0.5]",
    ),
    click.option(
        "--learning-rate",
        type=Real(0, 10, min_open=True),
        default=None,
        help="Adam's rate.  [default: the preset's]",
    ),
    click.option(
        "--final-learning-rate",
        type=Real(0, 10, min_open=True),
        default=None,
        help="Adam's rate at the end of the last stage: see --decay.  [default: the preset's]",
    ),
    click.option(
        "--batch",
        type=click.IntRange(1, 65_536),
        default=1,
        show_default=True,
        help="Samples an update, over all processes.",
    ),
    click.option(
        "--mirror/--no-mirror",
        default=None,
        help="Show half of the samples mirrored.  [default: small preset yes, paper no]",
    ),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="bfloat16 is for GPUs; on a CPU float32 has a faster form of its own.",
    ),
    click.option("--recompute", is_flag=True, help="Gradient checkpointing: less memory, a third more time."),
    click.option(
        "--cache-mb",
        type=click.IntRange(0, 2**24),
        default=2048,
        show_default=True,
        help="Memory for photographs and their features.",
    ),
    click.option(
        "--decay",
        type=click.Choice(["late", "cosine"]),
        default=None,
        help="How the rate falls in the last stage: in its second half, or along a cosine.  [default: late]",
    ),
    click.option(
        "--average",
        type=Real(0, 1, max_open=True),
        default=None,
        help="Publish the moving average of the weights with this share of the past; 0: the last ones.  "
        "[default: small preset 0.999, paper 0]",
    ),
    click.option(
        "--loss-window",
        "window",
        type=Size(),
        default=None,
        help="Compare features in a random window of this size only: less time and memory an update.",
    ),
    click.option(
        "--zoom",
        type=Real(1, 4),
        default=None,
        help="Load photographs this much larger and cut a random window of the stage's size.  [default: 1]",
    ),
    click.option(
        "--workers",
        type=click.IntRange(0, 256),
        default=None,
        help="Threads that read photographs ahead.  [default: 4 for a GPU, else 0]",
    ),
)


def how_it_learns(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options, in this order."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
