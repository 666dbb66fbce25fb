"""Published checkpoints: what comes out of an import paints what their own networks paint."""

import json
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from tests.ugatit.checkpoints import FakeTensor, fake_torch, random_weights, tensorflow_variables, write_tensorflow
from tests.ugatit.networks import TINY, random_pictures, weights_of
from tests.ugatit.reference import Reference
from ugatit import (
    Direction,
    GeneratorConfig,
    WeightsError,
    build_generator,
    bundled_weights,
    load_generator,
    read_header,
)
from ugatit.cli import app
from ugatit.importing import import_checkpoint
from ugatit.importing.shapes import expected_shapes

FULL = replace(TINY, light=False)
DEEP = GeneratorConfig(base_channels=3, downsamplings=3, blocks=1, image_size=32, light=False)
PYTORCH = replace(TINY, dialect="pytorch", smoothing=False)
SHUFFLED = replace(FULL, pixel_shuffle=2, image_size=32)
Variables = dict[str, np.ndarray]


@pytest.mark.parametrize("config", [TINY, FULL, DEEP, SHUFFLED, PYTORCH, replace(PYTORCH, light=False)])
def test_expected_shapes_are_those_of_the_network(config: GeneratorConfig) -> None:
    built = {name: value.shape for name, value in weights_of(build_generator(config)).items()}
    assert expected_shapes(config) == built


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("config", [TINY, FULL, DEEP, SHUFFLED, replace(FULL, smoothing=False)])
def test_tensorflow_checkpoints_paint_what_they_painted(
    tmp_path: Path, config: GeneratorConfig, direction: Direction
) -> None:
    prefix, out = tmp_path / "UGATIT.model-1000000", tmp_path / "out.safetensors"
    both = {"generator_A": random_weights(config, 1), "generator_B": random_weights(config, 2)}
    write_tensorflow(prefix, tensorflow_variables(both))
    size = config.image_size if config.light else None
    done = import_checkpoint(prefix, out, direction=direction, image_size=size, smoothing=config.smoothing)
    header, weights = read_header(out), both[direction.scope]
    assert done.config == header.config == config
    assert done.parameters == header.parameters == sum(value.size for value in weights.values())
    assert header.directions == (direction,)
    assert header.provenance["direction"] == direction
    assert "UGATIT.model-1000000 (TensorFlow release)" in header.provenance["imported"]
    picture = random_pictures(config, 1)
    painted = np.asarray(load_generator(out)(picture))[0]
    reference = Reference(config, weights)
    assert np.abs(painted - reference(picture[0])).max() < 1e-4
    assert not reference.unread


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001", "folder"])
def test_every_way_to_name_a_tensorflow_checkpoint(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "UGATIT_light_selfie2anime"
    older, newest = random_weights(TINY, 3), random_weights(TINY, 4)
    write_tensorflow(folder / "UGATIT.model-900000", tensorflow_variables({"generator_B": older}))
    write_tensorflow(folder / "UGATIT.model-1000000", tensorflow_variables({"generator_B": newest}))
    given = folder if suffix == "folder" else folder / f"UGATIT.model-1000000{suffix}"
    import_checkpoint(given, tmp_path / "out.safetensors")
    written = load_file(tmp_path / "out.safetensors")
    assert {name.removeprefix("generator_B/") for name in written} == set(newest)
    assert all(np.array_equal(written[f"generator_B/{name}"], value) for name, value in newest.items())


def test_of_early_tensorflow_checkpoints_what_gates_is_read(tmp_path: Path) -> None:
    weights = random_weights(TINY)
    logit = {
        "CAM_logit/dense/kernel": np.full_like(weights["CAM_logit/kernel"], 3),
        "CAM_logit/dense/bias": np.full_like(weights["CAM_logit/bias"], 3),
    }
    prefix, out = tmp_path / "early" / "UGATIT.model-1", tmp_path / "out.safetensors"
    write_tensorflow(prefix, tensorflow_variables({"generator_A": weights | logit, "generator_B": weights | logit}))
    import_checkpoint(prefix, out)
    written = load_file(out)
    assert {name.removeprefix("generator_B/") for name in written} == set(weights)
    assert all(np.array_equal(written[f"generator_B/{name}"], value) for name, value in weights.items())


@pytest.fixture(scope="module")
def published() -> Mapping[str, np.ndarray]:
    """See `published_torch.py`."""
    with np.load(Path(__file__).parent / "published_torch.npz") as archive:
        return {name: archive[name] for name in archive.files}


def _state(published: Mapping[str, np.ndarray], kind: str) -> dict[str, FakeTensor]:
    prefix = f"{kind}/state/"
    return {name.removeprefix(prefix): FakeTensor(v) for name, v in published.items() if name.startswith(prefix)}


def _pt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any) -> Path:
    path = tmp_path / "selfie2anime_params_0100000.pt"
    path.write_bytes(b"what the stand-in for torch pretends to read")
    monkeypatch.setitem(sys.modules, "torch", fake_torch(content))
    return path


@pytest.mark.parametrize(("direction", "key"), [("selfie2anime", "genA2B"), ("anime2selfie", "genB2A")])
@pytest.mark.parametrize("kind", ["light", "full"])
def test_pytorch_checkpoints_paint_what_they_painted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    published: Mapping[str, np.ndarray],
    kind: str,
    direction: str,
    key: str,
) -> None:
    content = {"genA2B": {}, "genB2A": {}, "disGA": {"model.1.bias": FakeTensor(np.zeros(3))}}
    content[key] = _state(published, kind)
    path, out = _pt(tmp_path, monkeypatch, content), tmp_path / "out.safetensors"
    image_size = 16 if kind == "light" else None
    done = import_checkpoint(path, out, direction=Direction(direction), image_size=image_size)
    assert done.config == replace(PYTORCH, light=kind == "light")
    picture = published[f"{kind}/picture"].transpose(1, 2, 0)
    expected = published[f"{kind}/painted"].transpose(1, 2, 0)
    painted = np.asarray(load_generator(out)(picture[None]))[0]
    assert np.abs(painted - expected).max() < 1e-4
    weights = {name.split("/", 1)[1]: value for name, value in load_file(out).items()}
    assert np.abs(Reference(done.config, weights)(picture) - expected).max() < 1e-4


def test_pytorch_tensors_are_named_as_the_file_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: Mapping[str, np.ndarray]
) -> None:
    state = _state(published, "full")
    del state["UpBlock1_2.norm1.rho"]
    state["FC.4.weight"] = FakeTensor(np.zeros(3, "f4"))
    state["gamma.weight"] = FakeTensor(np.zeros((5, 16), "f4"))
    state["conv1x1.weight"] = FakeTensor(np.zeros(7, "f4"))
    path = _pt(tmp_path, monkeypatch, {"genA2B": state})
    with pytest.raises(WeightsError) as raised:
        import_checkpoint(path, tmp_path / "out.safetensors")
    message = str(raised.value)
    assert str(path) in message
    assert "genA2B: UpBlock1_2.norm1.rho is missing" in message
    assert "genA2B: FC.4.weight has no place in this network" in message
    assert "genA2B: gamma.weight has shape (16, 5), not (16, 16)" in message
    assert "genA2B: conv1x1.weight has shape (7,), not (1, 1, 32, 16)" in message
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.UnpicklingError("Unsupported global: GLOBAL os.system"), "holds more than tensors.*os.system"),
        (RuntimeError("failed finding central directory"), "cut short or no PyTorch file"),
        (IndexError("list index out of range"), "cut short or no PyTorch file"),
        ({"disGA": {}}, r"no genA2B \(selfie2anime\)"),
        ([1, 2], "no genA2B"),
        ({"genA2B": {"step": 3}}, "no genA2B"),
        ({"genA2B": {}}, "genA2B: DownBlock.1.weight is missing"),
    ],
)
def test_other_pytorch_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    path = _pt(tmp_path, monkeypatch, content)
    with pytest.raises(WeightsError, match=message):
        import_checkpoint(path, tmp_path / "out.safetensors")


def test_without_pytorch_its_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _pt(tmp_path, monkeypatch, {})
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WeightsError, match="pip install torch"):
        import_checkpoint(path, tmp_path / "out.safetensors")


def _without(name: str) -> Callable[[Variables], object]:
    return lambda variables: variables.pop(name)


def _with(name: str, value: np.ndarray) -> Callable[[Variables], object]:
    return lambda variables: variables.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("generator_B/MLP/gamma/dense/bias"), "generator_B/MLP/gamma/dense/bias is missing"),
        (_without("generator_B/conv/conv2d/kernel"), "generator_B/conv/conv2d/kernel is missing, from which"),
        (
            _without("generator_B/resblock_0/res1/conv_0/conv2d/kernel"),
            "resblock_0/res1/conv_0/conv2d/kernel is missing",
        ),
        (
            lambda all_: all_.update({"generator_B/CAM_logit/dense/kernel": all_.pop("generator_B/CAM_logit/kernel")}),
            "CAM_logit/kernel is missing; generator_B/CAM_logit/dense/kernel has no place",
        ),
        (_with("generator_B/conv_7x7/kernel", np.ones(2, "f4")), "generator_B/conv_7x7/kernel has no place"),
        (_with("generator_B/ins_norm/gamma", np.ones(5, "f4")), r"ins_norm/gamma has shape \(5,\), not \(4,\)"),
        (
            _with("generator_B/ins_norm/beta", np.full(4, np.inf, "f4")),
            "ins_norm/beta holds numbers that are not finite",
        ),
        (_with("generator_B/conv/conv2d/kernel", np.ones(4, "f4")), "conv/conv2d/kernel has shape .* 4 axes are due"),
        (_with("generator_B/MLP/linear_0/dense/kernel", np.ones((80, 16), "f4")), "has 80 inputs, neither the 16"),
        (_with("generator_B/MLP/linear_0/dense/kernel", np.ones((64, 16), "f4")), "works on 8 x 8 pixels, not on 16"),
    ],
)
def test_wrong_tensors_are_named(tmp_path: Path, change: Callable[[Variables], object], message: str) -> None:
    variables = tensorflow_variables({"generator_B": random_weights(TINY)})
    change(variables)
    write_tensorflow(tmp_path / "UGATIT.model-1", variables)
    with pytest.raises(WeightsError, match=message) as raised:
        import_checkpoint(tmp_path, tmp_path / "out.safetensors", image_size=16)
    assert str(tmp_path) in str(raised.value)
    assert not (tmp_path / "out.safetensors").exists()


def test_many_problems_are_counted(tmp_path: Path) -> None:
    variables = tensorflow_variables({"generator_B": random_weights(TINY)})
    few = {name: value for name, value in variables.items() if "adaptive" not in name}
    write_tensorflow(tmp_path / "m-1", few)
    with pytest.raises(WeightsError, match="and 4 more"):
        import_checkpoint(tmp_path, tmp_path / "out.safetensors")


def test_missing_and_damaged_tensorflow_checkpoints(tmp_path: Path) -> None:
    prefix, out = tmp_path / "UGATIT.model-1", tmp_path / "out.safetensors"
    with pytest.raises(WeightsError, match=r"no TensorFlow checkpoint \(\*\.index\) in this folder"):
        import_checkpoint(tmp_path, out)
    with pytest.raises(WeightsError, match=r"there is no UGATIT\.model-1\.index"):
        import_checkpoint(prefix, out)
    write_tensorflow(prefix, tensorflow_variables({"generator_B": random_weights(TINY)}))
    with pytest.raises(WeightsError, match=r"no generator_A/ \(anime2selfie\) in it, but: .*generator_B"):
        import_checkpoint(prefix, out, direction=Direction.ANIME2SELFIE)
    data = tmp_path / "UGATIT.model-1.data-00000-of-00001"
    whole = data.read_bytes()
    for damaged in (whole[: len(whole) // 3], whole[:5000] + bytes(20000) + whole[25000:]):
        data.write_bytes(damaged)
        with pytest.raises(WeightsError, match="cannot be read"):
            import_checkpoint(prefix, out)
    data.unlink()
    with pytest.raises(WeightsError, match=r"all \.data files are needed"):
        import_checkpoint(prefix, out)
    (tmp_path / "UGATIT.model-1.index").write_bytes(b"no table")
    with pytest.raises(WeightsError, match="cannot be read"):
        import_checkpoint(prefix, out)
    assert not out.exists()


def test_own_files_are_imported_with_what_they_say(tmp_path: Path) -> None:
    source, out = bundled_weights(), tmp_path / "out.safetensors"
    done = import_checkpoint(source, out)
    assert done.config == read_header(source).config
    told = dict(read_header(out).provenance)
    assert told.pop("imported") == "fast.safetensors (safetensors)"
    assert told == read_header(source).provenance != {}
    assert read_header(out).dtypes == ("F32",)
    picture = random_pictures(done.config, 1)
    assert np.array_equal(load_generator(out)(picture), load_generator(source)(picture))
    import_checkpoint(out, tmp_path / "half.safetensors", half=True)
    assert read_header(tmp_path / "half.safetensors").dtypes == ("F16",)
    with pytest.raises(WeightsError, match="holds no anime2selfie generator but: selfie2anime"):
        import_checkpoint(source, out, direction=Direction.ANIME2SELFIE)


def test_what_float16_cannot_hold_is_named(tmp_path: Path) -> None:
    weights = random_weights(TINY)
    weights["ins_norm/beta"][1] = 70000
    write_tensorflow(tmp_path / "m-1", tensorflow_variables({"generator_B": weights}))
    with pytest.raises(WeightsError, match="ins_norm/beta holds numbers that are not finite in float16"):
        import_checkpoint(tmp_path, tmp_path / "out.safetensors", half=True)
    import_checkpoint(tmp_path, tmp_path / "out.safetensors")


def test_the_command(tmp_path: Path) -> None:
    write_tensorflow(tmp_path / "ckpt" / "m-1", tensorflow_variables({"generator_A": random_weights(FULL)}))
    out = tmp_path / "a.safetensors"
    arguments = ["import", str(tmp_path / "ckpt"), "--out", str(out), "--direction", "anime2selfie", "--no-smoothing"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "anime2selfie, full, " in result.output
    assert read_header(out).config == replace(FULL, smoothing=False)
    assert json.dumps(read_header(out).provenance)
    failed = CliRunner().invoke(app, ["import", str(tmp_path / "none"), "--out", str(out)])
    assert failed.exit_code == 1
    assert f"{tmp_path / 'none'}: no checkpoint" in failed.output
