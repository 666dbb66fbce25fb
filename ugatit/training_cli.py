"""`python -m ugatit train`: pictures in, weights out, and what happens in between on one line."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ugatit.backends import current_backend, prepare_backend
from ugatit.bucket import BucketError
from ugatit.checkpoint import FILE, CheckpointError, Saved, read_checkpoint
from ugatit.data import DataError, Split, SplitName, load_split
from ugatit.errors import WeightsError
from ugatit.memory import MemoryShortError, check_memory, free_memory, teachers_of
from ugatit.recipe import Recipe, merge
from ugatit.starting import shaped_as_start
from ugatit.training_log import NotFiniteError
from ugatit.training_places import open_places

if TYPE_CHECKING:
    from ugatit.training import Pictures, TrainingRun

SHORT = {
    "discriminator": "d",
    "adversarial": "adv",
    "cycle": "cyc",
    "identity": "idt",
    "cam": "cam",
    "critic": "critic d",
    "critic_adversarial": "critic adv",
    "taught": "taught",
    "taught_features": "features",
}
SHOWN = 16  # test pictures of either domain that are read
SHARES = 10_000  # the bar counts these, since a run may end by steps or by time


def train(
    data: Annotated[
        str,
        typer.Option(
            metavar="DIR", help="Folder or zip file with trainA, trainB and, for sheets, testA, testB; s3:// as well."
        ),
    ],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder for checkpoint, log, sheets and weights; s3:// as well.")
    ],
    config: Annotated[Path | None, typer.Option(help="TOML file of a recipe; options here come before it.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the whole run.  [default: 1,000,000]")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="End after so much training, all parts added.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pairs a step.  [default: 1]")] = None,
    image_size: Annotated[int | None, typer.Option(min=8, help="Side of the pictures.  [default: 256]")] = None,
    base_channels: Annotated[int | None, typer.Option(min=1, help="Width of the networks.  [default: 64]")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.  [default: auto]")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Begin with the weights of another run, or bundled:fast, in place of random ones."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
    checkpoint_every: Annotated[float, typer.Option(min=0.01, help="Minutes between checkpoints.")] = 10.0,
    sheet_every: Annotated[float, typer.Option(min=0.01, help="Minutes between contact sheets.")] = 10.0,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where copies of s3:// folders lie.  [default: ~/.cache/selfie2anime]"),
    ] = None,
) -> None:
    """Train both generators on unpaired selfies (trainA) and anime faces (trainB).

    SIGTERM and Ctrl-C end it after the step under way, with a checkpoint that --resume goes on from.
    """
    console = Console(stderr=True)
    shape = _given(image_size=image_size, base_channels=base_channels)
    options = _given(generator=shape or None, steps=steps, batch=batch, precision=precision, start=start)
    try:
        with open_places(data, out, resume=resume, cache=cache) as places:
            saved = read_checkpoint(places.out / FILE) if resume else None
            recipe = _recipe(places.out / FILE, config, options, saved)
            places.out.mkdir(parents=True, exist_ok=True)
            prepare_backend()
            # Late: Keras takes seconds to load, and a wrong recipe should be told before.
            from ugatit.training import Pace, Tick, TrainingRun

            backend = current_backend()
            if backend.on_processor():  # a graphics card's own memory is not known before it is tried
                step = saved.position.step if saved else 0
                check_memory(recipe, free_memory(), teachers_of(recipe, step))
            pictures = _pictures(places.pull_data(), recipe.generator.image_size)
            splits = (pictures.train_a, pictures.train_b, pictures.show_a, pictures.show_b)
            for note in (*chain(*(split.notes for split in splits)), *(saved.notes if saved else ())):
                console.print(note, highlight=False)
            if saved and minutes is None and steps is None and recipe.steps == saved.recipe.steps:
                minutes = saved.minutes
            pace = Pace(minutes, checkpoint_every * 60, sheet_every * 60)

            def push() -> None:
                try:
                    places.push()
                except BucketError as error:  # no reason to lose the training; the next checkpoint takes it along
                    console.print(f"not pushed, will be tried again: {error}", highlight=False)

            run = TrainingRun(recipe, pictures, places.out, backend, pace, resume=resume, written=push)
            counts = f"{len(pictures.train_a.pictures)} selfies, {len(pictures.train_b.pictures)} anime faces"
            console.print(f"training on {counts}, {run.trainer.policy}, from step {run.position.step}", highlight=False)
            over = _over(run) if saved else None
            with _stop_signals() as stopping, _progress(console) as bar:
                task = bar.add_task("", total=SHARES, completed=int(SHARES * run.progress), figures="compiling")

                def watch(tick: Tick) -> None:
                    losses = "  ".join(f"{SHORT[name]} {value:.3f}" for name, value in tick.losses.items())
                    figures = f"step {tick.position.step}  {losses}  {tick.rate:.1f} pairs/s"
                    bar.update(task, completed=int(SHARES * tick.progress), figures=figures)

                done = run.run(stopping, watch)
            places.push()  # whatever could not be pushed before
    except (
        DataError,
        CheckpointError,
        WeightsError,
        MemoryShortError,
        BucketError,
        ValueError,
        OSError,
        RuntimeError,
    ) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except NotFiniteError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    end = over or "done" if done else "stopped, go on with --resume"
    typer.echo(f"{end}: {run.position.step} steps, {run.position.pairs} pairs; weights and sheets in {out}")


def _over(run: "TrainingRun") -> str | None:
    """Why a run that was to go on is at its end already, and what moves that."""
    if run.progress < 1:
        return None
    if run.trainer.step >= run.recipe.steps:
        return f"nothing to do, its {run.recipe.steps:,} steps are done (give more with --steps)"
    return f"nothing to do, its {run.pace.minutes:g} minutes are over (give more with --minutes, or --steps)"


def _recipe(checkpoint: Path, config: Path | None, options: Mapping[str, Any], saved: Saved | None) -> Recipe:
    """What is asked for, over what the run began with if it is resumed."""
    if saved:
        began = saved.recipe.to_dict()
        if config is None:
            return Recipe.from_dict(merge(began, options))
        # Not as it starts: the weights that it started with may be others by now, or gone.
        return Recipe.from_toml(config, options, lambda values: merge(began, values))
    if checkpoint.exists():
        raise CheckpointError(f"{checkpoint}: there is a run already. Go on with --resume or take another --out.")
    if config is None:
        return Recipe.from_dict(shaped_as_start(options))
    return Recipe.from_toml(config, options, shaped_as_start)


def _pictures(data: Path, size: int) -> "Pictures":
    from ugatit.training import Pictures

    train_a, train_b = load_split(data, "trainA", size), load_split(data, "trainB", size)
    return Pictures(train_a, train_b, _to_show(data, "testA", train_a, size), _to_show(data, "testB", train_b, size))


def _to_show(data: Path, name: SplitName, train: Split, size: int) -> Split:
    try:
        return load_split(data, name, size, limit=SHOWN)
    except DataError as error:
        if (data / name).exists() and any((data / name).iterdir()):
            raise
        pictures = train.pictures[:SHOWN]
        return Split(name, pictures, (f"{name}: none, the sheets show pictures of {train.name} ({error})",))


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _progress(console: Console) -> Progress:
    columns = (BarColumn(20), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[figures]}"), console=console)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT has come; the second of them acts as it always does."""
    asked = threading.Event()
    before = {which: signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)}

    def stop(*_: Any) -> None:
        asked.set()
        for which, handler in before.items():
            signal.signal(which, handler)

    for which in before:
        signal.signal(which, stop)
    try:
        yield asked.is_set
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
