"""What those who run the bot are told, wherever they ask."""

from bots.vitals import Stats
from bots.words import Words


def stats_told(words: Words, language: str, stats: Stats) -> str:
    """The service in numbers, a line each."""
    states = "\n".join(f"{state}: {count}" for state, count in stats.jobs.items())
    seconds = "–" if stats.seconds_per_picture is None else f"{stats.seconds_per_picture:.2f}"
    ready = words.say(language, "operator.stats_ready" if stats.ready else "operator.stats_not_ready")
    numbers = words.say(language, "operator.stats", waiting=stats.waiting, seconds=seconds, states=states)
    return f"{ready}\n{numbers}"
