"""What can go wrong with an export."""


class ExportError(Exception):
    """The network cannot be written in that format, or what was written does not paint the same."""


class RuntimeMissing(Exception):
    """What reads the format is not installed; the message says what to install."""
