"""`python -m ugatit evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from ugatit.direction import Direction
from ugatit.errors import WeightsError


def evaluate_command(
    weights: Annotated[Path, typer.Option(metavar="FILE", help="The .safetensors file of the generator.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder or zip file with testA (selfies) and testB.")],
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TorchScript feature network, or .npz with the features `generated` and `reference`.  "
            "[default: Inception-v3 of Keras, downloaded once]",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="For sheet, scores and features.")] = Path("evaluation"),
    direction: Annotated[Direction | None, typer.Option(help="Which generator, in a file that holds both.")] = None,
) -> None:
    """Score a generator on test pictures: KID x 100, FID and a contact sheet."""
    from ugatit.data import DataError
    from ugatit.evaluation.errors import EvaluationError
    from ugatit.evaluation.evaluator import evaluate
    from ugatit.evaluation.measures import SUBSET_SIZE, SUBSETS

    try:
        done = evaluate(weights, data, out, features=features, direction=direction)
    except (WeightsError, DataError, EvaluationError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    scores, size = done.scores, min(SUBSET_SIZE, done.translated, done.reference)
    typer.echo(f"{done.direction}: {done.translated} pictures against {done.reference}")
    typer.echo(f"features:  {done.features}")
    typer.echo(
        f"KID x 100: {100 * scores.kid:.2f} (over {SUBSETS} subsets of {size}: "
        f"{100 * scores.kid_mean:.2f} ± {100 * scores.kid_spread:.2f})"
    )
    typer.echo(f"FID:       {scores.fid:.1f}")
    typer.echo(f"sheet:     {done.sheet}")
