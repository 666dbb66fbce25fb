"""Inline keyboards, checked as strictly as Telegram does."""

from typing import Any

from .errors import bad_request
from .parameters import Parameters

_ACTIONS = {
    "callback_data", "url", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
}  # fmt: skip


def keyboard(parameters: Parameters) -> dict[str, Any] | None:
    """The `reply_markup` of a call.

    Raises:
        ApiError: no text on a button, not exactly one action, or callback data outside 1 to 64 bytes.
    """
    markup = parameters.structure("reply_markup")
    if not markup:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return markup  # a reply keyboard, or its removal
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if not str(button.get("text") or "").strip():
            raise bad_request("can't parse inline keyboard button: text must be non-empty")
        actions = [name for name in button if name in _ACTIONS]
        if len(actions) != 1:
            raise bad_request("can't parse inline keyboard button: exactly one action is needed")
        data = button.get("callback_data")
        if "callback_data" in button and not 1 <= len(str(data).encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    return {"inline_keyboard": rows} if buttons else None
