"""The training step of U-GAT-IT: discriminators first, then generators, compiled as one graph.

It is the authors' order of updates with the arithmetic shared: what the generators paint for the discriminators'
update is the very thing that their own update needs, a generator's translation and identity pictures go through it as
one batch, and so do the real and painted pictures of a discriminator. All norms work picture by picture, so nothing but
the time changes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from ugatit.augment import Batch
from ugatit.backends import Backend
from ugatit.direction import Direction
from ugatit.losses import between, cam_loss, discriminator_loss, generator_loss, gradient_penalty, l1
from ugatit.networks import Networks
from ugatit.recipe import Recipe

TO_B, TO_A = Direction.SELFIE2ANIME, Direction.ANIME2SELFIE


def policy_of(recipe: Recipe, backend: Backend) -> str:
    """The Keras dtype policy that a recipe's precision comes to on this device."""
    precision = recipe.precision
    if precision == "auto":
        precision = "bfloat16" if backend.native_bfloat16() else "float32"
    return "mixed_bfloat16" if precision == "bfloat16" else "float32"


class Trainer:
    """Networks and the step that trains them.

    Args:
        recipe: everything that shapes the outcome.
        backend: see `ugatit.backends.current_backend`.

    Attributes:
        networks: the networks; call `publish` before reading their weights and `adopt` after assigning any.
        step: steps done.
        pairs: pairs seen; where the next batch starts.
    """

    def __init__(self, recipe: Recipe, backend: Backend) -> None:
        self.recipe = recipe
        self.policy = policy_of(recipe, backend)
        self.networks = Networks(recipe, self.policy)
        self.step = 0
        self.pairs = 0
        self._program = backend.program(list(self.networks.state.values()))
        self._full = self._program.compile(self._train_both)
        self._critic = self._program.compile(self._train_discriminators)

    def train(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """One step.

        Args:
            batch: `recipe.batch` pairs.
            progress: share of the run that is done, 0 to 1; it sets the learning rate.

        Returns:
            Scalars on the device: `discriminator`, and where the generators were trained too, `adversarial`, `cycle`,
            `identity` and `cam`, all unweighted sums over both directions.
        """
        with_generators = self.step % self.recipe.n_critic == 0
        rate = np.float32(self.recipe.learning_rate_at(progress))
        average = np.float32(self.recipe.average_at(self.step // self.recipe.n_critic))
        arguments = (batch.a, batch.b, batch.mix, batch.noise, rate)
        report = self._full(*arguments, average) if with_generators else self._critic(*arguments)
        self.step += 1
        self.pairs += len(batch.a)
        return report

    def publish(self) -> None:
        self._program.publish()

    def adopt(self) -> None:
        self._program.adopt()

    def _train_both(self, a: Any, b: Any, mix: Any, noise: Any, rate: Any, average: Any) -> Mapping[str, Any]:
        """a, b: (N, S, S, 3) uint8; mix, noise: see `Batch`; rate, average: scalars."""
        a, b, weights = _scaled(a), _scaled(b), self.recipe.losses
        to_b, to_a = (self.networks.generators[d] for d in (TO_B, TO_A))

        def objective() -> tuple[Any, Mapping[str, Any]]:
            # A generator sees its source and its target domain as one batch of 2 N.
            painted, logits = to_b(ops.concatenate([a, b]))
            (fake_b, same_b), (cam_ab, cam_bb) = ops.split(painted, 2), ops.split(logits, 2)
            painted, logits = to_a(ops.concatenate([b, a]))
            (fake_a, same_a), (cam_ba, cam_aa) = ops.split(painted, 2), ops.split(logits, 2)
            judged = self._update_discriminators(a, b, fake_a, fake_b, mix, noise, rate)
            (back_a, _), (back_b, _) = to_a(fake_b), to_b(fake_a)
            adversarial = sum(
                generator_loss(weights.gan, self.networks.discriminators[direction](fake))
                for direction, fake in ((TO_B, fake_b), (TO_A, fake_a))
            )
            cycle = l1(back_a, a) + l1(back_b, b)
            identity = l1(same_a, a) + l1(same_b, b)
            cam = cam_loss(cam_ab, cam_bb) + cam_loss(cam_ba, cam_aa)
            loss = (
                weights.adversarial * adversarial
                + weights.cycle * cycle
                + weights.identity * identity
                + weights.cam * cam
            )
            return loss, {**judged, "adversarial": adversarial, "cycle": cycle, "identity": identity, "cam": cam}

        variables = self.networks.generator_variables
        report, gradients = self._program.gradients(objective, variables)
        self._update(self.networks.generator_optimizer, variables, gradients, rate)
        for mean, variable in self.networks.averaged:
            mean.assign(mean + (1.0 - average) * (ops.convert_to_tensor(variable) - mean))
        return report

    def _train_discriminators(self, a: Any, b: Any, mix: Any, noise: Any, rate: Any) -> Mapping[str, Any]:
        a, b = _scaled(a), _scaled(b)
        (fake_b, _), (fake_a, _) = self.networks.generators[TO_B](a), self.networks.generators[TO_A](b)
        return self._update_discriminators(a, b, fake_a, fake_b, mix, noise, rate)

    def _update_discriminators(
        self, a: Any, b: Any, fake_a: Any, fake_b: Any, mix: Any, noise: Any, rate: Any
    ) -> Mapping[str, Any]:
        """Trains the discriminators on real and painted pictures, (N, S, S, 3) in [-1, 1] each."""
        fake_a, fake_b = ops.stop_gradient(fake_a), ops.stop_gradient(fake_b)

        def objective() -> tuple[Any, Mapping[str, Any]]:
            loss = self._judge(TO_A, a, fake_a, mix[0], noise[0]) + self._judge(TO_B, b, fake_b, mix[1], noise[1])
            return self.recipe.losses.adversarial * loss, {"discriminator": loss}

        variables = self.networks.discriminator_variables
        report, gradients = self._program.gradients(objective, variables)
        self._update(self.networks.discriminator_optimizer, variables, gradients, rate)
        return report

    def _judge(self, direction: Direction, real: Any, fake: Any, mix: Any, noise: Any) -> Any:
        discriminator, losses = self.networks.discriminators[direction], self.recipe.losses
        # One batch of 2 N, and so one power iteration.
        logits = [ops.split(logit, 2) for logit in discriminator(ops.concatenate([real, fake]), training=True)]
        loss = discriminator_loss(losses.gan, [real for real, _ in logits], [fake for _, fake in logits])
        if losses.has_penalty:
            points = between(losses.gan, real, fake, mix, noise)
            loss += losses.penalty * gradient_penalty(
                losses.gan, lambda x: discriminator(x, training=False), points, self._program.input_gradient
            )
        return loss

    def _update(self, optimizer: Any, variables: list[Any], gradients: list[Any], rate: Any) -> None:
        """One step of Adam with L2 on kernels alone, as the published TensorFlow release regularises."""
        decay = self.recipe.weight_decay
        decayed = [
            gradient + decay * ops.convert_to_tensor(variable) if variable.name == "kernel" else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        optimizer.learning_rate = rate
        optimizer.apply(decayed, variables)


def _scaled(pictures: Any) -> Any:
    """uint8 → float32 in [-1, 1]."""
    return ops.cast(pictures, "float32") / 127.5 - 1.0
