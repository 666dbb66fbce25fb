"""The training step of U-GAT-IT: discriminators first, then generators, compiled as one graph.

It is the authors' order of updates with the arithmetic shared: what the generators paint for the discriminators'
update is the very thing that their own update needs, a generator's translation and identity pictures go through it as
one batch, and so do the real and painted pictures of a discriminator. All norms work picture by picture, so nothing but
the time changes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from ugatit.augment import Batch, Draws
from ugatit.backends import Backend, Objective
from ugatit.direction import Direction
from ugatit.losses import (
    between,
    cam_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    l1,
    zero_centred_penalty,
)
from ugatit.networks import Networks
from ugatit.packing import Pack, call, state_of
from ugatit.recipe import Recipe
from ugatit.teachers import Teachers

Painter = Callable[[Any], tuple[Any, Any]]

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
        teachers: what the generators learn from in the first steps of a recipe with a teacher; to be set before those.
        step: steps done.
        pairs: pairs seen; where the next batch starts.
    """

    def __init__(self, recipe: Recipe, backend: Backend) -> None:
        self.recipe = recipe
        self.policy = policy_of(recipe, backend)
        self.networks = Networks(recipe, self.policy, processor=backend.on_processor())
        self.teachers: Teachers = {}
        self.step = 0
        self.pairs = 0
        self._program = backend.program(self.networks.variables)
        self._full = self._program.compile(self._train_both)
        self._pupils = self._program.compile(self._train_pupils)
        self._judges = self._program.compile(self._train_discriminators)

    def train(self, batch: Batch, progress: float) -> Mapping[str, Any]:
        """One step.

        Args:
            batch: `recipe.batch` pairs.
            progress: share of the run that is done, 0 to 1; it sets the learning rate.

        Returns:
            Scalars on the device: `discriminator`, and where the generators were trained too, `adversarial`, `cycle`,
            `identity` and `cam`; with a critic `critic` and `critic_adversarial` as well. While teachers are listened
            to, and with an anchor afterwards, `taught`; with a critic `taught_features` too. All are unweighted sums
            over both directions.
        """
        rate = np.float32(self.recipe.learning_rate_at(progress, self.step))
        average, fade = (np.float32(f(self.step)) for f in (self.recipe.average_at, self.recipe.fade_at))
        arguments = (batch.a, batch.b, batch.draws, rate)
        if self.recipe.taught_at(self.step):
            report = self._pupils(*arguments, average)
        elif self.recipe.trains_generators_at(self.step):
            report = self._full(*arguments, average, fade)
        else:
            report = self._judges(*arguments)
        self.step += 1
        self.pairs += len(batch.a)
        return report

    def publish(self) -> None:
        """Brings models and `networks.state` up to date."""
        self._program.publish()
        for pack in self.networks.packs:
            pack.publish()

    def adopt(self) -> None:
        """Takes over what was assigned to `networks.state`."""
        for pack in self.networks.packs:
            pack.adopt()
        self._program.adopt()

    def _train_both(self, a: Any, b: Any, draws: Draws, rate: Any, average: Any, fade: Any) -> Mapping[str, Any]:
        """a, b: (N, S, S, 3) uint8; rate, average, fade: scalars."""
        a, b, weights = _scaled(a), _scaled(b), self.recipe.losses
        networks, teacher = self.networks, self.recipe.teacher
        anchor = teacher.anchor if teacher else 0.0
        taught: Sequence[Any] = self._taught(a, b) if anchor else ()

        def objective() -> tuple[Any, Mapping[str, Any]]:
            own = networks.weights.unpack()
            to_b, to_a = self._painters(own)
            (fake_b, same_b), (cam_ab, cam_bb) = _of_both(to_b, a, b)
            (fake_a, same_a), (cam_ba, cam_aa) = _of_both(to_a, b, a)
            judged, seen = self._judge_all(a, b, fake_a, fake_b, draws, rate)
            judges = networks.judging.unpack() | networks.spectra.unpack()  # as they are after their update
            adversarial = sum(
                generator_loss(weights.gan, call(networks.discriminators[direction], judges, fake)[0])
                for direction, fake in ((TO_B, fake_b), (TO_A, fake_a))
            )
            identity = l1(same_a, a) + l1(same_b, b)
            cam = cam_loss(cam_ab, cam_bb) + cam_loss(cam_ba, cam_aa)
            loss = fade * weights.adversarial * adversarial + weights.identity * identity + weights.cam * cam
            report = {**judged, "adversarial": adversarial, "identity": identity, "cam": cam}
            if weights.cycle:
                (back_a, _), (back_b, _) = to_a(fake_b), to_b(fake_a)
                report["cycle"] = cycle = l1(back_a, a) + l1(back_b, b)
                loss += weights.cycle * cycle
            if anchor:
                report["taught"] = distance = l1(fake_b, taught[0]) + l1(fake_a, taught[1])
                loss += anchor * distance
            if networks.critic:
                report["critic_adversarial"] = fooling = networks.critic.generator_loss(seen)
                loss += fade * networks.critic.weight * fooling
            return loss, report

        return self._train_generators(objective, rate, average)

    def _train_pupils(self, a: Any, b: Any, draws: Draws, rate: Any, average: Any) -> Mapping[str, Any]:
        """Generators alone, by what they are taught, and what identity and CAM ask of them."""
        a, b, weights, teacher = _scaled(a), _scaled(b), self.recipe.losses, self.recipe.teacher
        assert teacher is not None
        taught_b, taught_a = self._taught(a, b)
        critic = self.networks.critic
        changes = draws.changes[0], draws.changes[2]  # the same for both, so that what differs is what was painted

        def objective() -> tuple[Any, Mapping[str, Any]]:
            to_b, to_a = self._painters(self.networks.weights.unpack())
            (fake_b, same_b), (cam_ab, cam_bb) = _of_both(to_b, a, b)
            (fake_a, same_a), (cam_ba, cam_aa) = _of_both(to_a, b, a)
            taught = l1(fake_b, taught_b) + l1(fake_a, taught_a)
            identity = l1(same_a, a) + l1(same_b, b)
            cam = cam_loss(cam_ab, cam_bb) + cam_loss(cam_ba, cam_aa)
            loss = teacher.weight * taught + weights.identity * identity + weights.cam * cam
            report = {"taught": taught, "identity": identity, "cam": cam}
            if critic:
                seen, wanted = critic.see(fake_a, fake_b, *changes), critic.see(taught_a, taught_b, *changes)
                # Maps hold both domains: twice their mean is the sum over directions.
                features = 2 * sum(l1(x, y) for x, y in zip(seen, wanted, strict=True)) / len(seen)
                report["taught_features"] = features
                loss += teacher.features * features
            return loss, report

        return self._train_generators(objective, rate, average)

    def _taught(self, a: Any, b: Any) -> tuple[Any, Any]:
        """What the teachers paint of both, of domain B and A."""
        to_b, to_a = (ops.stop_gradient(self.teachers[d](x)) for d, x in ((TO_B, a), (TO_A, b)))
        return to_b, to_a

    def _painters(self, weights: Mapping[int, Any]) -> tuple[Painter, Painter]:
        """Both generators with weights of their pack: pictures to paintings and logits of the domain classifier."""
        generators = self.networks.generators
        to_b, to_a = (lambda x, m=generators[d]: call(m, weights, x)[0] for d in (TO_B, TO_A))
        return to_b, to_a

    def _train_generators(self, objective: Objective, rate: Any, average: Any) -> Mapping[str, Any]:
        """One update by an objective, and the averages after it."""
        networks = self.networks
        report, gradient = self._program.gradient(objective, networks.weights.vector)
        self._update(networks.generator_optimizer, networks.weights, gradient, rate)
        networks.weights.clip_rho()
        mean, now = (ops.convert_to_tensor(pack.vector) for pack in (networks.averaged, networks.weights))
        networks.averaged.vector.assign(mean + (1.0 - average) * (now - mean))
        return report

    def _train_discriminators(self, a: Any, b: Any, draws: Draws, rate: Any) -> Mapping[str, Any]:
        a, b = _scaled(a), _scaled(b)
        weights, generators = self.networks.weights.unpack(), self.networks.generators
        (fake_b, _), _ = call(generators[TO_B], weights, a)
        (fake_a, _), _ = call(generators[TO_A], weights, b)
        return self._judge_all(a, b, fake_a, fake_b, draws, rate)[0]

    def _judge_all(
        self, a: Any, b: Any, fake_a: Any, fake_b: Any, draws: Draws, rate: Any
    ) -> tuple[dict[str, Any], Sequence[Any]]:
        """Trains discriminators and critic; their report, and what the critic sees of the painted pictures."""
        rate, pool, critic = self.recipe.judges_rate * rate, self.networks.pool, self.networks.critic
        judged_a, judged_b = fake_a, fake_b
        if pool:
            judged_a = pool.exchange(TO_A, ops.stop_gradient(fake_a), draws.exchanges[0])
            judged_b = pool.exchange(TO_B, ops.stop_gradient(fake_b), draws.exchanges[1])
        report = self._update_discriminators(a, b, judged_a, judged_b, draws, rate)
        if critic is None:
            return report, ()
        of_real, of_fake = ([draws.changes[i] for i in drawn] for drawn in ((0, 2), (1, 3)))  # for A and B each
        real, fake = critic.see(a, b, *of_real), critic.see(fake_a, fake_b, *of_fake)
        judged = critic.see(judged_a, judged_b, *of_fake) if pool else fake
        return report | critic.update(self._program, real, judged, rate), fake

    def _update_discriminators(
        self, a: Any, b: Any, fake_a: Any, fake_b: Any, draws: Draws, rate: Any
    ) -> dict[str, Any]:
        """Trains the discriminators on real and painted pictures, (N, S, S, 3) in [-1, 1] each."""
        fake_a, fake_b = ops.stop_gradient(fake_a), ops.stop_gradient(fake_b)

        networks = self.networks

        def objective() -> tuple[Any, Mapping[str, Any]]:
            weights, spectra = networks.judging.unpack(), networks.spectra.unpack()
            of_a, spectra_a = self._judge(TO_A, weights | spectra, a, fake_a, draws.mix[0], draws.noise[0])
            of_b, spectra_b = self._judge(TO_B, weights | spectra, b, fake_b, draws.mix[1], draws.noise[1])
            networks.spectra.assign(spectra_a | spectra_b)
            loss = of_a + of_b
            return self.recipe.losses.adversarial * loss, {"discriminator": loss}

        report, gradient = self._program.gradient(objective, networks.judging.vector)
        self._update(networks.discriminator_optimizer, networks.judging, gradient, rate)
        return dict(report)

    def _judge(
        self, direction: Direction, weights: Mapping[int, Any], real: Any, fake: Any, mix: Any, noise: Any
    ) -> tuple[Any, dict[int, Any]]:
        """The loss of the discriminators of one domain, and their spectral norms one power iteration further."""
        discriminator, losses = self.networks.discriminators[direction], self.recipe.losses
        # One batch of 2 N, and so one power iteration.
        outputs, updated = call(discriminator, weights, ops.concatenate([real, fake]), training=True)
        logits = [ops.split(logit, 2) for logit in outputs]
        loss = discriminator_loss(losses.gan, [real for real, _ in logits], [fake for _, fake in logits])
        if losses.has_penalty:
            points = between(losses.gan, real, fake, mix, noise)
            loss += losses.penalty * gradient_penalty(
                losses.gan, lambda x: call(discriminator, weights, x)[0], points, self._program.input_gradient
            )
        if losses.r1:
            loss += losses.r1 * zero_centred_penalty(
                lambda x: call(discriminator, weights, x)[0], real, self._program.input_gradient
            )
        return loss, state_of(discriminator, updated)

    def _update(self, optimizer: Any, pack: Pack, gradient: Any, rate: Any) -> None:
        optimizer.learning_rate = rate
        optimizer.apply([pack.decayed(gradient, self.recipe.weight_decay)], [pack.vector])


def _of_both(painter: Painter, source: Any, target: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """A generator sees its source and its target domain as one batch of 2 N: paintings of both, logits of both."""
    painted, logits = painter(ops.concatenate([source, target]))
    return ops.split(painted, 2), ops.split(logits, 2)


def _scaled(pictures: Any) -> Any:
    """uint8 → float32 in [-1, 1]."""
    return ops.cast(pictures, "float32") / 127.5 - 1.0
