"""What the door must know to answer one photo, also after a restart of the service."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

TOKEN_SECONDS = 15 * 60
"""An interaction token works this long (Discord: Interactions, Receiving and Responding)."""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where one answer goes.

    Args:
        application_id: the bot's application; with `token` the address of the response.
        token: the interaction's token. Whoever has it may speak in the bot's name: never logged or shown. Empty: there
            was no interaction, and the response is an ordinary message of the bot, see `own`.
        message_id: the bot's response ("… is thinking") that is edited in place.
        channel_id: where it stands.
        user_id: who asked; their direct messages take what must stay private.
        ephemeral: only that person sees the response.
        expires_at: unix seconds after which the token is dead.
        filesize_limit: bytes that one file may have there.
        beside: the pictures come with the photo's crop at their left.
        spoiler: they are covered until somebody clicks them.
        copies: messages with the same pictures in another form.
    """

    application_id: int
    token: str = field(repr=False)
    message_id: int
    channel_id: int
    user_id: int
    ephemeral: bool
    expires_at: float
    filesize_limit: int
    beside: bool = False
    spoiler: bool = False
    copies: tuple[Self, ...] = ()

    @property
    def own(self) -> bool:
        """The bot edits the response as its own message, in the channel and at any time."""
        return not self.token

    def with_copy(self, copy: Self) -> Self:
        """With one more message to take away when the answer is."""
        return replace(self, copies=(*self.copies, copy))

    def without_copy(self, message_id: int) -> Self:
        """That message is gone already."""
        return replace(self, copies=tuple(copy for copy in self.copies if copy.message_id != message_id))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises: TypeError or ValueError, when another version of the door wrote it."""
        return cls._of(json.loads(text))

    @classmethod
    def _of(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{**raw, "copies": tuple(map(cls._of, raw.get("copies", ())))})
