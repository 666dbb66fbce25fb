"""`python -m ugatit`: look into a weights file, translate a folder of pictures, train."""

import hashlib
import os
from pathlib import Path
from typing import Annotated

import typer

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.evaluation.cli import evaluate_command
from ugatit.exporting.cli import export_command
from ugatit.fetching_cli import fetch_command
from ugatit.importing.cli import import_command
from ugatit.preparing_cli import prepare_command
from ugatit.training_cli import train
from ugatit.weights_file import bundled_weights, read_header

app = typer.Typer(help="U-GAT-IT: the network behind the pictures.", no_args_is_help=True, add_completion=False)
app.command("prepare")(prepare_command)
app.command()(train)
app.command("import")(import_command)
app.command("evaluate")(evaluate_command)
app.command("export")(export_command)
app.command("fetch-weights")(fetch_command)


@app.callback()
def _quiet() -> None:
    """U-GAT-IT: the network behind the pictures."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets with a dozen lines otherwise


@app.command()
def info(file: Annotated[Path, typer.Argument(help="A .safetensors file of generator weights.")]) -> None:
    """Print what a weights file holds and where it comes from."""
    try:
        header = read_header(file)
    except WeightsError as error:
        raise _failed(error) from None
    rows: dict[str, object] = {
        "file": file,
        "bytes": f"{file.stat().st_size:,}",
        "sha256": _sha256(file),
        "generators": ", ".join(header.directions) or "none",
        "parameters": f"{header.parameters:,} as {', '.join(header.dtypes)}",
        **header.config.to_dict(),
        **{f"provenance: {key}": value for key, value in header.provenance.items()},
    }
    for name, value in rows.items():
        typer.echo(f"{name + ':':24}{value}")


@app.command()
def translate(
    source: Annotated[Path, typer.Argument(metavar="IN_DIR", help="A folder of pictures, each one face.")],
    target: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Where the PNG files go; made if missing.")],
    weights: Annotated[Path | None, typer.Option(help="Weights file.  [default: the ones that come along]")] = None,
    direction: Annotated[Direction | None, typer.Option(help="Which generator, in a file that holds both.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures painted at a time.")] = 8,
    heatmaps: Annotated[
        bool, typer.Option("--heatmaps", help="Also OUT_DIR/heatmaps: the pictures, coloured where the network looked.")
    ] = False,
) -> None:
    """Paint every picture of a folder, resized to the network's size; faces are not searched for."""
    from ugatit.translating import SUFFIXES, find_pictures, translate_pictures

    try:
        pictures = find_pictures(source)
        if not pictures:
            raise FileNotFoundError(f"no pictures in {source}; looked for {', '.join(sorted(SUFFIXES))}")
        target.mkdir(parents=True, exist_ok=True)
        maps = target / "heatmaps" if heatmaps else None
        if maps:
            maps.mkdir(exist_ok=True)
        failures = translate_pictures(
            pictures, target, weights or bundled_weights(), direction=direction, batch=batch, heatmaps=maps
        )
    except (WeightsError, OSError) as error:
        raise _failed(error) from None
    for failure in failures:
        typer.echo(f"{failure.picture}: {failure.reason}", err=True)
    typer.echo(f"{len(pictures) - len(failures)} of {len(pictures)} pictures painted into {target}")
    if failures:
        raise typer.Exit(1)


def _failed(error: Exception) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
