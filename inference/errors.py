"""What can go wrong between photo and picture.

`code` picks the words that a person reads; `str(error)` is for the log. All of them cross between processes.
"""


class InferenceError(Exception):
    """Root of the tree."""

    code = "engine_failed"


class Unreadable(InferenceError):
    """The bytes are no picture, or a damaged one."""

    code = "unreadable"


class UnsupportedFormat(InferenceError):
    """A picture or file of a kind that is not taken."""

    code = "unsupported_format"


class PhotoTooLarge(InferenceError):
    """More bytes, pixels or a longer side than allowed."""

    code = "photo_too_large"


class NoFace(InferenceError):
    """The detector found none."""

    code = "no_face"


class FaceTooSmall(InferenceError):
    """Faces were found, all too small to paint."""

    code = "face_too_small"


class PrepareTimeout(InferenceError):
    """Decoding took longer or more memory than it may."""

    code = "prepare_timeout"


class EngineFailed(InferenceError):
    """The network could not run this picture."""

    code = "engine_failed"


class NoEngine(EngineFailed):
    """No engine can run any picture any more. Nothing is wrong with this one: another process may paint it."""


class NoReverse(InferenceError):
    """A selfie is wanted of a drawing, and there are no weights for that."""

    code = "no_reverse"


class Cancelled(InferenceError):
    """The person cancelled."""

    code = "cancelled"


class Expired(InferenceError):
    """The job waited past its deadline."""

    code = "expired"


class QueueFull(InferenceError):
    """The queue takes no more. `retry_after`: seconds until it should have room."""

    code = "queue_full"

    def __init__(self, what: str, retry_after: float) -> None:
        super().__init__(what)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["QueueFull"], tuple[str, float]]:
        return QueueFull, (str(self), self.retry_after)
