"""`import-weights`: weights of other programs to Glimpse's own files."""

from __future__ import annotations

from pathlib import Path

import click

from glimpse.program import program

from .options import Size


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["crn-tensorflow", "pix2pix", "vgg19"]),
    help="What SOURCE is.  [default: detected from its name and contents]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The .safetensors file to write.  [default: SOURCE's name, in the current folder]",
)
@click.option(
    "--label-set",
    help="What it was trained on: cityscapes, gta5, camvid, nyu, or a .json file.  [default: cityscapes]",
)
@click.option(
    "--size",
    type=Size(),
    help="What the network makes.  [default: as published: CRN twice as wide as high, pix2pix 256x256]",
)
def import_weights(
    source: Path, kind: str | None, out: Path | None, label_set: str | None, size: tuple[int, int] | None
) -> None:
    """Convert published weights into Glimpse's own files.

    SOURCE is a TensorFlow checkpoint of the CRN's authors (its prefix, one of its files, or its folder;
    needs `pip install tensorflow`), a pix2pix generator (latest_net_G.pth of the official PyTorch
    repository), or VGG-19 (torchvision's vgg19-dcbb9e9d.pth, or imagenet-vgg-verydeep-19.mat). Nothing in
    it is ever executed.

    \b
    Examples:
      python cli.py import-weights result_256p/model.ckpt --out crn-256p.safetensors
      python cli.py import-weights result_GTA/ --label-set gta5
      python cli.py import-weights checkpoints/cityscapes_label2photo_pretrained/latest_net_G.pth
      python cli.py import-weights imagenet-vgg-verydeep-19.mat --out vgg19.safetensors
    """
    from ..network.converting import convert

    console = click.get_current_context().obj
    name = source.name if source.is_dir() else source.name.split(".")[0]
    done = convert(source, out or Path(f"{name}.safetensors"), kind=kind, labels=label_set, size=size)
    console.say(f"{done.path}: {done.about}")
    if "VGG-19" in done.about:
        console.next(f"{program()} train --features-file {done.path}")
    else:
        console.say(f"{done.path.with_suffix('.json')}: its settings, to read")
        console.next(f"{program()} synthesize LABELS --weights {done.path}")
