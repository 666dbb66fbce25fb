"""The PyTorch release's training step, eager and float32: what `benchmarks.training` is compared with.

An implementation of its own of the same arithmetic in the same order: reflection padding, convolution and norm as
modules one after the other, statistics of AdaLIN and LIN taken twice, the features of the attention copied for either
branch; translations painted anew for the generators' update, every picture through a network by itself, a power
iteration of the spectral norm at each call, one Adam for the generators and one for the discriminators, rho clipped.
"""

from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss
from torch.nn.utils.parametrizations import spectral_norm

from ugatit.recipe import Recipe

SLOPE = 0.2  # of the discriminators' leaky rectifiers


class LayerInstanceNorm(nn.Module):
    """AdaLIN, or LIN where gamma and beta are its own. x: (N, C, H, W); gamma, beta: (N, C)."""

    def __init__(self, channels: int, rho: float, *, affine: bool) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), rho))
        self.affine = affine
        if affine:
            self.gamma, self.beta = nn.Parameter(torch.ones(1, channels)), nn.Parameter(torch.zeros(1, channels))

    def forward(self, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
        if self.affine or gamma is None or beta is None:
            gamma, beta = self.gamma, self.beta
        mixed = self.rho * _standard(x, (2, 3)) + (1 - self.rho) * _standard(x, (1, 2, 3))
        return mixed * gamma[..., None, None] + beta[..., None, None]


class Block(nn.Module):
    """A residual block of the encoder."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first = [*_conv(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*first, *_conv(width, width, 3), nn.InstanceNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class AdaptiveBlock(nn.Module):
    """A residual block of the decoder."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Sequential(*_conv(width, width, 3)) for _ in range(2))
        self.norms = nn.ModuleList(LayerInstanceNorm(width, 0.9, affine=False) for _ in range(2))

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        y = self.norms[0](self.first(x), gamma, beta).relu()
        return self.norms[1](self.second(y), gamma, beta) + x


class Attention(nn.Module):
    """Two classifier heads whose weights gate the features: (N, C, H, W) → the same and logits (N, 2)."""

    def __init__(self, width: int, activation: nn.Module, *, spectral: bool) -> None:
        super().__init__()
        norm: Callable[[nn.Module], nn.Module] = spectral_norm if spectral else lambda module: module
        self.heads = nn.ModuleList(norm(nn.Linear(width, 1, bias=False)) for _ in range(2))
        self.join = nn.Sequential(nn.Conv2d(2 * width, width, 1), activation)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled = (x.mean((2, 3)), x.amax((2, 3)))
        logits = [head(features) for head, features in zip(self.heads, pooled, strict=True)]
        gated = [x * head.weight[..., None, None] for head in self.heads]
        return self.join(torch.cat(gated, 1)), torch.cat(logits, 1)


class Generator(nn.Module):
    """(N, 3, S, S) in [-1, 1] → the same, and the logits of its domain classifier, (N, 2)."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        config = recipe.generator
        channels, width = config.base_channels, config.width
        encoder: list[nn.Module] = [*_conv(3, channels, 7), nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)]
        decoder: list[nn.Module] = []
        for level in range(config.downsamplings):
            low, high = channels * 2**level, channels * 2 ** (level + 1)
            encoder += [*_conv(low, high, 3, 2), nn.InstanceNorm2d(high), nn.ReLU(inplace=True)]
            up = [nn.Upsample(scale_factor=2), *_conv(high, low, 3), LayerInstanceNorm(low, 0.0, affine=True)]
            decoder = [*up, nn.ReLU(inplace=True), *decoder]
        self.encoder = nn.Sequential(*encoder, *(Block(width) for _ in range(config.blocks)))
        self.attention = Attention(width, nn.ReLU(inplace=True), spectral=False)
        self.light = config.light
        features = width if config.light else width * config.bottleneck**2
        first, second = nn.Linear(features, width, bias=False), nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))
        self.gamma, self.beta = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.blocks = nn.ModuleList(AdaptiveBlock(width) for _ in range(config.blocks))
        self.decoder = nn.Sequential(*decoder, *_conv(channels, 3, 7), nn.Tanh())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, logits = self.attention(self.encoder(x))
        features = self.mlp(x.mean((2, 3)) if self.light else x.flatten(1))
        gamma, beta = self.gamma(features), self.beta(features)
        for block in self.blocks:
            x = block(x, gamma, beta)
        return self.decoder(x), logits


class Discriminator(nn.Module):
    """One scale: (N, 3, S, S) → a logit for every patch and two of its attention."""

    def __init__(self, recipe: Recipe, strided: int) -> None:
        super().__init__()
        config, layers, channels = recipe.discriminator, [], 3
        for i in range(strided + 1):
            filters = min(config.base_channels * 2**i, config.cap)
            conv = spectral_norm(nn.Conv2d(channels, filters, 4, 1 if i == strided else 2))
            layers += [nn.ReflectionPad2d(1), conv, nn.LeakyReLU(SLOPE, inplace=True)]
            channels = filters
        self.features = nn.Sequential(*layers)
        self.attention = Attention(channels, nn.LeakyReLU(SLOPE, inplace=True), spectral=True)
        self.patches = nn.Sequential(nn.ReflectionPad2d(1), spectral_norm(nn.Conv2d(channels, 1, 4, bias=False)))

    def forward(self, x: Tensor) -> list[Tensor]:
        x, logits = self.attention(self.features(x))
        return [self.patches(x), logits]


class EagerTrainer:
    """The six networks and their step, with the sizes and weights of a recipe (least-squares loss)."""

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        self.losses = recipe.losses
        self.to_b, self.to_a = Generator(recipe).to(device), Generator(recipe).to(device)
        self.of_a, self.of_b = (
            nn.ModuleList(Discriminator(recipe, strided) for strided in recipe.discriminator.strided).to(device)
            for _ in range(2)
        )
        options = {
            "lr": recipe.learning_rate,
            "betas": (recipe.beta_1, recipe.beta_2),
            "weight_decay": recipe.weight_decay,
        }
        generators = chain(self.to_b.parameters(), self.to_a.parameters())
        judges = chain(self.of_a.parameters(), self.of_b.parameters())
        self.generator_optimizer = torch.optim.Adam(generators, **options)
        self.discriminator_optimizer = torch.optim.Adam(judges, **options)

    def train(self, a: Tensor, b: Tensor) -> tuple[float, float]:
        """One step on (N, 3, S, S) in [-1, 1] each; returns the losses of discriminators and generators."""
        self.discriminator_optimizer.zero_grad()
        (fake_b, _), (fake_a, _) = self.to_b(a), self.to_a(b)
        judged = self._judged(self.of_a, a, fake_a) + self._judged(self.of_b, b, fake_b)
        # As there, the generators' graphs are not cut off: they get gradients that are thrown away.
        (self.losses.adversarial * judged).backward()
        self.discriminator_optimizer.step()

        self.generator_optimizer.zero_grad()
        (fake_b, cam_ab), (fake_a, cam_ba) = self.to_b(a), self.to_a(b)
        (back_a, _), (back_b, _) = self.to_a(fake_b), self.to_b(fake_a)
        (same_a, cam_aa), (same_b, cam_bb) = self.to_a(a), self.to_b(b)
        adversarial = _labelled(self.of_a, fake_a, 1.0) + _labelled(self.of_b, fake_b, 1.0)
        cycle = l1_loss(back_a, a) + l1_loss(back_b, b)
        identity = l1_loss(same_a, a) + l1_loss(same_b, b)
        cam = sum(
            binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
            for logits, label in ((cam_ab, 1.0), (cam_bb, 0.0), (cam_ba, 1.0), (cam_aa, 0.0))
        )
        weights = self.losses
        loss = weights.adversarial * adversarial + weights.cycle * cycle + weights.identity * identity
        loss = loss + weights.cam * cam
        loss.backward()
        self.generator_optimizer.step()
        with torch.no_grad():
            for generator in (self.to_b, self.to_a):
                for module in generator.modules():
                    if isinstance(module, LayerInstanceNorm):
                        module.rho.clamp_(0.0, 1.0)
        return judged.item(), loss.item()

    @staticmethod
    def _judged(discriminators: nn.ModuleList, real: Tensor, fake: Tensor) -> Tensor:
        return _labelled(discriminators, real, 1.0) + _labelled(discriminators, fake, 0.0)


def _labelled(discriminators: nn.ModuleList, pictures: Tensor, label: float) -> Tensor:
    logits = chain.from_iterable(discriminator(pictures) for discriminator in discriminators)
    return torch.stack([mse_loss(logit, torch.full_like(logit, label)) for logit in logits]).sum()


def _conv(channels: int, filters: int, side: int, stride: int = 1) -> list[nn.Module]:
    return [nn.ReflectionPad2d(side // 2), nn.Conv2d(channels, filters, side, stride, bias=False)]


def _standard(x: Tensor, over: tuple[int, ...]) -> Tensor:
    return (x - x.mean(over, keepdim=True)) / torch.sqrt(x.var(over, keepdim=True) + 1e-5)
