"""What comes from the stand-in for Telegram, and who can be reached there: updates, floods, groups, trouble."""

import asyncio

import httpx
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter

from tests.bots.telegram.pictures import picture
from tests.bots.telegram.sdk import sdk
from tests.fakes.telegram import Chat, FakeTelegram


async def test_polling_waits_and_forgets_what_is_confirmed(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    first = (await bot.get_updates())[0]
    assert (await bot.get_updates())[0].update_id == first.update_id, "unconfirmed: it comes again"
    waiting = asyncio.create_task(bot.get_updates(offset=first.update_id + 1, timeout=20))
    await tg.wait_confirmed()
    await chat.send_text("second")
    updates = await asyncio.wait_for(waiting, 5)
    assert [u.message.text for u in updates if u.message] == ["second"]
    assert updates[0].update_id == first.update_id + 1


async def test_two_pollers_and_a_webhook_conflict(tg: FakeTelegram, http: httpx.AsyncClient, chat: Chat) -> None:
    api = f"{tg.base_url}{tg.token}"
    drained = (await http.get(f"{api}/getUpdates")).json()["result"][-1]["update_id"] + 1
    poll = {"offset": drained, "timeout": 20}
    first = asyncio.create_task(http.post(f"{api}/getUpdates", data=poll))
    await tg.wait_confirmed()
    second = asyncio.create_task(http.post(f"{api}/getUpdates", data=poll))
    ended = (await first).json()
    assert ended["error_code"] == 409
    assert "terminated by other getUpdates request" in ended["description"]
    assert (await http.post(f"{api}/setWebhook", data={"url": "https://example.org/"})).json()["ok"]
    assert (await second).json()["error_code"] == 409
    refused = (await http.post(f"{api}/getUpdates")).json()
    assert "while webhook is active" in refused["description"]
    info = (await http.get(f"{api}/getWebhookInfo")).json()["result"]
    assert info["url"] == "https://example.org/"
    await http.post(f"{api}/deleteWebhook")
    assert (await http.post(f"{api}/getUpdates")).json()["ok"]


async def test_flood(tg: FakeTelegram, bot: Bot, chat: Chat, http: httpx.AsyncClient) -> None:
    tg.flood("sendMessage", 7)
    values = {"chat_id": chat.id, "text": "x"}
    answer = await http.post(f"{tg.base_url}{tg.token}/sendMessage", json=values)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["parameters"] == {"retry_after": 7}
    await bot.send_message(chat.id, "once is enough")


async def test_flood_limit_of_each_chat() -> None:
    async with FakeTelegram(flood_limit=1.0) as tg, sdk(tg) as bot:
        ann, bob = (tg.private_chat(tg.user(name)) for name in ("Ann", "Bob"))
        await ann.send_text("hi")
        await bob.send_text("hi")
        await bot.send_message(ann.id, "one")
        with pytest.raises(RetryAfter):
            await bot.send_message(ann.id, "two")
        await bot.send_message(bob.id, "one")


async def test_who_cannot_be_reached(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    stranger = tg.private_chat(tg.user("Stranger"))
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(stranger.id, "hello?")
    await chat.block()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(chat.id, "hello?")
    update = (await bot.get_updates(offset=-1))[0]
    assert update.my_chat_member is not None
    assert update.my_chat_member.new_chat_member.status == "kicked"
    await chat.unblock()
    await bot.send_message(chat.id, "welcome back")
    group = tg.group("Friends", chat.user, supergroup=False)
    moved = group.migrate()
    with pytest.raises(ChatMigrated) as error:
        await bot.send_message(group.id, "hello?")
    assert error.value.new_chat_id == moved.id
    await bot.send_message(moved.id, "here")


async def test_replies_to_what_is_gone(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    photo = await chat.send_photo(picture())
    await chat.delete(photo)
    with pytest.raises(BadRequest, match="to be replied not found"):
        await bot.send_message(chat.id, "x", reply_to_message_id=photo.id)
    await bot.send_message(chat.id, "x", reply_to_message_id=photo.id, allow_sending_without_reply=True)
    assert chat.answers[-1].reply_to is None


async def test_groups_and_privacy(tg: FakeTelegram, bot: Bot) -> None:
    ann, bob = tg.user("Ann"), tg.user("Bob")
    group = tg.group("Friends", ann, bob, topics=(7,))
    mine = await bot.send_message(group.id, "hello all", message_thread_id=7)
    assert mine.message_thread_id == 7
    await group.send_text("not for bots")
    await group.send_photo(picture())
    await group.send_text("/anime@other_bot")
    await group.send_text("/anime")
    await group.send_photo(picture(), caption="hey @Selfie2Anime_test_bot", by=bob, thread=7)
    await group.send_text("thanks", reply_to=group.answers[0])
    seen = [u.message for u in await bot.get_updates() if u.message]
    assert [m.text or m.caption for m in seen] == ["/anime", "hey @Selfie2Anime_test_bot", "thanks"]
    assert [m.message_thread_id for m in seen] == [None, 7, None]
    assert seen[1].from_user is not None
    assert seen[1].from_user.id == bob.id
    assert (await bot.get_chat_member(group.id, ann.id)).status == "creator"
    assert (await bot.get_chat_member(group.id, bob.id)).status == "member"
    assert [m.user.id for m in await bot.get_chat_administrators(group.id)] == [ann.id]
    assert (await bot.get_chat(group.id)).title == "Friends"
    with pytest.raises(BadRequest, match="can't be deleted"):
        await bot.delete_message(group.id, group.messages[1].id)


async def test_buttons_and_inline_queries(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("Wider", callback_data="w")]])
    message = await bot.send_photo(chat.id, picture(), reply_markup=buttons)
    press = await chat.press(chat.answers[-1], "Wider")
    query = (await bot.get_updates(offset=-1))[0].callback_query
    assert query is not None
    assert (query.data, query.message and query.message.message_id) == ("w", message.message_id)
    await query.answer("On it")
    assert (await press.answer())["text"] == "On it"
    with pytest.raises(BadRequest, match="too old"):
        await query.answer("again")
    asked = await chat.inline("last")
    inline = (await bot.get_updates(offset=-1))[0].inline_query
    assert inline is not None
    await inline.answer([])
    assert (await asked.answer())["results"] == []


async def test_commands_by_scope_and_language(tg: FakeTelegram, bot: Bot) -> None:
    await bot.set_my_commands([("help", "How it works")])
    await bot.set_my_commands([("help", "Wie es geht")], language_code="de")
    assert (await bot.get_my_commands())[0].description == "How it works"
    assert (await bot.get_my_commands(language_code="de"))[0].description == "Wie es geht"
    await bot.delete_my_commands(language_code="de")
    assert await bot.get_my_commands(language_code="de") == ()
    await bot.set_my_description("Paints")
    assert (await bot.get_my_description()).description == "Paints"


async def test_trouble(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    tg.fail("sendMessage", 500, "Internal Server Error")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(chat.id, "x")
    tg.break_connection("sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(chat.id, "x")
    assert chat.answers == []
    tg.break_connection("sendMessage", late=True)
    with pytest.raises(NetworkError):
        await bot.send_message(chat.id, "nobody knows")
    assert [m.text for m in chat.answers] == ["nobody knows"]
    tg.reachable = False
    with pytest.raises(NetworkError):
        await bot.get_me()
    tg.reachable = True
    with tg.hold("sendMessage"):
        sending = asyncio.create_task(bot.send_message(chat.id, "held"))
        await bot.get_me()
        assert len(chat.answers) == 1
    await sending
    assert [m.text for m in chat.answers] == ["nobody knows", "held"]
    assert [call.error for call in tg.calls if call.method == "sendMessage"] == [500, -1, -1, 0]


async def test_a_wrong_token_as_the_sdk_sees_it(tg: FakeTelegram) -> None:
    stranger = sdk(tg, f"{tg.bot.id}:wrong")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.request.shutdown()
