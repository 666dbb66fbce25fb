"""Checkpoints of the authors' PyTorch release: `*_params_0100000.pt` and `*_params_latest.pt`.

A dictionary of state dictionaries: `genA2B` selfie → anime, `genB2A` anime → selfie, and the discriminators. They are
pickles, so they are opened with PyTorch's `weights_only`, which builds tensors and runs nothing. Tensors lie
(out, in, height, width), rho, gamma and beta (1, C, 1, 1), and the full MLP sees the feature map in the order C, H, W.
"""

import importlib
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ugatit.direction import Direction
from ugatit.errors import INSTALL_TORCH, WeightsError
from ugatit.importing.found import Found, Tensor

GENERATORS = {Direction.SELFIE2ANIME: "genA2B", Direction.ANIME2SELFIE: "genB2A"}


@contextmanager
def open_torch(path: Path, direction: Direction) -> Iterator[Found]:
    """The generator of one direction.

    Raises:
        WeightsError: PyTorch is not installed, the file is damaged or holds more than tensors, or it has no generator
            of that direction.
    """
    key = GENERATORS[direction]
    state = load_torch(path).get(key)
    if not isinstance(state, Mapping) or not all(hasattr(value, "shape") for value in state.values()):
        raise WeightsError(f"{path}: holds no {key} ({direction}). Is it a checkpoint of the PyTorch release?")
    native = native_names(state)
    published = {name: theirs for theirs, name in native.items()}
    channels = tuple(state["gap_fc.weight"].shape)[-1] if "gap_fc.weight" in state else 0
    yield Found(
        release="PyTorch release",
        dialect="pytorch",
        tensors={name: _tensor(state[theirs], name, channels) for theirs, name in native.items() if theirs in state},
        strange=tuple(f"{key}: {theirs}" for theirs in state if theirs not in native),
        spell=lambda name: f"{key}: {published.get(name, name)}",
    )


def native_names(state: Mapping[str, Any]) -> dict[str, str]:
    """From the names in a state dictionary to those of a native file, for as many levels and blocks as it has.

    `nn.Sequential` numbers everything, layers without weights as well: a level down is padding, convolution, norm and
    ReLU; a level up is enlarging, padding, convolution, norm and ReLU.
    """
    levels = sum(1 for name in state if re.fullmatch(r"DownBlock\.\d+\.weight", name)) - 1
    blocks = max((int(found[1]) for name in state if (found := re.match(r"UpBlock1_(\d+)\.", name))), default=0)
    names = {
        "DownBlock.1.weight": "conv/conv2d/kernel",
        "gap_fc.weight": "CAM_logit_average/kernel",
        "gmp_fc.weight": "CAM_logit_maximum/kernel",
        "conv1x1.weight": "conv_1x1/conv2d/kernel",
        "conv1x1.bias": "conv_1x1/conv2d/bias",
        "FC.0.weight": "MLP/linear_0/dense/kernel",
        "FC.2.weight": "MLP/linear_1/dense/kernel",
        "gamma.weight": "MLP/gamma/dense/kernel",
        "beta.weight": "MLP/beta/dense/kernel",
        f"UpBlock2.{5 * levels + 1}.weight": "G_logit/conv2d/kernel",
    }
    for i in range(levels):
        names[f"DownBlock.{4 * i + 5}.weight"] = f"conv_{i}/conv2d/kernel"
        names[f"UpBlock2.{5 * i + 2}.weight"] = f"up_conv_{i}/conv2d/kernel"
        for part in ("rho", "gamma", "beta"):
            names[f"UpBlock2.{5 * i + 3}.{part}"] = f"layer_ins_norm_{i}/{part}"
    for i in range(blocks):
        for k in (1, 2):
            down = f"DownBlock.{4 * levels + 4 + i}.conv_block.{4 * k - 3}"
            names[f"{down}.weight"] = f"resblock_{i}/res{k}/conv_0/conv2d/kernel"
            adaptive = f"adaptive_resblock{i}/res{k}"
            names[f"UpBlock1_{i + 1}.conv{k}.weight"] = f"{adaptive}/conv_0/conv2d/kernel"
            names[f"UpBlock1_{i + 1}.norm{k}.rho"] = f"{adaptive}/instance_layer_norm/rho"
    return names


def load_torch(path: Path) -> Mapping[str, Any]:
    """The dictionary in a PyTorch file; empty if it holds something else. Nothing in it is executed.

    Raises:
        WeightsError: PyTorch is not installed, the file is damaged or holds more than tensors.
    """
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise WeightsError(f"{path}: PyTorch is needed to read this file: {INSTALL_TORCH}") from error
    try:
        # Mapped, tensors are read when they are asked for. Files of PyTorch before 1.6 are no zip and cannot be.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        more = f" ({found[1]})" if found else ""
        raise WeightsError(
            f"{path}: damaged, or holds more than tensors{more}. It is not opened: loading it could run anything."
        ) from error
    except Exception as error:  # bytes that are no pickle can make an unpickler raise whatever there is
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        raise WeightsError(f"{path}: cut short or no PyTorch file ({reason}).") from error
    return loaded if isinstance(loaded, Mapping) else {}


def _tensor(value: Any, name: str, channels: int) -> Tensor:
    """A tensor of theirs in the native layout; one whose rank is wrong stays as it is, and is told of later."""
    shape, cells = tuple(value.shape), 0
    if len(shape) == 4 and name.endswith("/kernel"):
        out, inner, height, width = shape
        native: tuple[int, ...] = (height, width, inner, out)
    elif len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1:
        native = (shape[1],)
    elif len(shape) == 2:
        native = (shape[1], shape[0])
        if name == "MLP/linear_0/dense/kernel" and channels and shape[1] % channels == 0:
            cells = shape[1] // channels
    else:
        native = shape

    def read() -> np.ndarray:
        array = value.detach().float().numpy()
        if len(shape) == 4:
            array = array.transpose(2, 3, 1, 0)
        elif cells:
            array = array.reshape(shape[0], channels, cells).transpose(2, 1, 0)  # C, H W → H W, C
        elif len(shape) == 2:
            array = array.T
        return np.ascontiguousarray(array).reshape(native)

    return Tensor(native, read)
