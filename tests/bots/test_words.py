"""The words: every language falls back to English, every code has a sentence."""

import pytest

from bots.words import Words
from inference import errors

WORDS = Words.load()


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-GB", "en"),
        ("EN_us", "en"),
        ("xx", "en"),
        (None, "en"),
        ("", "en"),
        ("pt-BR", "pt"),
        ("zh-hans", "zh"),
        ("es-419", "es"),
        ("RU", "ru"),
    ],
)
def test_a_tag_picks_its_catalogue(tag, code):
    assert WORDS.pick(tag) == code


def test_values_are_filled_in():
    assert "7" in WORDS.say("en", "waiting", position=7)


def test_every_error_has_words():
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.InferenceError):
            if error.code == "cancelled":  # said by whoever cancels
                continue
            assert f"failed.{error.code}" in WORDS.catalogues["en"], error.code


def test_an_unknown_code_gets_the_general_sentence_with_its_reference():
    assert "abc123" in WORDS.failure("en", "no-such-code", reference="abc123")


def test_an_unknown_key_is_a_mistake():
    with pytest.raises(KeyError):
        WORDS.say("en", "no.such.key")


@pytest.mark.parametrize(
    ("language", "number", "expected"),
    [
        ("en", 0, "0 days"),
        ("en", 1, "1 day"),
        ("ru", 1, "1 день"),
        ("ru", 3, "3 дня"),
        ("ru", 11, "11 дней"),
        ("ru", 21, "21 день"),
        ("pt", 0, "0 dia"),
        ("es", 2_000_000, "2000000 días"),
        ("ja", 1, "1日間"),
    ],
)
def test_plurals(language, number, expected):
    assert WORDS.count(language, "days", number) == expected
    assert expected in WORDS.say(language, "press.result_gone", result_days=number)


def test_a_plural_is_in_the_language_of_its_text():
    words = Words({"en": {"x": "{n:days}", "count.days.other": "{n} days"}, "ru": {"count.days.other": "{n} дней"}})
    assert words.say("ru", "x", n=7) == "7 days", "the text is English for want of a Russian one"
