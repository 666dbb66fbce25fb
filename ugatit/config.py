"""The shape of a generator: what has to be known besides the weights to build it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Dialect = Literal["tensorflow", "pytorch"]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """One U-GAT-IT generator (arXiv:1907.10830, section 2.1 and appendix C).

    Args:
        base_channels: channels after the first convolution; every stride-2 level doubles them. 64 in the paper.
        downsamplings: stride-2 levels, 2 in the paper.
        blocks: residual blocks on either side of the attention. 4 in the paper.
        image_size: side of the square picture in pixels, a multiple of 2 ** downsamplings.
        light: whether the MLP that yields gamma and beta sees the average of every channel; otherwise it sees the
            whole feature map (the full model, some 270 M parameters more at 256 pixels).
        dialect: which of the two published implementations the weights follow. They differ in:

            | | "tensorflow" | "pytorch" |
            |---|---|---|
            | bias of convolutions and of the MLP | yes | no, except the 1 x 1 convolution of the attention |
            | instance norm affine | yes | no |
            | CAM | one head, its bias added to the attention weights | two heads, no bias |
            | rho of AdaLIN | starts at 1.0 | starts at 0.9 |
            | variances in AdaLIN and LIN | population | unbiased |

        smoothing: whether AdaLIN works with rho - 0.1, clipped to [0, 1], so that a share of layer norm always
            remains. Only the TensorFlow release knows it, on by default there.
        pixel_shuffle: side of the blocks of pixels that are one cell to the network: their colours are the channels of
            its first layer, and its last one gives such blocks again (sub-pixel convolution, arXiv:1609.05158). 2
            paints twice the image size with hardly more work. 1 in the paper.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    base_channels: int = 64
    downsamplings: int = 2
    blocks: int = 4
    image_size: int = 256
    light: bool = True
    dialect: Dialect = "tensorflow"
    smoothing: bool = True
    pixel_shuffle: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("base_channels", 1),
            ("downsamplings", 1),
            ("blocks", 0),
            ("image_size", 1),
            ("pixel_shuffle", 1),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}. Received: {value!r}")
        for name in ("light", "smoothing"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false. Received: {getattr(self, name)!r}")
        if self.dialect not in get_args(Dialect):
            raise ValueError(f"dialect must be one of {', '.join(get_args(Dialect))}. Received: {self.dialect!r}")
        if self.dialect == "pytorch" and self.smoothing:
            raise ValueError("smoothing belongs to the tensorflow dialect. Received: smoothing=True, dialect='pytorch'")
        step, least = self.pixel_shuffle * 2**self.downsamplings, 4 * self.pixel_shuffle
        if self.image_size % step or self.image_size < 2 * step or self.image_size < least:
            raise ValueError(
                f"image_size must be at least {least} and a multiple of {step} (pixel_shuffle * 2 ** downsamplings) by "
                f"2 or more. Received: image_size={self.image_size}, downsamplings={self.downsamplings}, "
                f"pixel_shuffle={self.pixel_shuffle}"
            )

    @property
    def width(self) -> int:
        """Channels at the bottleneck."""
        return self.base_channels * 2**self.downsamplings

    @property
    def cells(self) -> int:
        """Side of the picture in blocks of `pixel_shuffle` pixels a side."""
        return self.image_size // self.pixel_shuffle

    @property
    def colours(self) -> int:
        """Channels of such a block."""
        return 3 * self.pixel_shuffle**2

    @property
    def bottleneck(self) -> int:
        """Side of the feature map at the bottleneck."""
        return self.cells // 2**self.downsamplings

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GeneratorConfig":
        """The inverse of `to_dict`; fields that are left out take their defaults.

        Raises:
            ValueError: an unknown field, or a value out of range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown fields. Received: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return cls(**values)

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "GeneratorConfig":
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a configuration is a JSON object. Received: {text[:80]!r}")
        return cls.from_dict(values)
