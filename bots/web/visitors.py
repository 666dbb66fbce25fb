"""Who a visitor is (a random cookie, nothing else), and whether a request comes from our own page."""

import hashlib
import ipaddress
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response

from bots.web.problems import Problem
from config import Settings

COOKIE = "visitor"
MONTH = 30 * 86_400
TOKEN = re.compile(r"[0-9a-f]{32}")
KEY = re.compile(r"[\x21-\x7e]{16,200}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """`token` (128 random bits, hexadecimal) stays between the browser and us; stored is only its hash, `name`."""

    token: str

    @property
    def name(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()[:32]

    @property
    def person(self) -> str:
        return f"web:{self.name}"

    def keep(self, response: Response, settings: Settings) -> None:
        """Give the browser its cookie, or prolong it.

        Lax: who comes by a link from elsewhere is the same visitor still. What changes something is a POST, which
        browsers send without it from other sites, and which `refuse_foreign` refuses besides.
        """
        secure = settings.public_url.startswith("https://")
        response.set_cookie(COOKIE, self.token, max_age=MONTH, httponly=True, samesite="lax", secure=secure)


def known_visitor(request: Request) -> Visitor | None:
    token = request.cookies.get(COOKIE, "")
    return Visitor(token) if TOKEN.fullmatch(token) else None


def visitor_of(request: Request, key: str | None = None) -> Visitor:
    """The visitor of the cookie, or a new one.

    A program without cookies that repeats a request with the same Idempotency-Key from the same address is the same
    visitor, else its repetition would not find the first job.
    """
    if visitor := known_visitor(request):
        return visitor
    if key is None:
        return Visitor(secrets.token_hex(16))
    return Visitor(hashlib.sha256(f"{address_of(request)}\n{key}".encode()).hexdigest()[:32])


def idempotency_key(request: Request) -> str | None:
    """The header of that name: short keys are refused, since strangers could choose the same."""
    key = request.headers.get("idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        raise Problem(422, "bad_key")
    return key


def address_of(request: Request) -> str:
    """Where a request comes from, for limits. An IPv6 household owns a /64, so that is one address."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def refuse_foreign(request: Request, settings: Settings) -> None:
    """CSRF: browsers name the page that a POST comes from; programs name none and carry no visitor's cookie.

    Raises:
        Problem: 403, the page is not ours.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin == "null" and site == "same-origin":
        return  # a form of ours: since its page sends no referrer, browsers hide its origin, too (Fetch, 3.2)
    # Hosts alone are compared: behind a proxy that ends TLS we see http where the browser says https.
    own = {urlsplit(settings.public_url).netloc.lower(), request.headers.get("host", "").lower()}
    if origin is not None and urlsplit(origin).netloc.lower() not in own - {""}:
        raise Problem(403, "foreign_origin")
    if site == "cross-site":
        raise Problem(403, "foreign_origin")
