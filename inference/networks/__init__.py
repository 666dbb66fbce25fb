"""U-GAT-IT as an engine runs it: one module for each backend, with `load(spec)`. Imported in engine processes only.

All of them paint the same picture from the same weights; which is the quickest depends on the machine.
"""

import importlib.util
from enum import StrEnum


class Backend(StrEnum):
    """What computes the network, named as MODEL_BACKEND names it."""

    TENSORFLOW = "tensorflow"
    JAX = "jax"
    TORCH = "torch"
    OPENVINO = "openvino"

    @property
    def loader(self) -> str:
        """See `engine_process.Spec`."""
        return f"inference.networks.{self}:load"

    @property
    def installed(self) -> bool:
        """Whether what it needs can be imported. OpenVINO has TensorFlow lay the graph."""
        needed = {self.value, "tensorflow"} if self is Backend.OPENVINO else {self.value}
        return all(importlib.util.find_spec(name) is not None for name in needed)


def missing(backend: Backend) -> str:
    """What to do about a backend that is not installed."""
    package = {Backend.TENSORFLOW: "tensorflow-cpu"}.get(backend, backend.value)
    return f"MODEL_BACKEND={backend} needs a package that is not installed: pip install {package}, or set it to auto"
