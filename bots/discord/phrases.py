"""Sentences of the catalogue, filled in for Discord."""

import math
import secrets

from bots.allowance import Allowance
from bots.operator import stats_told
from bots.outcome import outcome
from bots.requests import Delivery, Progress, Refused, Stage
from bots.vitals import Stats
from bots.words import Words
from config import Settings

MOST_TEXT = 2_000 - 100
"""Characters in a message (Discord: Message Object), less room for a mention in front."""
ETA_STEP = 5
"""Seconds that an expected time is rounded up to, so that the text does not change at every look."""


def new_reference() -> str:
    """A short code that stands in the answer and in the log."""
    return secrets.token_hex(4)


class Phrases:
    """Every text this door shows."""

    def __init__(self, words: Words, settings: Settings) -> None:
        self._words = words
        self._limits = {
            "megabytes": f"{settings.limits_photo_bytes / 1e6:g}",
            "megapixels": settings.limits_photo_pixels // 1_000_000,
        }
        self._help = {**self._limits, "faces": settings.limits_faces}
        self._privacy = {
            "input_hours": math.ceil(settings.limits_keep_inputs / 3_600),
            "result_days": math.ceil(settings.limits_keep_results / 86_400),
        }

    def help(self, language: str) -> str:
        return self._words.say(language, "discord.help", **self._help)

    def privacy(self, language: str) -> str:
        return self._words.say(language, "privacy", **self._privacy)

    def say(self, language: str, key: str, **values: object) -> str:
        return self._words.say(language, key, **self._privacy, **values)

    def progress(self, language: str, progress: Progress) -> str | None:
        """None: there is nothing to say yet."""
        values: dict[str, object] = {}
        if progress.stage is Stage.WAITING:
            if progress.position is None:
                return None
            values["position"] = progress.position
        if progress.eta is None:
            return self._words.say(language, progress.stage.value, **values)
        seconds = max(1, math.ceil(progress.eta / ETA_STEP)) * ETA_STEP
        return self._words.say(language, f"{progress.stage.value}_eta", seconds=seconds, **values)

    def done(self, language: str, delivery: Delivery, reference: str, few: Allowance | None = None) -> str:
        """What was painted and what was not; and when `few` photos are left, so."""

        def failure(code: str) -> str:
            return self.failure(language, code, reference)

        left = None
        if few is not None:
            left = few.told(self._words, language, self._words.say(language, "more_at", time=_time(few.again)))
        return outcome(self._words, language, delivery, failure, MOST_TEXT, left)

    @property
    def languages(self) -> dict[str, str]:
        """Each language by its own name."""
        return {code: self._words.say(code, "personal.language_name") for code in self._words.languages}

    def stats(self, language: str, stats: Stats) -> str:
        return stats_told(self._words, language, stats)

    def failure(self, language: str, code: str, reference: str) -> str:
        if code == "cancelled":
            return self._words.say(language, "cancelled")
        if code == "photo_gone":
            return self._words.say(language, "press.photo_gone")
        return self._words.failure(language, code, reference=reference, **self._limits)

    def refused(self, language: str, refused: Refused, reference: str) -> str:
        text = self.failure(language, refused.code, reference)
        if refused.retry_at is None:
            return text
        return f"{text} {self._words.say(language, 'retry_at', time=_time(refused.retry_at))}"


def _time(when: float) -> str:
    """Of day, which Discord shows in the reader's own time zone."""
    return f"<t:{math.ceil(when)}:t>"
