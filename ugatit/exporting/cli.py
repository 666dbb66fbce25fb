"""`python -m ugatit export`."""

from pathlib import Path
from typing import Annotated

import typer

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.exporting.errors import ExportError
from ugatit.exporting.exporter import Format


def export_command(
    weights: Annotated[Path, typer.Option(metavar="FILE", help="A .safetensors file of generator weights.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="Where to: a folder for saved-model, else a file.")],
    direction: Annotated[Direction | None, typer.Option(help="Which generator, in a file that holds both.")] = None,
) -> None:
    """Write a generator for another runtime, then check that it paints there what it paints here."""
    from ugatit.exporting.exporter import export_generator
    from ugatit.loading import load_generator

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        done = export_generator(load_generator(weights, dtype="float32", direction=direction), out, form)
    except (WeightsError, ExportError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if done.difference is None:
        typer.echo(f"{out}: {form}, NOT checked against Keras, for nothing here can run it: {done.missing}")
    else:
        typer.echo(f"{out}: {form}, differs from Keras by {done.difference:.2g} at most")
