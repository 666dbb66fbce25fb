"""What the admins of a group decide for it, and how the bot keeps to that."""

from pathlib import Path

import pytest

from bots import restraint
from bots.telegram.group_rules import GroupRules
from inference import Crop, Faces
from inference.errors import NoFace
from tests.bots.telegram.parts import Running, running
from tests.bots.telegram.pictures import picture
from tests.bots.telegram.test_personal import ticked
from tests.fakes.telegram import Chat, FakeTelegram, Message


async def ask(group: Chat) -> Message:
    before = len(group.answers)
    await group.send_text("/settings")
    return (await group.wait_answers(before + 1))[-1]


async def decide(service: Running, group: Chat, **rules: object) -> None:
    name = f"telegram-chat:{group.id}"
    await service.database.people.set_settings(name, GroupRules(**rules).to_json())  # type: ignore[arg-type]


async def test_admins_decide_and_it_holds_over_a_restart(tg: FakeTelegram, tmp_path: Path) -> None:
    owner, ann = tg.user("Owner"), tg.user("Ann")
    group = tg.group("Friends", owner, ann)
    async with running(tg, tmp_path):
        asked = await ask(group)
        assert ticked(asked) == ["When asked", "For everybody"]
        for button in ("Every photo", "For admins", "Largest only", "Closer"):
            assert "text" not in await (await group.press(asked, button)).answer()
            await group.wait_until(lambda button=button: button in ticked(asked))  # type: ignore[misc]
        assert "text" not in await (await group.press(asked, "✓ Closer")).answer()
        await group.wait_until(lambda: ticked(asked) == ["Every photo", "For admins", "Largest only"])
        said = await (await group.press(asked, "For everybody", by=ann)).answer()
        assert said["text"] == "Only admins of this group can change that."
        await group.send_text("/settings", by=ann)
        await group.wait_for(lambda m: m.text == "Only admins of this group can change that.")
    async with running(tg, tmp_path):
        assert ticked(await ask(group)) == ["Every photo", "For admins", "Largest only"]


@pytest.mark.parametrize(
    ("private", "chosen"), [(True, ("Largest only", "Wider", "Side by side")), (False, ("Every photo", "Wider"))]
)
async def test_none_is_lost_of_those_that_are_chosen_quickly(
    tg: FakeTelegram, tmp_path: Path, private: bool, chosen: tuple[str, ...]
) -> None:
    ann = tg.user("Ann")
    chat = tg.private_chat(ann) if private else tg.group("Friends", ann)
    async with running(tg, tmp_path):
        asked = await ask(chat)
        await tg.wait_confirmed()
    for button in chosen:
        await chat.press(asked, button)
    async with running(tg, tmp_path):
        await tg.wait_confirmed()
        assert {*chosen} <= {*ticked(await ask(chat))}
        await chat.wait_until(lambda: {*chosen} <= {*ticked(asked)})


@pytest.mark.parametrize(
    ("privacy", "status", "told"), [(True, "member", True), (True, "administrator", False), (False, "member", False)]
)
async def test_whether_it_could_see_every_photo(
    tg: FakeTelegram, tmp_path: Path, privacy: bool, status: str, told: bool
) -> None:
    tg.world.reads_all = not privacy
    group = tg.group("Friends", tg.user("Owner"))
    group.state.members[tg.bot.id] = status
    async with running(tg, tmp_path):
        assert ("/setprivacy" in (await ask(group)).text) is told


async def test_every_photo_brings_its_picture_and_nothing_else(tg: FakeTelegram, tmp_path: Path) -> None:
    group = tg.group("Friends", tg.user("Owner"), privacy=False, topics=(3,))
    async with running(tg, tmp_path) as service:
        await decide(service, group, every=True, faces=Faces.LARGEST, crop=Crop.WIDE)
        sent = await group.send_photo(picture(), thread=3)
        answer = await group.wait_photo()
        assert (answer.reply_to, answer.body["message_thread_id"]) == (sent.id, 3)
        assert group.history == [answer]
        [options] = service.painter.options
        assert (options.faces, options.crop) == (Faces.LARGEST, Crop.WIDE)

        album = await group.send_album([picture(colour="red"), picture(colour="blue")])
        both = await group.wait_answers(2, lambda m: m.album is not None)
        assert both[0].reply_to == album[0].id

        service.painter.error = NoFace("none")
        await group.send_photo(picture(colour="gold"))
        await group.send_text("hello")
        await group.send_media("sticker")
        await tg.wait_confirmed()
        await group.send_photo(picture(colour="pink"), caption="/anime")  # asked: here the reason is told
        told = await group.wait_for(lambda m: "can't find a face" in m.text)
        assert [m for m in group.history if "can't find a face" in m.text] == [told]
        assert len(service.painter.photos) == 5


async def test_whoever_only_posts_photos_there_is_not_paused(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restraint, "STRIKES", 2)
    monkeypatch.setattr(restraint, "TOGETHER", 0.0)
    group = tg.group("Friends", tg.user("Owner"), privacy=False)
    async with running(tg, tmp_path, limits_hour=1) as service:
        await decide(service, group, every=True)
        await group.send_photo(picture())
        assert (await group.wait_photo()).text == "Here you are."
        for colour in ("red", "green", "blue"):
            await group.send_photo(picture(colour=colour))
        await tg.wait_confirmed()
        person = f"telegram:{group.user.id}"
        assert (await service.studio.people.get(person)).paused_until == 0.0
        for _ in range(2):
            await group.send_photo(picture(), caption="/anime")
        await group.wait_answers(2, lambda m: "short break" in m.text)
        await tg.wait_confirmed()
        assert (await service.studio.people.get(person)).paused_until > 0.0


async def test_when_asked_is_silent_about_other_photos(tg: FakeTelegram, tmp_path: Path) -> None:
    group = tg.group("Friends", tg.user("Owner"), privacy=False)
    async with running(tg, tmp_path) as service:
        await group.send_photo(picture())
        await group.send_album([picture(colour="red"), picture(colour="blue")])
        await tg.wait_confirmed()
        assert service.painter.photos == []
    assert group.history == []


async def test_for_admins_alone(tg: FakeTelegram, tmp_path: Path) -> None:
    owner, ann = tg.user("Owner"), tg.user("Ann")
    group, channel = tg.group("Friends", owner, ann, privacy=False), tg.channel("News")
    async with running(tg, tmp_path) as service:
        await decide(service, group, every=True, admins_only=True)
        await group.send_photo(picture(), by=ann)
        await group.send_photo(picture(), as_chat=channel)
        await tg.wait_confirmed()
        assert group.history == []
        await group.send_photo(picture(), caption="/anime", by=ann)
        assert (await group.wait_answers(1))[0].text == "In this group only admins may ask me for pictures."
        for how in ({"by": owner}, {"as_chat": group}, {"as_chat": channel, "from_channel": True}):
            sent = await group.send_photo(picture(colour="red"), **how)
            await group.wait_for(lambda m, sent=sent: m.kind == "photo" and m.reply_to == sent.id)  # type: ignore[misc]
        persons = [f"telegram:{number}" for number in (owner.id, group.id, channel.id)]
        assert [len(await service.database.jobs.of(person)) for person in persons] == [1, 1, 1]


async def test_an_anonymous_admin_opens_the_settings(tg: FakeTelegram, tmp_path: Path) -> None:
    owner = tg.user("Owner")
    group = tg.group("Friends", owner)
    async with running(tg, tmp_path):
        await group.send_text("/settings", as_chat=group)
        asked = (await group.wait_answers(1))[0]
        await (await group.press(asked, "Every photo", by=owner)).answer()  # who presses is no secret to Telegram
        await group.wait_until(lambda: ticked(asked) == ["Every photo", "For everybody"])


async def test_when_telegram_does_not_name_the_admins_nothing_changes(tg: FakeTelegram, tmp_path: Path) -> None:
    group = tg.group("Friends", tg.user("Owner"))
    async with running(tg, tmp_path):
        asked = await ask(group)
        tg.fail("getChatAdministrators", 400, "Bad Request: CHAT_ADMIN_REQUIRED")
        said = await (await group.press(asked, "Every photo")).answer()
        assert said["text"] == "Only admins of this group can change that."


async def test_the_rules_move_along_when_a_group_becomes_a_supergroup(tg: FakeTelegram, tmp_path: Path) -> None:
    group = tg.group("Few", tg.user("Owner"), supergroup=False)
    async with running(tg, tmp_path) as service:
        await decide(service, group, every=True)
        moved = group.migrate()
        await tg.wait_confirmed()
        assert ticked(await ask(moved))[0] == "Every photo"
        assert (await service.database.people.get(f"telegram-chat:{group.id}")).settings == "{}"


def test_rules_read_back() -> None:
    rules = GroupRules(True, True, Faces.ALL, Crop.TIGHT)
    assert GroupRules.from_json(rules.to_json()) == rules
    assert GroupRules.from_json("{}") == GroupRules()
