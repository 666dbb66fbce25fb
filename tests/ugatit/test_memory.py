"""What a run is thought to need, against the networks themselves, and what is said where there is less."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from tests.ugatit.networks import write_pair
from ugatit import Direction, GeneratorConfig, memory
from ugatit.backends import current_backend
from ugatit.critic.architecture import ARCHITECTURES
from ugatit.critic.features import Depthwise, build_features
from ugatit.discriminator import build_discriminator
from ugatit.generator import build_generator
from ugatit.memory import MemoryShortError, check_memory, memory_of, teachers_of
from ugatit.recipe import CriticConfig, LossConfig, Recipe, TeacherConfig


def recipe_of(batch: int = 1, **generator: Any) -> Recipe:
    shape = {"base_channels": 8, "image_size": 64, "blocks": 2, **generator}
    return Recipe.from_dict({"generator": shape, "batch": batch})


@pytest.mark.parametrize(
    "generator", [{}, {"light": False, "image_size": 32}, {"downsamplings": 3}, {"pixel_shuffle": 2}]
)
def test_weights_are_counted_right(generator: dict[str, Any]) -> None:
    recipe = recipe_of(**generator)
    size = recipe.generator.image_size
    for model, counted in (
        (build_generator(recipe.generator, "float32", "zeros"), memory._generator_weights(recipe.generator)),
        (build_discriminator(recipe.discriminator, size, "float32", "zeros"), memory._discriminator_weights(recipe)),
    ):
        held = sum(math.prod(weight.shape) for weight in model.weights if weight.name == "kernel")
        assert counted == pytest.approx(held, rel=0.03)


def test_what_a_critic_computes_is_counted_right() -> None:
    config = CriticConfig("any", size=96)
    network = build_features(ARCHITECTURES[config.network], config.size, "float32")
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | Depthwise)]
    assert memory._critic_results(config) == sum(math.prod(layer.output.shape[1:]) for layer in convolutions)
    assert memory_of(replace(recipe_of(), critic=config)) > memory_of(recipe_of())


def test_earlier_pictures_that_are_kept_are_counted() -> None:
    recipe = recipe_of()
    bytes_of_one = recipe.generator.image_size**2 * 3
    assert memory_of(replace(recipe, pool=50)) - memory_of(recipe) == pytest.approx(2 * 2 * 50 * bytes_of_one, abs=1)


def test_teachers_are_counted_while_they_are_needed(tmp_path: Path) -> None:
    large = GeneratorConfig(base_channels=16, image_size=64, light=False)
    lessons = TeacherConfig(str(write_pair(tmp_path / "teachers", large, large)), steps=5)
    recipe = replace(recipe_of(), teacher=lessons)
    shapes = teachers_of(recipe, 4)
    assert shapes == [large, large]
    held = sum(math.prod(weight.shape) for weight in build_generator(large, "float32", "zeros").weights)
    assert memory_of(recipe, shapes) - memory_of(recipe) == pytest.approx(2 * 4 * held, rel=0.03)
    with pytest.raises(MemoryShortError):
        check_memory(recipe, memory_of(recipe), shapes)
    assert teachers_of(recipe, 5) == teachers_of(recipe_of(), 0) == ()
    assert teachers_of(replace(recipe, teacher=replace(lessons, anchor=1.0)), 5) == shapes
    alone = replace(recipe, directions=(Direction.SELFIE2ANIME,), losses=LossConfig(cycle=0.0))
    assert teachers_of(alone, 0) == [large]


def test_it_grows_with_what_is_told_to_be_lowered() -> None:
    least = memory_of(recipe_of())
    assert least > memory.FRAMEWORK
    for larger in (recipe_of(batch=2), recipe_of(image_size=128), recipe_of(base_channels=16), recipe_of(light=False)):
        assert memory_of(larger) > least


def test_what_is_said() -> None:
    recipe = recipe_of(batch=4, light=False)
    check_memory(recipe, None)
    check_memory(recipe, memory_of(recipe))
    with pytest.raises(
        MemoryShortError, match=r"GiB of memory, 0\.0 are free: lower --batch or --image-size or .*light"
    ):
        check_memory(recipe, 1_000)
    with pytest.raises(MemoryShortError, match=r"lower --image-size or --base-channels, or close"):
        check_memory(recipe_of(), 1_000)
    free = memory.free_memory()
    assert free is None or free > 2**20


MIB = 2**20
VERSION_2, VERSION_1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
CACHED = f"anon 5\ninactive_file {300 * MIB}\nactive_file 7\n"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 1024),
        ({f"{VERSION_2}/memory.max": "max\n", f"{VERSION_2}/memory.current": f"{100 * MIB}\n"}, 1024),
        ({f"{VERSION_2}/memory.max": f"{900 * MIB}\n", f"{VERSION_2}/memory.current": f"{500 * MIB}\n"}, 400),
        (
            {
                f"{VERSION_2}/memory.max": f"{900 * MIB}\n",
                f"{VERSION_2}/memory.current": f"{500 * MIB}\n",
                f"{VERSION_2}/memory.stat": CACHED,
            },
            700,
        ),
        (
            {
                f"{VERSION_1}/memory.limit_in_bytes": f"{900 * MIB}\n",
                f"{VERSION_1}/memory.usage_in_bytes": f"{500 * MIB}\n",
                f"{VERSION_1}/memory.stat": f"inactive_file 3\ntotal_inactive_file {200 * MIB}\n",
            },
            600,
        ),
        (
            {
                f"{VERSION_1}/memory.limit_in_bytes": "9223372036854771712\n",
                f"{VERSION_1}/memory.usage_in_bytes": f"{500 * MIB}\n",
            },
            1024,
        ),
    ],
    ids=["no groups", "no limit", "limit", "limit and cache", "version 1", "version 1 without a limit"],
)
def test_what_is_free_in_a_container(tmp_path: Path, files: dict[str, str], free: int) -> None:
    for name, text in {"proc/meminfo": f"MemTotal: 9 kB\nMemAvailable: {1024 * 1024} kB\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory.free_memory(tmp_path) == free * MIB


def test_a_system_that_does_not_say_what_is_free(tmp_path: Path) -> None:
    assert memory.free_memory(tmp_path) is None


def test_a_step_that_the_device_has_no_room_for() -> None:
    step = current_backend().program([]).compile(lambda side: {"sum": ops.sum(ops.ones((side, side)))})
    assert float(step(np.int32(3))["sum"]) == 9
    with pytest.raises(MemoryShortError, match="the processor has not enough memory for a step: lower --batch"):
        step(np.int32(2**25))
