"""E-mail addresses: which are taken, and the digest that stands for one when the address itself is deleted."""

import hmac

from email_validator import EmailNotValidError, validate_email

DIGEST_SECRET = "mail addresses"  # name of the secret (see Database.secret) that keys digests
LONGEST = 254  # characters (RFC 5321, 4.5.3.1.3)


def clean_address(text: str) -> str:
    """The address as mail servers take it: ASCII, an international domain in its ASCII form. Nobody is asked for it.

    Raises:
        ValueError: it is none, or one that most servers would not take; says nothing of what was given.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError("no e-mail address") from None
    if found.ascii_email is None or len(found.ascii_email) > LONGEST:
        raise ValueError("no e-mail address")
    return found.ascii_email


def digest_of(address: str, secret: bytes) -> str:
    """The same for the same mailbox, whatever its capitals; without the secret it can't be tried out."""
    return hmac.digest(secret, f"e-mail address\0{address.lower()}".encode(), "sha256").hex()
