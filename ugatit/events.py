"""TensorBoard event files, written on any backend and without the tensorboard package.

A file is a row of records (length, its check sum, bytes, their check sum), each one `Event` as a protocol buffer. The
field numbers are those of event.proto and summary.proto of TensorFlow.
"""

import os
import socket
import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

COLOURS = 3  # an RGB picture


class EventFile:
    """One file of scalars and pictures over steps.

    Args:
        folder: made if missing; TensorBoard shows everything in it as one run.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard knows its files by "tfevents" and reads them in the order of their names.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb")
        self._write(_bytes(3, b"brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        shown = (_bytes(1, name.encode()) + _key(2, 5) + struct.pack("<f", value) for name, value in values.items())
        self._summary(step, *shown)

    def picture(self, step: int, name: str, jpeg: bytes, width: int, height: int) -> None:
        image = _number(1, height) + _number(2, width) + _number(3, COLOURS) + _bytes(4, jpeg)
        self._summary(step, _bytes(1, name.encode()) + _bytes(4, image))

    def close(self) -> None:
        self._file.close()

    def _summary(self, step: int, *values: bytes) -> None:
        self._write(_number(2, step) + _bytes(5, b"".join(_bytes(1, value) for value in values)))

    def _write(self, event: bytes) -> None:
        event = _key(1, 1) + struct.pack("<d", time.time()) + event
        length = struct.pack("<Q", len(event))
        self._file.write(length + _check_sum(length) + event + _check_sum(event))
        self._file.flush()  # a watcher sees whole records at once


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _check_sum(data: bytes) -> bytes:
    """CRC-32C, rotated and shifted as TFRecord has it, so that sums of sums stay useful."""
    table, value = _crc_table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)
