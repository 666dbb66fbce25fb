"""Tables of a recipe file as dataclasses: a value of another type than its field's is refused, and named."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """What a field takes, in words and as a test."""

    allowed: str
    holds: Callable[[Any], bool]


def build(kind: Any, name: str, values: Any) -> Any:
    """A dataclass from a table.

    Args:
        kind: the dataclass. A field whose type has no rule here, such as one of another dataclass, is its own affair.
        name: what the table is called in messages.
        values: the table. A whole number may be written as 1e6 is, which TOML and JSON read as a float.

    Raises:
        ValueError: no table, an unknown field, a value of another type, or one out of range; the message names the
            field and states what was received.
    """
    types = {field.name: field.type for field in fields(kind)}
    if unknown := sorted(set(table(name, values)) - set(types)):
        raise ValueError(f"{name}: unknown fields. Received: {', '.join(unknown)}; known: {', '.join(sorted(types))}")
    values = {key: _as_meant(types[key], value) for key, value in values.items()}
    for key, value in values.items():
        rule = RULES.get(types[key])
        if rule and not rule.holds(value):
            raise ValueError(f"{name}: {key} must be {rule.allowed}. Received: {value!r}")
    return kind(**values)


def table(name: str, value: Any) -> Mapping[str, Any]:
    """The value as it is. Raises ValueError if it is no table."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a table. Received: {value!r}")
    return value


def _as_meant(kind: Any, value: Any) -> Any:
    return int(value) if kind is int and isinstance(value, float) and value.is_integer() else value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_whole(value) or isinstance(value, float)) and abs(value) <= sys.float_info.max  # NaN is not


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(_is_whole(one) for one in value)


RULES: Mapping[Any, Rule] = {
    bool: Rule("true or false", lambda value: isinstance(value, bool)),
    int: Rule("a whole number", _is_whole),
    float: Rule("a finite number", _is_number),
    str: Rule("a text", lambda value: isinstance(value, str)),
    tuple[int, int]: Rule("two whole numbers", _is_pair),
}
