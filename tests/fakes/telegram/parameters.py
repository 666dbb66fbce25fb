"""Parameters of one call: query string, urlencoded form, multipart form or JSON, as the Bot API takes them all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .errors import ApiError, bad_request


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart body."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """`values` are strings from a form, native values from JSON."""

    values: Mapping[str, Any]
    files: Mapping[str, Upload] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self.files

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)

    def number(self, name: str, default: int | None = None) -> int | None:
        value = self.text(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except ValueError:
            raise bad_request(f'parameter "{name}" must be a valid integer') from None

    def required_number(self, name: str) -> int:
        value = self.number(name)
        if value is None:
            raise bad_request(f'parameter "{name}" is required')
        return value

    def flag(self, name: str) -> bool:
        value = self.values.get(name, False)
        return value if isinstance(value, bool) else str(value).lower() in {"true", "1", "yes", "t", "y"}

    def structure(self, name: str) -> Any:
        """A JSON-serialised object or list."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if value == "":
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def upload(self, value: Any) -> Upload | None:
        """The file that `attach://NAME` names."""
        if isinstance(value, str) and value.startswith("attach://"):
            return self.files.get(value.removeprefix("attach://"))
        return None


async def read_parameters(request: web.Request) -> Parameters:
    """All parameters of a request.

    Raises:
        ApiError: the body is no valid JSON object, or larger than the server takes (413).
    """
    values: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    try:
        if request.content_type == "application/json":
            body = await request.json()
            if not isinstance(body, dict):
                raise bad_request("can't parse JSON object")
            values |= body
        elif request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    with value.file as file:
                        files[name] = Upload(value.filename, file.read())
                else:
                    values[name] = value if isinstance(value, str) else bytes(value).decode()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Request Entity Too Large") from None
    except ValueError:
        raise bad_request("can't parse request body") from None
    return Parameters({name: value for name, value in values.items() if value is not None}, files)
