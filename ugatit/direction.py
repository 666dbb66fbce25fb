"""Which way a generator translates."""

from enum import StrEnum


class Direction(StrEnum):
    """Values name the way; `scope` is the prefix of the generator's tensors, as in the TensorFlow release."""

    SELFIE2ANIME = "selfie2anime"
    ANIME2SELFIE = "anime2selfie"

    @property
    def scope(self) -> str:
        return "generator_B" if self is Direction.SELFIE2ANIME else "generator_A"

    @property
    def reverse(self) -> "Direction":
        return Direction.ANIME2SELFIE if self is Direction.SELFIE2ANIME else Direction.SELFIE2ANIME
