"""The six networks of a training run, their two optimisers, and all of their variables by name."""

from typing import Any

import keras
import numpy as np

from ugatit.direction import Direction
from ugatit.discriminator import build_discriminator
from ugatit.generator import build_generator, build_training_generator, weight_name
from ugatit.recipe import Recipe

SPREAD = 0.02  # standard deviation of fresh kernels


class Networks:
    """Generators and their moving averages by direction, discriminators by the direction whose results they judge.

    Args:
        recipe: shapes, optimisers and the seed of the weights, which are the same on every backend.
        dtype: Keras dtype policy of all networks.
    """

    def __init__(self, recipe: Recipe, dtype: str) -> None:
        shape = recipe.generator
        self.generators = {d: build_training_generator(shape, dtype, "zeros") for d in Direction}
        self.averages = {d: build_generator(shape, dtype, "zeros") for d in Direction}
        self.discriminators = {
            d: build_discriminator(recipe.discriminator, shape.image_size, dtype, "zeros") for d in Direction
        }
        self._initialise(np.random.default_rng([recipe.seed, 0]))
        self.generator_optimizer = self._optimizer(recipe, self.generators)
        self.discriminator_optimizer = self._optimizer(recipe, self.discriminators)
        self.state = self._name_all()

    @property
    def generator_variables(self) -> list[Any]:
        return _trainable(self.generators)

    @property
    def discriminator_variables(self) -> list[Any]:
        return _trainable(self.discriminators)

    @property
    def averaged(self) -> list[tuple[Any, Any]]:
        """Pairs of a moving average and the variable that it follows."""
        pairs = []
        for direction in Direction:
            followed = _by_name(self.generators[direction])
            pairs += [(weight, followed[name]) for name, weight in _by_name(self.averages[direction]).items()]
        return pairs

    def _initialise(self, rng: np.random.Generator) -> None:
        for group in (self.generators, self.discriminators):
            for model in group.values():
                for _, weight in sorted(_by_name(model).items()):
                    if weight.name in ("kernel", "u"):
                        spread = SPREAD if weight.name == "kernel" else 1.0
                        weight.assign(rng.normal(0.0, spread, weight.shape).astype("float32"))
        for average, weight in self.averaged:
            average.assign(weight)

    @staticmethod
    def _optimizer(recipe: Recipe, models: dict[Direction, keras.Model]) -> keras.optimizers.Optimizer:
        # Epsilon as in the published releases; a constraint on rho is applied after every update by Keras.
        optimizer = keras.optimizers.Adam(recipe.learning_rate, recipe.beta_1, recipe.beta_2, epsilon=1e-8)
        optimizer.build(_trainable(models))
        return optimizer

    def _name_all(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        judged = {Direction.SELFIE2ANIME: "discriminator_B", Direction.ANIME2SELFIE: "discriminator_A"}
        for direction in Direction:
            for prefix, model in (
                (direction.scope, self.generators[direction]),
                (f"average/{direction.scope}", self.averages[direction]),
                (judged[direction], self.discriminators[direction]),
            ):
                state |= {f"{prefix}/{name}": weight for name, weight in _by_name(model).items()}
        for name, optimizer in (
            ("generators", self.generator_optimizer),
            ("discriminators", self.discriminator_optimizer),
        ):
            state |= {f"optimizer/{name}/{i:04}": variable for i, variable in enumerate(optimizer.variables)}
        return state


def _by_name(model: keras.Model) -> dict[str, Any]:
    return {weight_name(layer, weight): weight for layer in model.layers for weight in layer.weights}


def _trainable(models: dict[Direction, keras.Model]) -> list[Any]:
    return [weight for direction in Direction for weight in models[direction].trainable_variables]
