"""`python -m ugatit import`."""

from pathlib import Path
from typing import Annotated

import typer

from ugatit.direction import Direction
from ugatit.errors import WeightsError


def import_command(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="TensorFlow checkpoint (prefix, one of its files or folder), .pt or .safetensors file."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .safetensors file to write.")],
    direction: Annotated[Direction, typer.Option(help="Which of the two generators.")] = Direction.SELFIE2ANIME,
    image_size: Annotated[
        int | None,
        typer.Option(min=4, help="Pixels, for a light generator, whose file does not tell.  [default: 256]"),
    ] = None,
    smoothing: Annotated[
        bool | None,
        typer.Option(help="Whether AdaLIN takes 0.1 off rho.  [default: as the file, its folder's name or rho tell]"),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store float16: half the size.")] = False,
) -> None:
    """Turn a published checkpoint into a weights file. Nothing in it is executed."""
    from ugatit.importing.importer import import_checkpoint

    try:
        done = import_checkpoint(
            checkpoint, out, direction=direction, image_size=image_size, smoothing=smoothing, half=half
        )
    except (WeightsError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    kind = "light" if done.config.light else "full"
    typer.echo(f"{out}: {direction}, {kind}, {done.parameters:,} parameters, from the {done.release}")
    for name, value in done.config.to_dict().items():
        typer.echo(f"{name + ':':16}{done.smoothing if name == 'smoothing' else value}")
