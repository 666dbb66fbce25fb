"""The words people read, one catalogue a language under `messages/`; English stands in for what is missing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

DEFAULT = "en"


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
        text = self.catalogues[self.pick(language)].get(key) or self.catalogues[DEFAULT][key]
        return text.format(**values) if values else text

    def failure(self, language: str | None, code: str, **values: object) -> str:
        """Why there is no picture. A code without words of its own gets the general sentence."""
        key = f"failed.{code}"
        return self.say(language, key if key in self.catalogues[DEFAULT] else "failed.unexpected", **values)


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value).strip()
    return flat
