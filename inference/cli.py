"""The command line: `python -m inference translate PHOTO... --out DIR`."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import ugatit
from config import ConfigError, Settings, load_settings
from inference import choice
from inference.batcher import buckets
from inference.engine_process import Spec
from inference.errors import InferenceError
from inference.names import Names
from inference.options import Crop, Direction, Faces, Options
from inference.pipeline import Pipeline, Translation, weights_of
from storage.errors import StorageError

AT_ONCE = 8  # photos under way: enough to fill a batch, few enough to stay small in memory
WORDS = {
    "unreadable": "damaged, or no picture at all",
    "unsupported_format": "not a JPEG, PNG, WebP or HEIC picture",
    "photo_too_large": "too large",
    "no_face": "no face found (--whole paints the whole picture)",
    "face_too_small": "the face is too small",
    "prepare_timeout": "took too long or too much memory to open",
    "no_reverse": "there are no weights for this direction (MODEL_WEIGHTS_REVERSE)",
    "engine_failed": "the network could not paint it",
}

app = typer.Typer(help="Selfies into anime pictures.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Selfies into anime pictures."""


@app.command()
def translate(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="JPEG, PNG, WebP or HEIC files.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the PNGs go; made if it is missing.")],
    faces: Annotated[Faces, typer.Option(help="Which faces of a photo are painted.")] = Faces.ALL,
    crop: Annotated[Crop, typer.Option(help="How much is seen around a face.")] = Crop.DEFAULT,
    whole: Annotated[bool, typer.Option("--whole", help="Paint the whole picture, without looking for faces.")] = False,
    reverse: Annotated[bool, typer.Option("--reverse", help="Make selfies of anime pictures.")] = False,
) -> None:
    """Paint every face: NAME.png, NAME-2.png, … Exits 1 if any photo could not be painted; the others are done."""
    say, complain = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(level=logging.CRITICAL)  # what goes wrong is said per photo
    try:
        settings = load_settings()
        out.mkdir(parents=True, exist_ok=True)
        direction = Direction.REVERSE if reverse else Direction.ANIME
        options = Options(faces=faces, crop=crop, whole=whole, direction=direction)
        failed = asyncio.run(Run(settings, options, out, say, complain).all(photos))
    except (ConfigError, ugatit.WeightsError, InferenceError) as error:
        complain.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    except OSError as error:
        complain.print(f"{out}: {error.strerror or error}", style="red", markup=False)
        raise typer.Exit(2) from None
    if failed:
        raise typer.Exit(1)


@app.command()
def measure() -> None:
    """Measure what runs the network quickest here, of what is installed and MODEL_… allow, and remember it."""
    say, complain = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)
    logging.basicConfig(level=logging.CRITICAL)
    try:
        settings = load_settings()
        weights = weights_of(settings.model_weights)
        size = ugatit.read_config(weights).image_size
        possible = choice.candidates(settings)
        sizes, graphs = buckets(settings.model_batch), choice.graphs(settings)
        spec = Spec("", weights, size, settings.model_devices[0], "auto", sizes, graphs=graphs)
        measured = asyncio.run(choice.measure(spec, possible))
        best = choice.remember(settings, weights, measured)
    except (ConfigError, ugatit.WeightsError, InferenceError) as error:
        complain.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None
    except OSError as error:
        complain.print(f"{error.filename}: {error.strerror}", style="red", markup=False)
        raise typer.Exit(2) from None
    table = Table("backend", "precision", "pictures/s", "dB from exact")
    for each in measured:
        pace = each.why if each.pace is None else f"{each.pace:.2f}"
        exactness = "" if each.psnr is None else f"{each.psnr:.1f}"
        table.add_row(each.choice.backend, each.choice.precision, pace, exactness)
    say.print(table)
    if best is None:
        complain.print("None of them can run the network.", style="red")
        raise typer.Exit(1)
    say.print(f"{best.backend} in {best.precision} runs the network from the next start on.")


@app.command()
def worker(
    metrics: Annotated[
        str, typer.Option(metavar="[HOST:]PORT", help="Where Prometheus may ask, on this machine alone by default.")
    ] = "",
) -> None:
    """Paint what the service orders over QUEUE_URL=sqs://NAME, until SIGTERM or Ctrl-C."""
    from inference.worker import serve

    host, _, port = metrics.rpartition(":")
    if metrics and not (port.isdecimal() and int(port) < 65_536):
        raise typer.BadParameter(f"{metrics!r} is no port, and no HOST:PORT", param_hint="--metrics")
    at = (host or "127.0.0.1", int(port)) if metrics else None
    try:
        settings = load_settings()
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
        for name in ("botocore", "aiobotocore", "aioboto3"):  # they tell of every request, signatures and all
            logging.getLogger(name).setLevel(logging.WARNING)
        asyncio.run(serve(settings, say=lambda line: print(line, flush=True), metrics_at=at))
    except (ConfigError, StorageError, ugatit.WeightsError, InferenceError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
        raise typer.Exit(2) from None


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the command."""

    settings: Settings
    options: Options
    out: Path
    say: Console
    complain: Console
    network: str | None = None

    async def all(self, photos: Sequence[Path]) -> int:
        """Paint all, write what comes of it in their order, and return how many failed."""
        names, failed = Names(self.out, photos), 0
        turns = asyncio.Semaphore(AT_ONCE)
        async with Pipeline(self.settings, network=self.network) as pipeline:
            tasks = [asyncio.create_task(self._paint(pipeline, photo, turns)) for photo in photos]
            ready = asyncio.create_task(pipeline.wait_ready())
            try:
                with self._progress(len(photos)) as progress:
                    bar = progress.add_task("Painting", total=len(photos))
                    for photo, task in zip(photos, tasks, strict=True):
                        failed += not self._finish(photo, await _first(task, ready), names)
                        progress.advance(bar)
            finally:
                for pending in (*tasks, ready):
                    pending.cancel()
                await asyncio.gather(*tasks, ready, return_exceptions=True)
        return failed

    async def _paint(self, pipeline: Pipeline, photo: Path, turns: asyncio.Semaphore) -> Translation | Exception:
        async with turns:
            try:
                data = await asyncio.to_thread(photo.read_bytes)
                return await pipeline.translate(data, self.options)
            except (OSError, InferenceError) as error:
                return error

    def _finish(self, photo: Path, result: Translation | Exception, names: Names) -> bool:
        if isinstance(result, InferenceError):
            detail = f" ({result})" if result.code in {"photo_too_large", "face_too_small", "engine_failed"} else ""
            self.complain.print(f"{photo}: {WORDS[result.code]}{detail}", style="red", markup=False)
            return False
        if isinstance(result, OSError):
            self.complain.print(f"{photo}: {result.strerror or result}", style="red", markup=False)
            return False
        assert isinstance(result, Translation)
        written = [names.take(photo, number) for number in range(1, len(result.portraits) + 1)]
        for path, portrait in zip(written, result.portraits, strict=True):
            path.write_bytes(portrait.png)
        self.say.print(f"{photo}: {_found(result)} → {', '.join(map(str, written))}", markup=False)
        return True

    def _progress(self, photos: int) -> Progress:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        return Progress(
            *columns, console=self.complain, transient=True, disable=photos < 2 or not self.complain.is_terminal
        )


async def _first(task: "asyncio.Task[Translation | Exception]", ready: "asyncio.Task[None]") -> Translation | Exception:
    """The photo's result, or the reason why there will never be any."""
    await asyncio.wait({task, ready} if not ready.done() else {task}, return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        ready.result()
    return await task


def _found(result: Translation) -> str:
    if result.found == 0:
        return "the whole picture"
    count = "1 face" if result.found == 1 else f"{result.found} faces"
    painted = len(result.portraits)
    return count if painted == result.found else f"{count}, {painted} painted"
