"""The six networks of a training run, their two optimisers, and all of their variables by name."""

from typing import Any

import keras
import numpy as np

from ugatit.direction import Direction
from ugatit.discriminator import build_discriminator
from ugatit.generator import build_generator, build_training_generator, weight_name
from ugatit.packing import Pack
from ugatit.recipe import Recipe

SPREAD = 0.02  # standard deviation of fresh kernels
JUDGES = {Direction.SELFIE2ANIME: "discriminator_B", Direction.ANIME2SELFIE: "discriminator_A"}


class Networks:
    """Generators and their moving averages by direction, discriminators by the direction whose results they judge.

    Args:
        recipe: shapes, optimisers and the seed of the weights, which are the same on every backend.
        dtype: Keras dtype policy of all networks.
        winograd: see `ugatit.winograd`.

    Attributes:
        weights, averaged, judging, spectra: packed weights of the generators, of their averages, of the discriminators,
            and the state of the discriminators' spectral norms. Steps work on these; the models themselves are brought
            up to date by `Pack.publish`. The first two are in the same order.
    """

    def __init__(self, recipe: Recipe, dtype: str, *, winograd: bool = False) -> None:
        shape = recipe.generator
        self.generators = {d: build_training_generator(shape, dtype, "zeros", winograd=winograd) for d in Direction}
        self.averages = {d: build_generator(shape, dtype, "zeros") for d in Direction}
        self.discriminators = {
            d: build_discriminator(recipe.discriminator, shape.image_size, dtype, "zeros") for d in Direction
        }
        self._initialise(np.random.default_rng([recipe.seed, 0]))
        self.weights = Pack(self._named(self.generators, ""), "generators")
        self.averaged = Pack(self._named(self.averages, "average/"), "averages")
        judges = self._named(self.discriminators, "")
        self.judging = Pack({n: v for n, v in judges.items() if v.trainable}, "discriminators")
        self.spectra = Pack({n: v for n, v in judges.items() if not v.trainable}, "spectra")
        self.generator_optimizer = self._optimizer(recipe, self.weights)
        self.discriminator_optimizer = self._optimizer(recipe, self.judging)

    @property
    def packs(self) -> tuple[Pack, ...]:
        return self.weights, self.averaged, self.judging, self.spectra

    @property
    def variables(self) -> list[Any]:
        """Everything that a step reads or assigns."""
        return [*(pack.vector for pack in self.packs), *self._moments.values()]

    @property
    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds, by name. Weights count as published."""
        return {name: v for pack in self.packs for name, v in pack.named.items()} | self._moments

    @property
    def _moments(self) -> dict[str, Any]:
        optimizers = {"generators": self.generator_optimizer, "discriminators": self.discriminator_optimizer}
        return {f"optimizer/{name}/{i}": v for name, o in optimizers.items() for i, v in enumerate(o.variables)}

    def _initialise(self, rng: np.random.Generator) -> None:
        for group in (self.generators, self.discriminators):
            for model in group.values():
                for _, weight in sorted(_by_name(model).items()):
                    if weight.name in ("kernel", "u"):
                        spread = SPREAD if weight.name == "kernel" else 1.0
                        weight.assign(rng.normal(0.0, spread, weight.shape).astype("float32"))
        for direction, model in self.averages.items():
            followed = _by_name(self.generators[direction])
            for name, weight in _by_name(model).items():
                weight.assign(followed[name])

    @staticmethod
    def _named(models: dict[Direction, keras.Model], prefix: str) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for direction, model in models.items():
            scope = JUDGES[direction] if model.name == "discriminator" else direction.scope
            named |= {f"{prefix}{scope}/{name}": weight for name, weight in _by_name(model).items()}
        return named

    @staticmethod
    def _optimizer(recipe: Recipe, pack: Pack) -> keras.optimizers.Optimizer:
        # Epsilon as in the published releases.
        optimizer = keras.optimizers.Adam(recipe.learning_rate, recipe.beta_1, recipe.beta_2, epsilon=1e-8)
        optimizer.build([pack.vector])
        return optimizer


def _by_name(model: keras.Model) -> dict[str, Any]:
    return {weight_name(layer, weight): weight for layer in model.layers for weight in layer.weights}
