"""Words with numbers in them, and the note that finds a chat again."""

from dataclasses import replace

import pytest

from bots.allowance import Allowance
from bots.requests import Delivery, Picture, Progress, Refused, Stage
from bots.telegram.reply import ReplyTo
from bots.telegram.speech import Speech
from bots.words import Words
from config import load_settings

NOW = 1_700_000_000.0


@pytest.fixture
def speech() -> Speech:
    return Speech(Words.load(), load_settings(), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(Stage.WAITING, 3), "You are number 3 in the queue."),
        (Progress(Stage.WAITING, 3, 41.2), "You are number 3 in the queue, about 42 s to go."),
        (Progress(Stage.PAINTING), "Painting…"),
        (Progress(Stage.PAINTING, eta=0.2), "Painting, about 1 s to go…"),
    ],
)
def test_progress(speech: Speech, progress: Progress, expected: str) -> None:
    assert speech.progress("en", progress) == expected


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (Refused("over_quota", "", NOW + 12), "Please try again in 12 seconds."),
        (Refused("over_quota", "", NOW - 5), "Please try again in 1 second."),
        (Refused("queue_full", "", NOW + 90), "Please try again in 2 minutes."),
        (Refused("waiting_quota", ""), "Please wait for those first."),
        (Refused("photo_too_large", ""), "Up to 20 MB and 50 megapixels work."),
        (Refused("unheard_of", ""), "(Reference abcd)"),
    ],
)
def test_refusals(speech: Speech, refused: Refused, expected: str) -> None:
    assert speech.refusal("en", refused, "abcd").endswith(expected)


def test_every_failure_is_filled_in(speech: Speech) -> None:
    catalogue = speech.words.catalogues["en"]
    codes = [key.removeprefix("failed.") for key in catalogue if key.startswith("failed.")]
    for code in [*codes, "cancelled", "no_such_code"]:
        assert "{" not in speech.failure("en", code, "abcd")
    assert speech.failure("en", "cancelled", "abcd") == "Cancelled."


def test_caption_counts_faces_only_when_some_are_left_out(speech: Speech) -> None:
    picture = Picture(b"png", b"png")
    assert speech.caption("en", Delivery((picture, picture), 2), "ref") == "Here you are."
    assert speech.caption("en", Delivery((picture,), 4), "ref") == "Here you are: 1 of the 4 faces I found."


def test_caption_names_the_photos_of_an_album_that_were_not_painted(speech: Speech) -> None:
    picture = Picture(b"png", b"png")
    missed = ("", "no_face", "", "unreadable", "no_face", "engine_failed")
    lines = speech.caption("en", Delivery((picture, picture), 2, missed), "abcd").split("\n")
    assert lines[0] == "Here you are."
    assert [line.split(":")[0] for line in lines[1:]] == ["Photo 6", "Photo 2, 5", "Photo 4"]
    assert lines[1].endswith("(Reference abcd)")


@pytest.mark.parametrize(
    ("few", "line"),
    [
        (Allowance(1, NOW + 90), "1 photo left for now. More in 2 minutes."),
        (Allowance(0, NOW - 5), "That was your last photo for now. More in 1 minute."),
    ],
)
def test_a_caption_tells_when_few_photos_are_left(speech: Speech, few: Allowance, line: str) -> None:
    delivery = Delivery((Picture(b"png", b"png"),), 1)
    assert speech.caption("en", delivery, "ref", few) == f"Here you are.\n{line}"


def test_captions_fit_whatever_was_missed(speech: Speech) -> None:
    codes = [key.removeprefix("failed.") for key in speech.words.catalogues["en"] if key.startswith("failed.")]
    for language in speech.words.languages:
        caption = speech.caption(language, Delivery((Picture(b"", b""),), 1, ("", *codes)), "abcd")
        assert len(caption) <= 1_024
        assert len(caption.split("\n")) > 4, "at least the usual reasons have room"


@pytest.mark.parametrize("to", [ReplyTo(-100, 7, 3, 9), ReplyTo(5, 1), ReplyTo(5, 1, items=(1, 2), shown=(8, 9))])
def test_the_note_of_a_job_reads_back(to: ReplyTo) -> None:
    assert ReplyTo.from_json(to.to_json()) == to
    assert to.group == (to.chat_id < 0)
    assert to.with_status(to.chat_id, 11) == replace(to, status_id=11)
    moved = ReplyTo(-7, None, None, 11, items=to.items)
    assert to.with_status(-7, 11) == moved, "a photo of the old chat is no message of the new one"
