"""What the door must know to answer one photo, also after a restart of the service."""

import json
from dataclasses import asdict, dataclass, field

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

    @property
    def own(self) -> bool:
        """The bot edits the response as its own message, in the channel and at any time."""
        return not self.token

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ReplyTo":
        """Raises: TypeError or ValueError, when another version of the door wrote it."""
        return cls(**json.loads(text))
