"""What numbers a network computes with."""

from pathlib import Path

NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}  # x86, then Arm, as /proc/cpuinfo names them
CPUINFO = Path("/proc/cpuinfo")


def on_processor(precision: str) -> str:
    """The Keras dtype policy for MODEL_PRECISION; `auto` is bfloat16 where it is native, for emulated it is slow."""
    if precision != "auto":
        return precision
    flags = set(CPUINFO.read_text().split()) if CPUINFO.exists() else set()  # Linux alone has it
    return "bfloat16" if NATIVE_BFLOAT16 & flags else "float32"
