"""Weights of several networks as one vector.

Adam, weight decay, the clipping of rho and the moving average are then a dozen operations on long vectors and not a
dozen for each of some three hundred weights: less to compile, and fewer and larger kernels on a device.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ugatit.generator import weight_name


class Pack:
    """Variables in one vector: kernels first, then the rho of all norms, then the rest; by name within each.

    Args:
        named: Keras variables by name. They keep the values that the models were built with until `publish`.
        name: of the vector.
    """

    def __init__(self, named: Mapping[str, Any], name: str) -> None:
        self.named = {key: named[key] for key in sorted(named, key=lambda key: (_rank(key), key))}
        self._shapes = [tuple(variable.shape) for variable in self.named.values()]
        sizes = [math.prod(shape) for shape in self._shapes]
        self._ends = np.cumsum(sizes).tolist()
        ranks = [_rank(key) for key in self.named]
        self.kernels_end = sum(size for size, rank in zip(sizes, ranks, strict=True) if rank == 0)
        self.rhos_end = self.kernels_end + sum(size for size, rank in zip(sizes, ranks, strict=True) if rank == 1)
        self.vector = keras.Variable(self._gathered(), dtype="float32", name=name)

    def unpack(self) -> dict[int, Any]:
        """The weights as tensors, by the identity of their variables."""
        parts = ops.split(ops.convert_to_tensor(self.vector), self._ends[:-1])
        shaped = (ops.reshape(part, shape) for part, shape in zip(parts, self._shapes, strict=True))
        return {id(variable): value for variable, value in zip(self.named.values(), shaped, strict=True)}

    def assign(self, values: Mapping[int, Any]) -> None:
        """The inverse of `unpack`."""
        self.vector.assign(ops.concatenate([ops.reshape(values[id(v)], (-1,)) for v in self.named.values()]))

    def publish(self) -> None:
        """Assigns the vector's values to the variables."""
        parts = np.split(self.vector.numpy(), self._ends[:-1])
        for variable, part, shape in zip(self.named.values(), parts, self._shapes, strict=True):
            variable.assign(part.reshape(shape))

    def adopt(self) -> None:
        """Takes the values of the variables over."""
        self.vector.assign(self._gathered())

    def adam(self, beta_1: float, beta_2: float) -> keras.optimizers.Optimizer:
        """An optimiser of the vector. Its learning rate is set at every step."""
        # Epsilon as in the published releases.
        optimizer = keras.optimizers.Adam(0.0, beta_1, beta_2, epsilon=1e-8)
        optimizer.build([self.vector])
        return optimizer

    def decayed(self, gradient: Any, decay: float) -> Any:
        """A gradient like the vector, with L2 on kernels alone, as the published TensorFlow release regularises."""
        end, vector = self.kernels_end, ops.convert_to_tensor(self.vector)
        return ops.concatenate([gradient[:end] + decay * vector[:end], gradient[end:]])

    def clip_rho(self) -> None:
        start, end, vector = self.kernels_end, self.rhos_end, ops.convert_to_tensor(self.vector)
        self.vector.assign(ops.concatenate([vector[:start], ops.clip(vector[start:end], 0.0, 1.0), vector[end:]]))

    def _gathered(self) -> np.ndarray:
        return np.concatenate([variable.numpy().reshape(-1) for variable in self.named.values()])


def call(model: keras.Model, weights: Mapping[int, Any], x: Any, *, training: bool = False) -> tuple[Any, list[Any]]:
    """A model with the weights of packs: its outputs, and the new values of its untrained variables in their order."""

    def of(variables: Iterable[Any]) -> list[Any]:
        return [weights[id(variable)] for variable in variables]

    trained, untrained = of(model.trainable_variables), of(model.non_trainable_variables)
    outputs, updated = model.stateless_call(trained, untrained, x, training=training)
    return outputs, updated


def state_of(model: keras.Model, values: Sequence[Any]) -> dict[int, Any]:
    """Values of a model's untrained variables, as `call` gives them, by the identity of the variables."""
    return {id(variable): value for variable, value in zip(model.non_trainable_variables, values, strict=True)}


def by_name(model: keras.Model) -> dict[str, Any]:
    """A model's weights by their names in a file, below its scope."""
    return {weight_name(layer, weight): weight for layer in model.layers for weight in layer.weights}


def _rank(name: str) -> int:
    return {"kernel": 0, "rho": 1}.get(name.rsplit("/", 1)[-1], 2)
