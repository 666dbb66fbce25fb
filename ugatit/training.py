"""A training run: steps, figures, contact sheets, checkpoints and the weights that come out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ugatit.augment import Batches
from ugatit.backends import Backend
from ugatit.checkpoint import FILE, Position, load_checkpoint, read_checkpoint, remove_half_written, save_checkpoint
from ugatit.data import Split
from ugatit.direction import Direction
from ugatit.loading import save_generator
from ugatit.pixels import to_floats
from ugatit.pool import NAME as POOL
from ugatit.recipe import Recipe
from ugatit.sheet import as_jpeg, contact_sheet
from ugatit.starting import starting_weights
from ugatit.teachers import load_teachers
from ugatit.trainer import Trainer
from ugatit.training_log import Means, TrainingLog
from ugatit.translating import paint

FIGURES_EVERY = 2.0  # seconds between rows of the log
FIGURES_STEPS = 50  # steps between them at most: as many may be on their way to the device
SHOWN = 16  # test pictures of either domain on a sheet
SCALED_BY = 16  # training pictures of either domain by which a critic's maps are scaled
MIXING = 3  # a stream of random numbers of its own


@dataclass(frozen=True, slots=True)
class Pictures:
    """The data of a run: training sets and the pictures that the sheets show."""

    train_a: Split
    train_b: Split
    show_a: Split
    show_b: Split


@dataclass(frozen=True, slots=True)
class Pace:
    """When a run ends and what it writes in between.

    Args:
        minutes: of training after which the run ends if its steps do not end it before, counted over all its parts.
        checkpoint_every, sheet_every: seconds between them.
    """

    minutes: float | None = None
    checkpoint_every: float = 600.0
    sheet_every: float = 600.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What a watcher of the run learns at every row of the log.

    Args:
        position: how far the run is.
        progress: share of it that is done, 0 to 1.
        rate: pairs/s since the last row.
        losses: means since the last row.
    """

    position: Position
    progress: float
    rate: float
    losses: Mapping[str, float]


class TrainingRun:
    """One run, or one part of it, in one folder.

    Args:
        recipe: what is trained.
        pictures: with what.
        out: folder for checkpoint, log, sheets and weights; it exists, and no other run writes there.
        backend: see `ugatit.backends.current_backend`.
        pace: when it ends and writes.
        resume: go on from the checkpoint in `out`; a critic that it lacks and a pool of another size begin anew.
        clock: seconds, monotonic.
        written: called whenever files of `out` are whole and new: after every checkpoint and every sheet.

    Raises:
        CheckpointError: nothing to resume, or another network.
        WeightsError: the weights to start with or to learn from, or those of the critic's network, cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: Pictures,
        out: Path,
        backend: Backend,
        pace: Pace,
        *,
        resume: bool = False,
        clock: Callable[[], float] = time.monotonic,
        written: Callable[[], None] = lambda: None,
    ) -> None:
        self.recipe, self.pictures, self.out, self.pace = recipe, pictures, out, pace
        self._clock, self._written = clock, written
        remove_half_written(out, [FILE, *(f"{direction}.safetensors" for direction in Direction)])
        self.trainer = Trainer(recipe, backend)
        self._before = 0.0  # seconds of earlier parts
        networks, fresh = self.trainer.networks, recipe.critic
        if resume:
            before = read_checkpoint(out / FILE).recipe
            if before.critic:
                fresh = None
            new_pool = before.pool != recipe.pool
            known = networks.state_without(critic=fresh is not None, pool=new_pool)
            saved = load_checkpoint(out / FILE, known, passed_over=(POOL,) if new_pool else ())
            self.trainer.step, self.trainer.pairs = saved.position.step, saved.position.pairs
            self._before = saved.position.seconds
        elif recipe.start:
            networks.start_with(starting_weights(recipe.start, recipe.directions))
        if recipe.teacher and recipe.needs_teacher_at(self.trainer.step):
            size, weights = recipe.generator.image_size, recipe.teacher.weights
            self.trainer.teachers = load_teachers(weights, size, self.trainer.policy, recipe.directions)
        if fresh and networks.critic:
            shown = np.concatenate([split.pictures[:SCALED_BY] for split in (pictures.train_a, pictures.train_b)])
            networks.critic.begin(Path(fresh.weights), shown, np.random.default_rng([recipe.seed, MIXING]))
        self.trainer.adopt()
        self._began = clock()

    @property
    def position(self) -> Position:
        return Position(self.trainer.step, self.trainer.pairs, self._before + self._clock() - self._began)

    @property
    def progress(self) -> float:
        """Share of the run that is done: by steps or by time, whichever is nearer its end."""
        shares = [self.trainer.step / self.recipe.steps]
        if self.pace.minutes is not None:
            shares.append(self.position.seconds / 60 / self.pace.minutes if self.pace.minutes > 0 else 1.0)
        return min(1.0, max(shares))

    def run(self, stopping: Callable[[], bool], watch: Callable[[Tick], None]) -> bool:
        """Trains until the end or until asked to stop; then writes checkpoint, weights and a sheet.

        Args:
            stopping: asked after every step.
            watch: told at every row of the log.

        Returns:
            Whether the run is done; otherwise it can be resumed.

        Raises:
            NotFiniteError: the losses left the numbers.
            OSError: a file cannot be written.
        """
        recipe, pictures = self.recipe, self.pictures
        batches = Batches(
            pictures.train_a.pictures,
            pictures.train_b.pictures,
            recipe.batch,
            recipe.seed,
            recipe.augment,
            recipe.losses.gan == "dragan",
        )
        means, saved, shown = Means(), self._clock(), self._clock()
        last = self.position
        with (
            TrainingLog(self.out) as log,
            batches.stream(self.trainer.pairs) as stream,
        ):
            compiled: set[frozenset[str]] = set()  # kinds of steps, by what they report
            while self.progress < 1 and not stopping():
                before = self.position
                report = self.trainer.train(next(stream), self.progress)
                means.add(report)
                if (kind := frozenset(report)) not in compiled:
                    # The minutes that compiling takes are no training: a short run would be over before it began.
                    float(next(iter(report.values())))
                    self._began += self.position.seconds - before.seconds
                    compiled.add(kind)
                    last = self.position  # nor do the pairs of that step count, whose time does not
                if len(means) >= FIGURES_STEPS or self.position.seconds - last.seconds >= FIGURES_EVERY:
                    last = self._figures(log, means, last, watch)
                if self._clock() - saved >= self.pace.checkpoint_every:
                    last = self._figures(log, means, last, watch)  # finite, or nothing is overwritten
                    self.save()
                    saved = self._clock()
                if self._clock() - shown >= self.pace.sheet_every:
                    self.show(log)
                    shown = self._clock()
            self._figures(log, means, last, watch)
            self.save()
            self.show(log)
        return self.progress >= 1

    def save(self) -> None:
        """Checkpoint and weights. The weights are the moving averages, in the project's own format."""
        self.trainer.publish()
        state, position = self.trainer.networks.state, self.position
        save_checkpoint(self.out / FILE, state, self.recipe, position, self.pace.minutes)
        provenance = {
            "trained_with": "selfie2anime, python -m ugatit train",
            "pairs": position.pairs,
            "steps": position.step,
            "seconds": round(position.seconds),
            "selfies": len(self.pictures.train_a.pictures),
            "anime_faces": len(self.pictures.train_b.pictures),
            "average": self.recipe.average,
            "precision": self.trainer.policy,
            "recipe": self.recipe.to_dict(),
        }
        for direction, model in self.trainer.networks.averages.items():
            save_generator(model, self.out / f"{direction}.safetensors", direction=direction, provenance=provenance)
        self._written()

    def show(self, log: TrainingLog) -> None:
        """A sheet: selfies above their anime, then anime above their selfies, where either is trained."""
        self.trainer.publish()
        averages = self.trainer.networks.averages
        image = contact_sheet(
            [
                (split.pictures[:SHOWN], lambda x, model=averages[direction]: paint(model, to_floats(x)))  # type: ignore[misc]
                for direction, split in (
                    (Direction.SELFIE2ANIME, self.pictures.show_a),
                    (Direction.ANIME2SELFIE, self.pictures.show_b),
                )
                if direction in averages
            ]
        )
        jpeg = as_jpeg(image)
        (self.out / f"samples-{self.trainer.step:07}.jpg").write_bytes(jpeg)
        log.sheet(self.trainer.step, jpeg, image.width, image.height)
        self._written()

    def _figures(self, log: TrainingLog, means: Means, last: Position, watch: Callable[[Tick], None]) -> Position:
        if not len(means):
            return last
        losses = means.take()  # waits for the device, so the time is taken after it
        now = self.position
        rate = (now.pairs - last.pairs) / max(now.seconds - last.seconds, 1e-9)
        learning_rate = self.recipe.learning_rate_at(self.progress, now.step - 1)
        about = {"pairs": now.pairs, "seconds": now.seconds, "pairs_per_second": rate, "learning_rate": learning_rate}
        log.figures(now.step, {**about, **losses})
        watch(Tick(now, self.progress, rate, losses))
        return now
