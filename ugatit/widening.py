"""A generator with several times the channels that paints the same (Net2WiderNet, arXiv:1511.05641).

Every channel is there several times over. What reads a channel reads its copies, and shares its weight among them: in
equal parts, and random numbers besides that add up to nothing. So the picture stays, and yet no two copies learn the
same.
"""

import numpy as np

from ugatit.config import GeneratorConfig

SPREAD = 0.5  # deviation of the random numbers, in that of the kernel's shares
SEES_PICTURE, PAINTS = "conv/conv2d/kernel", "G_logit/conv2d/"
JOINS = "conv_1x1/conv2d/kernel"  # reads features gated by the classifier's weights, of both of its branches
CLASSIFIES = "CAM_logit"
FLATTENED = "MLP/linear_0/dense/kernel"  # reads the whole feature map in a full model: rows, columns, channels


def widened(name: str, value: np.ndarray, narrow: GeneratorConfig, times: int, rng: np.random.Generator) -> np.ndarray:
    """A weight of a generator in one with `times` the channels.

    The classifier's weights gate features as well, so a gate is divided among copies with them, its bias too: the
    logits are off by what that takes from the bias.

    Args:
        name: below the generator's scope.
        value: the narrow one's.
        narrow: the narrow one's shape.
        times: how many copies a channel has.
        rng: of the random numbers.
    """
    if name.startswith(CLASSIFIES):
        return (value if name.endswith("bias") else np.concatenate([value] * times)) / times
    if not name.startswith(PAINTS):
        value = np.concatenate([value] * times, -1)
    if not name.endswith("kernel") or name == SEES_PICTURE:
        return value
    channels = value.shape[-2]
    if name == JOINS:
        channels //= 2
    elif name == FLATTENED and not narrow.light:
        channels = narrow.width
    blocks = value.reshape(*value.shape[:-2], -1, channels, value.shape[-1])
    share = blocks if name == JOINS else blocks / times
    noise = rng.normal(0.0, SPREAD * share.std(), (times, *share.shape))
    copies = share + noise - noise.mean(0)
    return np.moveaxis(copies, 0, -3).reshape(*value.shape[:-2], -1, value.shape[-1])
