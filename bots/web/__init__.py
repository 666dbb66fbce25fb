"""The web front door: the page, the API, signed files, health and metrics in one server."""

from bots.web.app import create_app
from bots.web.door import WebDoor
from bots.web.server import PortTaken, serve

__all__ = ["PortTaken", "WebDoor", "create_app", "serve"]
