"""The SDK's own client, against the stand-in for Telegram."""

from telegram import Bot
from telegram.request import HTTPXRequest

from tests.fakes.telegram import FakeTelegram


def sdk(tg: FakeTelegram, token: str | None = None) -> Bot:
    requests = [HTTPXRequest(httpx_kwargs={"verify": False}) for _ in range(2)]  # no certificates to read
    return Bot(token or tg.token, tg.base_url, tg.file_url, request=requests[0], get_updates_request=requests[1])
