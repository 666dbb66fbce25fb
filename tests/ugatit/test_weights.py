"""Weights files: what goes in comes out, and what is wrong with one is said with names."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.ugatit.networks import TINY, random_generator, random_pictures, weights_of
from ugatit import (
    Direction,
    GeneratorConfig,
    WeightsError,
    bundled_weights,
    load_generator,
    read_config,
    read_header,
    save_generator,
)

PYTORCH = replace(TINY, dialect="pytorch", smoothing=False, light=False)


@pytest.fixture(scope="module")
def tiny() -> dict[str, np.ndarray]:
    return {f"generator_B/{name}": value for name, value in weights_of(random_generator(TINY)).items()}


@pytest.mark.parametrize("config", [TINY, PYTORCH], ids=["tensorflow", "pytorch"])
@pytest.mark.parametrize("direction", Direction)
def test_round_trip(tmp_path: Path, config: GeneratorConfig, direction: Direction) -> None:
    path, model, pictures = tmp_path / "g.safetensors", random_generator(config), random_pictures(config)
    save_generator(model, path, direction=direction, provenance={"data": "noise", "pairs": 3}, half=False)
    header = read_header(path)
    assert (header.config, header.directions) == (config, (direction,))
    assert header.provenance == {"data": "noise", "pairs": 3}
    assert header.parameters == model.count_params()
    assert np.array_equal(load_generator(path)(pictures), model(pictures))
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_float16_is_what_is_written_by_default(tmp_path: Path) -> None:
    path, model = tmp_path / "g.safetensors", random_generator(TINY)
    save_generator(model, path, provenance={})
    assert read_header(path).dtypes == ("F16",)
    again = weights_of(load_generator(path))
    assert all(np.array_equal(again[name], value.astype("f2")) for name, value in weights_of(model).items())


def test_bfloat16_files_are_read(tmp_path: Path, tiny: dict[str, np.ndarray]) -> None:
    path, rounded = tmp_path / "g.safetensors", {name: value.astype("bfloat16") for name, value in tiny.items()}
    save_file(rounded, path, {"config": TINY.to_json()})
    again = weights_of(load_generator(path))
    assert all(np.array_equal(again[name.split("/", 1)[1]], value.astype("f4")) for name, value in rounded.items())


def test_bundled_weights_are_the_ones_of_the_card() -> None:
    card = (bundled_weights().parent / "MODEL_CARD.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `(\S+)\.safetensors` \|.*\| `([0-9a-f]{64})` \|$", card, re.MULTILINE))
    assert set(listed) == {path.stem for path in bundled_weights().parent.glob("*.safetensors")}
    for name, digest in listed.items():
        header = read_header(bundled_weights(name))
        assert hashlib.sha256(bundled_weights(name).read_bytes()).hexdigest() == digest
        assert header.config == GeneratorConfig(base_channels=32, downsamplings=3, pixel_shuffle=2)
        assert header.provenance["direction"] == header.directions[0]


@pytest.mark.parametrize("name", ["nothing", "../weights/fast", ""])
def test_unknown_bundled_weights_name_those_that_exist(name: str) -> None:
    with pytest.raises(WeightsError, match="fast, fast-anime2selfie"):
        bundled_weights(name)


def test_files_without_full_configuration_are_read(tmp_path: Path) -> None:
    """Older files give base_channels, downsamplings, image_size and light only."""
    path, now = tmp_path / "older.safetensors", tmp_path / "now.safetensors"
    save_generator(random_generator(TINY), now, provenance={})
    older = {"base_channels": "4", "downsamplings": "2", "image_size": "16", "light": "true", "pairs": "6090"}
    save_file(_tensors(now), path, older)
    assert read_config(path) == read_config(now) == TINY
    assert read_header(path).provenance == {"pairs": "6090"}
    x = random_pictures(TINY, 1)
    assert np.array_equal(load_generator(path)(x), load_generator(now)(x))


def _without(name: str) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda tensors: tensors.pop(name)


def _with(name: str, value: np.ndarray) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda tensors: tensors.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("generator_B/CAM_logit/kernel"), "generator_B/CAM_logit/kernel is missing"),
        (_with("generator_B/extra", np.zeros(3, "f4")), "generator_B/extra has no place in this network"),
        (
            _with("generator_B/ins_norm/gamma", np.zeros(5, "f4")),
            r"generator_B/ins_norm/gamma has shape \(5,\), not \(4,\)",
        ),
        (_with("generator_B/ins_norm/gamma", np.zeros(4, "i4")), "stored as I32, not as one of F16, BF16, F32"),
        (_with("generator_B/ins_norm/beta", np.full(4, np.nan, "f4")), "generator_B/ins_norm/beta holds numbers that"),
    ],
)
def test_wrong_tensors_are_named(
    tmp_path: Path, tiny: dict[str, np.ndarray], change: Callable[[dict[str, np.ndarray]], object], message: str
) -> None:
    path, tensors = tmp_path / "wrong.safetensors", dict(tiny)
    change(tensors)
    save_file(tensors, path, {"config": TINY.to_json()})
    with pytest.raises(WeightsError, match=message) as raised:
        load_generator(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("kept", [0, 5, 3000, 5_000_000])
def test_a_file_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(bundled_weights().read_bytes()[:kept])
    for read in (read_config, load_generator):
        with pytest.raises(WeightsError, match=r"short\.safetensors: cut short"):
            read(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "holds no configuration"),
        ({"config": "{"}, "configuration is not understood"),
        ({"config": "[1]"}, "a configuration is a JSON object"),
        ({"config": '{"blocks": -1}'}, "blocks must be a whole number of at least 0. Received: -1"),
        ({"config": '{"chanels": 64}'}, "unknown fields. Received: chanels"),
        ({"base_channels": "32"}, "configuration is not understood: 'downsamplings'"),
        ({"config": "{}", "provenance": "{"}, "provenance is not JSON"),
    ],
)
def test_metadata_that_is_not_understood(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"generator_B/a": np.zeros(1, "f4")}, path, metadata)
    with pytest.raises(WeightsError, match=message):
        read_header(path)


def test_missing_file_and_direction(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_config(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="no anime2selfie generator but: selfie2anime"):
        load_generator(bundled_weights(), direction="anime2selfie")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "g.safetensors", random_generator(TINY)
    path.write_bytes(b"old")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ugatit.loading.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_generator(model, path, provenance={})
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading_a_header_imports_no_framework() -> None:
    """The service process looks at weights and must stay small."""
    code = (
        "import sys, ugatit; ugatit.read_config(ugatit.bundled_weights());"
        "print([m for m in ('keras', 'tensorflow', 'jax', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def _tensors(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
