"""What tells that the same photos are to be painted in the same way as before."""

import hmac

from inference import Options


class Likeness:
    """A digest of the weights, of what the person chose and of the photos, which are given to it one after the other.

    It is keyed: whoever reads the database can't look for a photo by it. Different bytes are different photos.

    Args:
        secret: the key.
        version: of the weights, see `inference.Pipeline`.
    """

    def __init__(self, secret: bytes, version: str, options: Options) -> None:
        self._digest = hmac.new(secret, f"likeness\0{version}\0{options.to_json()}\0".encode(), "sha256")
        self._size = 0

    def part(self, chunk: bytes) -> None:
        """Some bytes of a photo."""
        self._digest.update(chunk)
        self._size += len(chunk)

    def end(self) -> None:
        """The photo ends here."""
        self._digest.update(self._size.to_bytes(8))
        self._size = 0

    def text(self) -> str:
        """64 hexadecimal digits."""
        return self._digest.hexdigest()
