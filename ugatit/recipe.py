"""What a training run is made of, besides pictures: every number that shapes its outcome."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ugatit.config import GeneratorConfig
from ugatit.critic.architecture import ARCHITECTURES
from ugatit.direction import Direction
from ugatit.typed import build, table

Gan = Literal["lsgan", "gan", "hinge", "wgan-gp", "wgan-lp", "dragan"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class DiscriminatorConfig:
    """The pair of discriminators of one domain (arXiv:1907.10830, appendix C.2).

    Args:
        base_channels: channels after the first convolution; every further one doubles them. 64 in the paper.
        cap: no convolution has more channels than this; 2048 in the paper, which is no bound there.
        strided: stride-2 convolutions of the local and of the global discriminator; 3 and 5 in the paper. The last
            feature map must be at least 3 cells wide, so small pictures allow fewer: see `for_size`.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    base_channels: int = 64
    cap: int = 2048
    strided: tuple[int, int] = (3, 5)

    def __post_init__(self) -> None:
        if self.base_channels < 1 or self.cap < 1:
            raise ValueError(f"base_channels and cap must be at least 1. Received: {self.base_channels}, {self.cap}")
        if len(self.strided) != 2 or min(self.strided) < 1:
            raise ValueError(f"strided must be two whole numbers of at least 1. Received: {self.strided}")

    @classmethod
    def for_size(cls, image_size: int, base_channels: int = 64, cap: int = 2048) -> "DiscriminatorConfig":
        """The paper's depths, or as many stride-2 convolutions less as leave 4 cells a side to the global one."""
        deepest = max(1, min(5, (image_size // 4).bit_length() - 1))
        return cls(base_channels, cap, (max(1, deepest - 2), deepest))

    def check(self, image_size: int) -> None:
        """Raises ValueError where pictures of that side are too small for so many stride-2 convolutions."""
        step = 2 ** max(self.strided)
        if image_size % step or image_size // step < 3:
            raise ValueError(
                f"{max(self.strided)} stride-2 convolutions need an image size that is a multiple of {step} "
                f"and at least {3 * step}. Received: {image_size}"
            )


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Which adversarial loss, and the weights in the sum (arXiv:1907.10830, section 2.2 and the authors' defaults).

    Args:
        gan: kind of adversarial loss.
        adversarial, cycle, identity, cam: weights. Without a cycle (0) no picture is painted back.
        penalty: weight of the gradient penalty of "wgan-gp", "wgan-lp" and "dragan".
        r1: weight of the zero-centred gradient penalty on real pictures, against a swing of generators and
            discriminators that does not settle (arXiv:1801.04406); beside any kind of loss.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    gan: Gan = "lsgan"
    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 10.0
    cam: float = 1000.0
    penalty: float = 10.0
    r1: float = 0.0

    def __post_init__(self) -> None:
        if self.gan not in get_args(Gan):
            raise ValueError(f"gan must be one of {', '.join(get_args(Gan))}. Received: {self.gan!r}")
        for name in ("adversarial", "cycle", "identity", "cam", "penalty", "r1"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative. Received: {getattr(self, name)!r}")

    @property
    def has_penalty(self) -> bool:
        return self.gan in ("wgan-gp", "wgan-lp", "dragan")


@dataclass(frozen=True, slots=True)
class CriticConfig:
    """A critic on the features of a frozen network (Projected GANs, arXiv:2111.01007), beside the discriminators.

    Args:
        weights: the network's file; see `ugatit.critic.features.load_features`. Read once, when the critic begins.
        network: its kind; one of `ugatit.critic.architecture.ARCHITECTURES`.
        weight: of the critic in the generators' loss.
        r1: weight of the zero-centred gradient penalty of its heads, on what it sees of real pictures.
        size: side of the pictures that it sees, which are resampled; a multiple of 32.
        beta_1, beta_2: of Adam for its heads.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    weights: str = ""
    network: str = "efficientnet-lite0"
    weight: float = 0.1
    r1: float = 0.0
    size: int = 192
    beta_1: float = 0.0
    beta_2: float = 0.99

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("critic: weights must name the file of the feature network. Received: ''")
        if self.network not in ARCHITECTURES:
            raise ValueError(f"network must be one of {', '.join(ARCHITECTURES)}. Received: {self.network!r}")
        if self.size < 96 or self.size % 32:
            raise ValueError(f"the critic's size must be a multiple of 32 and at least 96. Received: {self.size}")
        if self.weight < 0:
            raise ValueError(f"the critic's weight must not be negative. Received: {self.weight}")
        if self.r1 < 0:
            raise ValueError(f"the critic's r1 must not be negative. Received: {self.r1}")
        for name in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1. Received: {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """Generators of any width whose paintings a run's generators learn at first (distillation, arXiv:1503.02531).

    Args:
        weights: theirs, in the manner of `Recipe.start`; they must paint pictures of the run's size.
        steps: how many steps they are listened to. Discriminators and critic rest meanwhile.
        learning_rate: of the generators meanwhile; it falls linearly to zero over the second half.
        weight: of the distance between their paintings and the run's meanwhile.
        features: weight of the distance between what a critic sees of both paintings, where the recipe has one.
        anchor: what `weight` becomes once discriminators have joined; with it they sharpen what was learned and do
            not undo it. 0 for none.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    weights: str = ""
    steps: int = 3000
    learning_rate: float = 3e-4
    weight: float = 10.0
    features: float = 1.0
    anchor: float = 0.0

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("teacher: weights must name a folder or bundled:NAME. Received: ''")
        if self.steps < 1:
            raise ValueError(f"the teacher's steps must be at least 1. Received: {self.steps}")
        for name in ("learning_rate", "weight", "features", "anchor"):
            if getattr(self, name) < 0:
                raise ValueError(f"the teacher's {name} must not be negative. Received: {getattr(self, name)!r}")

    def learning_rate_at(self, step: int) -> float:
        return self.learning_rate * min(1.0, 2 * (1 - step / self.steps))


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run.

    Args:
        generator, discriminator, losses: shapes and weights.
        critic: see `CriticConfig`; None for none, as in the paper.
        teacher: see `TeacherConfig`; None for none, as in the paper.
        directions: which of the two are trained. One alone takes half the arithmetic and half the memory; it has no
            cycle, so `losses.cycle` must be 0, and a teacher's anchor is what else holds it to the picture.
        start: a folder of weights files that the generators begin with (`selfie2anime.safetensors`,
            `anime2selfie.safetensors`), or `bundled:fast`; empty for random weights.
        warm_up: steps at first, or after those of a teacher, for which the generators stand still, so that fresh
            discriminators learn to judge them.
        fade_in: steps after those over which the generators' adversarial losses rise from nothing to their weights.
        steps: updates of the discriminators; the paper's run is 1,000,000 of one pair.
        batch: pairs a step.
        learning_rate, beta_1, beta_2: of Adam, for generators and discriminators alike.
        judges_rate: learning rate of discriminators and critic for each unit of the generators' (two time-scale update
            rule, arXiv:1706.08500).
        pool: painted pictures of either domain that are kept for discriminators and critic; see `ugatit.pool`. 0 for
            none, as in the paper.
        weight_decay: L2: its product with every kernel is added to the kernel's gradient.
        decay_from: share of the run after which the learning rate falls linearly to zero.
        n_critic: updates of the discriminators (and of the critic, which has nothing else to do with it) for one of
            the generators.
        average: decay of the exponential moving average of the generators, which is what is exported.
        augment: mirror half of the pictures, enlarge half of them by 30/256 and cut at random.
        precision: "bfloat16" computes in it and keeps weights, statistics and losses in float32; "auto" takes it where
            the device has it natively.
        seed: of the weights, the order of the pictures and their augmentation.

    Raises:
        ValueError: a field out of range; the message states what was received.
    """

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    critic: CriticConfig | None = None
    teacher: TeacherConfig | None = None
    directions: tuple[Direction, ...] = tuple(Direction)
    start: str = ""
    warm_up: int = 0
    fade_in: int = 0
    steps: int = 1_000_000
    batch: int = 1
    learning_rate: float = 1e-4
    judges_rate: float = 1.0
    pool: int = 0
    beta_1: float = 0.5
    beta_2: float = 0.999
    weight_decay: float = 1e-4
    decay_from: float = 0.5
    n_critic: int = 1
    average: float = 0.999
    augment: bool = True
    precision: Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "n_critic"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received: {getattr(self, name)!r}")
        for name in ("beta_1", "beta_2", "average", "decay_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1. Received: {getattr(self, name)!r}")
        for name in ("learning_rate", "judges_rate", "pool", "weight_decay", "warm_up", "fade_in", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative. Received: {getattr(self, name)!r}")
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}. Received: {self.precision!r}")
        if len(self.directions) < len(Direction) and self.losses.cycle:
            raise ValueError(
                f"one direction alone has no cycle: set losses.cycle to 0, or train both. Received: {self.losses.cycle}"
            )
        self.discriminator.check(self.generator.image_size)

    def learning_rate_at(self, progress: float, step: int) -> float:
        """The generators' learning rate after a share of the run, 0 to 1, and so many steps."""
        if self.teacher and self.taught_at(step):
            return self.teacher.learning_rate_at(step)
        if self.decay_from >= 1:
            return self.learning_rate
        return self.learning_rate * min(1.0, max(0.0, 1 - progress) / (1 - self.decay_from))

    def taught_at(self, step: int) -> bool:
        """Whether a step, counted from 0, is one of generators that listen to a teacher, and of nothing else."""
        return step < self._lessons

    def needs_teacher_at(self, step: int) -> bool:
        """Whether a step or any after it asks the teacher."""
        return self.taught_at(step) or (self.teacher is not None and self.teacher.anchor > 0)

    def trains_generators_at(self, step: int) -> bool:
        """Whether a step is one of generators against discriminators."""
        return step >= self._begins and (step - self._begins) % self.n_critic == 0

    def fade_at(self, step: int) -> float:
        """The share of the adversarial losses' weights at a step from 0."""
        return min(1.0, (step - self._begins + 1) / (self.fade_in + 1))

    def average_at(self, step: int) -> float:
        """The decay of the moving average at a step from 0: short at first, so that it forgets random weights."""
        if self.start:
            return self.average
        updates = step if self.taught_at(step) else self._lessons + (step - self._begins) // self.n_critic
        return min(self.average, (1 + updates) / (10 + updates))

    @property
    def _lessons(self) -> int:
        return self.teacher.steps if self.teacher else 0

    @property
    def _begins(self) -> int:
        """The first step of generators against discriminators."""
        return self._lessons + self.warm_up

    def to_dict(self) -> dict[str, Any]:
        values = asdict(self)
        values["discriminator"]["strided"] = list(self.discriminator.strided)
        values["directions"] = [str(direction) for direction in self.directions]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """The inverse of `to_dict`; what is left out takes its default, the discriminators' depth by the image size.

        Raises:
            ValueError: an unknown field, a value of another type, or one out of range.
        """
        values = dict(values)
        generator = GeneratorConfig.from_dict(table("generator", values.pop("generator", {})))
        losses = build(LossConfig, "losses", values.pop("losses", {}))
        given = dict(table("discriminator", values.pop("discriminator", {})))
        fitting = asdict(DiscriminatorConfig.for_size(generator.image_size, generator.base_channels))
        if isinstance(given.get("strided"), list):
            given["strided"] = tuple(given["strided"])
        discriminator = build(DiscriminatorConfig, "discriminator", {**fitting, **given})
        optional: dict[str, Any] = {"critic": CriticConfig, "teacher": TeacherConfig}
        found = {name: values.pop(name, None) for name in optional}
        values["directions"] = directions_of(values)
        rest = {"generator": generator, "discriminator": discriminator, "losses": losses, **values}
        rest |= {name: build(optional[name], name, given) for name, given in found.items() if given is not None}
        return build(cls, "recipe", rest)

    @classmethod
    def from_toml(
        cls, path: Path, overrides: Mapping[str, Any], complete: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> "Recipe":
        """A recipe file, its tables named as the fields here, under what a command line says.

        Args:
            path: the file.
            overrides: what the command line says.
            complete: adds to both what follows from them.

        Raises:
            ValueError: no TOML, or see `from_dict`; the message names the file.
            OSError: the file cannot be read.
        """
        try:
            values = tomllib.loads(path.read_text("utf-8"))
            return cls.from_dict(complete(merge(values, overrides)))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def directions_of(values: Mapping[str, Any]) -> tuple[Direction, ...]:
    """The directions that a recipe's values name; both where they name none.

    Raises:
        ValueError: something else is named.
    """
    known = tuple(Direction)
    named = values.get("directions", known)
    if not isinstance(named, tuple | list) or not named or any(one not in known for one in named):
        raise ValueError(f"directions must be one or both of {', '.join(Direction)}. Received: {named!r}")
    return tuple(direction for direction in known if direction in named)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` in their places, table by table; None is a table that is not there.

    Raises:
        ValueError: `over` has a table where `base` has something else.
    """
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge({} if below is None else table(key, below), value)
        else:
            merged[key] = value
    return merged
