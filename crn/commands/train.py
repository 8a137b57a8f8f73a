"""`train`: options in, one call, what was written out."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from glimpse.console import versions
from glimpse.given import is_given
from glimpse.program import command

from .options import PlainName, Real, numbers, stages_of, unknown_option
from .signals import ended_by_signal
from .train_checks import a_folder, named, refuse_idle, refuse_idle_data
from .train_options import how_it_learns

# Options that may accompany --resume: they change where and how long, not what is learnt.
WITH_RESUME = {"resume", "name", "out", "device", "threads", "minutes", "workers"}
# Those that the small feature network's training, minutes long, knows.
WITH_FEATURES = {"arch", "data", "root", "split", "label_set", "unknown", "hold_out", "fit", "scenes",
                 "steps", "seed", "name", "out", "device", "threads"}  # fmt: skip
WIDEST = 65_536  # features of a module


def _given(ctx: click.Context) -> set[str]:
    """Return the options that were typed."""
    return {name for name in ctx.params if is_given(name)}


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
@click.option(
    "--scenes",
    type=click.IntRange(1, 1_000_000),
    default=400,
    show_default=True,
    help="Scenes to draw for --data scenes.",
)
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
    type=click.IntRange(1, 1000),
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
    callback=stages_of,
    metavar="HxW:EPOCHS[:HEIGHTS]",
    help="A stage of your own, repeatable; each doubles the one before. HEIGHTS: the modules that learn.",
)
@click.option(
    "--widths",
    default="",
    callback=numbers(click.IntRange(1, WIDEST)),
    metavar="N,N,...",
    help="Features of each module, coarsest first (pix2pix: outermost first). With --weights: multiples of "
    "what these have, to go on with a wider network.  [default: the weights', or the preset's]",
)
@how_it_learns
@click.option("--weights", default="", metavar="FILE", help="Start from these weights (fine-tuning).")
@click.option("--half", is_flag=True, help="Store the weights in half precision: half the size.")
@click.option(
    "--steps",
    type=click.IntRange(1, 10**9),
    default=1800,
    show_default=True,
    help="Updates, for --arch features only.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 2),
    default=0,
    show_default=True,
    help="Same seed and data: same network.",
)
@click.option(
    "--name",
    type=PlainName(),
    default="",
    help="The run's folder, and its weights' name.  [default: DATA-ARCH, DATA-image-space or DATA-diverse]",
)
@click.option("--out", default="training", show_default=True, callback=a_folder, help="Folder of all runs.")
@click.option("--resume", is_flag=True, help="Resume the run called --name, however it ended.")
@click.option(
    "--minutes",
    type=Real(min=0),
    default=0.0,
    show_default=True,
    help="Stop after this many minutes; --resume continues. 0: run to the end.",
)
@click.option(
    "--save-minutes", type=Real(min=0), default=5.0, show_default=True, help="Time between checkpoints."
)
@click.option(
    "--sample-steps",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Updates between sample grids.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda with a GPU.")
@click.option("--threads", type=click.IntRange(0, 1024), default=0, help="Processor threads.  [default: all]")
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:  # fmt: skip
    """Train a network from a dataset, stage by stage.

    A run lives in training/NAME: NAME.safetensors (for synthesize --weights), NAME-best.safetensors (the best
    on photographs held out), latest.pt (for --resume), log.csv, losses.png, samples/*.png. After an
    interruption, --resume continues the run and gives the same weights.

    \b
    Examples:
      python cli.py train --minutes 30
      python cli.py train --resume
      python cli.py train --data camvid:CamVid --hold-out 0001TP
      python cli.py train --data cityscapes:Cityscapes --preset paper --features vgg19 --download-features
      torchrun --nproc-per-node 2 -m glimpse train --batch 2
    """
    console = ctx.obj
    from ..training.preparing import start
    from ..training.request import Request, resumed_request

    given = _given(ctx)
    if not options["name"]:
        options["name"] = _default_name(options)
    if options["arch"] == "features":
        _train_features(ctx, options, given)
        return
    if "steps" in given:
        raise click.UsageError(
            "--steps is for --arch features only; --stage HxW:EPOCHS sets a network's length."
        )
    if options["resume"]:
        if extra := given - WITH_RESUME:
            raise click.UsageError(
                f"--resume keeps the options of the interrupted run; leave out {named(ctx, extra)}, "
                "or start a new run under another --name (--weights FILE starts from trained weights)."
            )
        changes = {name: options[name] for name in ("device", "threads", "minutes", "workers")}
        request = resumed_request(options["name"], options["out"], **changes)
    else:
        request = Request(**_request(console, options))
        _say_slow(console, options)
    with ended_by_signal() as stop:
        outcome = start(
            request,
            resume=options["resume"],
            command=command(*sys.argv[1:]),
            versions=versions("torch", "numpy"),
            track=console.track,
            report=lambda update, terms: console.say(_terms(update, terms)),
            stop=stop,
        )
    if not int(os.environ.get("RANK", "0")):  # of the processes of torchrun, the first speaks
        _tell(console, request, outcome)


def _tell(console: Any, request: Any, outcome: Any) -> None:
    """Say what was done, what was written and what is next."""
    console.say(f"{outcome.place.total} updates in {outcome.seconds / 60:.1f} minutes.")
    known = (*(f"{request.name}{end}.safetensors" for end in ("", "-best")), "latest.pt", "log.csv",
             "losses.png", "samples/")  # fmt: skip
    console.say(f"Wrote {request.folder}/: {', '.join(n for n in known if (request.folder / n).exists())}.")
    if outcome.finished:
        console.next(command("synthesize", "--weights", f"{request.folder}/{request.name}.safetensors"))
    else:
        console.next(command("train", "--resume", "--name", request.name, "--out", request.out))


def _terms(update: int, terms: dict[str, float]) -> str:
    """Say the loss and its terms in one line."""
    parts = ", ".join(f"{name} {value:.4g}" for name, value in terms.items() if name != "loss")
    return f"update {update}: loss {terms.get('loss', 0):.4g} ({parts}); samples/{update:07d}.png"


def _say_slow(console: Any, options: dict[str, Any]) -> None:
    """Warn of mixed precision on a processor that only emulates it."""
    if options["precision"] == "float32" or not options["device"].startswith("cpu"):
        return
    import torch

    from ..kernels.choosing import emulated

    if times := emulated(torch.bfloat16):
        console.warn(
            f"this processor has no products in bfloat16: they take {times:.0f} times as long as in float32. "
            "Leave --precision out."
        )


def _default_name(options: dict[str, Any]) -> str:
    kind = options["data"].partition(":")[0]
    if options["arch"] != "crn":
        return f"{kind}-{options['arch']}"
    ending: str = {"features": "-crn", "image": "-image-space", "diverse": "-diverse"}[options["loss"]]
    return f"{kind}{ending}"


def _request(console: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Turn options into the fields of a Request."""
    refuse_idle(options)
    from ..training.schedule import Stage

    settings = {
        name: options[name]
        for name in ("balance", "emphasis", "learning_rate", "final_learning_rate", "batch", "mirror",
                     "precision", "recompute", "cache_mb", "seed", "save_minutes", "sample_steps", "decay",
                     "average", "window", "zoom")
        if options[name] not in (None, ())
    }  # fmt: skip
    if "learning_rate" in settings:
        settings.setdefault("final_learning_rate", settings["learning_rate"])
    same = (
        "name", "out", "loss", "preset", "widths", "features", "features_file",
        "download_features", "weights", "half", "device", "threads", "minutes", "workers",
    )  # fmt: skip
    outputs = options["outputs"] or (9 if options["loss"] == "diverse" else 1)
    stages = tuple(
        Stage(height, width, epochs, heights) for height, width, epochs, heights in options["stages"]
    )
    return {
        **{name: options[name] for name in same},
        "source": _source(console, options),
        "architecture": options["arch"],
        "outputs": outputs,
        "stages": stages,
        "settings": settings,
    }


def _source(console: Any, options: dict[str, Any]) -> Any:
    """Turn options into a DataRequest; say so if its label set is a guess."""
    from ..training.sources import DataRequest, with_label_set

    refuse_idle_data(options)
    if options["root"]:
        options["data"] += f":{options['root']}"
    same = ("data", "split", "label_set", "hold_out", "scenes", "fit")
    asked = DataRequest(
        **{name: options[name] for name in same}, unknown_to_void=options["unknown"] == "void"
    )
    request, guessed = with_label_set(asked)
    if guessed:
        console.say(f"Label maps are read as {guessed}, the only bundled label set that all of them fit.")
    return request


def _train_features(ctx: click.Context, options: dict[str, Any], given: set[str]) -> None:
    from pathlib import Path

    if extra := given - WITH_FEATURES:
        raise click.UsageError(
            "--arch features trains a small network in minutes, in one go of --steps; "
            f"leave out {named(ctx, extra)}."
        )
    console = ctx.obj

    from ..training.feature_training import FeatureTraining, start_features

    path = Path(options["out"]) / options["name"] / f"{options['name']}.safetensors"
    accuracy = start_features(
        _source(console, options),
        path,
        training=FeatureTraining(steps=options["steps"], seed=options["seed"]),
        device=options["device"],
        threads=options["threads"],
        command=command(*sys.argv[1:]),
        track=console.track,
    )
    console.say(f"Wrote {path} (last crops: {accuracy:.0%} of pixels classified rightly).")
    console.next(command("train", "--features-file", str(path)))
