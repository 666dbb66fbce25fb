"""What a front door says beside the pictures of one job."""

from collections.abc import Callable, Sequence

from bots.requests import Delivery
from bots.words import Words


def outcome(
    words: Words, language: str, delivery: Delivery, failure: Callable[[str], str], most: int, last: str | None = None
) -> str:
    """What was painted, and which of several photos were not, and why.

    Args:
        failure: the words for a code.
        most: characters that the platform allows; lines that would pass it are left out.
        last: one more line.
    """
    painted = len(delivery.pictures)
    if delivery.found > painted:
        text = words.say(language, "done_more", painted=painted, found=delivery.found)
    else:
        text = words.say(language, "done")
    for line in [*missed_lines(words, language, delivery.missed, failure), *([last] if last else [])]:
        if len(text) + len(line) < most:
            text += f"\n{line}"
    return text


def missed_lines(words: Words, language: str, missed: Sequence[str], failure: Callable[[str], str]) -> list[str]:
    """For each reason, which of several photos have no picture for it. `missed`: see `Delivery`."""
    return [
        words.say(
            language,
            "missed",
            numbers=", ".join(str(number) for number, why in enumerate(missed, 1) if why == code),
            why=failure(code),
        )
        for code in sorted({*missed} - {""})
    ]
