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
