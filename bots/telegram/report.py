"""What the operator reads at the start: who the bot is, how updates come, and what to change at @BotFather."""

from telegram import User

_NEXT = " " * 16  # below what stands behind the name of a door
REFUSED = "Telegram        off: it refuses TELEGRAM_TOKEN. Take it anew from @BotFather, then start again"


def report(me: User, way: str) -> list[str]:
    """Lines for the operator.

    Args:
        me: what getMe answers.
        way: how updates come.
    """
    lines = [f"Telegram        on as @{me.username}, updates by {way}"]
    if me.can_read_all_group_messages:
        lines.append(
            f"{_NEXT}Privacy mode is off: the bot is sent every message of its groups, and needs that only for groups "
            "that want every photo painted. @BotFather: /setprivacy, Enable"
        )
    if not me.can_join_groups:
        lines.append(f"{_NEXT}It can't be added to groups. @BotFather: /setjoingroups, Enable")
    if not me.supports_inline_queries:
        lines.append(f"{_NEXT}Inline mode is off, so nobody can share pictures by it. @BotFather: /setinline")
    return lines
