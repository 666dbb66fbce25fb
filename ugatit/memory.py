"""How much memory a training run takes, before it starts; and how much there is."""

from collections.abc import Sequence
from pathlib import Path

from ugatit.config import GeneratorConfig
from ugatit.critic.architecture import ARCHITECTURES
from ugatit.direction import Direction
from ugatit.recipe import CriticConfig, Recipe
from ugatit.starting import starting_weights
from ugatit.weights_file import read_config

FLOAT = 4  # bytes
# Copies of the weights. Both: in the models and in the vector that is trained, two moments of Adam, the gradient and
# its sum with the L2 term. Generators have a moving average as well, discriminators their kernels over their norms.
GENERATOR_COPIES, DISCRIMINATOR_COPIES = 8, 7
GENERATOR_PASSES, DISCRIMINATOR_PASSES = 6, 6  # of a pair, all kept for the gradient
CRITIC_PASSES = 2  # the painted pictures of a pair; nothing of the real ones is kept. Its weights are few
POOL_COPIES = 2  # a step writes a new one
PER_RESULT = 6.0  # what a convolution leaves in memory over its result: padded input, norm, activation; measured
FRAMEWORK = 2**30  # bytes, with the graph


class MemoryShortError(Exception):
    """A run does not fit; the message says what to lower."""


def too_large(device: str) -> MemoryShortError:
    """For a step that a device found no room for."""
    return MemoryShortError(
        f"{device} has not enough memory for a step: lower --batch, --image-size or --base-channels."
    )


def teachers_of(recipe: Recipe, step: int) -> Sequence[GeneratorConfig]:
    """The shapes of the teachers that a run listens to at a step or after it.

    Raises:
        WeightsError: see `starting_weights` and `read_config`.
    """
    if recipe.teacher is None or not recipe.needs_teacher_at(step):
        return ()
    return [read_config(path) for path in starting_weights(recipe.teacher.weights, recipe.directions).values()]


def check_memory(recipe: Recipe, free: int | None, teachers: Sequence[GeneratorConfig] = ()) -> None:
    """Raises MemoryShortError where a run needs more than is free. Nothing is said where that is not known."""
    needed = memory_of(recipe, teachers)
    if free is None or needed <= free:
        return
    lower = ["--batch"] if recipe.batch > 1 else []
    lower += ["--image-size", "--base-channels"]
    lower += [] if recipe.generator.light else ["take the light generator (generator.light = true)"]
    raise MemoryShortError(
        f"training needs about {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} are free: lower "
        f"{' or '.join(lower)}, or close other programs."
    )


def memory_of(recipe: Recipe, teachers: Sequence[GeneratorConfig] = ()) -> int:
    """Bytes that a run takes on a processor, roughly: weights with all that belongs to them, and activations.

    Of teachers it is the weights: nothing that they compute is kept for a gradient.
    """
    directions, generator = len(recipe.directions), recipe.generator
    weights = directions * (
        GENERATOR_COPIES * _generator_weights(generator) + DISCRIMINATOR_COPIES * _discriminator_weights(recipe)
    )
    weights += sum(_generator_weights(teacher) for teacher in teachers)
    results = GENERATOR_PASSES * _generator_results(generator) + DISCRIMINATOR_PASSES * _discriminator_results(recipe)
    if recipe.critic:
        results += CRITIC_PASSES * _critic_results(recipe.critic)
    pools = directions * recipe.pool * generator.image_size**2 * 3
    share = directions / len(Direction)  # passes are those of both
    return round(FRAMEWORK + FLOAT * (weights + PER_RESULT * share * recipe.batch * results) + POOL_COPIES * pools)


def free_memory(system: Path = Path("/")) -> int | None:
    """Bytes that can be had without swapping, within the container's limit; None where the system does not say.

    Args:
        system: the root of its files.
    """
    available = _entry(system / "proc" / "meminfo", "MemAvailable:")
    if available is None:
        return None
    left = _left_by_limit(system / "sys" / "fs" / "cgroup")
    return available * 1024 if left is None else min(available * 1024, left)


def _left_by_limit(folder: Path) -> int | None:
    """Bytes below the limit of a control group, version 2 or 1; None where there is no limit.

    What is used includes files read a while ago, which the kernel drops before it refuses memory: those are left too.
    """
    if (folder / "memory.max").exists():
        limit, used, dropped = "memory.max", "memory.current", "inactive_file"
    else:
        folder /= "memory"
        limit, used, dropped = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    most, now = _number(folder / limit), _number(folder / used)
    if most is None or now is None:
        return None
    return most - now + (_entry(folder / "memory.stat", dropped) or 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _entry(path: Path, name: str) -> int | None:
    """The number behind a name, in a file that has one of either on a line."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return None
    return next((int(words[1]) for words in lines if words[:1] == [name]), None)


def _generator_weights(config: GeneratorConfig) -> int:
    """Of one generator, kernels alone."""
    width, channels = config.width, config.base_channels
    levels = sum(2 * 9 * (channels * 2**i) * (channels * 2 ** (i + 1)) for i in range(config.downsamplings))
    blocks = 4 * config.blocks * 9 * width**2
    seen = width if config.light else width * config.bottleneck**2
    return 2 * config.colours * 49 * channels + levels + blocks + 2 * width**2 + (seen + 3 * width) * width


def _discriminator_weights(recipe: Recipe) -> int:
    """Of both discriminators of one domain, kernels alone."""
    return sum(
        sum(16 * before * after for before, after in zip([3, *widths], widths, strict=False)) + 2 * widths[-1] ** 2
        for widths in _widths(recipe)
    )


def _generator_results(config: GeneratorConfig) -> int:
    """Numbers that the convolutions of one generator give for one picture."""
    levels = sum(config.base_channels * 2**i * (config.cells // 2**i) ** 2 for i in range(config.downsamplings))
    return 2 * levels + (4 * config.blocks + 2) * config.width * config.bottleneck**2


def _discriminator_results(recipe: Recipe) -> int:
    """Numbers that the convolutions of both discriminators of a domain give for one picture."""
    sizes = [[recipe.generator.image_size // 2 ** (i + 1) for i in range(n)] for n in recipe.discriminator.strided]
    return sum(
        sum(width * side**2 for width, side in zip(widths, [*sides, sides[-1], sides[-1]], strict=False))
        for widths, sides in zip(_widths(recipe), sizes, strict=True)
    )


def _critic_results(config: CriticConfig) -> int:
    """Numbers that the convolutions of the feature network give for one picture."""
    architecture = ARCHITECTURES[config.network]
    side, channels = config.size // 2, architecture.stem
    results = side**2 * channels
    for stage in architecture.stages:
        for i in range(stage.blocks):
            inner = channels * stage.expansion
            if stage.expansion > 1:
                results += side**2 * inner
            side //= stage.stride if i == 0 else 1
            results += side**2 * (inner + stage.filters)
            channels = stage.filters
    return results


def _widths(recipe: Recipe) -> list[list[int]]:
    """Channels after each convolution, of the local and of the global discriminator."""
    config = recipe.discriminator
    return [[min(config.base_channels * 2**i, config.cap) for i in range(n + 1)] for n in config.strided]
