"""From a configuration to the shape of every tensor, and from shapes back to the configuration; without Keras."""

import math
import re
from collections.abc import Iterator, Mapping

from ugatit.config import Dialect, GeneratorConfig

Shape = tuple[int, ...]


class Unreadable(Exception):
    """The shapes do not tell the configuration; the message says which tensor is at fault."""


def expected_shapes(config: GeneratorConfig) -> dict[str, Shape]:
    """Every tensor of a generator by its native name below the scope: kernels (height, width, in, out)."""
    return dict(_shapes(config))


def _shapes(config: GeneratorConfig) -> Iterator[tuple[str, Shape]]:
    base, width, published_tf = config.base_channels, config.width, config.dialect == "tensorflow"

    def conv(
        name: str, side: int, channels: int, filters: int, bias: bool = published_tf
    ) -> Iterator[tuple[str, Shape]]:
        yield f"{name}/conv2d/kernel", (side, side, channels, filters)
        if bias:
            yield f"{name}/conv2d/bias", (filters,)

    def norm(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
        if published_tf:
            yield f"{name}/gamma", (channels,)
            yield f"{name}/beta", (channels,)

    def dense(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
        yield f"MLP/{name}/dense/kernel", (channels, width)
        if published_tf:
            yield f"MLP/{name}/dense/bias", (width,)

    yield from conv("conv", 7, config.colours, base)
    yield from norm("ins_norm", base)
    for i in range(config.downsamplings):
        yield from conv(f"conv_{i}", 3, base * 2**i, base * 2 ** (i + 1))
        yield from norm(f"ins_norm_{i}", base * 2 ** (i + 1))
    for i in range(config.blocks):
        for part in ("res1", "res2"):
            yield from conv(f"resblock_{i}/{part}/conv_0", 3, width, width)
            yield from norm(f"resblock_{i}/{part}/instance_norm", width)
    for head in ("CAM_logit",) if published_tf else ("CAM_logit_average", "CAM_logit_maximum"):
        yield f"{head}/kernel", (width, 1)
        if published_tf:
            yield f"{head}/bias", (1,)
    yield from conv("conv_1x1", 1, 2 * width, width, True)
    yield from dense("linear_0", width if config.light else config.bottleneck**2 * width)
    for name in ("linear_1", "gamma", "beta"):
        yield from dense(name, width)
    for i in range(config.blocks):
        for part in ("res1", "res2"):
            yield from conv(f"adaptive_resblock{i}/{part}/conv_0", 3, width, width)
            yield f"adaptive_resblock{i}/{part}/instance_layer_norm/rho", (width,)
    for i in range(config.downsamplings):
        filters = width // 2 ** (i + 1)
        yield from conv(f"up_conv_{i}", 3, 2 * filters, filters)
        for part in ("rho", "gamma", "beta"):
            yield f"layer_ins_norm_{i}/{part}", (filters,)
    yield from conv("G_logit", 7, base, config.colours)


def read_off(shapes: Mapping[str, Shape], dialect: Dialect, *, image_size: int | None = None) -> GeneratorConfig:
    """The configuration that a generator's shapes tell. Of smoothing none does: it is what the dialect has by default.

    Args:
        shapes: by native names below the scope.
        dialect: whose names they were.
        image_size: of a light generator, whose shapes do not depend on it (None: 256, the paper's); a full one tells
            its own, which has to agree.

    Raises:
        Unreadable: a tensor that decides is missing or misshapen, or the image size does not agree.
    """
    base = _side(shapes, "conv/conv2d/kernel", 4, 3)
    downsamplings = _count(shapes, r"(?:up_)?conv_(\d+)/")
    blocks = _count(shapes, r"(?:adaptive_resblock|resblock_)(\d+)/")
    inputs = _side(shapes, "MLP/linear_0/dense/kernel", 2, 0)
    width = base * 2**downsamplings
    side = math.isqrt(inputs // width)
    light = inputs == width
    if side * side * width != inputs:
        raise Unreadable(
            f"MLP/linear_0/dense/kernel has {inputs} inputs, neither the {width} channels of a light generator nor "
            f"{width} for every cell of a square"
        )
    block = math.isqrt(_side(shapes, "conv/conv2d/kernel", 4, 2) // 3) or 1
    own_size = side * block * 2**downsamplings
    if not light and image_size not in (None, own_size):
        raise Unreadable(f"the full generator works on {own_size} x {own_size} pixels, not on {image_size}")
    try:
        return GeneratorConfig(
            base_channels=base,
            downsamplings=downsamplings,
            blocks=blocks,
            image_size=(image_size or 256) if light else own_size,
            light=light,
            dialect=dialect,
            smoothing=dialect == "tensorflow",
            pixel_shuffle=block,
        )
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _side(shapes: Mapping[str, Shape], name: str, rank: int, axis: int) -> int:
    if name not in shapes:
        raise Unreadable(f"{name} is missing, from which the configuration is read")
    if len(shapes[name]) != rank:
        raise Unreadable(f"{name} has shape {shapes[name]}, but {rank} axes are due")
    return shapes[name][axis]


def _count(shapes: Mapping[str, Shape], pattern: str) -> int:
    """One more than the highest index, so that a gap below it is named as missing tensors."""
    return max((int(found[1]) + 1 for name in shapes if (found := re.match(pattern, name))), default=0)
