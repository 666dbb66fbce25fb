"""The two published generators, written down once more in plain NumPy, step by step and without any shortcut.

Sources: the graphs of the authors' TensorFlow release and of their PyTorch release (arXiv:1907.10830). Weights come as
a mapping from names below the scope to arrays; everything is computed in float64, one picture at a time.
"""

from collections.abc import Mapping

import numpy as np

from ugatit import GeneratorConfig

Weights = Mapping[str, np.ndarray]


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, stride: int = 1) -> np.ndarray:
    """x: (H, W, C), kernel: (k, k, C, F); mirrored k // 2 cells beyond the border."""
    border = kernel.shape[0] // 2
    padded = np.pad(x, ((border, border), (border, border), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]
    result = np.einsum("hwcij,ijcf->hwf", windows, kernel)
    return result if bias is None else result + bias


def instance_norm(x: np.ndarray) -> np.ndarray:
    return (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5)


def layer_instance(x: np.ndarray, rho: np.ndarray, gamma: np.ndarray, beta: np.ndarray, ddof: int) -> np.ndarray:
    by_instance = (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1), ddof=ddof) + 1e-5)
    by_layer = (x - x.mean()) / np.sqrt(x.var(ddof=ddof) + 1e-5)
    return (rho * by_instance + (1 - rho) * by_layer) * gamma + beta


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


class Reference:
    """One generator; `__call__` takes (S, S, 3) in [-1, 1] and returns the same."""

    def __init__(self, config: GeneratorConfig, weights: Weights) -> None:
        self.config = config
        self.weights = {name: value.astype("f8") for name, value in weights.items()}
        self.unread = set(weights)

    def take(self, name: str) -> np.ndarray:
        self.unread.discard(name)
        return self.weights[name]

    def conv(self, x: np.ndarray, name: str, stride: int = 1, bias: bool | None = None) -> np.ndarray:
        has_bias = self.config.dialect == "tensorflow" if bias is None else bias
        return convolve(
            x, self.take(f"{name}/conv2d/kernel"), self.take(f"{name}/conv2d/bias") if has_bias else None, stride
        )

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = instance_norm(x)
        return x * self.take(f"{name}/gamma") + self.take(f"{name}/beta") if self.config.dialect == "tensorflow" else x

    def dense(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x @ self.take(f"{name}/dense/kernel")
        return x + self.take(f"{name}/dense/bias") if self.config.dialect == "tensorflow" else x

    def __call__(self, x: np.ndarray) -> np.ndarray:
        config, ddof = self.config, int(self.config.dialect == "pytorch")
        block, side = config.pixel_shuffle, config.image_size // config.pixel_shuffle
        x = x.astype("f8").reshape(side, block, side, block, 3).transpose(0, 2, 1, 3, 4).reshape(side, side, -1)
        x = relu(self.norm(self.conv(x, "conv"), "ins_norm"))
        for i in range(config.downsamplings):
            x = relu(self.norm(self.conv(x, f"conv_{i}", stride=2), f"ins_norm_{i}"))
        for i in range(config.blocks):
            y = relu(self.norm(self.conv(x, f"resblock_{i}/res1/conv_0"), f"resblock_{i}/res1/instance_norm"))
            x = x + self.norm(self.conv(y, f"resblock_{i}/res2/conv_0"), f"resblock_{i}/res2/instance_norm")

        if config.dialect == "tensorflow":
            gates = [(self.take("CAM_logit/kernel") + self.take("CAM_logit/bias"))[:, 0]] * 2
        else:
            gates = [self.take(f"CAM_logit_{branch}/kernel")[:, 0] for branch in ("average", "maximum")]
        x = relu(self.conv(np.concatenate([x * gates[0], x * gates[1]], -1), "conv_1x1", bias=True))

        features = x.mean((0, 1)) if config.light else x.reshape(-1)
        for i in range(2):
            features = relu(self.dense(features, f"MLP/linear_{i}"))
        gamma, beta = self.dense(features, "MLP/gamma"), self.dense(features, "MLP/beta")

        for i in range(config.blocks):
            y = x
            for part in ("res1", "res2"):
                name = f"adaptive_resblock{i}/{part}"
                rho = self.take(f"{name}/instance_layer_norm/rho")
                rho = np.clip(rho - 0.1, 0, 1) if config.smoothing else rho
                y = layer_instance(self.conv(y, f"{name}/conv_0"), rho, gamma, beta, ddof)
                y = relu(y) if part == "res1" else y
            x = x + y
        for i in range(config.downsamplings):
            x = self.conv(x.repeat(2, 0).repeat(2, 1), f"up_conv_{i}")
            rho, scale, shift = (self.take(f"layer_ins_norm_{i}/{part}") for part in ("rho", "gamma", "beta"))
            x = relu(layer_instance(x, rho, scale, shift, ddof))
        x = np.tanh(self.conv(x, "G_logit")).reshape(side, side, block, block, 3)
        return x.transpose(0, 2, 1, 3, 4).reshape(config.image_size, config.image_size, 3)
