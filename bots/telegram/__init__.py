"""The Telegram door: photos in from private chats and groups, anime pictures back as replies."""

from bots.telegram.application import create_application

__all__ = ["create_application"]
