"""`synthesize`: label maps to images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from PIL import Image

from glimpse.console import versions
from glimpse.given import refuse_given
from glimpse.program import command, program
from glimpse.text import counted

from .options import PlainName, Real, Size, unknown_option

if TYPE_CHECKING:
    from ..network.config import NetworkConfig
    from ..synthesis.cutting import Cutting
    from ..synthesis.inputs import SynthesisConfig
    from ..synthesis.shards import Shard
    from ..synthesis.synthesis import Summary


MANY = 10  # steps from which progress is shown


@click.command()
@click.argument("labels", required=False, type=click.Path(path_type=Path))
@click.option("--weights", help="Bundled weights by name, or a file.  [default: those for the label set]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("images"),
    show_default=True,
    help="Folder to write.",
)
@click.option(
    "--condition", type=PlainName(), help="Name of the folder in --out.  [default: the weights' name]"
)
@click.option(
    "--label-set",
    help="What ids and colours mean: cityscapes, gta5, camvid, nyu, or a .json file of your own.  "
    "[default: the weights' own, or the only one that fits]",
)
@click.option(
    "--map", "mapping", help="Translate to the weights' label set: cityscapes-camvid, ..., or a .json file."
)
@click.option(
    "--encoding",
    help="Encoding of the label maps: colours, train-ids or label-ids.  [default: detected]",
)
@unknown_option("What to do with ids and colours that the label set does not know.")
@click.option(
    "--size", type=Size(), help="Resize label maps by nearest neighbour.  [default: the weights' size]"
)
@click.option(
    "--samples",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Images of each label map (diverse weights), each in a folder of its own: NAME-1, NAME-2, ...",
)
@click.option("--grid", is_flag=True, help="Also lay the samples out in a grid (3x3 for nine), in --grids.")
@click.option(
    "--grids",
    type=click.Path(path_type=Path),
    default=Path("grids"),
    show_default=True,
    help="Folder for --grid.",
)
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    help="Also write the images (with --grid: the grids) as a video, in the order of their names. "
    "Without LABELS: a drive through a procedural street, in drive/.",
)
@click.option(
    "--fps", type=Real(1, 1000), default=16.0, show_default=True, help="Frames a second of --video."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 1_000_000),
    default=160,
    show_default=True,
    help="Frames of the drive without LABELS.",
)
@click.option(
    "--clip-seconds",
    type=Real(0.1, 3600),
    help="Also cut the images, in the order of their names, into clips of this length, in "
    "--clips/<condition>: folders for build-hits.",
)
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    default=Path("clips"),
    show_default=True,
    help="Folder for --clip-seconds.",
)
@click.option(
    "--photographs",
    type=click.Path(path_type=Path),
    help="Cut these photographs, named as LABELS, into clips of condition real.  "
    "[default: those of the drawn drive]",
)
@click.option("--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1, mps.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="How weights and features are stored; bfloat16 is smaller, and images differ by about a grey level.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 65_536),
    default=1,
    show_default=True,
    help="Label maps at a time (on a GPU).",
)
def synthesize(
    labels: Path | None,
    weights: str | None,
    out: Path,
    condition: str | None,
    video: Path | None,
    frames: int,
    **options: Any,
) -> None:
    """Turn label maps into images, one folder per condition.

    LABELS is a label map (PNG of ids or colours) or a folder of them. Without LABELS, the command makes the
    bundled sample scenes in every condition: real, crn, pix2pix and image-space. Rerun an interrupted
    command: it resumes. `torchrun` shares a run between processes.

    \b
    Examples:
      python cli.py synthesize
      python cli.py synthesize my_labels/ --weights scenes-crn --out images
      python cli.py synthesize camvid/valannot --weights camvid-crn
      python cli.py synthesize camvid/valannot --weights scenes-crn --map camvid-cityscapes --size 128x256
      python cli.py synthesize --video drive.mp4
      python cli.py synthesize --video drive.mp4 --clip-seconds 2
      torchrun --nproc-per-node 2 -m glimpse synthesize my_labels/
    """
    from ..synthesis.shards import join_shards

    _refuse_idle(labels, weights, video, options)
    shard = join_shards()
    run = _Run(shard, out, options)
    run.check_cut(labels, video, frames)
    if video is not None:
        from ..synthesis.video import check_video_path

        check_video_path(video)
    if labels is not None:
        run.folder(labels, weights, condition, video)
    elif video is not None:
        run.drive(weights, condition, video, frames)
    else:
        run.samples(weights, condition)
    shard.leave()


def _refuse_idle(
    labels: Path | None, weights: str | None, video: Path | None, options: dict[str, Any]
) -> None:
    """Refuse options that would change nothing."""
    if labels is not None or video is None:
        refuse_given(
            ["frames"], "says how long the drawn drive is: it works only with --video, without LABELS."
        )
    if labels is None:
        refuse_given(["label_set", "encoding", "unknown"], "says how to read LABELS; there are none here.")
    if labels is None and video is None and weights is None:
        refuse_given(["condition"], "names the images of one network: give LABELS or --weights, too.")
    if video is None and options["clip_seconds"] is None:
        refuse_given(["fps"], "works only with --video or --clip-seconds.")
    if options["clip_seconds"] is None:
        refuse_given(["clips"], "works only with --clip-seconds.")
    if not options["grid"]:
        refuse_given(["grids"], "works only with --grid.")


class _Run:
    """One call of the command: the options that every condition shares."""

    def __init__(self, shard: Shard, out: Path, options: dict[str, Any]) -> None:
        self.console = click.get_current_context().obj
        self.shard, self.out, self.options = shard, out, options
        self.versions = versions("torch", "numpy", "pillow", "safetensors")

    def say(self, text: str) -> None:
        if self.shard.first:
            self.console.say(text)

    def track(self, items: Any, label: str = "", total: int | None = None, /) -> Any:
        """Show the first process's progress where there is enough to wait for."""
        many = (total or len(items)) >= MANY
        return self.console.track(items, label, total) if self.shard.first and many else items

    def config(self, **changes: Any) -> SynthesisConfig:
        from ..synthesis.inputs import SynthesisConfig

        options = self.options
        settings = {name: options[name] for name in ("label_set", "mapping", "encoding", "size", "dtype")}
        settings |= {"samples": options["samples"], "grid": options["grid"]}
        return SynthesisConfig(**{**settings, "unknown_to_void": options["unknown"] == "void", **changes})

    def check(self, weights: str, config: SynthesisConfig) -> NetworkConfig:
        """Return the settings of a network, if it can make what is asked for, before anything is written."""
        from ..network.checkpoints import find_weights, read_settings
        from ..network.devices import find_device
        from ..synthesis.inputs import check_network

        settings = read_settings(weights)
        check_network(config, settings, find_weights(weights).stem, "what is drawn without LABELS")
        find_device(self.shard.device(self.options["device"]))
        return settings.config

    def condition(self, labels: Any, weights: str, name: str | None, config: SynthesisConfig) -> Summary:
        """Make the images of one condition and say so."""
        from ..network.checkpoints import load_weights
        from ..synthesis.inference import DTYPES, slow_products
        from ..synthesis.inputs import images_of, open_label_maps
        from ..synthesis.synthesis import ConditionFolders
        from ..synthesis.synthesis import synthesize as make_images

        loaded = load_weights(weights, dtype=DTYPES[config.dtype])
        if self.shard.first and (times := slow_products(loaded.model, self.options["device"], config.dtype)):
            self.console.warn(
                f"this processor has no products in {config.dtype}: they take {times:.0f} times as long as "
                "in float32. Leave --dtype out."
            )
        grids = self.options["grids"] if config.grid else None
        place = ConditionFolders(
            self.out, name or loaded.name, images_of(config, loaded.config, loaded.name), grids
        )
        maps = open_label_maps(labels, config, loaded, self.track)
        if not maps.certain and self.shard.first:
            self.console.warn(
                f"the label maps fit several encodings; read as {maps.encoding}. Change it with --encoding."
            )
        if maps.resized:
            self.say(f"Label maps are resized to {maps.size[0]}x{maps.size[1]} by nearest neighbour.")
        if self.cutting is not None:
            self.check_drive(maps.items)
        summary = make_images(
            maps, loaded, config, place,
            device=self.options["device"], batch=self.options["batch"], versions=self.versions,
            shard=self.shard, track=self.track,
        )  # fmt: skip
        there = f", {summary.kept} were there already" if summary.kept else ""
        for folder in place.folders:
            self.say(
                f"{folder}/: {summary.made} images made by {loaded.name} in {summary.seconds:.1f} s{there}"
            )
        if grids:
            self.say(f"{grids / place.condition}/: their grids")
        return summary

    def folder(self, labels: Path, weights: str | None, name: str | None, video: Path | None) -> None:
        """Make the images of the user's own label maps."""
        from ..synthesis.samples import choose_label_set, default_weights

        config = self.config()
        if weights is None:
            label_set = choose_label_set(labels, config.label_set, config.mapping)
            weights = default_weights(label_set, config.mapping, diverse=config.samples > 1 or config.grid)
            config = self.config(label_set=label_set)
        summary = self.condition(labels, weights, name, config)
        self.film(summary, video)
        self.cut(summary, self.options["photographs"])

    def samples(self, weights: str | None, name: str | None) -> None:
        """Lay out the sample scenes in every condition there are weights for."""
        from ..network.checkpoints import bundled_weights
        from ..synthesis.samples import SAMPLE_CONDITIONS, sample_label_maps, write_photographs

        config = self.config(label_set="cityscapes", encoding="train-ids")
        conditions = {name or "crn": weights} if weights else dict(SAMPLE_CONDITIONS)
        maps = sample_label_maps()
        for source in conditions.values():
            if weights or source in bundled_weights():
                self.check(source, config)
        if self.shard.first:
            written, kept = write_photographs(self.out)
            there = f", {kept} were there already" if kept else ""
            self.say(f"{self.out / 'real'}/: {written} photographs{there}")
        for condition, source in conditions.items():
            if not weights and source not in bundled_weights():
                self.say(f"{self.out / condition}/: skipped, weights {source} are not bundled")
                continue
            self.condition(maps, source, condition, config)
        if self.shard.first:
            self.console.next(f"{program()} build-hits --mode limited-time")

    def drive(self, weights: str | None, name: str | None, video: Path, frames: int) -> None:
        """Draw a drive, make its images, and film them."""
        from ..synthesis.samples import default_weights, write_drive

        config = self.config(label_set="cityscapes", encoding="train-ids")
        diverse = config.samples > 1 or config.grid
        weights = weights or default_weights("cityscapes", None, diverse=diverse)
        network = self.check(weights, config)
        if self.out == Path("images"):
            self.out = Path("drive")  # its frames are no study's stimuli
        if self.shard.first:
            size = config.size or (network.height, network.width)
            write_drive(self.out, frames, size, self.console.track)
            self.say(f"{self.out}/labels/, {self.out}/real/: {frames} frames drawn")
        self.shard.wait()
        summary = self.condition(self.out / "labels", weights, name or "crn", config)
        self.film(summary, video)
        self.cut(summary, self.options["photographs"] or self.out / "real")

    def film(self, summary: Summary, video: Path | None) -> None:
        """Write the run's images, or their grids, as a video."""
        if video is None or not self.shard.first:
            return
        from ..synthesis.synthesis import read_frames
        from ..synthesis.video import write_video

        frames = [summary.place.images(item)[-1 if self.options["grid"] else 0] for item in summary.items]
        count = write_video(video, read_frames(frames), self.options["fps"])
        self.say(f"{video}: {count} frames, {count / self.options['fps']:.1f} s")

    @property
    def cutting(self) -> Cutting | None:
        """How the images are cut into clips; None: not at all."""
        from ..synthesis.cutting import Cutting

        seconds = self.options["clip_seconds"]
        return Cutting(self.options["clips"], seconds, self.options["fps"]) if seconds else None

    def check_cut(self, labels: Path | None, video: Path | None, frames: int) -> None:
        """Refuse, before anything is made, what cannot be cut into clips."""
        from ..synthesis.cutting import photographs_of

        photographs = self.options["photographs"]
        if self.cutting is None:
            if photographs is not None:
                raise click.UsageError("--photographs are cut into clips: give --clip-seconds, too.")
            return
        if photographs is not None:
            photographs_of(photographs)
        if labels is None:
            if video is None:
                raise click.UsageError("--clip-seconds needs LABELS of a drive, or --video for a drawn one.")
            self.cutting.check(frames, drawn=True)

    def check_drive(self, items: list[str]) -> None:
        """Refuse, before any image is made, a drive that is shorter than a clip or lacks photographs."""
        from ..synthesis.cutting import photographs_of

        if self.cutting is not None:
            self.cutting.check(len(items))
        if self.options["photographs"] is not None:
            photographs_of(self.options["photographs"], items)

    def cut(self, summary: Summary, photographs: Path | None) -> None:
        """Cut the run's images into clips, and the photographs alike; say what to do next."""
        if not self.shard.first:
            return
        if self.cutting is None:
            self.console.next(f"{program()} gallery {self.out}")
            return
        for number, folder in enumerate(summary.place.folders):
            frames = [summary.place.images(item)[number] for item in summary.items]
            self.say_cut(folder.name, self.cutting.cut(folder.name, frames, self.track))
        if photographs is not None:
            with Image.open(frames[0]) as image:
                size = image.size
            self.say_cut("real", self.cutting.cut_photographs(photographs, summary.items, size, self.track))
        clips = self.cutting.folder
        plain = [] if (clips / "image-space").is_dir() else ["--sentinels-per-hit", "0"]
        self.console.next(command("build-hits", "--images", str(clips), *plain))

    def say_cut(self, condition: str, count: int) -> None:
        """Say how many clips a condition has."""
        if self.cutting is not None:
            folder, length = self.cutting.folder / condition, self.cutting.length
            self.say(f"{folder}/: {counted(count, 'clip')} of {length} frames")
