"""What can be wrong with a weights file, and what is missing to read it."""

INSTALL_TORCH = "pip install torch"


class WeightsError(Exception):
    """A weights file is missing, cut short, or does not hold the network it names.

    The message names the file, the tensors concerned and what to do.
    """
