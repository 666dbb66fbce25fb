"""The words people read, one catalogue a language under `messages/`; English stands in for what is missing.

A text may name the plural that a number takes: `{days:days}` is filled in with the form of `[count.days]` that the
language's rules (CLDR) pick, such as "1 day" or "7 days".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from babel import Locale

DEFAULT = "en"
COUNT = "count"  # the table of plurals: count.NAME.CATEGORY
OTHER = "other"  # the CLDR category that every language has


@dataclass(frozen=True, slots=True)
class Words:
    """Catalogues by language code, keys flattened with dots (`failed.no_face`)."""

    catalogues: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls) -> "Words":
        found = {}
        for entry in resources.files("bots").joinpath("messages").iterdir():
            if entry.name.endswith(".toml"):
                found[entry.name.removesuffix(".toml")] = _flat(tomllib.loads(entry.read_text("utf-8")))
        return cls(found)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self.catalogues))

    def pick(self, tag: str | None) -> str:
        """The catalogue for a BCP 47 tag: `pt-BR` → `pt`; English when there is none."""
        code = (tag or DEFAULT).replace("_", "-").split("-")[0].lower()
        return code if code in self.catalogues else DEFAULT

    def say(self, language: str | None, key: str, **values: object) -> str:
        """The text of `key`, filled in.

        Raises:
            KeyError: there is no such key in English either.
        """
        code = self.pick(language)
        text = self.catalogues[code].get(key)
        if not text:
            code, text = DEFAULT, self.catalogues[DEFAULT][key]
        if not values:
            return text
        return text.format(
            **{name: _Number(self, code, value) if type(value) is int else value for name, value in values.items()}
        )

    def count(self, language: str, name: str, number: int) -> str:
        """`number` with what is counted, in the form that the language's rules pick."""
        texts = self.catalogues[language]
        category = Locale.parse(language).plural_form(number)
        # Spanish and Portuguese have a form for whole millions, which only few texts need.
        text = texts.get(f"{COUNT}.{name}.{category}") or texts[f"{COUNT}.{name}.{OTHER}"]
        return text.format(n=number)

    def failure(self, language: str | None, code: str, **values: object) -> str:
        """Why there is no picture. A code without words of its own gets the general sentence."""
        key = f"failed.{code}"
        return self.say(language, key if key in self.catalogues[DEFAULT] else "failed.unexpected", **values)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number on its way into a text, where a format such as `:days` asks for its plural."""

    words: Words
    language: str
    value: int

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, name: str) -> str:
        return self.words.count(self.language, name, self.value) if name else str(self.value)


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value).strip()
    return flat
