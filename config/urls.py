"""What an address among the settings may be."""

import re
from urllib.parse import urlsplit


def is_url(value: str, *schemes: str) -> bool:
    """One of the schemes, a host, perhaps a port, and no white space, which `urlsplit` would partly strike out."""
    try:
        url = urlsplit(value)
        return url.scheme in schemes and bool(url.hostname) and url.port != 0 and not has_space(value)
    except ValueError:  # a port that is none, a bracket too few
        return False


def has_space(value: str) -> bool:
    """Whether there is white space in it, line breaks too."""
    return re.search(r"\s", value) is not None
