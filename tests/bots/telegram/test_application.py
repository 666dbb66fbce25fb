"""The application as python-telegram-bot's own tools drive it, without this project's runner."""

from pathlib import Path

import pytest

from bots.telegram import create_application
from tests.bots.studio_parts import settings_in, studio_in
from tests.bots.telegram.parts import PAINTED, Painter, telegram_settings
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


async def test_the_sdks_own_polling(tg: FakeTelegram, tmp_path: Path) -> None:
    settings = telegram_settings(tg, tmp_path)
    async with studio_in(settings, Painter(), None) as (studio, _, _):  # type: ignore[arg-type]
        application = create_application(settings, studio)
        async with application:
            await application.start()
            assert application.updater is not None
            await application.updater.start_polling()
            chat = tg.private_chat(tg.user("Ann"))
            sent = await chat.send_photo(picture())
            answer = await chat.wait_photo()
            assert (answer.reply_to, answer.picture) == (sent.id, PAINTED[0])
            await application.updater.stop()
            await application.stop()


async def test_no_token_no_application(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with studio_in(settings, Painter(), None) as (studio, _, _):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="TELEGRAM_TOKEN"):
            create_application(settings, studio)
