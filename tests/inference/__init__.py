"""Helpers of the tests of `inference`."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from inference.engine_process import Spec

SAMPLE = Path(__file__).parents[2] / "docs" / "astronaut.png"
SIZE = 8  # side of the pictures of stand-in networks


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """`image` as a file of that kind."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def network(name: str) -> str:
    """The loader of a stand-in network."""
    return f"tests.inference.networks:{name}"


def spec(name: str, folder: Path, buckets: tuple[int, ...] = (1, 2, 4, 8)) -> Spec:
    return Spec(network(name), folder, SIZE, "cpu", "auto", buckets)
