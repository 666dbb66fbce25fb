"""From photo bytes to anime bytes. OpenCV and TensorFlow live in child processes and are not imported here.

The pipeline is imported when it is first asked for: the child processes have no use for it.
"""

from typing import TYPE_CHECKING, Any

from inference.errors import InferenceError
from inference.options import Crop, Direction, Faces, Options, Region
from inference.scheduler import Place, Priority, Scheduler

if TYPE_CHECKING:
    from inference.pipeline import Pipeline, Portrait, Translation

__all__ = [
    "Crop",
    "Direction",
    "Faces",
    "InferenceError",
    "Options",
    "Pipeline",
    "Place",
    "Portrait",
    "Priority",
    "Region",
    "Scheduler",
    "Translation",
]


def __getattr__(name: str) -> Any:
    if name in {"Pipeline", "Portrait", "Translation"}:
        from inference import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
