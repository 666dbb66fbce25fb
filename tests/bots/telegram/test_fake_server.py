"""The stand-in for Telegram refuses what Telegram refuses, and python-telegram-bot works with it."""

import json
import re
from typing import Any

import httpx
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaDocument, InputMediaPhoto
from telegram.error import BadRequest

from tests.bots.telegram.pictures import opened, picture
from tests.fakes.telegram import Chat, FakeTelegram


async def test_tokens(tg: FakeTelegram, http: httpx.AsyncClient) -> None:
    malformed = await http.get(f"{tg.url}/botnonsense/getMe")
    assert (malformed.status_code, malformed.json()) == (
        404,
        {"ok": False, "error_code": 404, "description": "Not Found"},
    )
    wrong = await http.get(f"{tg.base_url}1:wrong/getMe")
    assert (wrong.status_code, wrong.json()["description"]) == (401, "Unauthorized")
    unknown = await http.get(f"{tg.base_url}{tg.token}/getYou")
    assert (unknown.status_code, unknown.json()["description"]) == (404, "Not Found: method not found")
    right = await http.get(f"{tg.base_url}{tg.token}/getme")
    assert right.json()["result"]["username"] == tg.bot.username


@pytest.mark.parametrize("form", ["query", "data", "json", "multipart"])
async def test_parameters_come_in_every_form(tg: FakeTelegram, http: httpx.AsyncClient, chat: Chat, form: str) -> None:
    values: dict[str, Any] = {"chat_id": chat.id, "text": "hi"}
    url = f"{tg.base_url}{tg.token}/sendMessage"
    if form == "query":
        answer = await http.get(url, params=values)
    elif form == "multipart":
        answer = await http.post(url, files={name: (None, str(value)) for name, value in values.items()})
    else:
        answer = await http.post(url, **{form: values})  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["chat"]["id"] == chat.id
    assert chat.answers[-1].text == "hi"


_LONG_DATA = json.dumps({"inline_keyboard": [[{"text": "x", "callback_data": "я" * 33}]]})
_NO_ACTION = json.dumps({"inline_keyboard": [[{"text": "x"}]]})
_REPLY = json.dumps({"message_id": 999_999})


@pytest.mark.parametrize(
    ("method", "values", "description"),
    [
        ("sendMessage", {"text": ""}, "Bad Request: message text is empty"),
        ("sendMessage", {"text": "  \n"}, "Bad Request: message text is empty"),
        ("sendMessage", {"text": "x" * 4097}, "Bad Request: message is too long"),
        ("sendMessage", {"text": "x", "chat_id": ""}, "Bad Request: chat_id is empty"),
        ("sendMessage", {"text": "x", "chat_id": 12345}, "Bad Request: chat not found"),
        ("sendMessage", {"text": "x", "reply_markup": _LONG_DATA}, "Bad Request: BUTTON_DATA_INVALID"),
        ("sendMessage", {"text": "x", "reply_markup": _NO_ACTION}, "exactly one action"),
        ("sendMessage", {"text": "x", "reply_markup": "{"}, "can't parse reply markup JSON object"),
        ("sendMessage", {"text": "x", "reply_parameters": _REPLY}, "message to be replied not found"),
        ("sendMessage", {"text": "x", "message_thread_id": 5}, "message thread not found"),
        ("sendMessage", {"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities"),
        ("sendMessage", {"text": "<h1>x</h1>", "parse_mode": "HTML"}, 'Unsupported start tag "h1"'),
        ("sendMessage", {"text": "x", "parse_mode": "Morse"}, "unsupported parse_mode"),
        ("sendPhoto", {}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "AgAC"}, "wrong file identifier"),
        ("sendPhoto", {"photo": "attach://gone"}, "wrong remote file identifier"),
        ("sendMediaGroup", {"media": "[]"}, "2-10"),
        ("sendMediaGroup", {"media": '[{"type": "photo", "media": "x"}]'}, "2-10"),
        ("sendChatAction", {"action": "dancing"}, "wrong parameter action"),
        ("editMessageText", {"message_id": 999, "text": "x"}, "message to edit not found"),
        ("editMessageText", {"message_id": 1, "text": "x"}, "message can't be edited"),
        ("deleteMessage", {"message_id": 999}, "message to delete not found"),
        ("getFile", {"file_id": "nothing"}, "invalid file_id"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, "query is too old"),
        ("setMyCommands", {"commands": '[{"command": "Bad!", "description": "x"}]'}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": '[{"command": "ok"}]'}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("setMyShortDescription", {"short_description": "x" * 121}, "too long"),
        ("setWebhook", {"url": "http://example.org/hook"}, "HTTPS"),
        ("setWebhook", {"url": "https://example.org/", "secret_token": "a b"}, "unallowed characters"),
        ("getChatMember", {"user_id": 77}, "PARTICIPANT_ID_INVALID"),
    ],
)
async def test_refusals(
    tg: FakeTelegram, http: httpx.AsyncClient, chat: Chat, method: str, values: dict[str, Any], description: str
) -> None:
    before = len(chat.messages)
    answer = await http.post(f"{tg.base_url}{tg.token}/{method}", data={"chat_id": chat.id, **values})
    body = answer.json()
    assert (answer.status_code, body["ok"], body["error_code"]) == (400, False, 400)
    assert description in body["description"]
    assert len(chat.messages) == before


async def test_limits_are_reached_exactly(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    await bot.send_message(chat.id, "x" * 4096)
    await bot.send_photo(chat.id, picture(), caption="x" * 1024)
    with pytest.raises(BadRequest, match="caption is too long"):
        await bot.send_photo(chat.id, picture(), caption="x" * 1025)
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data="d" * 64)]])
    await bot.send_message(chat.id, "x", reply_markup=buttons)


async def test_a_photo_comes_in_sizes_and_leaves_as_it_was(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    sent = await chat.send_photo(picture(2000, 1000), caption="/anime please @selfie2anime_test_bot")
    updates = await bot.get_updates(timeout=5)
    message = updates[-1].message
    assert message is not None
    assert [(size.width, size.height) for size in message.photo] == [(90, 45), (320, 160), (800, 400), (1280, 640)]
    assert {e.type for e in message.parse_caption_entities()} == {"bot_command", "mention"}
    file = await bot.get_file(message.photo[-1].file_id)
    data = bytes(await file.download_as_bytearray())
    assert len(data) == message.photo[-1].file_size
    assert (opened(data).format, opened(data).size) == ("JPEG", (1280, 640))

    mine = picture(300, 300, "red", "PNG")
    answer = await bot.send_photo(chat.id, mine, reply_to_message_id=sent.id)
    seen = await chat.wait_photo()
    assert seen.id == answer.message_id
    assert seen.picture == mine
    assert seen.reply_to == sent.id
    again = await bot.send_photo(chat.id, answer.photo[-1].file_id)
    assert again.photo[-1].file_unique_id == answer.photo[-1].file_unique_id


async def test_pictures_that_are_none(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    with pytest.raises(BadRequest, match=r"Image_process_failed"):
        await bot.send_photo(chat.id, b"no picture at all")
    with pytest.raises(BadRequest, match=r"Photo_invalid_dimensions"):
        await bot.send_photo(chat.id, picture(2100, 100))
    with pytest.raises(BadRequest, match="non-empty"):
        await bot.send_document(chat.id, b"")


async def test_files_over_20_mb_are_not_handed_out(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    await chat.send_document(b"small in truth", size=20 * 1024 * 1024 + 1)
    await chat.send_document(b"just right", size=20 * 1024 * 1024)
    large, right = [u.message.document for u in await bot.get_updates(offset=-2) if u.message]
    assert large is not None
    assert right is not None
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(large.file_id)
    assert (await bot.get_file(right.file_id)).file_path


async def test_the_same_file_keeps_its_unique_id(tg: FakeTelegram, chat: Chat) -> None:
    first, second = [(await chat.send_document(b"same bytes")).body["document"] for _ in range(2)]
    assert first["file_unique_id"] == second["file_unique_id"]
    assert first["file_id"] != second["file_id"]


async def test_downloads_need_token_and_path(tg: FakeTelegram, http: httpx.AsyncClient, chat: Chat) -> None:
    sent = await chat.send_document(b"bytes")
    path = tg.world.files.get(sent.body["document"]["file_id"]).path
    assert (await http.get(f"{tg.file_url}{tg.token}/{path}")).content == b"bytes"
    assert (await http.get(f"{tg.file_url}1:x/{path}")).status_code == 404
    assert (await http.get(f"{tg.file_url}{tg.token}/documents/none")).status_code == 404


async def test_edits(tg: FakeTelegram, bot: Bot, chat: Chat) -> None:
    message = await bot.send_message(chat.id, "one")
    with pytest.raises(BadRequest, match="Message is not modified"):
        await message.edit_text("one")
    await message.edit_text("two")
    assert chat.answers[-1].texts == ["one", "two"]
    with pytest.raises(BadRequest, match="no caption"):
        await message.edit_caption("three")
    photo = await bot.send_photo(chat.id, picture(), caption="a")
    with pytest.raises(BadRequest, match="no text"):
        await photo.edit_text("b")
    await photo.edit_caption("b")
    other = picture(100, 100)
    await photo.edit_media(InputMediaPhoto(other, caption="c"))
    assert (chat.answers[-1].text, chat.answers[-1].picture) == ("c", other)
    buttons = InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data="d")]])
    await photo.edit_reply_markup(buttons)
    with pytest.raises(BadRequest, match="not modified"):
        await photo.edit_reply_markup(buttons)
    await photo.delete()
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await photo.delete()
    assert [m.text for m in chat.answers] == ["two"]


async def test_albums(tg: FakeTelegram, bot: Bot, http: httpx.AsyncClient, chat: Chat) -> None:
    pictures = [picture(colour=colour) for colour in ("red", "green")]
    sent = await bot.send_media_group(chat.id, [InputMediaPhoto(data) for data in pictures], caption="both")
    seen = await chat.wait_answers(2)
    assert [m.picture for m in seen] == pictures
    assert {m.album for m in seen} == {sent[0].media_group_id}
    assert [m.text for m in seen] == ["both", ""]
    with pytest.raises(BadRequest, match="mixed"):
        await bot.send_media_group(chat.id, [InputMediaPhoto(pictures[0]), InputMediaDocument(pictures[1])])
    with pytest.raises(BadRequest, match="2-10"):
        await bot.send_media_group(chat.id, [InputMediaPhoto(pictures[0])] * 11)
    media = json.dumps([{"type": "photo", "media": sent[0].photo[-1].file_id}] * 2)
    values = {"chat_id": str(chat.id), "media": media, "reply_markup": "{}"}
    refused = await http.post(f"{tg.base_url}{tg.token}/sendMediaGroup", data=values)
    assert "no reply_markup" in refused.json()["description"]

    incoming = await chat.send_album(pictures, caption="mine")
    messages = [u.message for u in await bot.get_updates(offset=-2) if u.message]
    assert [m.message_id for m in messages] == [m.id for m in incoming]
    assert {m.media_group_id for m in messages} == {incoming[0].album}
    assert [m.caption for m in messages] == ["mine", None]


async def test_stickers(bot: Bot, chat: Chat) -> None:
    sent = await bot.send_sticker(chat.id, picture(512, 300, form="WEBP"))
    assert sent.sticker is not None
    assert (sent.sticker.width, sent.sticker.height) == (512, 300)
    for data, why in (
        (picture(512, 512, form="PNG"), "STICKER_FILE_INVALID"),
        (picture(512, 513, form="WEBP"), "STICKER_PNG_DIMENSIONS"),
        (picture(300, 300, form="WEBP"), "STICKER_PNG_DIMENSIONS"),
        (picture(512, 512, form="WEBP") + bytes(512 * 1024), "STICKER_FILE_INVALID"),
    ):
        with pytest.raises(BadRequest, match=re.compile(why, re.IGNORECASE)):
            await bot.send_sticker(chat.id, data)
