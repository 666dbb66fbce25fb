"""How often what says where a job stands is edited."""

import asyncio
from pathlib import Path

from bots.telegram.group_rules import GroupRules
from bots.telegram.pace import EDIT_EVERY, EDITS_A_SECOND, GROUP_EDIT_EVERY, GROUP_SHARE, Pace
from bots.telegram.reply import ReplyTo
from bots.telegram.status import Status
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


def test_a_chat_is_edited_the_more_seldom_the_more_waits_there() -> None:
    pace = Pace()
    for number in range(10):
        pace.join(f"group {number}", -7)
        pace.join(f"group {number}", -7)  # the same one
    pace.join("other group", -8)
    pace.join("ann", 7)
    assert (pace.seconds(-7), pace.seconds(-8), pace.seconds(7)) == (10 * GROUP_SHARE, GROUP_EDIT_EVERY, EDIT_EVERY)
    for number in range(9):
        pace.leave(f"group {number}")
        pace.leave(f"group {number}")
    assert pace.seconds(-7) == GROUP_EDIT_EVERY
    assert 60 / GROUP_SHARE <= 10, "half of a group's 20 calls a minute are left for answers"


def test_all_chats_together_leave_room_for_answers() -> None:
    pace = Pace()
    for number in range(1_000):
        pace.join(str(number), number)
    assert pace.seconds(7) == 1_000 / EDITS_A_SECOND
    for number in range(1_000):
        pace.leave(str(number))
    assert pace.seconds(7) == EDIT_EVERY


async def test_what_is_answered_counts_no_more(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        group = tg.group("Friends", tg.user("Ann"), tg.user("Bob"))
        for colour in ("red", "green", "blue"):
            await group.send_photo(picture(colour=colour), caption="/anime")
        await group.wait_answers(3)
        pace = service.runner._parts.door._pace
        assert pace.seconds(group.id) == 3 * GROUP_SHARE
        service.painter.hold.set()
        await group.wait_answers(3, lambda m: m.kind == "photo")
        assert pace.seconds(group.id) == GROUP_EDIT_EVERY


async def test_what_nobody_asked_for_does_not_count(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        owner = tg.user("Owner")
        group = tg.group("Friends", owner, privacy=False)
        await service.studio.people.set_settings(f"telegram-chat:{group.id}", GroupRules(every=True).to_json())
        service.painter.hold.clear()
        for colour in ("red", "green"):
            await group.send_photo(picture(colour=colour))
        await tg.wait_confirmed()
        assert len(await service.database.jobs.of(f"telegram:{owner.id}")) == 2
        await group.send_photo(picture(colour="gold"), caption="/anime")
        await group.wait_answers(1)
        assert service.runner._parts.door._pace.seconds(group.id) == GROUP_EDIT_EVERY
        service.painter.hold.set()
        await group.wait_answers(3, lambda m: m.kind == "photo")


class Texts:
    """A bot that is asked to send or edit texts."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.message_id = 1

    async def send_message(self, chat_id: int, text: str, **_: object) -> "Texts":
        self.said.append(text)
        return self

    async def edit_message_text(self, text: str, *_: object, **__: object) -> None:
        self.said.append(text)


async def test_an_edit_that_waits_is_put_off_when_more_come() -> None:
    bot, asked, put_off = Texts(), [], asyncio.Event()

    async def remember(to: ReplyTo) -> None:
        status.show("two", busy=False)

    def pace() -> float:
        """A moment until the edit has waited for it, then long."""
        asked.append(0.05 if len(asked) < 4 else 1_000.0)
        if len(asked) == 6:
            put_off.set()
        return asked[-1]

    status = Status(bot, ReplyTo(-7, 1), None, remember, pace)  # type: ignore[arg-type]
    status.show("one", busy=False)
    await asyncio.wait_for(put_off.wait(), 10)
    await status.stop()
    assert bot.said == ["one"]
