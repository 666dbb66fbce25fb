"""Inline keyboards. What a button carries is `action:argument:signature`, so it works after any restart."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bots.telegram.speech import Speech
from storage import Job

PURPOSE = "telegram button"


class Signer(Protocol):
    """See `bots.seal.Seal`; the studio is one."""

    def sign(self, purpose: str, text: str) -> str: ...

    def verify(self, purpose: str, text: str, signature: str) -> bool: ...


class Action(StrEnum):
    """What a button does; its argument is a job's id."""

    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a pressed button means."""

    action: Action
    argument: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """Makes keyboards, and reads what comes back when one of their buttons is pressed."""

    speech: Speech
    signer: Signer

    def cancel(self, job: Job) -> InlineKeyboardMarkup:
        """Under the message that says where a job stands."""
        return InlineKeyboardMarkup.from_button(self._button(job.language, "button_cancel", Action.CANCEL, job.id))

    def read(self, data: str | None) -> Pressed | None:
        """None: no button of ours carries this."""
        action, _, rest = (data or "").partition(":")
        argument, _, signature = rest.rpartition(":")
        if not self.signer.verify(PURPOSE, f"{action}:{argument}", signature) or action not in [*Action]:
            return None
        return Pressed(Action(action), argument)

    def _button(self, language: str, key: str, action: Action, argument: str, **values: object) -> InlineKeyboardButton:
        text = self.speech.say(language, f"telegram.{key}", **values)
        return InlineKeyboardButton(text, callback_data=self._data(action, argument))

    def _data(self, action: Action, argument: str) -> str:
        """At most 64 bytes, which is all that Telegram takes."""
        text = f"{action}:{argument}"
        return f"{text}:{self.signer.sign(PURPOSE, text)}"
