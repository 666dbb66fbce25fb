"""Inline keyboards. What a button carries is `action:argument:signature`, so it works after any restart."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bots.preferences import Preferences
from bots.telegram.group_rules import GroupRules
from bots.telegram.speech import Speech
from bots.variants import CROPS, Variant, changed, offered
from inference import Faces, Options
from storage import Job

PURPOSE = "telegram button"
MOST_STICKERS = 6  # each is a message of its own


class Signer(Protocol):
    """See `bots.seal.Seal`; the studio is one."""

    def sign(self, purpose: str, text: str) -> str: ...

    def verify(self, purpose: str, text: str, signature: str) -> bool: ...


class Action(StrEnum):
    """What a button does. Its argument is a job's id, or for what is personal, what was chosen."""

    CANCEL = "cancel"
    WIDER = "wider"
    TIGHTER = "tighter"
    NEXT_FACE = "next"
    ALL_FACES = "all"
    WHOLE = "whole"
    BESIDE = "beside"
    FILE = "file"
    STICKER = "sticker"
    DELETE = "delete"
    AGAIN = "again"
    FACES = "faces"
    CROP = "crop"
    COMPARE = "compare"
    LANGUAGE = "language"
    FORGET = "forget"
    KEEP = "keep"
    REACT = "react"
    USE = "use"
    GROUP_FACES = "gfaces"
    GROUP_CROP = "gcrop"
    SEND = "send"
    DROP = "drop"
    STOP = "stop"


REPAINTS = frozenset(Action(variant) for variant in Variant)
_ROWS = (
    (Action.WIDER, Action.TIGHTER),
    (Action.NEXT_FACE, Action.ALL_FACES),
    (Action.BESIDE, Action.FILE),
    (Action.STICKER, Action.DELETE),
)
FORMS = frozenset({Action.BESIDE, Action.FILE, Action.STICKER, Action.AGAIN})
PERSONAL = frozenset({Action.FACES, Action.CROP, Action.COMPARE, Action.LANGUAGE, Action.FORGET, Action.KEEP})
GROUP = frozenset({Action.REACT, Action.USE, Action.GROUP_FACES, Action.GROUP_CROP})
BROADCAST = frozenset({Action.SEND, Action.DROP, Action.STOP})
AUTOMATIC = "auto"  # the language that Telegram says
CHOSEN = "✓ "


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
        return InlineKeyboardMarkup.from_button(self._button(job.language, "button.cancel", Action.CANCEL, job.id))

    def result(self, job: Job, *, painted: int, found: int, beside: bool) -> InlineKeyboardMarkup:
        """Under the result: what else can be had of this photo. `beside`: the photo's crop is shown already."""
        variants = offered(Options.from_json(job.options), photos=len(job.inputs), painted=painted, found=found)
        useless = REPAINTS - {Action(variant) for variant in variants}
        if beside:
            useless |= {Action.BESIDE}
        if painted > MOST_STICKERS:
            useless |= {Action.STICKER}
        rows = [[action for action in row if action not in useless] for row in _ROWS]
        return InlineKeyboardMarkup(
            [[self._button(job.language, f"button.{a}", a, job.id, found=found) for a in row] for row in rows if row]
        )

    def whole(self, job: Job) -> InlineKeyboardMarkup | None:
        """Under the words that no face was found."""
        if changed(Options.from_json(job.options), Variant.WHOLE, 0) is None:
            return None
        return InlineKeyboardMarkup.from_button(self._button(job.language, "button.whole", Action.WHOLE, job.id))

    def again(self, job: Job) -> InlineKeyboardMarkup:
        """Under the words that the pictures may have been lost in a restart."""
        return InlineKeyboardMarkup.from_button(self._button(job.language, "button.again", Action.AGAIN, job.id))

    def settings(self, language: str, preferences: Preferences) -> InlineKeyboardMarkup:
        """One row for each setting, with a tick at what is chosen."""
        crops = zip(CROPS, ("button.tighter", "button.normal", "button.wider"), strict=True)
        rows = [
            [
                self._choice(language, f"button.faces_{faces}", Action.FACES, faces, faces is preferences.faces)
                for faces in Faces
            ],
            [self._choice(language, key, Action.CROP, crop, crop is preferences.crop) for crop, key in crops],
            [
                self._choice(language, "button.alone", Action.COMPARE, "off", not preferences.beside),
                self._choice(language, "button.beside", Action.COMPARE, "on", preferences.beside),
            ],
        ]
        return InlineKeyboardMarkup(rows)

    def group(self, language: str, rules: GroupRules) -> InlineKeyboardMarkup:
        """One row for each thing that a group's admins decide. Of faces and crop perhaps none is chosen."""
        group = "telegram.group.button"
        crops = zip(CROPS, ("button.tighter", "button.normal", "button.wider"), strict=True)
        rows = [
            [
                self._choice(language, f"{group}_addressed", Action.REACT, "addressed", not rules.every),
                self._choice(language, f"{group}_every", Action.REACT, "every", rules.every),
            ],
            [
                self._choice(language, f"{group}_everybody", Action.USE, "everybody", not rules.admins_only),
                self._choice(language, f"{group}_admins", Action.USE, "admins", rules.admins_only),
            ],
            [
                self._choice(language, f"button.faces_{faces}", Action.GROUP_FACES, faces, faces is rules.faces)
                for faces in Faces
            ],
            [self._choice(language, key, Action.GROUP_CROP, crop, crop is rules.crop) for crop, key in crops],
        ]
        return InlineKeyboardMarkup(rows)

    def confirm(self, language: str, broadcast: str) -> InlineKeyboardMarkup:
        """Whether a broadcast is to go out."""
        yes = self._button(language, "telegram.broadcast.button_send", Action.SEND, broadcast)
        return InlineKeyboardMarkup(
            [[yes, self._button(language, "telegram.broadcast.button_drop", Action.DROP, broadcast)]]
        )

    def stop(self, language: str, broadcast: str) -> InlineKeyboardMarkup:
        """Under the message that says how far a broadcast is."""
        return InlineKeyboardMarkup.from_button(
            self._button(language, "telegram.broadcast.button_stop", Action.STOP, broadcast)
        )

    def languages(self, language: str, chosen: str | None) -> InlineKeyboardMarkup:
        """Each language by its own name, two in a row, below the choice to go by Telegram's."""
        words = self.speech.words
        buttons = [
            self._named(
                words.catalogues[code].get("personal.language_name", code), Action.LANGUAGE, code, code == chosen
            )
            for code in words.languages
        ]
        automatic = self._choice(language, "telegram.button_automatic", Action.LANGUAGE, AUTOMATIC, chosen is None)
        return InlineKeyboardMarkup([[automatic], *(buttons[n : n + 2] for n in range(0, len(buttons), 2))])

    def forget(self, language: str) -> InlineKeyboardMarkup:
        """Whether everything of a person is really to be deleted."""
        yes = self._button(language, "button.forget", Action.FORGET, "me")
        return InlineKeyboardMarkup([[yes], [self._button(language, "button.keep", Action.KEEP, "me")]])

    def read(self, data: str | None) -> Pressed | None:
        """None: no button of ours carries this."""
        action, _, rest = (data or "").partition(":")
        argument, _, signature = rest.rpartition(":")
        if not self.signer.verify(PURPOSE, f"{action}:{argument}", signature) or action not in [*Action]:
            return None
        return Pressed(Action(action), argument)

    def _button(self, language: str, key: str, action: Action, argument: str, **values: object) -> InlineKeyboardButton:
        text = self.speech.say(language, key, **values)
        return InlineKeyboardButton(text, callback_data=self._data(action, argument))

    def _choice(self, language: str, key: str, action: Action, argument: str, chosen: bool) -> InlineKeyboardButton:
        return self._named(self.speech.say(language, key), action, argument, chosen)

    def _named(self, text: str, action: Action, argument: str, chosen: bool) -> InlineKeyboardButton:
        return InlineKeyboardButton(CHOSEN * chosen + text, callback_data=self._data(action, argument))

    def _data(self, action: Action, argument: str) -> str:
        """At most 64 bytes, which is all that Telegram takes."""
        text = f"{action}:{argument}"
        return f"{text}:{self.signer.sign(PURPOSE, text)}"
