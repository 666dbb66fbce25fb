"""What MAIL_URL and MAIL_FROM may be."""

from email.utils import getaddresses
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from config.urls import is_url


def is_mail_url(value: str) -> bool:
    """`smtp://` or `smtps://`, a host, perhaps a port, perhaps user and password (both or neither); no white space."""
    try:
        url = urlsplit(value)
        return (
            is_url(value, "smtp", "smtps")
            and bool(url.username) == bool(url.password)
            and url.path in {"", "/"}
            and not url.query
            and not url.fragment
        )
    except ValueError:  # a port that is none, perhaps the end of a password with a slash in it
        return False


def is_sender(value: str) -> bool:
    """One address with or without a name, and nothing that would begin another header."""
    addresses = [address for _, address in getaddresses([value])]
    try:
        validate_email(addresses[0] if len(addresses) == 1 else "", check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return value.isprintable()
