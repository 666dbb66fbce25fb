"""How links to objects are written."""

import re
from urllib.parse import quote


def disposition(filename: str) -> str:
    """`Content-Disposition` that downloads under this name (RFC 6266), whatever a person typed into it."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "", filename)[:120] or "picture"
    plain = re.sub(r'[^ -~]|["%;]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
