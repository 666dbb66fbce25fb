"""The critic: frozen features, mixed at random once and for all, and small heads that learn (arXiv:2111.01007).

Every map of the feature network goes through a random 1 x 1 convolution and, on its way up to be added to the next
larger one, through a random 3 x 3 one: so each head sees all channels and all coarser scales, and no single channel
gives a painted picture away.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ugatit.backends import Program
from ugatit.critic.architecture import ARCHITECTURES
from ugatit.critic.changes import changed, resampled
from ugatit.critic.features import build_features, load_features
from ugatit.direction import Direction
from ugatit.discriminator import SLOPE
from ugatit.losses import discriminator_loss, generator_loss, zero_centred_penalty
from ugatit.packing import Pack, by_name, call, state_of
from ugatit.random_weights import initialise
from ugatit.recipe import CriticConfig
from ugatit.spectral import SpectralConv2D

WIDTHS = (64, 64, 128, 256)  # channels after the 1 x 1 convolutions, the largest map first
FIRST, CAP = 64, 128  # channels of a head's first convolution, and at most
ENOUGH = 7  # cells a side; a head halves its map until there are no more
LEAST_SPREAD = 1e-6  # of a channel that is scaled

NAME = "critic"  # what the names of its weights begin with
DOMAINS = {Direction.ANIME2SELFIE: "A", Direction.SELFIE2ANIME: "B"}  # whose pictures, real and painted, heads judge

Apply = Callable[[keras.layers.Layer, Any], Any]


class Critic:
    """The networks of the critic, its optimiser, and what it does in a training step.

    Args:
        config: what the recipe says.
        dtype: Keras dtype policy of all networks.
        rng: of the heads' weights.
        directions: in which there is painting; every one has its own heads.

    Attributes:
        heads: packed weights that learn. See `ugatit.packing`; steps work on packs, models follow by `Pack.publish`.
        spectra: packed state of the heads' spectral norms.
        fixed: packed weights that never learn, of the feature network and its mixing; zeros until `begin`.
        optimizer: of the heads.
        weight: of `generator_loss`.
    """

    def __init__(
        self,
        config: CriticConfig,
        dtype: Any,
        rng: np.random.Generator,
        directions: Iterable[Direction] = tuple(Direction),
    ) -> None:
        self.weight = config.weight
        self._r1 = config.r1
        self._size = config.size
        self._architecture = ARCHITECTURES[config.network]
        self._features = build_features(self._architecture, config.size, dtype)
        self._mixing = _Mixing(dtype)
        mixed = self._mixing(self._features.outputs, lambda layer, x: layer(x))
        self._seeing = keras.Model(self._features.inputs, mixed)
        self._seeing.trainable = False
        shapes = [tuple(found.shape[1:]) for found in mixed]
        self._heads = {direction: build_heads(shapes, dtype) for direction in DOMAINS if direction in directions}
        named: dict[str, Any] = {}
        for direction, heads in self._heads.items():
            initialise(heads, rng)
            named |= {f"{NAME}_{DOMAINS[direction]}/{name}": weight for name, weight in by_name(heads).items()}
        self.heads = Pack({n: v for n, v in named.items() if v.trainable}, "heads")
        self.spectra = Pack({n: v for n, v in named.items() if not v.trainable}, "heads_spectra")
        self.fixed = Pack({f"{NAME}/{name}": v for name, v in by_name(self._seeing).items()}, "fixed")
        self.optimizer = self.heads.adam(config.beta_1, config.beta_2)

    @property
    def packs(self) -> tuple[Pack, ...]:
        return self.heads, self.spectra, self.fixed

    def begin(self, weights: Path, pictures: np.ndarray, rng: np.random.Generator) -> None:
        """Loads the feature network, draws the mixing, and scales it so that each of its channels varies as much.

        What is assigned has to be adopted by the packs.

        Args:
            weights: see `load_features`.
            pictures: (N, S, S, 3) uint8 by which it is scaled.
            rng: of the mixing.

        Raises:
            WeightsError: see `load_features`.
        """
        load_features(self._features, self._architecture, weights)
        self._mixing.draw(rng)
        seen = resampled(ops.cast(pictures, "float32") / 127.5 - 1.0, self._size)
        self._mixing(self._features(seen), _standardised)

    def see(self, pictures: Mapping[Direction, Any], changes: Mapping[Direction, Any]) -> list[Any]:
        """The mixed maps of pictures, one direction's after the other's. Gradients go through to the pictures.

        Args:
            pictures: (N, S, S, 3) in [-1, 1] by direction.
            changes: (N, 7) by direction, see `changed`.
        """
        pictures, changes = (ops.concatenate([given[d] for d in self._heads]) for given in (pictures, changes))
        pictures = changed(pictures, changes, self._size)
        return call(self._seeing, self.fixed.unpack(), pictures)[0]

    def update(self, program: Program, real: Sequence[Any], fake: Sequence[Any], rate: Any) -> dict[str, Any]:
        """Trains the heads.

        Args:
            program: that differentiates.
            real, fake: what `see` gave for real and for painted pictures.
            rate: learning rate.

        Returns:
            `critic`: the hinge loss, summed over heads and directions, without the penalty.
        """
        of_real, of_fake = (self._parts(ops.stop_gradient(found) for found in maps) for maps in (real, fake))

        def objective() -> tuple[Any, Mapping[str, Any]]:
            spectra, loss, penalty = self.spectra.unpack(), 0.0, 0.0
            weights = self.heads.unpack() | spectra
            for i, heads in enumerate(self._heads.values()):
                seen = [r[i] for r in of_real]
                maps = [ops.concatenate([r, f[i]]) for r, f in zip(seen, of_fake, strict=True)]
                outputs, updated = call(heads, weights, maps, training=True)
                logits = [ops.split(logit, 2) for logit in outputs]
                loss += discriminator_loss("hinge", [r for r, _ in logits], [f for _, f in logits])
                spectra |= state_of(heads, updated)
                if self._r1:
                    judge = partial(lambda heads, x: call(heads, weights, x)[0], heads)
                    penalty += self._r1 * zero_centred_penalty(judge, seen, program.input_gradient)
            self.spectra.assign(spectra)
            return loss + penalty, {"critic": loss}

        report, gradient = program.gradient(objective, self.heads.vector)
        self.optimizer.learning_rate = rate
        self.optimizer.apply([gradient], [self.heads.vector])
        return dict(report)

    def generator_loss(self, fake: Sequence[Any]) -> Any:
        """What the generators minimise against the heads, a scalar, summed over heads and directions, without a weight.

        Args:
            fake: what `see` gave for painted pictures.
        """
        weights, loss, parts = self.heads.unpack() | self.spectra.unpack(), 0.0, self._parts(fake)
        for i, heads in enumerate(self._heads.values()):
            loss += generator_loss("hinge", call(heads, weights, [found[i] for found in parts])[0])
        return loss

    def _parts(self, maps: Iterable[Any]) -> list[Sequence[Any]]:
        """Maps as `see` gives them, each split by direction."""
        return [ops.split(found, len(self._heads)) for found in maps]


class _Mixing:
    """The random convolutions."""

    def __init__(self, dtype: Any) -> None:
        options: dict[str, Any] = {"padding": "same", "kernel_initializer": "zeros", "dtype": dtype}
        narrower = (WIDTHS[0], *WIDTHS[:-1])
        self._across = [keras.layers.Conv2D(w, 1, name=f"mix_{i}-across", **options) for i, w in enumerate(WIDTHS)]
        self._up = [keras.layers.Conv2D(w, 3, name=f"mix_{i}-up", **options) for i, w in enumerate(narrower)]
        levels = range(len(WIDTHS) - 1)
        self._larger = [keras.layers.UpSampling2D(2, dtype=dtype, name=f"mix_{i}-larger") for i in levels]
        self._sum = [keras.layers.Add(dtype=dtype, name=f"mix_{i}-sum") for i in levels]

    def __call__(self, maps: Sequence[Any], apply: Apply) -> list[Any]:
        """The mixed maps in their order; `apply` is what a convolution does."""
        mixed: list[Any] = []
        for i in reversed(range(len(maps))):
            x = apply(self._across[i], maps[i])
            if mixed:
                x = self._sum[i]([x, self._larger[i](mixed[0])])
            mixed.insert(0, apply(self._up[i], x))
        return mixed

    def draw(self, rng: np.random.Generator) -> None:
        for layer in (*self._across, *self._up):
            shape = tuple(layer.kernel.shape)
            layer.kernel.assign(rng.normal(0.0, math.prod(shape[:-1]) ** -0.5, shape).astype("float32"))
            layer.bias.assign(np.zeros(shape[-1], "float32"))


def _standardised(layer: keras.layers.Layer, x: Any) -> Any:
    """What a convolution gives once it is scaled to mean 0 and deviation 1 in every channel of its result for x."""
    found = ops.cast(layer(x), "float32")
    mean = ops.convert_to_numpy(ops.mean(found, axis=(0, 1, 2)))
    spread = np.maximum(ops.convert_to_numpy(ops.std(found, axis=(0, 1, 2))), LEAST_SPREAD)
    layer.kernel.assign(layer.kernel / spread)
    layer.bias.assign((layer.bias - mean) / spread)
    return (found - mean) / spread


def build_heads(shapes: Iterable[tuple[int, int, int]], dtype: Any) -> keras.Model:
    """A functional model: maps of these shapes (height, width, channels) to a float32 logit per patch of each.

    Kernels are zeros until they are initialised or loaded.
    """
    maps = [keras.Input(shape, name=f"map_{i}") for i, shape in enumerate(shapes)]
    options: dict[str, Any] = {"kernel_initializer": "zeros", "dtype": dtype}
    logits = []
    for i, x in enumerate(maps):
        depth = 0
        while depth == 0 or x.shape[1] > ENOUGH:
            halves = x.shape[1] > ENOUGH
            filters = min(FIRST * 2**depth, CAP)
            name = f"head_{i}-conv_{depth}"
            x = SpectralConv2D(filters, strides=2 if halves else 1, negative_slope=SLOPE, name=name, **options)(x)
            depth += 1
        x = SpectralConv2D(1, name=f"head_{i}-logit", **options)(x)
        logits.append(keras.layers.Activation("linear", dtype="float32", name=f"head_{i}-patches")(x))
    return keras.Model(maps, logits, name="heads")
