"""From photo bytes to anime bytes. Importing this costs neither OpenCV nor TensorFlow: those live in child processes."""

from inference.errors import InferenceError
from inference.options import Crop, Faces, Options, Region
from inference.pipeline import Pipeline, Portrait, Translation
from inference.scheduler import Priority, Scheduler

__all__ = [
    "Crop",
    "Faces",
    "InferenceError",
    "Options",
    "Pipeline",
    "Portrait",
    "Priority",
    "Region",
    "Scheduler",
    "Translation",
]
