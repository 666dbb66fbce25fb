"""`python -m ugatit prepare`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn


def prepare_command(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder with photos of people, searched deeply.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where trainA and testA go; made if missing.")],
    size: Annotated[int, typer.Option(min=8, help="Side of the pictures, pixels.")] = 256,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of them that is kept for testA.")] = 0.03,
) -> None:
    """Cut the faces out of photos, as the service cuts them, into trainA and testA.

    Small faces, duplicates and what is no photo are left out and named.
    """
    # The one place where this room looks up to `inference`, and only while the command runs: training pictures must be
    # cut exactly as the service cuts, so the cutting is not written twice. The network itself knows nothing of it.
    from inference.dataset import DatasetError, find_photos, prepare_dataset, summary

    try:
        found = find_photos(photos)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=len(found))
            done = prepare_dataset(found, out, size=size, test_share=test_share, advance=lambda: bar.advance(task))
    except (DatasetError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    names = [str(one.photo.relative_to(photos)) for one in done.dropped]
    width = max(map(len, names), default=0)
    for name, one in zip(names, done.dropped, strict=True):
        typer.echo(f"{name:{width}}  {one.reason:10}  {one.detail}")
    if done.dropped:
        typer.echo(f"left out: {summary(done.dropped)}")
    typer.echo(f"{done.train} pictures in {out / 'trainA'}, {done.test} in {out / 'testA'}")
