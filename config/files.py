"""The two files with settings. What is misspelt in them is said: it would be passed over, and a default used."""

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from config.errors import ConfigError

ENCODING = "utf-8-sig"  # some editors on Windows begin UTF-8 files with a mark, which this takes off
_ALIKE = 0.85  # of 1; names in .env that are less so are somebody else's


class TomlFile(TomlConfigSettingsSource):
    """`selfie2anime.toml`, where there is one.

    Raises:
        ConfigError: it is no TOML in UTF-8, or names what is no setting.
    """

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        names = [*settings.model_fields]
        unknown = [_unknown(name, names) for name in self.toml_data if name.lower() not in names]
        if unknown:
            raise ConfigError("\n  ".join([f"Wrong settings in {self.toml_file_path}:", *unknown]))

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            return tomllib.loads(file_path.read_text(encoding=ENCODING))
        except UnicodeDecodeError:
            raise no_text(file_path) from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"Cannot read the settings in {file_path}: {error}") from None


def no_text(path: object) -> ConfigError:
    """What is wrong with a file that can't be decoded; what Python says of it does not name the file."""
    return ConfigError(f"Cannot read the settings in {path}: it is no UTF-8 text. Save it as UTF-8.")


def misspelt(found: Iterable[str], settings: Iterable[str]) -> list[str]:
    """A line for each name, of those in `.env`, that is no setting but was meant as one.

    The file may hold what is for other programs, so only a name counts that begins as settings do, or is nearly one.
    """
    names = [*settings]
    groups = tuple({name.partition("_")[0] + "_" for name in names if "_" in name})
    return [
        _unknown(name.upper(), [known.upper() for known in names])
        for name in map(str.lower, found)
        if name not in names and (name.startswith(groups) or get_close_matches(name, names, n=1, cutoff=_ALIKE))
    ]


def _unknown(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"{name} is no setting" + (f", but {near[0]} is" if near else "")
