"""The losses of U-GAT-IT as pure functions of tensors (arXiv:1907.10830, section 2.2; kinds as the authors' release).

Logits are a sequence of tensors of any shape: patches (N, s, s, 1) and CAM (N, 2) of every discriminator. Each counts
with its own mean, and the means are added, so that patches and CAM weigh the same whatever their number.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from ugatit.recipe import Gan

# Gradients of scalar functions with respect to a tensor: (function of x, x) → gradient like x.
InputGradient = Callable[[Callable[[Any], Any], Any], Any]


def discriminator_loss(gan: Gan, real: Sequence[Any], fake: Sequence[Any]) -> Any:
    """What the discriminators of one domain minimise, a scalar, without the gradient penalty.

    Args:
        gan: kind of loss.
        real: logits of real pictures.
        fake: logits of painted ones, in the same order.
    """
    return sum(_on_real(gan, r) + _on_fake(gan, f) for r, f in zip(real, fake, strict=True))


def generator_loss(gan: Gan, fake: Sequence[Any]) -> Any:
    """What the generator minimises against the discriminators of its target domain, a scalar."""
    return sum(_fooling(gan, f) for f in fake)


def l1(x: Any, y: Any) -> Any:
    """Mean absolute difference: of cycle (A → B → A against A) and identity (A through the generator to A)."""
    return ops.mean(ops.abs(x - y))


def cam_loss(source: Any, target: Any) -> Any:
    """The generator's classifier tells its source domain (1) from its target domain (0). Logits (N, 2) → scalar."""
    return ops.mean(ops.softplus(-source)) + ops.mean(ops.softplus(target))


def between(gan: Gan, real: Any, fake: Any, mix: Any, noise: Any) -> Any:
    """Where the gradient penalty is taken: points between real and painted pictures, (N, S, S, 3).

    Args:
        gan: "dragan" takes the surroundings of real pictures in place of painted ones.
        real, fake: (N, S, S, 3).
        mix: (N, 1, 1, 1), uniform in [0, 1].
        noise: (N, S, S, 3), uniform in [0, 1]; used by "dragan" alone.
    """
    if gan == "dragan":
        fake = real + 0.5 * ops.std(real) * noise
    return real + mix * (fake - real)


def gradient_penalty(
    gan: Gan, critic: Callable[[Any], Sequence[Any]], points: Any, input_gradient: InputGradient
) -> Any:
    """How far the norms of the logits' gradients are from 1 ("wgan-lp": above 1), squared; summed over logits.

    Args:
        gan: "wgan-gp", "wgan-lp" or "dragan".
        critic: pictures (N, S, S, 3) → logits.
        points: see `between`.
        input_gradient: differentiates a scalar function; gradients flow through its result.
    """
    count = len(critic(points))

    def of_one(index: int) -> Any:
        gradient = input_gradient(lambda x: ops.sum(critic(x)[index]), points)
        # The small term keeps the root's own gradient finite where the gradient vanishes.
        norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
        excess = ops.maximum(norm - 1.0, 0.0) if gan == "wgan-lp" else norm - 1.0
        return ops.mean(ops.square(excess))

    return sum(of_one(index) for index in range(count))


def zero_centred_penalty(critic: Callable[[Any], Sequence[Any]], real: Any, input_gradient: InputGradient) -> Any:
    """How steep the logits are at real pictures: half of their squared gradient (R1, arXiv:1801.04406).

    Logits of P patches count as if each saw pixels of its own, which makes the value the same for any P.

    Args:
        critic: inputs → logits, the pictures along their first axis.
        real: (N, S, S, 3), or a list of tensors, as `critic` takes it.
        input_gradient: see `gradient_penalty`.
    """

    def total(x: Any) -> Any:
        return sum(ops.sum(logit) / math.prod(logit.shape[1:]) ** 0.5 for logit in critic(x))

    gradients = input_gradient(total, real)
    gradients = gradients if isinstance(gradients, (list, tuple)) else [gradients]
    squares = (ops.sum(ops.square(ops.cast(g, "float32"))) / g.shape[0] for g in gradients)
    return 0.5 * sum(squares)


def _on_real(gan: Gan, logit: Any) -> Any:
    if gan == "lsgan":
        return ops.mean(ops.square(logit - 1.0))
    if gan == "hinge":
        return ops.mean(ops.relu(1.0 - logit))
    if gan in ("gan", "dragan"):
        return ops.mean(ops.softplus(-logit))
    return -ops.mean(logit)


def _on_fake(gan: Gan, logit: Any) -> Any:
    if gan == "lsgan":
        return ops.mean(ops.square(logit))
    if gan == "hinge":
        return ops.mean(ops.relu(1.0 + logit))
    if gan in ("gan", "dragan"):
        return ops.mean(ops.softplus(logit))
    return ops.mean(logit)


def _fooling(gan: Gan, logit: Any) -> Any:
    if gan in ("lsgan", "gan", "dragan"):
        return _on_real(gan, logit)
    return -ops.mean(logit)
