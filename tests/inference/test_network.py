from pathlib import Path

import pytest

from inference import network


@pytest.mark.parametrize(
    ("flags", "precision", "expected"),
    [
        ("fpu sse avx avx2", "auto", "float32"),
        ("fpu avx512f avx512_bf16", "auto", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "auto", "bfloat16"),
        ("fpu avx2", "bfloat16", "bfloat16"),
        ("fpu avx512_bf16", "float32", "float32"),
    ],
)
def test_bfloat16_where_the_processor_has_it(
    flags: str, precision: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(network, "CPUINFO", cpuinfo)

    assert network._dtype(precision, None) == expected


@pytest.mark.parametrize(
    ("device", "count", "index"),
    [("auto", 0, None), ("auto", 2, 0), ("cpu", 2, None), ("gpu:0", 1, 0), ("gpu:1", 2, 1)],
)
def test_devices(device: str, count: int, index: int | None) -> None:
    assert network._gpu(device, count) == index


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="gpu:2, but TensorFlow sees 1"):
        network._gpu("gpu:2", 1)
