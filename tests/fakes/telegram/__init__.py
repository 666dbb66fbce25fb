"""A Bot API server over real HTTP that carries image bytes both ways and refuses what Telegram refuses.

    async with FakeTelegram() as tg:
        settings = load_settings(
            telegram_token=tg.token, telegram_base_url=tg.base_url, telegram_file_url=tg.file_url
        )
        ...                                            # start the bot, in this process or another
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(jpeg)             # also send_document, send_album, send_text, send_media
        answer = await chat.wait_photo(within=60)      # or wait_for(predicate), wait_answers(count)
        assert answer.reply_to == sent.id
        answer.picture                                 # the bytes that the bot uploaded
        chat.answers, chat.history                     # what the bot says now; all that it ever said
        press = await chat.press(answer, "Wider")      # a button, by its text or data
        await press.answer()

Groups: `tg.group("Friends", ann, bob)`, with privacy mode on; `by=bob` sends as another member, `reply_to=message`
replies, `thread=` writes into a topic, `album=chat.new_album()` sends an album item by item. Trouble:
`tg.fail(method, code, description)`, `tg.flood(method, seconds)`, `tg.break_connection(method)`,
`with tg.hold(method)`, `tg.reachable = False`, `chat.block()`, `chat.delete(message)`, `chat.migrate()`,
`tg.repeat(message)` (it reaches the bot a second time), `FakeTelegram(flood_limit=1.0)` for one message a second and
chat. What the bot called stands in `tg.calls`. Nothing sleeps: every wait (`wait_…`, all with `within=` seconds) ends
with the change it waits for.

Where it differs from Telegram: HTML is the only parse mode; files are never fetched from addresses; albums with a
keyboard, which Telegram sends without it, are refused; webhook calls come one after another.
"""

from .errors import ApiError
from .people import Chat, Press
from .server import Call, FakeTelegram
from .world import Message, User

__all__ = ["ApiError", "Call", "Chat", "FakeTelegram", "Message", "Press", "User"]
