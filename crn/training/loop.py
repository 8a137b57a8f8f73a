"""The training loop: stages, checkpoints, resuming, several processes.

A run lives in one folder: `latest.pt` (everything that the next update depends on), `NAME.safetensors` (the
network alone, for `synthesize`), `NAME-best.safetensors` (where the held-out loss of its stage was least),
`NAME-64x128.safetensors` (as a stage left it), `log.csv`, `losses.png`, `samples/*.png`. An update is a
function of that state, the seed and its own number only: a run that was killed and resumed ends like one that
was not, byte for byte (on a GPU, up to the order in which it adds).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from glimpse.errors import GlimpseError
from glimpse.progress import untracked

from ..kernels import choosing
from .curves import write_losses
from .feeding import Feeder, Pairs, sample_keys, sample_place
from .learner import Learner, any_process, processes
from .record import Log, check_free, read_run, sample_grid, understood, write_image, write_state
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
    # Writes NAME.safetensors into a folder, with facts; the text is appended to NAME.
    publish: Callable[[Learner, Path, dict[str, Any], str], None] | None = None
    stop: Callable[[], bool] = lambda: False  # asked after every update: end now, resumably?
    report: Callable[[int, dict[str, float]], None] = lambda _update, _terms: None  # beside every grid
    classes: int = 0
    workers: int = 0  # threads that read samples ahead

    @property
    def state_path(self) -> Path:
        """The checkpoint that `resume` reads."""
        return self.folder / "latest.pt"


HELD_OUT = 8  # photographs, at most, on which the loss is measured and of which the best network is chosen


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
    state = read_run(run.state_path) if resume else None
    if state:
        _check_same(run, state)
    else:
        check_free(run.folder)
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
    before, now = TrainingSettings.from_json(state["settings"]).to_json(), run.settings.to_json()
    if before != now:
        different = [key for key, value in before.items() if now.get(key) != value]
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
        if state and "winograd_from" in state:
            choosing.use(state["winograd_from"])  # resumed, it must round as it did
        self.best = float(state.get("best", math.inf)) if state else math.inf  # held-out loss of this stage
        self.before = float(state["seconds"]) if state else 0.0
        self.began = self.saved = time.monotonic()
        self.state = state
        self._rate, self._epoch = self.settings.learning_rate, 0
        self.log: Log | None = None  # opened by the first update: what is refused leaves nothing
        self.feeder: Feeder | None = None
        self.looking: Feeder | None = None

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
            self._plot()
        finally:
            self._leave()
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
                self._publish(f"-{stage.height}x{stage.width}")
                self.place, self.best = Position(number + 1, 0, self.place.total), math.inf
        return True

    def _enter(self, number: int) -> None:
        """Start a stage, or go on within one."""
        stage = self.settings.stages[number]
        state, self.state = self.state, None
        self.learner.start_stage(stage, first=number == 0 or state is not None)
        self._leave()
        size, cache_mb = (stage.height, stage.width), self.settings.cache_mb
        self.feeder = Feeder(
            self.run.pairs,
            self.run.classes,
            size,
            cache_mb=cache_mb,
            device=self.learner.device,
            workers=self.run.workers,
            zoom=self.settings.zoom,
        )
        shown = self.run.looking or self.run.pairs
        self.looking = Feeder(
            shown, self.run.classes, size, cache_mb=cache_mb // 8, device=self.learner.device
        )
        if state:
            with understood(self.run.state_path):
                self.learner.load_state_dict(state["learner"])
        else:
            self.learner.prepare(self.feeder)

    def _leave(self) -> None:
        """End what reads ahead for a stage."""
        for feeder in (self.feeder, self.looking):
            if feeder:
                feeder.close()

    def _keys(self, step: int) -> list[tuple[int, bool]]:
        """Return what this process shows in an update of the stage at hand."""
        settings = self.settings
        keys = sample_keys(
            settings.seed,
            self.place.stage,
            step,
            samples=len(self.run.pairs),
            batch=settings.batch,
            mirror=settings.mirror,
        )
        return keys[self.rank :: self.world]

    def _update(self, steps: int) -> None:
        settings, place, feeder = self.settings, self.place, cast("Feeder", self.feeder)
        window = sample_place(settings.seed, place.stage, place.step)
        batch = feeder.batch(self._keys(place.step), 1 / settings.batch, window)
        if self.run.workers:
            ahead = range(place.step + 1, min(steps, place.step + 1 + 2 * self.run.workers))
            feeder.expect(index for step in ahead for index, _ in self._keys(step))
        rate = learning_rate(settings, place, steps)
        self.window.append(self.learner.learn(batch, feeder, rate))
        if self.log is None and self.rank == 0:
            self.log = Log(self.run.folder, place.total)
        self.place = Position(place.stage, place.step + 1, place.total + 1)
        before = place.step * settings.batch // len(self.run.pairs)
        epoch = self.place.step * settings.batch // len(self.run.pairs)
        if epoch > before and self.learner.end_epoch(epoch, place.stage):
            self.best = math.inf  # what was the best by another measure is not compared
        looked = self.place.total % settings.sample_steps == 0
        if looked or self.place.total % settings.log_steps == 0:
            self._record(rate, epoch, {"held_out": self._measure()} if looked else {})
        self._rate, self._epoch = rate, epoch
        if looked:
            self.draw()
            self.run.report(self.place.total, self.means)
        if time.monotonic() - self.saved > 60 * settings.save_minutes:
            self.save()

    def _measure(self) -> float | str:
        """Return the loss on photographs that are never trained on; keep the network if it is the best."""
        if self.rank != 0 or not self.run.looking or not self.looking:
            return ""
        places = spread(len(self.run.looking), HELD_OUT)
        batches = (self.looking.batch([(index, False)], 1 / len(places)) for index in places)
        found = math.fsum(self.learner.measure(batch, self.looking) for batch in batches)
        if found < self.best:
            self.best = found
            self._publish("-best", held_out=found)
        return found

    def _publish(self, ending: str = "", **facts: float) -> None:
        """Write the network alone, from the first process only."""
        if self.rank == 0 and self.run.publish:
            known = {"steps": self.place.total, "seconds": round(self.seconds), **facts}
            self.run.publish(self.learner, self.run.folder, known, ending)

    def _plot(self) -> None:
        if self.log and self.run.colour:
            write_losses(self.run.folder / "losses.png", self.log.read(self.place.total))

    def _record(self, rate: float, epoch: int, more: dict[str, float | str] | None = None) -> None:
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
                    **(more or {}),
                    "learning_rate": rate,
                    "seconds": round(self.seconds, 1),
                }
            )

    def draw(self, count: int = 4) -> None:
        """Write a grid of label map | output | photo of held-out samples, or of the first ones trained on."""
        if self.rank != 0 or self.run.colour is None or self.looking is None:
            return
        places = spread(len(self.looking.pairs), count)
        batch = self.looking.batch([(index, False) for index in places], 1.0)
        labels = [self.run.colour(row.argmax(0).cpu().numpy().astype(np.uint8)) for row in batch.labels]
        outputs = torch.cat([self.learner.render(row[None]) for row in batch.labels])
        image = sample_grid(labels, outputs, batch.photos.cpu())
        write_image(self.run.folder / "samples" / f"{self.place.total:07d}.png", image)
        self._plot()

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
                "best": self.best,
                "winograd_from": choosing.winograd_from(),
                "learner": self.learner.state_dict(),
            },
        )
        self._publish()


def spread(length: int, count: int) -> list[int]:
    """Return up to `count` different places, evenly over 0 ... length - 1, both ends among them."""
    return sorted({round(i * (length - 1) / max(1, count - 1)) for i in range(count)})
