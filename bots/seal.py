"""Short signatures under texts that travel through other people's hands and come back, such as callback data."""

import base64
import hmac
from dataclasses import dataclass, field

BYTES = 12  # of the HMAC: 96 bits are far beyond guessing over a network, and leave room in 64 bytes of callback data


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs with one secret. A `purpose` keeps what was signed for one use from being taken for another."""

    secret: bytes = field(repr=False)

    def sign(self, purpose: str, text: str) -> str:
        """16 characters of URL-safe base64."""
        digest = hmac.digest(self.secret, f"{purpose}\0{text}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:BYTES]).decode()

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode())
