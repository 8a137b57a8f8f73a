"""From what a person asks for to a training run: presets, sizes, widths, data, feature network, devices."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from glimpse.errors import GlimpseError
from glimpse.files import digest
from glimpse.progress import untracked

from ..data.datasets import DatasetError
from ..data.labels import LabelSet, colour_label_map
from ..losses.feature_networks import FEATURE_NETWORKS, build_features
from ..network.checkpoints import save_weights
from ..network.config import NetworkConfig
from ..network.devices import find_device, out_of_memory, settle
from ..network.pix2pix import OFFICIAL_WIDTHS, pix2pix_config
from .checking import check_request, check_settings, check_widths
from .loop import Outcome, Run, train
from .record import check_free, read_run
from .schedule import PAPER_STAGES, Stage, TrainingSettings
from .sources import open_pairs
from .starting import build_learner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from glimpse.progress import Track

    from ..losses.features import FeatureNetwork
    from .learner import Learner
    from .request import Request
    from .sources import OpenedPairs

PRESETS = ("small", "paper")
SMALL_EMPHASIS = (4.0, 1.0, 1.0, 1.0, 1.0, 0.5)  # the input term holds the hue; deep taps drive it off


def small_widths(heights: Iterable[int]) -> tuple[int, ...]:
    """Return the widths of the small preset: a few million parameters, most of them where pixels are few."""
    limits = ((8, 192), (16, 160), (32, 128), (48, 96), (64, 64), (96, 48), (128, 32))
    return tuple(next((width for limit, width in limits if height <= limit), 24) for height in heights)


def base_height(height: int, width: int) -> int:
    """Return the coarsest height that halving reaches: 4 for 256, 3 for 192."""
    while height % 2 == 0 and width % 2 == 0 and height > 5:
        height, width = height // 2, width // 2
    return height


def default_stages(request: Request, aspect: float) -> tuple[Stage, ...]:
    """Return the preset's stages for photographs of this aspect (width over height)."""
    if request.preset == "paper":
        if request.architecture == "pix2pix":
            return (Stage(256, 512, 200),)
        return PAPER_STAGES[:1] if request.loss == "diverse" else PAPER_STAGES
    small, large = ((96, 128), (192, 256)) if aspect < 1.6 else ((64, 128), (128, 256))
    if request.architecture == "pix2pix":
        return (Stage(*large, 10),)
    return (Stage(*small, 5), Stage(*large, 8))


def _pix2pix_widths(request: Request, stage: Stage) -> tuple[int, ...]:
    """Return as many levels as the size allows, of the preset's widths."""
    if request.widths:
        if len(request.widths) < 2:
            raise GlimpseError(f"--widths is {request.widths[0]}; pix2pix needs two numbers or more.")
        return request.widths
    levels = 0
    while (
        levels < 8
        and stage.height % 2 ** (levels + 1) == 0
        and stage.width % 2 ** (levels + 1) == 0
        and (stage.height * stage.width) >> (2 * levels + 2) > 1
    ):
        levels += 1
    if levels < 2:
        near = (max(4, round(side / 4) * 4) for side in (stage.height, stage.width))
        raise GlimpseError(
            f"--stage is {stage.height}x{stage.width}; pix2pix halves its images twice or more: height and "
            f"width must be multiples of 4, such as {'x'.join(map(str, near))}."
        )
    small = tuple(min(24 * 2**level, 128) for level in range(8))
    return (OFFICIAL_WIDTHS if request.preset == "paper" else small)[:levels]


def network_config(request: Request, labels: LabelSet, stages: tuple[Stage, ...]) -> NetworkConfig:
    """Return the settings of the network that the first stage trains."""
    first, classes = stages[0], len(labels.classes)
    if request.architecture == "pix2pix":
        widths = _pix2pix_widths(request, first)
        return pix2pix_config(labels.name, classes, first.height, first.width, widths)
    if request.architecture != "crn":
        raise GlimpseError(f"--arch {request.architecture}: expected crn, pix2pix or features.")
    config = NetworkConfig(
        label_set=labels.name,
        classes=classes,
        height=first.height,
        width=first.width,
        base_height=base_height(first.height, first.width),
        outputs=request.outputs,
    )
    check_widths(request, stages, len(config.heights))
    if request.widths:
        return replace(config, features=request.widths[: len(config.heights)])
    return config if request.preset == "paper" else replace(config, features=small_widths(config.heights))


def _with_widths(request: Request, stages: tuple[Stage, ...], config: NetworkConfig) -> tuple[Stage, ...]:
    """Give every stage after the first the width of the module that it adds."""
    if request.preset == "paper" and not request.widths:
        return stages
    later = []
    for number, stage in enumerate(stages[1:]):
        place = len(config.heights) + number
        wide = request.widths[place] if place < len(request.widths) else small_widths([stage.height])[0]
        later.append(stage if stage.features else replace(stage, features=wide))
    return (stages[0], *later)


def training_settings(request: Request, stages: tuple[Stage, ...]) -> TrainingSettings:
    """Return the run's settings: the preset's, changed by the request's."""
    values: dict[str, Any] = {"loss": request.loss, "features": request.features}
    if request.architecture == "pix2pix":
        values |= {"loss": "gan", "features": "none", "learning_rate": 2e-4, "final_learning_rate": 2e-6}
        if "average" in request.settings:
            raise GlimpseError(
                "--average is for --arch crn: pix2pix is published as its last update left it."
            )
        if "window" in request.settings:
            raise GlimpseError("--loss-window is for --arch crn: pix2pix's discriminator sees whole images.")
    elif request.loss == "image":
        values["features"] = "none"
    if request.preset == "paper":
        known = FEATURE_NETWORKS.get(request.features)
        values["balance"] = "authors" if known and known.published else "alike"
    else:
        values |= {"mirror": True, "rescale_epoch": 5.0}
        if request.architecture == "crn":
            # At the published 1e-4, networks this narrow keep the hues of their initialisation for long; at
            # 1e-3 they follow the last few photographs. The rate falls in the last stage's second half.
            values |= {"learning_rate": 5e-4, "final_learning_rate": 5e-5, "emphasis": SMALL_EMPHASIS}
            values |= {"average": 0.999}
    return TrainingSettings(stages=stages, **{**values, **request.settings})


def start(
    request: Request,
    *,
    resume: bool = False,
    command: str = "",
    versions: dict[str, str] | None = None,
    track: Track = untracked,
    report: Callable[[int, dict[str, float]], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train what `request` asks for; returns where the run stands.

    `report` gets the loss's terms beside every sample grid; `stop`, asked after every update, ends the run.
    """
    settle(find_device(request.device))
    if not resume:  # before processes meet: none of them has written anything yet
        check_free(request.folder, request.name)
    if request.threads:
        torch.set_num_threads(request.threads)
    joined = join_processes(request.device)
    try:
        run = assemble(request, resume=resume, command=command, versions=versions, track=track)
        if report:
            run.report = report
        if stop:
            out_of_time, asked = run.stop, stop
            run.stop = lambda: out_of_time() or asked()
        outcome = train(run, resume=resume, track=track)
        if joined:  # who leaves while another still waits for an answer of it ends that one
            torch.distributed.barrier()
        return outcome
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise GlimpseError(
            "there is not enough memory. Lower --batch, --cache-mb or the widths, train smaller stages, "
            "or add --recompute."
        ) from None
    finally:
        if joined:
            torch.distributed.destroy_process_group()


def join_processes(device: str) -> bool:
    """Join the processes that torchrun started, over gloo or (on GPUs) nccl; False when alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return False
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return True


def _features_of(request: Request, settings: TrainingSettings) -> FeatureNetwork | None:
    """The feature network of the loss; None where the loss needs none."""
    if settings.features == "none":
        return None
    return build_features(
        request.features,
        Path(request.features_file) if request.features_file else None,
        download=request.download_features,
        seed=settings.seed,
    )


def _opened(request: Request, resume: bool, track: Track) -> OpenedPairs:
    """Open the data; those of a run that goes on must be where they were."""
    try:
        return open_pairs(request.source, Path(request.out), track)
    except DatasetError:
        raise
    except GlimpseError as error:
        if not resume:
            raise
        raise GlimpseError(
            f"{error} --resume needs what the run began with, --data {request.source.data}: put it back, or "
            "train anew under another --name (--weights FILE starts from what was learnt)."
        ) from None


def assemble(
    request: Request,
    *,
    resume: bool = False,
    command: str = "",
    versions: dict[str, str] | None = None,
    track: Track = untracked,
) -> Run:
    """Open the data, build network and loss, and describe the run; checks everything that can be checked."""
    if not resume:
        check_request(request)
    opened = _opened(request, resume, track)
    stages = request.stages or default_stages(request, opened.aspect)
    config = network_config(request, opened.labels, stages)
    settings = training_settings(request, _with_widths(request, stages, config))
    state = read_run(request.folder / "latest.pt") if resume else None
    if state:
        config = NetworkConfig.from_json(state["learner"]["config"])
        settings = TrainingSettings.from_json(state["settings"])
        command = state["about"].get("command", command)
    features = _features_of(request, settings)
    # A resumed run has its weights in its state, whatever became of the file that it started from.
    weights, widths = ("", ()) if state else (request.weights, request.widths)
    learner = build_learner(
        request.architecture, config, settings, features,
        weights=weights, widths=widths, device=request.device,
    )  # fmt: skip
    if not state:
        check_settings(settings, request.settings, learner.config, features.plan if features else None)
    about = {
        "label_set": opened.labels.name,
        "classes": len(opened.labels.classes),
        "samples": len(opened.pairs),
        "features": _describe(features),
        "request": request.to_json(),
        "command": command,
        "versions": versions or {},
    }
    began = time.monotonic()
    return Run(
        learner=learner,
        settings=settings,
        pairs=opened.pairs,
        folder=request.folder,
        about=about,
        looking=opened.looking,
        colour=lambda classes: colour_label_map(classes, opened.labels),
        publish=_Publisher(request, opened, about),
        stop=lambda: bool(request.minutes) and time.monotonic() - began > 60 * request.minutes,
        classes=len(opened.labels.classes),
        workers=workers_for(request),
    )


def workers_for(request: Request) -> int:
    """Return how many threads read samples ahead: as asked, else 4 for a GPU, which must not wait."""
    if request.workers is not None:
        return request.workers
    return 0 if request.device.startswith("cpu") else 4


def _describe(features: FeatureNetwork | None) -> dict[str, str] | None:
    if features is None:
        return None
    parts = [value.numpy().tobytes() for value in features.state_dict().values()]
    return {"name": features.name, "sha256": digest(*parts)}


class _Publisher:
    """Writes the network alone, as `synthesize` reads it, with where it comes from."""

    def __init__(self, request: Request, opened: OpenedPairs, about: dict[str, Any]):
        self.request, self.opened, self.about = request, opened, about

    def __call__(self, learner: Learner, folder: Path, facts: dict[str, Any], ending: str = "") -> None:
        notes = {
            "trained_by": self.about["command"],
            "features": self.about["features"],
            "samples": self.about["samples"],
            **facts,
        }
        save_weights(
            folder / f"{self.request.name}{ending}.safetensors",
            learner.model,
            learner.config,
            notes,
            class_names=self.opened.labels.classes,
            dtype=torch.float16 if self.request.half else None,
        )
