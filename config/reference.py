"""The settings as an operator reads them: `.env.example` and the README's table come from here."""

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from config.settings import Settings


def env_example() -> str:
    """Every setting commented out with its default, below what it is for.

    Not behind it: `docker run --env-file` takes all of the line for the value.
    """
    lines = ["# Copy to .env and uncomment what you change. The environment wins over this file."]
    lines += [f"\n# {text}\n#{name}={default}" for name, default, text in _rows()]
    return "\n".join(lines) + "\n"


def markdown_table() -> str:
    """The same as a Markdown table."""
    lines = ["| setting | default | what it is |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in _rows()]
    return "\n".join(lines) + "\n"


def _rows() -> list[tuple[str, str, str]]:
    return [(name.upper(), _text(field), field.description or "") for name, field in Settings.model_fields.items()]


def _text(field: FieldInfo) -> str:
    default = field.default
    if default is None or isinstance(default, SecretStr):
        return ""
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
