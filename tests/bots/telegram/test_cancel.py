"""The button that takes a photo back while it waits or is painted."""

import re
from pathlib import Path

from storage import State
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


async def test_the_asker_cancels_and_the_status_goes(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
        press = await chat.press(status, "Cancel")
        assert (await press.answer())["text"] == "Cancelled."
        await chat.wait_until(lambda: status.deleted)
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        assert (await reached(service.database, job.id, ENDED)).state is State.CANCELLED
        service.painter.hold.set()
        await chat.send_photo(picture(colour="red"))
        await chat.wait_photo()
        assert [m.kind for m in chat.answers] == ["photo"]


async def test_cancelling_works_after_a_restart_and_twice(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
    again = await chat.press(status, "Cancel")
    once_more = await chat.press(status, "Cancel")
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        assert (await again.answer())["text"] == "Cancelled."
        assert (await once_more.answer())["text"] == "Cancelled."
        await chat.wait_until(lambda: status.deleted)
        assert chat.history == [status]


async def test_a_press_that_comes_again_after_a_crash_still_takes_the_status_away(
    tg: FakeTelegram, tmp_path: Path
) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        await service.database.jobs.advance(job.id, State.CANCELLED)  # and there the service died
        press = await chat.press(status, "Cancel")
        assert (await press.answer())["text"] == "Cancelled."
        assert status.deleted
        service.painter.hold.set()


async def test_in_a_group_only_the_asker_or_an_admin(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        owner, ann, eve = tg.user("Owner"), tg.user("Ann"), tg.user("Eve")
        group = tg.group("Friends", owner, ann, eve)
        for colour, by, taken in (("red", ann, True), ("blue", owner, True), ("gold", eve, False)):
            await group.send_photo(picture(colour=colour), caption="/anime", by=ann)
            status = (await group.wait_answers(1))[0]
            said = await (await group.press(status, "Cancel", by=by)).answer()
            if taken:
                assert said["text"] == "Cancelled."
                await group.wait_until(lambda status=status: status.deleted)  # type: ignore[misc]
            else:
                assert "Only the person who asked" in said["text"]
                assert not status.deleted
        service.painter.hold.set()
        await group.wait_photo()


async def test_a_forged_or_foreign_button_does_nothing(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
        button = status.buttons[0]
        good = button["callback_data"]
        assert len(good) <= 64
        for data in (
            re.sub(r".$", lambda m: "A" if m[0] != "A" else "B", good),
            "cancel",
            "a:b:c",
            "cancel::",
            "é:ü:ß",
        ):
            button["callback_data"] = data
            said = await (await chat.press(status, data)).answer()
            assert "no longer works" in said["text"]
        assert not status.deleted
        service.painter.hold.set()
        await chat.wait_photo()


async def test_too_late(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
        service.painter.hold.set()
        await chat.wait_photo()
        said = await (await chat.press(status, "Cancel")).answer()
        assert said["text"].startswith("Too late")
