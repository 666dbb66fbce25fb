"""What can stand in the way of an evaluation."""


class EvaluationError(Exception):
    """The feature network or the features cannot be had; the message says what to do."""
