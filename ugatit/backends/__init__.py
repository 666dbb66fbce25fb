"""What the training step needs of a Keras backend beyond `keras.ops`: differentiation and compilation."""

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

# A function without arguments: a scalar to differentiate, and figures to hand through.
Objective = Callable[[], tuple[Any, Mapping[str, Any]]]


class Program(Protocol):
    """Steps that read and assign a fixed list of Keras variables, compiled.

    Steps are written with `keras.ops`, models and optimisers as if they ran at once; which variables they may assign is
    known beforehand. `gradient` may be used within an objective of another `gradient`: the inner one's variable is a
    constant to the outer one.
    """

    def gradient(self, objective: Objective, variable: Any) -> tuple[Mapping[str, Any], Any]:
        """What the objective hands through, and the gradient of its scalar with respect to a Keras variable."""

    def input_gradient(self, function: Callable[[Any], Any], x: Any) -> Any:
        """The gradient of a scalar function, like x, which may be a list; it can be differentiated again."""

    def compile(self, step: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        """The step as one graph. Arguments are arrays of fixed shapes, or tuples of them; returned are scalars on the
        device.

        Calling it raises MemoryShortError where the device has no room for it.
        """

    def publish(self) -> None:
        """Brings the variables up to date, to be called before any is read between steps."""

    def adopt(self) -> None:
        """Takes over what was assigned to the variables between steps."""


class Backend(Protocol):
    """A module of this package."""

    def program(self, variables: Sequence[Any]) -> Program: ...

    def on_processor(self) -> bool:
        """Whether the device is a processor, not a graphics card or the like."""

    def native_bfloat16(self) -> bool:
        """Whether the device multiplies bfloat16 matrices in hardware."""


SUPPORTED = ("tensorflow", "jax")


def prepare_backend() -> None:
    """To be called before TensorFlow is imported: without AVX512 it leaves oneDNN's faster convolutions alone."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def current_backend() -> Backend:
    """The module for the backend that Keras runs on.

    Raises:
        RuntimeError: training is not supported there.
    """
    import keras

    name = keras.backend.backend()
    if name not in SUPPORTED:
        raise RuntimeError(f"training runs on {' and '.join(SUPPORTED)}. Received: KERAS_BACKEND={name}")
    return cast(Backend, importlib.import_module(f"ugatit.backends.{name}"))


def cpu_has_bfloat16(cpuinfo: str) -> bool:
    """Whether a processor described as in Linux' /proc/cpuinfo has instructions for it (AVX512-BF16, AMX)."""
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def read_cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""
