"""U-GAT-IT (arXiv:1907.10830): the generator and its weights. Importing this package, `read_config` and
`bundled_weights` need neither Keras nor TensorFlow; `load_generator`, `save_generator` and `build_generator` load them
when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

from ugatit.config import GeneratorConfig
from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.weights_file import Header, bundled_weights, read_config, read_header

if TYPE_CHECKING:
    from ugatit.generator import build_generator
    from ugatit.loading import load_generator, save_generator

__all__ = [
    "Direction",
    "GeneratorConfig",
    "Header",
    "WeightsError",
    "build_generator",
    "bundled_weights",
    "load_generator",
    "read_config",
    "read_header",
    "save_generator",
]


def __getattr__(name: str) -> Any:
    if name in ("load_generator", "save_generator"):
        from ugatit import loading

        return getattr(loading, name)
    if name == "build_generator":
        from ugatit.generator import build_generator

        return build_generator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
