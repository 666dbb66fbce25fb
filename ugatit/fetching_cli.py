"""`python -m ugatit fetch-weights`."""

import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.fetching import FetchError, fetch, unpack


def fetch_command(
    source: Annotated[str, typer.Argument(help="A path, an http(s):// or an s3:// address of a checkpoint.")],
    sha256: Annotated[str, typer.Option(help="Of the file, hexadecimal.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .safetensors file to write.")],
    size: Annotated[int | None, typer.Option(min=1, help="Of the file, in bytes.")] = None,
    inside: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Which folder or .pt file in the archive, where it holds several."),
    ] = None,
    direction: Annotated[Direction, typer.Option(help="Which of the two generators.")] = Direction.SELFIE2ANIME,
    image_size: Annotated[
        int | None, typer.Option(min=4, help="Pixels, for a light generator, whose file does not tell.  [default: 256]")
    ] = None,
    smoothing: Annotated[
        bool | None,
        typer.Option(help="Whether AdaLIN takes 0.1 off rho.  [default: as the file, its folder's name or rho tell]"),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store float16: half the size.")] = False,
) -> None:
    """Bring a published checkpoint (.pt, .safetensors, or a zip or tar of a TensorFlow one) and import it.

    Cut short, it goes on where it was; the downloaded file lies beside FILE until it has been imported.
    """
    from ugatit.importing import import_checkpoint

    name = Path(urlsplit(source).path)
    # Named after what it must be: another file of the same name elsewhere is not gone on with.
    kept = out.with_name(f"{out.stem}.{sha256[:12]}{name.suffix}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            fetch(source, kept, sha256=sha256, size=size)
        with tempfile.TemporaryDirectory(dir=out.parent) as folder:
            # A checkpoint at the top of its archive lies in a folder of the archive's name: the importer goes by it.
            unpacked = Path(folder, name.stem.removesuffix(".tar") or "archive")
            unpacked.mkdir()
            checkpoint = unpack(kept, unpacked, inside)
            done = import_checkpoint(
                checkpoint, out, direction=direction, image_size=image_size, smoothing=smoothing, half=half
            )
        kept.unlink()
    except (FetchError, WeightsError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {direction}, {done.parameters:,} parameters, from the {done.release}")
    typer.echo(f"smoothing: {done.smoothing}")
