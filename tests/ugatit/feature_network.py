"""A feature network of the smallest size, its published file with random weights, and what that network computes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.ugatit.training import synthetic
from ugatit.critic.architecture import ARCHITECTURES, Architecture, Stage
from ugatit.trainer import Trainer

SIZE = 96  # the least that a critic sees

TINY = Architecture(
    4,
    (Stage(3, 1, 1, 4, 1), Stage(3, 2, 2, 6, 2), Stage(5, 2, 2, 4, 1), Stage(3, 2, 2, 6, 1), Stage(5, 2, 2, 8, 2)),
)
NAME = "tiny"
ARCHITECTURES[NAME] = TINY  # for recipes of tests


def published(seed: int = 0) -> dict[str, np.ndarray]:
    """A state dictionary as PyTorch has it, and a classifier that no feature comes from."""
    rng = np.random.default_rng(seed)
    state: dict[str, np.ndarray] = {"_fc.weight": np.zeros((2, 8), "f4")}

    def convolution(name: str, norm: str, out: int, inner: int, side: int) -> None:
        state[f"{name}.weight"] = rng.normal(0, (2 / (inner * side**2)) ** 0.5, (out, inner, side, side)).astype("f4")
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.5, 0.5),
            ("running_mean", -0.5, 0.5),
            ("running_var", 0.5, 2.0),
        ):
            state[f"{norm}.{part}"] = rng.uniform(low, high, out).astype("f4")

    convolution("_conv_stem", "_bn0", TINY.stem, 3, 3)
    number, channels = 0, TINY.stem
    for stage in TINY.stages:
        for _ in range(stage.blocks):
            block, inner = f"_blocks.{number}", channels * stage.expansion
            if stage.expansion > 1:
                convolution(f"{block}._expand_conv", f"{block}._bn0", inner, channels, 1)
            convolution(f"{block}._depthwise_conv", f"{block}._bn1", inner, 1, stage.side)
            convolution(f"{block}._project_conv", f"{block}._bn2", stage.filters, inner, 1)
            number, channels = number + 1, stage.filters
    return state


def write_published(path: Path) -> Path:
    save_file(published(), path)
    return path


def critic_of(weights: Path) -> dict[str, Any]:
    """A recipe's table."""
    return {"weights": str(weights), "network": NAME, "size": SIZE}


def begin(trainer: Trainer, weights: Path) -> None:
    """The trainer's critic, as a training run begins it."""
    critic = trainer.networks.critic
    assert critic is not None
    critic.begin(weights, synthetic(8, 4), np.random.default_rng(0))
    trainer.adopt()


def maps_of(state: Mapping[str, np.ndarray], pictures: np.ndarray) -> list[np.ndarray]:
    """The four maps of pictures (N, S, S, 3) in [-1, 1], layer by layer in float64: norms as norms, sums as sums."""
    x = ((pictures.astype("f8") + 1) * 127.5 - 127) / 128
    x = _relu6(_normed(state, "_bn0", _convolved(x, state["_conv_stem.weight"], 2)))
    maps, number, stride = {}, 0, 2
    for stage in TINY.stages:
        for i in range(stage.blocks):
            block, step, before = f"_blocks.{number}", stage.stride if i == 0 else 1, x
            if stage.expansion > 1:
                x = _relu6(_normed(state, f"{block}._bn0", _convolved(x, state[f"{block}._expand_conv.weight"], 1)))
            x = _relu6(_normed(state, f"{block}._bn1", _convolved(x, state[f"{block}._depthwise_conv.weight"], step)))
            x = _normed(state, f"{block}._bn2", _convolved(x, state[f"{block}._project_conv.weight"], 1))
            if x.shape == before.shape:
                x = x + before
            stride *= step
            maps[stride], number = x, number + 1
    return [maps[stride] for stride in (4, 8, 16, 32)]


def _convolved(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Padded with zeros as TensorFlow's "same"; a kernel (C, 1, h, w) for C > 1 channels is a depthwise one."""
    side = kernel.shape[-1]
    around = max(side - stride, 0)
    before = around // 2
    x = np.pad(x, ((0, 0), (before, around - before), (before, around - before), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    if kernel.shape[1] == 1 and x.shape[-1] > 1:
        return np.einsum("nhwcij,cij->nhwc", seen, kernel[:, 0])
    return np.einsum("nhwcij,ocij->nhwo", seen, kernel)


def _normed(state: Mapping[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    gamma, beta, mean, variance = (state[f"{name}.{p}"] for p in ("weight", "bias", "running_mean", "running_var"))
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def _relu6(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6)
