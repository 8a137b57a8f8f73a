"""`train`: options in, one call, what was written out."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from glimpse.console import versions
from glimpse.program import command, program

from ..losses.feature_networks import FEATURE_NETWORKS
from .options import PlainName, unknown_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Options that may accompany --resume: they change where and how long, not what is learnt.
WITH_RESUME = {"resume", "name", "out", "device", "threads", "minutes"}
STAGE = re.compile(r"(\d+)x(\d+):([\d.]+)(?::([\d,]+))?")


def _numbers(kind: type[int | float]) -> Any:
    def parse(_ctx: click.Context, option: click.Parameter, value: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part) for part in value.split(",") if part)
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is not a list of numbers such as 1,2,3.", param=option
            ) from None

    return parse


def _stages(_ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Any, ...]:
    found = []
    for value in values:
        match = STAGE.fullmatch(value)
        if not match:
            raise click.BadParameter(
                f"{value!r} is not HEIGHTxWIDTH:EPOCHS, or HEIGHTxWIDTH:EPOCHS:HEIGHTS with the heights of "
                "the modules that learn, such as 1024x2048:5:512,1024.",
                param=option,
            )
        height, width, epochs, trained = match.groups()
        heights = tuple(int(part) for part in (trained or "").split(",") if part)
        found.append((int(height), int(width), float(epochs), heights))
    return tuple(found)


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])}, or {words[-1]}"


def _given(ctx: click.Context) -> set[str]:
    """Return the options that were typed."""
    source = click.core.ParameterSource.COMMANDLINE
    return {name for name in ctx.params if ctx.get_parameter_source(name) == source}


@click.command()
@click.option(
    "--data",
    "--dataset",
    metavar="KIND[:PATH]",
    default="scenes",
    show_default=True,
    help="What to train on: scenes (drawn, nothing to download), camvid, cityscapes, cityscapes-coarse, "
    "gta5, nyu, or pairs (two folders); after the colon, where it is.",
)
@click.option("--root", default="", help="Where the dataset is; the same as --data KIND:PATH.")
@click.option(
    "--hold-out",
    default="",
    metavar="PREFIX",
    help="Never train on photographs whose names start with PREFIX; show them only in the sample grids.",
)
@click.option("--split", default="train", show_default=True, help="The dataset's split to train on.")
@click.option(
    "--label-set",
    default="",
    metavar="NAME|FILE",
    help="What the label maps' values mean: a bundled set or a JSON file.  [default: the dataset's]",
)
@unknown_option("What to do with label values that the label set does not know.")
@click.option(
    "--fit",
    type=click.Choice(["crop", "stretch"]),
    default="crop",
    show_default=True,
    help="How to fit photographs whose aspect ratio differs from the network's.",
)
@click.option("--scenes", default=400, show_default=True, help="Scenes to draw for --data scenes.")
@click.option(
    "--arch",
    type=click.Choice(["crn", "pix2pix", "features"]),
    default="crn",
    show_default=True,
    help="The paper's network, the pix2pix baseline, or the small feature network of the loss.",
)
@click.option(
    "--loss",
    type=click.Choice(["features", "image", "diverse"]),
    default="features",
    show_default=True,
    help="Feature matching, the image-space baseline, or the diversity loss.",
)
@click.option(
    "--samples",
    "outputs",
    default=0,
    metavar="K",
    help="Images per label map.  [default: 9 with --loss diverse, else 1]",
)
@click.option(
    "--preset",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="Sizes, widths and schedule: for one CPU, or as published (256p, 512p, 1024p).",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    callback=_stages,
    metavar="HxW:EPOCHS[:HEIGHTS]",
    help="A stage of your own, repeatable; each doubles the one before. HEIGHTS: the modules that learn.",
)
@click.option(
    "--widths",
    default="",
    callback=_numbers(int),
    metavar="N,N,...",
    help="Features of each module, coarsest first (pix2pix: outermost first).  [default: the preset's]",
)
@click.option(
    "--features",
    type=click.Choice(list(FEATURE_NETWORKS)),
    default="small",
    show_default=True,
    help=f"The loss's feature network: {_listed([kind.words for kind in FEATURE_NETWORKS.values()])}.",
)
@click.option(
    "--features-file",
    default="",
    metavar="FILE",
    help="Weights of the feature network: torchvision's vgg19-dcbb9e9d.pth, imagenet-vgg-verydeep-19.mat, "
    "or a file of `train --arch features`.",
)
@click.option("--download-features", is_flag=True, help="Fetch VGG-19 from download.pytorch.org (548 MB).")
@click.option(
    "--balance",
    type=click.Choice(["alike", "authors"]),
    default=None,
    help="Weights of the loss's terms: the paper's rule, or its result for VGG-19.  "
    "[default: authors for the paper preset with VGG-19, else alike]",
)
@click.option(
    "--emphasis",
    default="",
    callback=_numbers(float),
    metavar="F,F,F,F,F,F",
    help="Factor of each term: input, conv1_2 ... conv5_2.  [default: 1 each; small preset 4,1,1,1,1,0.5]",
)
@click.option("--learning-rate", type=float, default=None, help="Adam's rate.  [default: the preset's]")
@click.option(
    "--final-learning-rate",
    type=float,
    default=None,
    help="Adam's rate at the end of the last stage, approached in its second half.  [default: the preset's]",
)
@click.option("--batch", default=1, show_default=True, help="Samples an update, over all processes.")
@click.option(
    "--mirror/--no-mirror",
    default=None,
    help="Show half of the samples mirrored.  [default: small preset yes, paper no]",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is for GPUs; on a CPU float32 has a faster form of its own.",
)
@click.option("--recompute", is_flag=True, help="Gradient checkpointing: less memory, a third more time.")
@click.option("--cache-mb", default=2048, show_default=True, help="Memory for the photographs' features.")
@click.option("--weights", default="", metavar="FILE", help="Start from these weights (fine-tuning).")
@click.option("--half", is_flag=True, help="Store the weights in half precision: half the size.")
@click.option("--steps", default=1800, show_default=True, help="Updates, for --arch features only.")
@click.option("--seed", default=0, show_default=True, help="Same seed and data: same network.")
@click.option(
    "--name",
    type=PlainName(),
    default="",
    help="The run's folder, and its weights' name.  [default: DATA-ARCH or -LOSS]",
)
@click.option("--out", default="training", show_default=True, help="Folder of all runs.")
@click.option("--resume", is_flag=True, help="Resume the run called --name, however it ended.")
@click.option(
    "--minutes",
    default=0.0,
    show_default=True,
    help="Stop after this many minutes; --resume continues. 0: run to the end.",
)
@click.option("--save-minutes", default=5.0, show_default=True, help="Time between checkpoints.")
@click.option("--sample-steps", default=500, show_default=True, help="Updates between sample grids.")
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda with a GPU.")
@click.option("--threads", default=0, help="Processor threads.  [default: all]")
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:  # fmt: skip
    """Train a network from a dataset, stage by stage.

    A run lives in training/NAME: NAME.safetensors (for synthesize --weights), latest.pt (for --resume),
    log.csv, samples/*.png. After an interruption, --resume continues the run and gives the same weights.

    \b
    Examples:
      python cli.py train --minutes 30
      python cli.py train --resume
      python cli.py train --data camvid:CamVid --hold-out 0001TP
      python cli.py train --data cityscapes:Cityscapes --preset paper --features vgg19 --download-features
      torchrun --nproc-per-node 2 -m glimpse train --batch 2
    """
    console = ctx.obj
    from ..training.preparing import Request, resumed_request, start

    given = _given(ctx)
    if options["root"]:
        options["data"] = f"{options['data']}:{options['root']}"
    if not options["name"]:
        options["name"] = _default_name(options)
    if options["arch"] == "features":
        _train_features(console, options)
        return
    if options["resume"]:
        if extra := sorted(given - WITH_RESUME):
            shown = ", ".join("--" + name.replace("_", "-") for name in extra)
            raise click.UsageError(
                f"--resume keeps the options of the interrupted run; leave out {shown}, "
                "or start a new run under another --name (--weights FILE starts from trained weights)."
            )
        changes = {name: options[name] for name in ("device", "threads", "minutes")}
        request = resumed_request(options["name"], options["out"], **changes)
    else:
        request = Request(**_request(options))
    with _ended_by_signal() as stop:
        outcome = start(
            request,
            resume=options["resume"],
            command=command(*sys.argv[1:]),
            versions=versions("torch", "numpy"),
            track=console.track,
            report=lambda update, terms: console.say(_terms(update, terms)),
            stop=stop,
        )
    console.say(f"{outcome.place.total} updates in {outcome.seconds / 60:.1f} minutes.")
    console.say(f"Wrote {request.folder}/: {request.name}.safetensors, latest.pt, log.csv, samples/.")
    if outcome.finished:
        console.next(f"{program()} synthesize --weights {request.folder}/{request.name}.safetensors")
    else:
        console.next(f"{program()} train --resume --name {request.name} --out {request.out}")


def _terms(update: int, terms: dict[str, float]) -> str:
    """Say the loss and its terms in one line."""
    parts = ", ".join(f"{name} {value:.4g}" for name, value in terms.items() if name != "loss")
    return f"update {update}: loss {terms.get('loss', 0):.4g} ({parts}); samples/{update:07d}.png"


@contextmanager
def _ended_by_signal() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM end a run after the update at hand, with a checkpoint; a second one at once."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _frame: Any) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, remember)
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _default_name(options: dict[str, Any]) -> str:
    kind = options["data"].partition(":")[0]
    if options["arch"] != "crn":
        return f"{kind}-{options['arch']}"
    ending: str = {"features": "-crn", "image": "-image-space", "diverse": "-diverse"}[options["loss"]]
    return f"{kind}{ending}"


def _request(options: dict[str, Any]) -> dict[str, Any]:
    """Turn options into the fields of a Request."""
    from ..training.schedule import Stage

    settings = {
        name: options[name]
        for name in ("balance", "emphasis", "learning_rate", "final_learning_rate", "batch", "mirror",
                     "precision", "recompute", "cache_mb", "seed", "save_minutes", "sample_steps")
        if options[name] not in (None, ())
    }  # fmt: skip
    if "learning_rate" in settings:
        settings.setdefault("final_learning_rate", settings["learning_rate"])
    same = (
        "name", "out", "loss", "preset", "widths", "features", "features_file",
        "download_features", "weights", "half", "device", "threads", "minutes",
    )  # fmt: skip
    outputs = options["outputs"] or (9 if options["loss"] == "diverse" else 1)
    stages = tuple(
        Stage(height, width, epochs, heights) for height, width, epochs, heights in options["stages"]
    )
    return {
        **{name: options[name] for name in same},
        "source": _source(options),
        "architecture": options["arch"],
        "outputs": outputs,
        "stages": stages,
        "settings": settings,
    }


def _source(options: dict[str, Any]) -> Any:
    """Turn options into a DataRequest."""
    from ..training.sources import DataRequest

    same = ("data", "split", "label_set", "hold_out", "scenes", "fit")
    return DataRequest(**{name: options[name] for name in same}, unknown_to_void=options["unknown"] == "void")


def _train_features(console: Any, options: dict[str, Any]) -> None:
    from pathlib import Path

    from ..training.feature_training import FeatureTraining
    from ..training.preparing import start_features

    path = Path(options["out"]) / options["name"] / f"{options['name']}.safetensors"
    accuracy = start_features(
        _source(options),
        path,
        training=FeatureTraining(steps=options["steps"], seed=options["seed"]),
        command=command(*sys.argv[1:]),
        track=console.track,
    )
    console.say(f"Wrote {path} (last crops: {accuracy:.0%} of pixels classified rightly).")
    console.next(f"{program()} train --features-file {path}")
