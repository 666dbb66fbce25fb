"""Which of a machine's devices a name in MODEL_DEVICES means."""


def gpu(device: str, count: int, who: str) -> int | None:
    """The index among the `count` GPUs that `who` sees; None is the processor.

    Raises:
        ValueError: there are not so many.
    """
    if device == "cpu" or (device == "auto" and count == 0):
        return None
    index = 0 if device == "auto" else int(device.removeprefix("gpu:"))
    if index >= count:
        raise ValueError(f"MODEL_DEVICES names {device}, but {who} sees {count} GPUs on this machine")
    return index


def name(index: int | None) -> str:
    """As MODEL_DEVICES names it."""
    return "cpu" if index is None else f"gpu:{index}"
