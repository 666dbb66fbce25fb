"""Settings, language and being forgotten, each person in their private chat."""

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from bots.preferences import Preferences
from bots.telegram import albums
from bots.words import Words
from inference import Crop, Faces
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram, Message


def ticked(message: Message) -> list[str]:
    return [button["text"][2:] for button in message.buttons if button["text"].startswith("✓ ")]


async def test_settings_hold_for_the_next_photo_and_over_a_restart(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path):
        await chat.send_text("/settings")
        asked = (await chat.wait_answers(1))[0]
        assert ticked(asked) == ["All faces", "Normal", "Picture alone"]
        for button in ("Largest only", "Closer", "Side by side"):
            assert "text" not in await (await chat.press(asked, button)).answer()
            await chat.wait_until(lambda button=button: button in ticked(asked))  # type: ignore[misc]
        assert "text" not in await (await chat.press(asked, "✓ Side by side")).answer()
        assert ticked(asked) == ["Largest only", "Closer", "Side by side"]
    async with running(tg, tmp_path) as service:
        service.painter.found = 3
        await chat.send_photo(picture())
        answer = await chat.wait_photo()
        [options] = service.painter.options
        assert (options.faces, options.crop) == (Faces.LARGEST, Crop.TIGHT)
        with Image.open(io.BytesIO(answer.picture)) as image:
            assert image.size == (512, 256)
        labels = [b["text"] for b in answer.buttons]
        assert labels == ["Wider", "Next face", "All 3 faces", "As a file", "Sticker", "Delete"]
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        await reached(service.database, job.id, ENDED)
        await (await chat.press(answer, "All 3 faces")).answer()
        await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert service.painter.options[1].faces is Faces.ALL


async def test_the_chosen_language_is_used_for_every_answer(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = Words.load().catalogues["en"]
    other: Mapping[str, str] = {key: f"¡{text}!" for key, text in english.items()}
    words = Words({"en": english, "es": other | {"personal.language_name": "Español"}})
    monkeypatch.setattr(Words, "load", lambda: words)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann", language_code="en"))
        await chat.send_text("/language")
        asked = (await chat.wait_answers(1))[0]
        assert [b["text"] for b in asked.buttons] == ["✓ As in Telegram", "English", "Español"]
        await (await chat.press(asked, "Español")).answer()
        await chat.wait_until(lambda: asked.text == "¡Which language do you like to read?!")
        assert ticked(asked) == ["Español"]
        await chat.send_text("/privacy")
        assert (await chat.wait_answers(2))[1].text.startswith("¡Your photo")
        await chat.send_photo(picture())
        answer = await chat.wait_photo()
        assert answer.text == "¡Here you are.!"
        assert answer.buttons[0]["text"] == "¡Wider!"
        tg.fail("getFile", 400, "Bad Request: no such file")
        await chat.send_photo(picture(colour="red"))
        await chat.wait_for(lambda m: m.text.startswith("¡I could not get"))
        monkeypatch.setattr(service.studio, "progress_of", None)
        await chat.send_photo(picture(colour="gold"))
        await chat.wait_for(lambda m: m.text.startswith("¡Something went wrong"))
        await chat.wait_answers(2, lambda m: m.kind == "photo")
        await (await chat.press(asked, "¡As in Telegram!")).answer()
        await chat.wait_until(lambda: asked.text == "Which language do you like to read?")
        assert (await service.database.people.get(f"telegram:{chat.user.id}")).language is None


async def test_forgetting_asks_first_then_wipes_and_says_what(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        person = f"telegram:{chat.user.id}"
        await chat.send_photo(picture())
        await chat.wait_photo()
        [job] = await service.database.jobs.of(person)
        await reached(service.database, job.id, ENDED)
        await service.database.people.set_settings(person, Preferences(beside=True).to_json())
        service.painter.hold.clear()
        await chat.send_photo(picture(colour="red"))
        status = await chat.wait_for(lambda m: "Painting" in m.text)

        await chat.send_text("/forgetme")
        asked = await chat.wait_for(lambda m: "delete everything" in m.text)
        await (await chat.press(asked, "No, keep it")).answer()
        await chat.wait_until(lambda: asked.text == "All right, everything stays.")
        assert asked.buttons == []
        assert len(await service.database.jobs.of(person)) == 2

        await chat.send_text("/forgetme")
        asked = await chat.wait_for(lambda m: "delete everything" in m.text)
        await (await chat.press(asked, "Yes, delete everything")).answer()
        await chat.wait_until(lambda: "Deleted: 2 photos, 2 picture files." in asked.text)
        await chat.wait_until(lambda: status.deleted)
        service.painter.hold.set()
        assert await service.database.jobs.of(person) == []
        assert (await service.database.people.get(person)).settings == "{}"
        assert await service.store.stale("inputs/", 1e12) == await service.store.stale("results/", 1e12) == []


async def test_an_album_that_is_being_gathered_is_forgotten_and_what_comes_after_that_is_painted(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(albums, "QUIET", 0.5)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/forgetme")
        asked = await chat.wait_for(lambda m: "delete everything" in m.text)
        await chat.send_album([picture(), picture(300)])
        await (await chat.press(asked, "Yes, delete everything")).answer()
        await chat.wait_until(lambda: "Done" in asked.text)
        after = await chat.send_photo(picture(colour="red"))
        await tg.wait_confirmed()
        assert (await chat.wait_photo()).reply_to == after.id
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        await reached(service.database, job.id, ENDED)
        assert await service.store.stale("inputs/", 1e12) == [*job.inputs]
    assert len(chat.answers) == 2


async def test_in_a_group_personal_matters_stay_private(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        group = tg.group("Friends", tg.user("Ann"))
        for count, command in enumerate(("/language", "/forgetme"), start=1):
            await group.send_text(command)
            told = (await group.wait_answers(count))[-1]
            assert "private chat" in told.text
            assert told.buttons == []


def test_settings_written_by_an_earlier_version_are_completed() -> None:
    assert Preferences.from_json('{"crop": "wide"}') == Preferences(crop=Crop.WIDE)
    liked = Preferences(Faces.LARGEST, Crop.TIGHT, beside=True)
    assert Preferences.from_json(liked.to_json()) == liked
