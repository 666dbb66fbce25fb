"""The networks of a training run, their optimisers, and all of their variables by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ugatit.critic.critic import NAME, Critic
from ugatit.direction import Direction
from ugatit.discriminator import build_discriminator
from ugatit.generator import build_generator, build_training_generator
from ugatit.loading import assign_generator, load_generator
from ugatit.packing import Pack, by_name
from ugatit.pool import NAME as POOL
from ugatit.pool import Pool
from ugatit.random_weights import initialise
from ugatit.recipe import Recipe
from ugatit.starting import Growth, enlarged, growth
from ugatit.weights_file import read_config
from ugatit.widening import widened

JUDGES = {Direction.SELFIE2ANIME: "discriminator_B", Direction.ANIME2SELFIE: "discriminator_A"}
WIDENING = 2  # a stream of random numbers
OF_CRITIC = (NAME, f"optimizer/{NAME}")  # what the names of its variables begin with


class Networks:
    """Generators and their moving averages by direction, discriminators by the direction whose results they judge.

    Args:
        recipe: shapes, optimisers and the seed of the weights, which are the same on every backend.
        dtype: Keras dtype policy of all networks.
        processor: whether they compute on one: by `ugatit.winograd`, and the critic in float32, since gradients of
            depthwise convolutions in bfloat16 are slow there.

    Attributes:
        weights, averaged, judging, spectra: packed weights of the generators, of their averages, of the discriminators,
            and the state of the discriminators' spectral norms. Steps work on these; the models themselves are brought
            up to date by `Pack.publish`. The first two are in the same order.
        critic, pool: None where the recipe has none.
    """

    def __init__(self, recipe: Recipe, dtype: str, *, processor: bool = False) -> None:
        shape, directions = recipe.generator, recipe.directions
        self._seed = recipe.seed
        self.generators = {d: build_training_generator(shape, dtype, "zeros", winograd=processor) for d in directions}
        self.averages = {d: build_generator(shape, dtype, "zeros") for d in directions}
        self.discriminators = {
            d: build_discriminator(recipe.discriminator, shape.image_size, dtype, "zeros") for d in directions
        }
        rng = np.random.default_rng([recipe.seed, 0])
        for model in (*self.generators.values(), *self.discriminators.values()):
            initialise(model, rng)
        for direction in directions:
            self._follow(direction)
        self.weights = Pack(self._named(self.generators, ""), "generators")
        self.averaged = Pack(self._named(self.averages, "average/"), "averages")
        judges = self._named(self.discriminators, "")
        self.judging = Pack({n: v for n, v in judges.items() if v.trainable}, "discriminators")
        self.spectra = Pack({n: v for n, v in judges.items() if not v.trainable}, "spectra")
        self.generator_optimizer = self.weights.adam(recipe.beta_1, recipe.beta_2)
        self.discriminator_optimizer = self.judging.adam(recipe.beta_1, recipe.beta_2)
        seeing = "float32" if processor else dtype
        self.critic = Critic(recipe.critic, seeing, rng, directions) if recipe.critic else None
        self.pool = Pool(recipe.pool, shape.image_size, directions) if recipe.pool else None

    @property
    def packs(self) -> tuple[Pack, ...]:
        return self.weights, self.averaged, self.judging, self.spectra, *(self.critic.packs if self.critic else ())

    @property
    def variables(self) -> list[Any]:
        """Everything that a step reads or assigns."""
        return [*(pack.vector for pack in self.packs), *self._moments.values(), *self._kept.values()]

    @property
    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds, by name. Weights count as published."""
        return {name: v for pack in self.packs for name, v in pack.named.items()} | self._moments | dict(self._kept)

    def state_without(self, *, critic: bool, pool: bool) -> dict[str, Any]:
        """`state` of a run that has had no critic, or no pool of this size."""
        new = (OF_CRITIC if critic else ()) + ((POOL,) if pool else ())
        return {name: v for name, v in self.state.items() if not name.startswith(new)}

    def start_with(self, files: Mapping[Direction, Path]) -> None:
        """Gives generators and averages the weights of files; the packs have to adopt them.

        Args:
            files: of networks of the same shape, of one for smaller pictures, or of one with fewer channels: see
                `growth`.

        Raises:
            WeightsError: see `assign_generator`.
        """
        rng = np.random.default_rng([self._seed, WIDENING])
        for direction, path in files.items():
            model, small = self.generators[direction], read_config(path)
            grown = growth(small, model.config)
            if grown == Growth():
                assign_generator(model, path, direction)
            else:
                values = by_name(load_generator(path, dtype="float32", direction=direction))
                for name, weight in by_name(model).items():
                    value = enlarged(name, values[name].numpy(), small.pixel_shuffle, grown.size)
                    weight.assign(widened(name, value, small, grown.width, rng))
            self._follow(direction)

    @property
    def _kept(self) -> Mapping[str, Any]:
        return self.pool.named if self.pool else {}

    @property
    def _moments(self) -> dict[str, Any]:
        optimizers = {"generators": self.generator_optimizer, "discriminators": self.discriminator_optimizer}
        if self.critic:
            optimizers[NAME] = self.critic.optimizer
        return {f"optimizer/{name}/{i}": v for name, o in optimizers.items() for i, v in enumerate(o.variables)}

    def _follow(self, direction: Direction) -> None:
        """Sets an average to what it is the average of."""
        followed = by_name(self.generators[direction])
        for name, weight in by_name(self.averages[direction]).items():
            weight.assign(followed[name])

    @staticmethod
    def _named(models: dict[Direction, keras.Model], prefix: str) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for direction, model in models.items():
            scope = JUDGES[direction] if model.name == "discriminator" else direction.scope
            named |= {f"{prefix}{scope}/{name}": weight for name, weight in by_name(model).items()}
        return named
