"""Files that the server keeps: what people sent, what the bot uploaded, and the sizes Telegram makes of photos."""

import base64
import hashlib
import io
import itertools
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import bad_request

MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_PHOTO = 10 * 1024 * 1024
MAX_UPLOAD = 50 * 1024 * 1024
MAX_STICKER = 512 * 1024
_STICKER_SIDE = 512
_SIDES = (90, 320, 800, 1280)  # what clients know as s, m, x and y


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file. `size` is what the API announces, which a test may set apart from the bytes kept."""

    file_id: str
    unique_id: str
    path: str
    data: bytes
    size: int

    def to_json(self, **more: Any) -> dict[str, Any]:
        return {"file_id": self.file_id, "file_unique_id": self.unique_id, "file_size": self.size} | more


class Files:
    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}
        self._count = itertools.count()

    def add(self, data: bytes, folder: str, extension: str, size: int | None = None) -> StoredFile:
        """Keep a file. The unique id follows from the content; the id to download it with is new each time."""
        number = next(self._count)
        digest = hashlib.sha256(folder.encode() + b"\0" + data).digest()
        unique = base64.urlsafe_b64encode(digest[:12]).decode()
        file_id = base64.urlsafe_b64encode(b"\x02" + number.to_bytes(6, "big") + digest[:29]).decode()
        file = StoredFile(file_id, f"AQAD{unique}", f"{folder}/file_{number}{extension}", data, size or len(data))
        self._by_id[file_id] = file
        return file

    def get(self, file_id: str | None) -> StoredFile:
        try:
            return self._by_id[file_id or ""]
        except KeyError:
            raise bad_request("invalid file_id") from None

    def at(self, path: str) -> StoredFile | None:
        """The file at a download path; those over 20 MB have none."""
        return next((f for f in self._by_id.values() if f.path == path and f.size <= MAX_DOWNLOAD), None)

    def add_photo(self, data: bytes) -> list[dict[str, Any]]:
        """`PhotoSize` list, smallest first: upright JPEGs without metadata, the largest at most 1,280 px a side.

        Raises:
            ApiError: empty, over 10 MB, no picture, sides over 10,000 px together, or thinner than 1 : 20.
        """
        if not data:
            raise bad_request("file must be non-empty")
        if len(data) > MAX_PHOTO:
            raise bad_request("file is too big for a photo")
        try:
            with Image.open(io.BytesIO(data)) as opened:
                if sum(opened.size) > 10_000 or max(opened.size) > 20 * min(opened.size):
                    raise bad_request("PHOTO_INVALID_DIMENSIONS")
                picture = ImageOps.exif_transpose(opened).convert("RGB")
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            raise bad_request("IMAGE_PROCESS_FAILED") from None
        return [self._size(picture, side) for side in _SIDES if side == _SIDES[0] or _before(side) < max(picture.size)]

    def add_sticker(self, data: bytes) -> tuple[StoredFile, tuple[int, int]]:
        """Keep a static sticker; returns its width and height, too.

        Telegram sends a WebP that is no sticker as a file; here that is an error, for nobody would want it.

        Raises:
            ApiError: over 512 KB, no still WebP, or without a side of exactly 512 px, the other no longer.
        """
        if len(data) > MAX_STICKER:
            raise bad_request("STICKER_FILE_INVALID")
        try:
            with Image.open(io.BytesIO(data), formats=["WEBP"]) as opened:
                size, frames = opened.size, getattr(opened, "n_frames", 1)
        except (UnidentifiedImageError, OSError):
            raise bad_request("STICKER_FILE_INVALID") from None
        if max(size) != _STICKER_SIDE or frames != 1:
            raise bad_request("STICKER_PNG_DIMENSIONS")
        return self.add(data, "stickers", ".webp"), size

    def _size(self, picture: Image.Image, side: int) -> dict[str, Any]:
        scaled = picture.copy()
        scaled.thumbnail((side, side))
        out = io.BytesIO()
        scaled.save(out, "JPEG", quality=87)
        return self.add(out.getvalue(), "photos", ".jpg").to_json(width=scaled.width, height=scaled.height)


def _before(side: int) -> int:
    return _SIDES[_SIDES.index(side) - 1]
