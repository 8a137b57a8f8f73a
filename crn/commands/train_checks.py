"""Options of `train` that would change nothing are refused: each works with some others only."""

from __future__ import annotations

from typing import Any

import click

from glimpse.given import refuse_given

# What the options about photographs come to where scenes are drawn.
SCENES = {"root": "", "hold_out": "", "split": "train", "label_set": "cityscapes", "unknown": "error",
          "fit": "crop"}  # fmt: skip
OF_FEATURES = ("features", "features_file", "download_features", "balance", "emphasis")


def named(ctx: click.Context, names: set[str]) -> str:
    """Return the options that are called `names` within the program, as they are typed."""
    return ", ".join(sorted(param.opts[0] for param in ctx.command.params if param.name in names))


def a_folder(_ctx: click.Context, option: click.Parameter, value: str) -> str:
    """Refuse an empty name of a folder."""
    if not value.strip():
        raise click.BadParameter("it is empty; name a folder, such as training.", param=option)
    return value


def refuse_idle_data(options: dict[str, Any]) -> None:
    """Refuse options that say nothing of the data that are trained on."""
    data, root = options["data"], options["root"]
    kind, _, place = data.partition(":")
    if kind != "scenes":
        refuse_given(["scenes"], f"works only with --data scenes; --data is {data}. Leave it out.")
        if place and root:
            raise click.UsageError(f"--data {data} and --root {root} name two places; leave one of them out.")
        return
    if place:
        raise click.UsageError(f"--data {data}: scenes are drawn, and have no folder. Give --data scenes.")
    idle = [name for name, usual in SCENES.items() if options[name] != usual]
    refuse_given(
        idle, "works only with photographs, such as --data camvid:PATH; scenes are drawn. Leave it out."
    )


def refuse_idle(options: dict[str, Any]) -> None:
    """Refuse options that say nothing of the network and the loss that are trained."""
    if options["arch"] == "pix2pix":
        refuse_given(
            ("loss", "outputs", "recompute", *OF_FEATURES), "works only with --arch crn; leave it out."
        )
        if any(heights for *_, heights in options["stages"]):
            raise click.UsageError(
                "--stage HxW:EPOCHS:HEIGHTS works only with --arch crn; all of pix2pix learns. "
                "Leave the heights out."
            )
    elif options["loss"] == "image":
        refuse_given(OF_FEATURES, "works only with --loss features or --loss diverse; leave it out.")
    elif options["features"] == "random":
        refuse_given(
            ["features_file"], "names the weights of other networks than --features random; leave it out."
        )
    if options["features"] != "vgg19" or options["features_file"]:
        refuse_given(
            ["download_features"],
            "works only with --features vgg19 and without --features-file; leave it out.",
        )
