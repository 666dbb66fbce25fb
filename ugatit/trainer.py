"""The training step of U-GAT-IT: discriminators first, then generators, compiled as one graph.

It is the authors' order of updates with the arithmetic shared: what the generators paint for the discriminators'
update is the very thing that their own update needs, a generator's translation and identity pictures go through it as
one batch, and so do the real and painted pictures of a discriminator. All norms work picture by picture, so nothing but
the time changes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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

Sides = Mapping[Direction, Any]  # pictures (N, S, S, 3) in [-1, 1] by the direction that they belong to

TARGET = {Direction.ANIME2SELFIE: 0, Direction.SELFIE2ANIME: 1}  # the domain that is painted: A, B; as `Draws` has them


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
        self._full = self._program.compile(self._train_all)
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
            over the directions that are trained.
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

    def _train_all(self, a: Any, b: Any, draws: Draws, rate: Any, average: Any, fade: Any) -> Mapping[str, Any]:
        """Judges, then generators. a, b: (N, S, S, 3) uint8; rate, average, fade: scalars."""
        sources, targets = self._sides(a, b)
        networks, weights, teacher = self.networks, self.recipe.losses, self.recipe.teacher
        anchor = teacher.anchor if teacher else 0.0
        taught = self._taught(sources) if anchor else {}

        def objective() -> tuple[Any, Mapping[str, Any]]:
            painters = self._painters(networks.weights.unpack())
            fakes, identity, cam = _paint(painters, sources, targets)
            judged, seen = self._judge_all(targets, fakes, draws, rate)
            judges = networks.judging.unpack() | networks.spectra.unpack()  # as they are after their update
            adversarial = sum(
                generator_loss(weights.gan, call(networks.discriminators[direction], judges, fake)[0])
                for direction, fake in fakes.items()
            )
            loss = fade * weights.adversarial * adversarial + weights.identity * identity + weights.cam * cam
            report = {**judged, "adversarial": adversarial, "identity": identity, "cam": cam}
            if weights.cycle:
                back = {direction: painters[direction.reverse](fake)[0] for direction, fake in fakes.items()}
                report["cycle"] = cycle = _distance(back, sources)
                loss += weights.cycle * cycle
            if anchor:
                report["taught"] = distance = _distance(fakes, taught)
                loss += anchor * distance
            if networks.critic:
                report["critic_adversarial"] = fooling = networks.critic.generator_loss(seen)
                loss += fade * networks.critic.weight * fooling
            return loss, report

        return self._train_generators(objective, rate, average)

    def _train_pupils(self, a: Any, b: Any, draws: Draws, rate: Any, average: Any) -> Mapping[str, Any]:
        """Generators alone, by what they are taught, and what identity and CAM ask of them."""
        sources, targets = self._sides(a, b)
        weights, teacher, critic = self.recipe.losses, self.recipe.teacher, self.networks.critic
        assert teacher is not None
        taught = self._taught(sources)
        # The same for both, so that what differs is what was painted.
        changes = {direction: draws.changes[2 * TARGET[direction]] for direction in sources}

        def objective() -> tuple[Any, Mapping[str, Any]]:
            fakes, identity, cam = _paint(self._painters(self.networks.weights.unpack()), sources, targets)
            distance = _distance(fakes, taught)
            loss = teacher.weight * distance + weights.identity * identity + weights.cam * cam
            report = {"taught": distance, "identity": identity, "cam": cam}
            if critic:
                seen, wanted = critic.see(fakes, changes), critic.see(taught, changes)
                # Maps hold all directions: as often their mean is the sum over them.
                features = len(fakes) * sum(l1(x, y) for x, y in zip(seen, wanted, strict=True)) / len(seen)
                report["taught_features"] = features
                loss += teacher.features * features
            return loss, report

        return self._train_generators(objective, rate, average)

    def _sides(self, a: Any, b: Any) -> tuple[Sides, Sides]:
        """uint8 pictures of domain A and B in [-1, 1]: what every direction paints from, and what like."""
        pictures = _scaled(a), _scaled(b)
        directions = self.recipe.directions
        targets = {direction: pictures[TARGET[direction]] for direction in directions}
        return {direction: pictures[TARGET[direction.reverse]] for direction in directions}, targets

    def _taught(self, sources: Sides) -> Sides:
        """What the teachers paint."""
        return {direction: ops.stop_gradient(self.teachers[direction](x)) for direction, x in sources.items()}

    def _painters(self, weights: Mapping[int, Any]) -> Mapping[Direction, Painter]:
        """The generators with weights of their pack: pictures to paintings and logits of the domain classifier."""
        return {d: partial(_painted, model, weights) for d, model in self.networks.generators.items()}

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
        sources, targets = self._sides(a, b)
        painters = self._painters(self.networks.weights.unpack())
        fakes = {direction: painters[direction](x)[0] for direction, x in sources.items()}
        return self._judge_all(targets, fakes, draws, rate)[0]

    def _judge_all(self, targets: Sides, fakes: Sides, draws: Draws, rate: Any) -> tuple[dict[str, Any], Sequence[Any]]:
        """Trains discriminators and critic; their report, and what the critic sees of the painted pictures."""
        rate, pool, critic = self.recipe.judges_rate * rate, self.networks.pool, self.networks.critic
        judged = fakes
        if pool:
            judged = {
                direction: pool.exchange(direction, ops.stop_gradient(fake), draws.exchanges[TARGET[direction]])
                for direction, fake in fakes.items()
            }
        report = self._update_discriminators(targets, judged, draws, rate)
        if critic is None:
            return report, ()
        of_real, of_fake = ({d: draws.changes[2 * TARGET[d] + i] for d in targets} for i in (0, 1))
        real, fake = critic.see(targets, of_real), critic.see(fakes, of_fake)
        return report | critic.update(self._program, real, critic.see(judged, of_fake) if pool else fake, rate), fake

    def _update_discriminators(self, targets: Sides, fakes: Sides, draws: Draws, rate: Any) -> dict[str, Any]:
        """Trains the discriminators on real and painted pictures, (N, S, S, 3) in [-1, 1] each."""
        networks = self.networks

        def objective() -> tuple[Any, Mapping[str, Any]]:
            spectra, loss = networks.spectra.unpack(), 0.0
            weights = networks.judging.unpack() | spectra
            for direction, fake in fakes.items():
                domain = TARGET[direction]
                judged, updated = self._judge(
                    direction,
                    weights,
                    targets[direction],
                    ops.stop_gradient(fake),
                    draws.mix[domain],
                    draws.noise[domain],
                )
                spectra |= updated
                loss += judged
            networks.spectra.assign(spectra)
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


def _painted(model: Any, weights: Mapping[int, Any], pictures: Any) -> tuple[Any, Any]:
    return call(model, weights, pictures)[0]


def _paint(painters: Mapping[Direction, Painter], sources: Sides, targets: Sides) -> tuple[Sides, Any, Any]:
    """What is painted of the sources; the losses of identity and CAM, summed.

    A generator sees its source and its target domain as one batch of 2 N.
    """
    fakes, identity, cam = {}, 0.0, 0.0
    for direction, painter in painters.items():
        painted, logits = painter(ops.concatenate([sources[direction], targets[direction]]))
        fakes[direction], same = ops.split(painted, 2)
        of_source, of_target = ops.split(logits, 2)
        identity += l1(same, targets[direction])
        cam += cam_loss(of_source, of_target)
    return fakes, identity, cam


def _distance(painted: Sides, wanted: Sides) -> Any:
    return sum(l1(x, wanted[direction]) for direction, x in painted.items())


def _scaled(pictures: Any) -> Any:
    """uint8 → float32 in [-1, 1]."""
    return ops.cast(pictures, "float32") / 127.5 - 1.0
