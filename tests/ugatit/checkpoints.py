"""Checkpoints as the releases write them, with random weights."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from ugatit import GeneratorConfig
from ugatit.importing.shapes import expected_shapes


def random_weights(config: GeneratorConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of a generator, none at its starting value, scaled so that no activation vanishes."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in expected_shapes(config).items():
        if name.endswith("rho"):
            value = rng.uniform(0, 1, shape)
        elif name.endswith("kernel"):
            value = rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        else:
            value = rng.normal(float(name.endswith("gamma")), 0.3, shape)
        weights[name] = value.astype("f4")
    return weights


def tensorflow_variables(generators: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Scope → weights, as the variables of a training run: Adam's moments and the discriminators among them."""
    variables: dict[str, np.ndarray] = {
        "beta1_power": np.float32(0.5),
        "discriminator_A/local/conv_0/kernel": np.ones((4, 4, 3, 8), "f4"),
    }
    for scope, weights in generators.items():
        for name, value in weights.items():
            variables[f"{scope}/{name}"] = value
            variables[f"{scope}/{name}/Adam"] = np.full_like(value, np.nan)
            variables[f"{scope}/{name}/Adam_1"] = np.full_like(value, np.nan)
    return variables


def write_tensorflow(prefix: Path, variables: Mapping[str, np.ndarray]) -> None:
    """What `tf.train.Saver` of TensorFlow 1 writes: it is this operation that it runs."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=[tf.constant(value) for value in variables.values()],
    )
    prefix.with_name(f"{prefix.name}.meta").write_bytes(b"a graph that must never be opened")


class FakeTensor:
    """As much of `torch.Tensor` as reading takes."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value
        self.shape = value.shape

    def detach(self) -> "FakeTensor":
        return self

    def float(self) -> "FakeTensor":
        return FakeTensor(self.value.astype("f4", copy=False))

    def numpy(self) -> np.ndarray:
        return self.value


def fake_torch(content: Any) -> ModuleType:
    """A `torch` whose `load` returns `content` (or raises it), if it is asked to execute nothing."""
    module = ModuleType("torch")

    def load(path: Path, *, map_location: str, weights_only: bool, mmap: bool) -> Any:
        assert (map_location, weights_only) == ("cpu", True)
        if isinstance(content, Exception):
            raise content
        return content

    module.load = load  # type: ignore[attr-defined]
    return module
