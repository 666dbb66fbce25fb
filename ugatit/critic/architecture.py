"""Shapes of the networks whose features a critic can see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """Inverted residual blocks of one width; the first has the stride and may change the width.

    Args:
        side: of the depthwise kernel.
        stride: of the first block.
        expansion: channels inside a block for every one before it.
        filters: channels after each block.
        blocks: how many.
    """

    side: int
    stride: int
    expansion: int
    filters: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A feature network: channels after the first convolution (3 x 3, stride 2), and its stages."""

    stem: int
    stages: tuple[Stage, ...]


ARCHITECTURES = {
    "efficientnet-lite0": Architecture(
        32,
        (
            Stage(3, 1, 1, 16, 1),
            Stage(3, 2, 6, 24, 2),
            Stage(5, 2, 6, 40, 2),
            Stage(3, 2, 6, 80, 3),
            Stage(5, 1, 6, 112, 3),
            Stage(5, 2, 6, 192, 4),
            Stage(3, 1, 6, 320, 1),
        ),
    )
}
