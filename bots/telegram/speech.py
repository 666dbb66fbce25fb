"""What the door says, from what it knows."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from telegram.constants import MessageLimit

from bots.allowance import Allowance
from bots.outcome import outcome
from bots.requests import Delivery, Progress, Refused, Stage
from bots.words import Words
from config import Settings


@dataclass(frozen=True, slots=True)
class Speech:
    """Words with the operator's limits filled in. `clock`: unix time in seconds."""

    words: Words
    settings: Settings
    clock: Callable[[], float] = time.time

    def say(self, language: str | None, key: str, **values: object) -> str:
        return self.words.say(language, key, **self._limits(), **values)

    def progress(self, language: str, progress: Progress) -> str:
        key = "painting" if progress.stage is Stage.PAINTING else "waiting"
        if progress.eta is None:
            return self.words.say(language, key, position=progress.position)
        seconds = max(1, math.ceil(progress.eta))
        return self.words.say(language, f"{key}_eta", position=progress.position, seconds=seconds)

    def caption(self, language: str, delivery: Delivery, reference: str, few: Allowance | None = None) -> str:
        """What was painted, and which of several photos were not, and why; and when `few` photos are left, so."""

        def failure(code: str) -> str:
            return self.failure(language, code, reference)

        left = None if few is None else few.told_at(self.clock(), self.words, language)
        return outcome(self.words, language, delivery, failure, MessageLimit.CAPTION_LENGTH, left)

    def failure(self, language: str | None, code: str, reference: str) -> str:
        if code == "cancelled":
            return self.words.say(language, "cancelled")
        if code == "photo_gone":
            return self.say(language, "press.photo_gone")
        if code == "download_failed":
            return self.say(language, "telegram.download_failed")
        return self.words.failure(language, code, reference=reference, **self._limits())

    def refusal(self, language: str | None, refused: Refused, reference: str) -> str:
        """Why a photo was not taken, and when it would be. A wait says more than a time of day in which zone."""
        text = self.failure(language, refused.code, reference)
        if refused.retry_at is None:
            return text
        seconds = max(1, math.ceil(refused.retry_at - self.clock()))
        if seconds < 90:
            return f"{text} {self.words.say(language, 'telegram.retry_seconds', seconds=seconds)}"
        return f"{text} {self.words.say(language, 'telegram.retry_minutes', minutes=math.ceil(seconds / 60))}"

    def _limits(self) -> dict[str, int]:
        return {
            "faces": self.settings.limits_faces,
            "megabytes": self.settings.limits_photo_bytes // 1_000_000,
            "megapixels": self.settings.limits_photo_pixels // 1_000_000,
            "input_hours": max(1, math.ceil(self.settings.limits_keep_inputs / 3_600)),
            "result_days": max(1, math.ceil(self.settings.limits_keep_results / 86_400)),
        }
