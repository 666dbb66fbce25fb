"""Methods about the bot itself, files, chats, commands and queries."""

import json
import re
from typing import Any

from .errors import bad_request
from .files import MAX_DOWNLOAD
from .parameters import Parameters
from .sending import Method
from .world import World

_TEXTS = {"Name": ("name", 64), "Description": ("description", 512), "ShortDescription": ("short_description", 120)}


async def get_me(world: World, parameters: Parameters) -> dict[str, Any]:
    return world.bot.to_json() | {
        "can_join_groups": world.can_join_groups,
        "can_read_all_group_messages": world.reads_all,
        "supports_inline_queries": world.inline,
    }


async def get_file(world: World, parameters: Parameters) -> dict[str, Any]:
    file = world.files.get(parameters.text("file_id"))
    if file.size > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return file.to_json(file_path=file.path)


async def get_updates(world: World, parameters: Parameters) -> list[dict[str, Any]]:
    return await world.updates.poll(parameters)


async def set_webhook(world: World, parameters: Parameters) -> bool:
    return world.updates.set_webhook(parameters)


async def delete_webhook(world: World, parameters: Parameters) -> bool:
    drop = parameters.flag("drop_pending_updates")
    return world.updates.set_webhook(Parameters({"url": "", "drop_pending_updates": drop}))


async def get_webhook_info(world: World, parameters: Parameters) -> dict[str, Any]:
    return world.updates.webhook.to_json(len(world.updates.pending))


async def get_chat(world: World, parameters: Parameters) -> dict[str, Any]:
    chat = world.chat(parameters.required_number("chat_id"))
    return chat.to_json() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _NO_GIFTS}


async def get_chat_member(world: World, parameters: Parameters) -> dict[str, Any]:
    chat = world.chat(parameters.required_number("chat_id"))
    user_id = parameters.required_number("user_id")
    people = chat.people | {world.bot.id: world.bot}
    if chat.user:
        people[chat.user.id] = chat.user
    if user_id not in people:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return _member(chat.members.get(user_id, "member"), people[user_id].to_json())


async def get_administrators(world: World, parameters: Parameters) -> list[dict[str, Any]]:
    chat = world.chat(parameters.required_number("chat_id"))
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    people = chat.people | {world.bot.id: world.bot}
    heads = {"creator", "administrator"}
    return [  # bots are left out, the one who asks too
        _member(status, people[user].to_json())
        for user, status in chat.members.items()
        if status in heads and not people[user].is_bot
    ]


async def set_commands(world: World, parameters: Parameters) -> bool:
    commands = parameters.structure("commands")
    if not isinstance(commands, list):
        raise bad_request('parameter "commands" is required')
    if len(commands) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"/?[a-z0-9_]{1,32}", str(command.get("command"))):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description") or "")) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.profile[_key("commands", _scope(world, parameters), parameters)] = commands
    return True


async def get_commands(world: World, parameters: Parameters) -> list[dict[str, Any]]:
    return world.profile.get(_key("commands", _scope(world, parameters), parameters), [])


async def delete_commands(world: World, parameters: Parameters) -> bool:
    world.profile.pop(_key("commands", _scope(world, parameters), parameters), None)
    return True


async def answer_callback_query(world: World, parameters: Parameters) -> bool:
    if len(parameters.text("text") or "") > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    return _answer(world, parameters.text("callback_query_id"), parameters)


async def answer_inline_query(world: World, parameters: Parameters) -> bool:
    results = parameters.structure("results")
    if not isinstance(results, list):
        raise bad_request("can't parse inline query results JSON object")
    if len(results) > 50:
        raise bad_request("RESULTS_TOO_MUCH")
    ids = [str(result.get("id") or "") for result in results]
    if not all(1 <= len(name.encode()) <= 64 for name in ids):
        raise bad_request("RESULT_ID_INVALID")
    if len(set(ids)) < len(ids):
        raise bad_request("RESULT_ID_DUPLICATE")
    for result in results:
        if result.get("type") != "photo" or "photo_file_id" not in result:
            raise bad_request("can't parse InlineQueryResult: only photos by file_id are known here")
        if not world.files.get(result["photo_file_id"]).path.startswith("photos/"):
            raise bad_request("PHOTO_INVALID")
    if len(parameters.text("next_offset") or "") > 64:
        raise bad_request("next_offset is too long")
    _check_button(parameters.structure("button"))
    return _answer(world, parameters.text("inline_query_id"), parameters)


def _check_button(button: Any) -> None:
    """https://core.telegram.org/bots/api#inlinequeryresultsbutton"""
    if button is None:
        return
    if not isinstance(button, dict) or not str(button.get("text") or "").strip():
        raise bad_request("can't parse InlineQueryResultsButton: text must be non-empty")
    if ("web_app" in button) == ("start_parameter" in button):
        raise bad_request("can't parse InlineQueryResultsButton: exactly one of its actions is needed")
    if "start_parameter" in button and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(button["start_parameter"])):
        raise bad_request("START_PARAM_INVALID")


def _answer(world: World, query_id: str | None, parameters: Parameters) -> bool:
    if world.queries.get(query_id or "", {}) is not None:  # unknown, or answered before
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    world.queries[query_id or ""] = dict(parameters.values)
    world.touch()
    return True


def _scope(world: World, parameters: Parameters) -> dict[str, Any]:
    """Whom a menu is for (https://core.telegram.org/bots/api#botcommandscope)."""
    scope = parameters.structure("scope") or {"type": "default"}
    needs = _SCOPES.get(scope.get("type")) if isinstance(scope, dict) else None
    if needs is None:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    if missing := needs - set(scope):
        raise bad_request(f"can't parse BotCommandScope: {sorted(missing)} must be given")
    if "chat_id" in needs:
        world.chat(int(scope["chat_id"]))
    return {name: str(scope[name]) for name in ("type", *sorted(needs))}


def _key(kind: str, scope: dict[str, Any], parameters: Parameters) -> str:
    language = parameters.text("language_code") or ""
    if not re.fullmatch(r"([a-z]{2})?", language):
        raise bad_request("invalid language code specified")
    return json.dumps([kind, scope, language], sort_keys=True)


def _member(status: str, user: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"status": status, "user": user}
    if status in {"creator", "administrator"}:
        body |= {"is_anonymous": False}
    if status == "administrator":
        body |= {"can_be_edited": False} | dict.fromkeys(_RIGHTS, True)
    if status == "kicked":
        body |= {"until_date": 0}
    return body


def _set_text(kind: str) -> Method:
    field, longest = _TEXTS[kind]

    async def method(world: World, parameters: Parameters) -> bool:
        text = parameters.text(field) or ""
        if len(text) > longest:
            raise bad_request(f"{field} is too long")
        world.profile[_key(kind, {}, parameters)] = text
        return True

    return method


def _get_text(kind: str) -> Method:
    async def method(world: World, parameters: Parameters) -> dict[str, str]:
        return {_TEXTS[kind][0]: world.profile.get(_key(kind, {}, parameters), "")}

    return method


_RIGHTS = (
    "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members", "can_promote_members",
    "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories",
)  # fmt: skip
_SCOPES: dict[Any, set[str]] = {
    "default": set(),
    "all_private_chats": set(),
    "all_group_chats": set(),
    "all_chat_administrators": set(),
    "chat": {"chat_id"},
    "chat_administrators": {"chat_id"},
    "chat_member": {"chat_id", "user_id"},
}
_NO_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)

METHODS: dict[str, Method] = {
    "getMe": get_me,
    "getFile": get_file,
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_administrators,
    "setMyCommands": set_commands,
    "getMyCommands": get_commands,
    "deleteMyCommands": delete_commands,
    "answerCallbackQuery": answer_callback_query,
    "answerInlineQuery": answer_inline_query,
    **{f"setMy{kind}": _set_text(kind) for kind in _TEXTS},
    **{f"getMy{kind}": _get_text(kind) for kind in _TEXTS},
}
