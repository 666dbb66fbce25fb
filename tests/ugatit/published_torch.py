"""Makes `published_torch.npz`: the generator of the PyTorch release, on PyTorch, with random weights.

    python -m tests.ugatit.published_torch          # needs torch, which nothing else here does

An implementation of its own, on the modules whose numbering the state dictionary shows: reflection padding,
convolution, instance norm and ReLU in a row. The archive holds, for `light` and `full`, every entry of the state
dictionary, a picture (3, 16, 16) in [-1, 1] and what comes out.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

TARGET = Path(__file__).parent / "published_torch.npz"
SIZE, BASE, BLOCKS, LEVELS = 16, 4, 2, 2


def layer_instance(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """x: (N, C, H, W); everything else broadcasts against it. `torch.var` divides by n - 1."""

    def standard(over: tuple[int, ...]) -> Tensor:
        return (x - x.mean(over, keepdim=True)) / (x.var(over, keepdim=True) + 1e-5).sqrt()

    return gamma * (rho * standard((2, 3)) + (1 - rho) * standard((1, 2, 3))) + beta


def spread(vector: Tensor) -> Tensor:
    return vector[..., None, None]


class Rho(nn.Module):
    def __init__(self, channels: int, affine: bool) -> None:
        super().__init__()
        for name in ("rho", "gamma", "beta") if affine else ("rho",):
            setattr(self, name, nn.Parameter(torch.zeros(1, channels, 1, 1)))

    def forward(self, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
        if gamma is None or beta is None:
            return layer_instance(x, self.rho, self.gamma, self.beta)
        return layer_instance(x, self.rho, spread(gamma), spread(beta))


def conv(channels: int, filters: int, side: int, stride: int = 1) -> list[nn.Module]:
    return [nn.ReflectionPad2d(side // 2), nn.Conv2d(channels, filters, side, stride, bias=False)]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        first = [*conv(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU()]
        self.conv_block = nn.Sequential(*first, *conv(width, width, 3), nn.InstanceNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class AdaptiveBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pad1, self.conv1 = conv(width, width, 3)
        self.norm1 = Rho(width, affine=False)
        self.pad2, self.conv2 = conv(width, width, 3)
        self.norm2 = Rho(width, affine=False)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        y = self.norm1(self.conv1(self.pad1(x)), gamma, beta).relu()
        return x + self.norm2(self.conv2(self.pad2(y)), gamma, beta)


class Generator(nn.Module):
    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light, width = light, BASE * 2**LEVELS
        down = [*conv(3, BASE, 7), nn.InstanceNorm2d(BASE), nn.ReLU()]
        up: list[nn.Module] = []
        for level in range(LEVELS):
            filters = BASE * 2 ** (level + 1)
            down += [*conv(filters // 2, filters, 3, 2), nn.InstanceNorm2d(filters), nn.ReLU()]
            wide = width // 2**level
            up += [nn.Upsample(scale_factor=2), *conv(wide, wide // 2, 3), Rho(wide // 2, affine=True), nn.ReLU()]
        self.DownBlock = nn.Sequential(*down, *(Block(width) for _ in range(BLOCKS)))
        self.gap_fc, self.gmp_fc = nn.Linear(width, 1, bias=False), nn.Linear(width, 1, bias=False)
        self.conv1x1 = nn.Conv2d(2 * width, width, 1)
        features = width if light else width * (SIZE // 2**LEVELS) ** 2
        first, second = nn.Linear(features, width, bias=False), nn.Linear(width, width, bias=False)
        self.FC = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.gamma, self.beta = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        for i in range(BLOCKS):
            setattr(self, f"UpBlock1_{i + 1}", AdaptiveBlock(width))
        self.UpBlock2 = nn.Sequential(*up, *conv(BASE, 3, 7), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.DownBlock(x)
        gates = [spread(head.weight) for head in (self.gap_fc, self.gmp_fc)]
        x = self.conv1x1(torch.cat([x * gate for gate in gates], 1)).relu()
        features = self.FC(x.mean((2, 3)) if self.light else x.flatten(1))
        for i in range(BLOCKS):
            x = getattr(self, f"UpBlock1_{i + 1}")(x, self.gamma(features), self.beta(features))
        return self.UpBlock2(x)


@torch.no_grad()
def main() -> None:
    torch.manual_seed(0)
    arrays: dict[str, np.ndarray] = {}
    for kind in ("light", "full"):
        generator = Generator(kind == "light")
        for name, value in generator.named_parameters():
            if name.endswith("rho"):
                value.uniform_(0, 1)
            elif name.endswith("weight"):
                value.normal_(0, value[0].numel() ** -0.5)
            else:
                value.normal_(float("UpBlock2" in name and name.endswith("gamma")), 0.3)
        picture = torch.rand(3, SIZE, SIZE) * 2 - 1
        for name, value in generator.state_dict().items():
            arrays[f"{kind}/state/{name}"] = value.numpy()
        arrays[f"{kind}/picture"] = picture.numpy()
        arrays[f"{kind}/painted"] = generator(picture[None])[0].numpy()
    np.savez_compressed(TARGET, **arrays)


if __name__ == "__main__":
    main()
