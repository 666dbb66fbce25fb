import pickle

import pytest

from inference import errors
from inference.errors import InferenceError, QueueFull

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InferenceError)]


@pytest.mark.parametrize("kind", ALL)
def test_errors_cross_between_processes(kind: type[InferenceError]) -> None:
    error = kind("what", 3.5) if kind is QueueFull else kind("what")

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), str(copy), copy.code) == (kind, "what", kind.code)
    assert vars(copy) == vars(error)
