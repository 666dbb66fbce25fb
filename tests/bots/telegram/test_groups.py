"""In groups the bot acts only when it is addressed, with privacy mode on or off."""

from pathlib import Path

import pytest

from inference.errors import NoFace
from storage import Person, StorageError
from tests.bots.studio_parts import ended
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import opened, picture
from tests.fakes.telegram import FakeTelegram, Message


@pytest.mark.parametrize("privacy", [True, False])
async def test_silence_unless_addressed(tg: FakeTelegram, tmp_path: Path, privacy: bool) -> None:
    async with running(tg, tmp_path) as service:
        group = tg.group("Friends", tg.user("Ann"), tg.user("Bob"), privacy=privacy)
        await group.send_text("hello")
        await group.send_photo(picture())
        await group.send_photo(picture(), caption="/animexyz @someone_else /anime@other_bot")
        await group.send_document(picture())
        await group.send_media("sticker")
        await group.send_text("/help")
        await group.wait_for(lambda m: "Accepted" in m.text)
        await tg.wait_confirmed()
    assert len(group.history) == 1
    assert service.painter.photos == []


@pytest.mark.parametrize("caption", ["/anime", "/anime@selfie2anime_test_bot", "me! @Selfie2Anime_test_bot"])
async def test_a_photo_that_calls_the_bot(tg: FakeTelegram, tmp_path: Path, caption: str) -> None:
    async with running(tg, tmp_path):
        group = tg.group("Friends", tg.user("Ann"), topics=(3,))
        sent = await group.send_photo(picture(), caption=caption, thread=3)
        answer = await group.wait_photo()
        assert answer.reply_to == sent.id
        assert answer.body["message_thread_id"] == 3


async def test_the_topic_is_kept_over_a_restart(tg: FakeTelegram, tmp_path: Path) -> None:
    group = tg.group("Friends", tg.user("Ann"), topics=(3,))
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        await group.send_photo(picture(), caption="/anime", thread=3)
        await group.wait_answers(1)
    async with running(tg, tmp_path):
        await group.wait_photo()
        assert {m.body.get("message_thread_id") for m in group.history} == {3}


async def test_the_post_of_a_channel_in_its_discussion_group(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        ann = tg.user("Ann")
        group, channel = tg.group("Discussion", ann), tg.channel("News")
        post = await group.send_photo(picture(), as_chat=channel, from_channel=True)
        asked = await group.send_photo(picture(colour="red"), caption="/anime", as_chat=channel, from_channel=True)
        assert (await group.wait_photo()).reply_to == asked.id
        assert len(await service.database.jobs.of(f"telegram:{channel.id}")) == 1, "it counts for the channel"
        await group.send_text("/anime", reply_to=post, by=ann)
        await group.wait_for(lambda m: m.kind == "photo" and m.reply_to == post.id)


@pytest.mark.parametrize("text", ["/anime", "/anime@selfie2anime_test_bot", "@selfie2anime_test_bot please"])
async def test_somebodys_photo_by_a_reply(tg: FakeTelegram, tmp_path: Path, text: str) -> None:
    async with running(tg, tmp_path) as service:
        ann, bob = tg.user("Ann"), tg.user("Bob")
        group = tg.group("Friends", ann, bob)
        photo = await group.send_photo(picture())
        await group.send_text(text, reply_to=photo, by=bob)
        assert (await group.wait_photo()).reply_to == photo.id
        assert len(await service.database.jobs.of(f"telegram:{bob.id}")) == 1, "it counts for who asked"


@pytest.mark.parametrize("text", ["/anime", "@selfie2anime_test_bot please"])
async def test_a_photo_of_another_chat_by_a_reply(tg: FakeTelegram, tmp_path: Path, text: str) -> None:
    async with running(tg, tmp_path) as service:
        ann = tg.user("Ann")
        group, other = tg.group("Friends", ann), tg.group("Others", ann)
        photo, file = await other.send_photo(picture(500, 400)), await other.send_document(picture(300, 200))
        asked = [await group.send_text(text, elsewhere=message) for message in (photo, file)]
        answers = await group.wait_answers(2, lambda m: m.kind == "photo")
        assert {m.reply_to for m in answers} == {message.id for message in asked}
        assert {opened(each).size for each in service.painter.photos} == {(500, 400), (300, 200)}
        assert other.history == []


async def test_a_photo_as_a_reply_to_the_bot(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        group = tg.group("Friends", tg.user("Ann"))
        await group.send_text("/anime")
        told = await group.wait_for(lambda m: "Reply to a photo" in m.text)
        sent = await group.send_photo(picture(), reply_to=told)
        assert (await group.wait_photo()).reply_to == sent.id
        await group.send_text("thanks", reply_to=told)
        await tg.wait_confirmed()
    assert [m.kind for m in group.answers] == ["text", "photo"]


async def test_a_closed_topic_a_lost_right_and_a_migration(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        group = tg.group("Friends", tg.user("Ann"), topics=(3,))
        await group.send_photo(picture(), caption="/anime", thread=3)
        await group.wait_answers(1)
        group.state.threads.clear()
        service.painter.hold.set()
        assert "message_thread_id" not in (await group.wait_photo()).body

        service.painter.hold.clear()
        small = tg.group("Few", tg.user("Bob"), supergroup=False)
        await small.send_photo(picture(), caption="/anime")
        await small.wait_answers(1)
        moved = small.migrate()
        service.painter.hold.set()
        assert (await moved.wait_photo()).reply_to is None

        service.painter.hold.clear()
        other = tg.group("Silent", tg.user("Cyd"))
        await other.send_photo(picture(), caption="/anime")
        await other.wait_answers(1)
        other.state.can_send = False
        before = tg.count("sendPhoto")
        service.painter.hold.set()
        await tg.wait_call("sendPhoto", before + 1)
        assert [m for m in other.answers if m.kind == "photo"] == []


async def test_a_group_that_moves_before_the_status_is_sent(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        small = tg.group("Few", tg.user("Bob"), supergroup=False)
        with tg.hold("getFile"):
            await small.send_photo(picture(), caption="/anime")
            moved = small.migrate()
            await moved.send_text("an unrelated message with a low number")
        status = (await moved.wait_answers(1))[0]
        service.painter.hold.set()
        answer = await moved.wait_photo()
        assert status.deleted
        assert (status.reply_to, answer.reply_to) == (None, None)


async def test_a_group_that_moves_while_it_is_painted_is_told_why_there_is_no_picture(
    tg: FakeTelegram, tmp_path: Path
) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        service.painter.error = NoFace("nobody")
        small = tg.group("Few", tg.user("Bob"), supergroup=False)
        await small.send_photo(picture(), caption="/anime")
        await small.wait_answers(1)
        [job] = await service.database.jobs.unfinished()
        moved = small.migrate()
        service.painter.hold.set()
        told = await moved.wait_for(lambda m: "can't find a face" in m.text)
        await ended(service.database, job.id)
    assert moved.answers == [told]


async def test_a_failure_is_told_to_those_alone_who_asked(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(person: str) -> Person:
        raise StorageError("disk_full", "no space left")

    monkeypatch.setattr("bots.telegram.albums.QUIET", 0.1)
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        group = tg.group("Friends", tg.user("Ann"), privacy=False)
        monkeypatch.setattr(service.studio.people, "get", broken)
        await group.send_photo(picture())
        await group.send_album([picture(), picture(300)])
        await tg.wait_confirmed()
        asked = [
            await group.send_photo(picture(), caption="/anime"),
            await group.send_photo(picture(), caption="@selfie2anime_test_bot"),
            await group.send_text("/settings"),
        ]
        answers = await group.wait_answers(3)
    assert {m.reply_to for m in answers} == {m.id for m in asked}
    assert all(m.text.startswith("Something went wrong") for m in answers)


async def test_ids_of_two_groups_do_not_mix(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        groups = [tg.group(name, tg.user(name)) for name in ("One", "Two")]
        same = picture()
        sent: list[Message] = [await group.send_photo(same, caption="/anime") for group in groups]
        assert sent[0].id == sent[1].id
        for group in groups:
            await group.wait_photo()
        assert len(service.painter.photos) == 2
