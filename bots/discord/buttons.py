"""Buttons under the bot's messages. What one does stands in its custom_id, so it works after any restart."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import discord

from bots.discord.phrases import Phrases
from bots.requests import Delivery
from bots.variants import Variant, changed, offered
from inference import Options
from storage import Job


class Action(StrEnum):
    """What a button does beside painting a `Variant`.

    Its argument is a job's id, or `me` for what is personal. `DELETE`, which wipes the pictures, and `AWAY`, which
    takes nothing but the message it stands under, have the owner's user id behind the job's, with `_` between: the
    message outlives the job, and nobody but the bot can take it away.
    """

    CANCEL = "cancel"
    BESIDE = "beside"
    EMOJI = "emoji"
    DELETE = "delete"
    AWAY = "away"
    FORGET = "forget"
    KEEP = "keep"


CUSTOM_ID = r"anime:(?P<action>[a-z]+):(?P<argument>\w+)"
RED = frozenset({Action.DELETE, Action.AWAY, Action.FORGET})
OWNED = frozenset({Action.DELETE, Action.AWAY})


class Press(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=CUSTOM_ID):
    """One button, in both directions: on its way into a message, and when it comes back pressed."""

    def __init__(self, action: str, argument: str, label: str = "") -> None:
        style = discord.ButtonStyle.danger if action in RED else discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"anime:{action}:{argument}"))
        self.action = action
        self.argument = argument

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> "Press":
        return cls(match["action"], match["argument"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Hands it to the client's `presses`, see `bots.discord.presses`."""
        await interaction.client.presses.pressed(interaction, self.action, self.argument)


class Buttons:
    """Makes the rows of buttons. Called within the event loop, which discord.py's views want."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases

    def cancel(self, job: Job) -> discord.ui.View:
        """Under the message that says where a job stands."""
        return self._view(job.language, [Action.CANCEL], job)

    def result(self, job: Job, delivery: Delivery, *, beside: bool) -> discord.ui.View:
        """Under the result: what else can be had of this photo. `beside`: the photo's crop is shown already."""
        variants = offered(
            Options.from_json(job.options),
            photos=len(job.inputs),
            painted=len(delivery.pictures),
            found=delivery.found,
        )
        actions: list[Variant | Action] = [variant for variant in Variant if variant in variants]
        actions += [Action.EMOJI, Action.DELETE] if beside else [Action.BESIDE, Action.EMOJI, Action.DELETE]
        return self._view(job.language, actions, job, found=delivery.found)

    def away(self, job: Job) -> discord.ui.View:
        """Under the same pictures in another form."""
        return self._view(job.language, [Action.AWAY], job)

    def whole(self, job: Job) -> discord.ui.View | None:
        """Under the words that no face was found."""
        if changed(Options.from_json(job.options), Variant.WHOLE, 0) is None:
            return None
        return self._view(job.language, [Variant.WHOLE], job)

    def forget(self, language: str) -> discord.ui.View:
        """Whether everything of a person is really to be deleted."""
        return self._view(language, [Action.FORGET, Action.KEEP], None)

    def _view(
        self, language: str, actions: Iterable[Variant | Action], job: Job | None, **values: object
    ) -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        for action in actions:
            word = Action.DELETE if action is Action.AWAY else action
            label = self._phrases.say(language, f"button.{word}", **values)
            view.add_item(Press(action, _argument(action, job), label))
        return view


def _argument(action: Variant | Action, job: Job | None) -> str:
    if job is None:
        return "me"
    return f"{job.id}_{job.person.removeprefix('discord:')}" if action in OWNED else job.id
