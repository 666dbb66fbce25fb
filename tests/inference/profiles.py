"""ICC profiles made by hand: matrix and curve, as phones and cameras embed them."""

import struct

import numpy as np

SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
WHITE = (0.9642, 1.0, 0.8249)  # D50, which the columns above are adapted to
GAMMA = 2.2


def profile(primaries: np.ndarray, space: bytes = b"RGB ") -> bytes:
    """A version 2 display profile of `primaries`, (3, 3): the columns are red, green and blue in XYZ under D50."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(GAMMA * 256)) + bytes(2)
    points = {b"rXYZ": primaries[:, 0], b"gXYZ": primaries[:, 1], b"bXYZ": primaries[:, 2], b"wtpt": WHITE}
    tags = {
        name: b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65_536) for v in p)) for name, p in points.items()
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0" + bytes(3)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", *(round(value * 65_536) for value in WHITE)) + bytes(48)
    return header + table + body


def encode(srgb: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    """(…, 3) uint8 sRGB colours → their values in the space that `profile(primaries)` describes."""
    return np.round(255 * _linear(srgb, primaries) ** (1 / GAMMA)).astype(np.uint8)


def encode_as_srgb(srgb: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    """The same for a space with the curve of sRGB, as Display P3 is."""
    linear = _linear(srgb, primaries)
    value = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)


def _linear(srgb: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    value = srgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.clip(linear @ (np.linalg.inv(primaries) @ SRGB).T, 0, 1)
