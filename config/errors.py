"""What a wrong setting becomes: one message that names the key, what was given and what is allowed."""

from pydantic import ValidationError

SECRET_WORDS = ("TOKEN", "SECRET", "MAIL_URL")


class ConfigError(Exception):
    """The start stops here; the text is meant for the operator's terminal."""


def explain(error: ValidationError) -> ConfigError:
    """One line for every wrong key. Values of secret settings are never repeated."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]).upper()
        allowed = problem["msg"].removeprefix("Value error, ")
        if not key:  # two settings that do not go together: what was given is all of them, secrets too
            lines.append(allowed)
            continue
        given = "(not shown)" if any(word in key for word in SECRET_WORDS) else repr(problem["input"])
        lines.append(f"{key} = {given}: {allowed[:1].lower()}{allowed[1:]}")
    return ConfigError("Wrong settings:\n  " + "\n  ".join(lines))
