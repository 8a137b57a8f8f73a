"""The training loop: stages, checkpoints, resuming, several processes.

A run lives in one folder: `latest.pt` (everything that the next update depends on), `weights.safetensors`
(the network alone, for `synthesize`), `log.csv`, `samples/*.png`. An update is a function of that state, the
seed and its own number only: a run that was killed and resumed ends like one that was not, byte for byte.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glimpse.errors import GlimpseError
from glimpse.progress import untracked

from .feeding import Feeder, Pairs, sample_keys
from .learner import Learner, any_process, processes
from .record import Log, read_state, sample_grid, write_image, write_state
from .schedule import Position, TrainingSettings, learning_rate, stage_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from glimpse.progress import Track


@dataclass
class Run:
    """A training run: what learns, on what, and where it is written."""

    learner: Learner
    settings: TrainingSettings
    pairs: Pairs
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)  # label set, command, versions: stored as given
    looking: Pairs | None = None  # samples for the grids; never trained on
    colour: Callable[[np.ndarray], np.ndarray] | None = None  # (H, W) classes -> (H, W, 3) for the grids
    publish: Callable[[Learner, Path, dict[str, Any]], None] | None = None  # writes weights.safetensors
    stop: Callable[[], bool] = lambda: False  # asked after every update: end now, resumably?
    report: Callable[[int, dict[str, float]], None] = lambda _update, _terms: None  # beside every grid
    classes: int = 0

    @property
    def state_path(self) -> Path:
        """The checkpoint that `resume` reads."""
        return self.folder / "latest.pt"


@dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended."""

    finished: bool
    place: Position
    seconds: float  # of training since the run's start, over all its sessions


def train(
    run: Run,
    *,
    resume: bool = False,
    track: Track = untracked,
) -> Outcome:
    """Train `run` to the end of its stages, or until `run.stop()`; returns where it stands.

    Raises NotFiniteError (naming the sample) when the loss is not a number; the last checkpoint then stays.
    """
    state = read_state(run.state_path) if resume else None
    if state:
        _check_same(run, state)
    elif run.state_path.exists():
        raise GlimpseError(
            f"{run.state_path}: exists already. Go on with --resume, or choose another --name or --out."
        )
    if len(run.pairs) < 1:
        raise GlimpseError("there is nothing to train on: the dataset is empty.")
    return _Loop(run, state).go(track)


def _check_same(run: Run, state: dict[str, Any]) -> None:
    """Refuse a checkpoint of another label set or dataset, and settings that would change the result."""
    for key in ("label_set", "classes", "samples", "features"):
        before, now = state["about"].get(key), run.about.get(key)
        if before != now:
            raise GlimpseError(
                f"{run.state_path}: was trained with {key} {before!r}, and this is {now!r}. "
                "Train anew under another --name, or give the same data."
            )
    if state["settings"] != run.settings.to_json():
        now = run.settings.to_json()
        different = [key for key, value in state["settings"].items() if now.get(key) != value]
        raise GlimpseError(
            f"{run.state_path}: was trained with other settings ({', '.join(different)}). "
            "Resume without these options, or train anew under another --name."
        )


class _Loop:
    """The state of a running `train`."""

    def __init__(self, run: Run, state: dict[str, Any] | None):
        self.run, self.settings, self.learner = run, run.settings, run.learner
        self.rank, self.world = processes()
        if self.settings.batch % self.world:
            raise GlimpseError(f"--batch {self.settings.batch} does not divide among {self.world} processes.")
        self.place = Position(**state["place"]) if state else Position(0, 0, 0)
        self.window: list[dict[str, float]] = state["window"] if state else []
        self.means: dict[str, float] = {}
        self.before = float(state["seconds"]) if state else 0.0
        self.began = self.saved = time.monotonic()
        self.state = state
        self._rate, self._epoch = self.settings.learning_rate, 0
        self.log = Log(run.folder, self.place.total) if self.rank == 0 else None

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.began

    def go(self, track: Track) -> Outcome:
        """Run the stages from where the state stands."""
        try:
            finished = self._stages(track)
            if finished and self.window:
                self._record(self._rate, self._epoch)
            self.save()
        finally:
            if self.log:
                self.log.close()
        return Outcome(finished, self.place, self.seconds)

    def _stages(self, track: Track) -> bool:
        first = self.place.stage
        for number in range(len(self.settings.stages)):
            stage = self.settings.stages[number]
            if number < first:
                continue
            steps = stage_steps(stage, len(self.run.pairs), self.settings.batch)
            self._enter(number)
            label = f"stage {number + 1} of {len(self.settings.stages)}, {stage.height}x{stage.width}"
            for _ in track(range(self.place.step, steps), label, steps - self.place.step):
                self._update(steps)
                if any_process(self.run.stop()):
                    return False
            if number + 1 < len(self.settings.stages):
                self.place = Position(number + 1, 0, self.place.total)
        return True

    def _enter(self, number: int) -> None:
        """Start a stage, or go on within one."""
        stage = self.settings.stages[number]
        state, self.state = self.state, None
        self.learner.start_stage(stage, first=number == 0 or state is not None)
        self.feeder = Feeder(
            self.run.pairs, self.run.classes, (stage.height, stage.width), cache_mb=self.settings.cache_mb
        )
        if state:
            self.learner.load_state_dict(state["learner"])
        else:
            self.learner.prepare(self.feeder)

    def _update(self, steps: int) -> None:
        settings, place = self.settings, self.place
        keys = sample_keys(
            settings.seed,
            place.stage,
            place.step,
            samples=len(self.run.pairs),
            batch=settings.batch,
            mirror=settings.mirror,
        )
        batch = self.feeder.batch(keys[self.rank :: self.world], 1 / settings.batch)
        rate = learning_rate(settings, place, steps)
        self.window.append(self.learner.learn(batch, self.feeder, rate))
        self.place = Position(place.stage, place.step + 1, place.total + 1)
        before = place.step * settings.batch // len(self.run.pairs)
        epoch = self.place.step * settings.batch // len(self.run.pairs)
        if epoch > before:
            self.learner.end_epoch(epoch, place.stage)
        if self.place.total % settings.log_steps == 0:
            self._record(rate, epoch)
        self._rate, self._epoch = rate, epoch
        if self.place.total % settings.sample_steps == 0:
            self.draw()
            self.run.report(self.place.total, self.means)
        if time.monotonic() - self.saved > 60 * settings.save_minutes:
            self.save()

    def _record(self, rate: float, epoch: int) -> None:
        means = {key: math.fsum(row[key] for row in self.window) / len(self.window) for key in self.window[0]}
        self.window, self.means = [], means
        if self.log:
            self.log.add(
                {
                    "stage": self.place.stage + 1,
                    "height": self.settings.stages[self.place.stage].height,
                    "step": self.place.step,
                    "total": self.place.total,
                    "epoch": epoch,
                    **means,
                    "learning_rate": rate,
                    "seconds": round(self.seconds, 1),
                }
            )

    def draw(self, count: int = 4) -> None:
        """Write a grid of label map | output | photo of held-out samples, or of the first ones trained on."""
        if self.rank != 0 or self.run.colour is None:
            return
        source = self.run.looking or self.run.pairs
        places = sorted({round(i * (len(source) - 1) / max(1, count - 1)) for i in range(count)})
        feeder = Feeder(source, self.run.classes, self.feeder.size, cache_mb=0)
        batch = feeder.batch([(index, False) for index in places], 1.0)
        labels = [self.run.colour(row.argmax(0).numpy().astype(np.uint8)) for row in batch.labels]
        outputs = torch.cat([self.learner.render(row[None]) for row in batch.labels])
        image = sample_grid(labels, outputs, batch.photos)
        write_image(self.run.folder / "samples" / f"{self.place.total:07d}.png", image)

    def save(self) -> None:
        """Write the checkpoint and the weights, from the first process only."""
        self.saved = time.monotonic()
        if self.rank != 0:
            return
        write_state(
            self.run.state_path,
            {
                "settings": self.settings.to_json(),
                "about": self.run.about,
                "place": {"stage": self.place.stage, "step": self.place.step, "total": self.place.total},
                "window": self.window,
                "seconds": self.seconds,
                "learner": self.learner.state_dict(),
            },
        )
        if self.run.publish:
            facts = {"steps": self.place.total, "seconds": round(self.seconds)}
            self.run.publish(self.learner, self.run.folder, facts)
