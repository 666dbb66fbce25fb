"""The catalogues: every language says all that English says, with the same values, within the platforms' limits."""

import re
from string import Formatter

import pytest
from babel import Locale

from bots.words import COUNT, DEFAULT, Words

WORDS = Words.load()
CATALOGUES = WORDS.catalogues
ENGLISH = CATALOGUES[DEFAULT]
TRANSLATIONS = sorted(set(CATALOGUES) - {DEFAULT})
EVERY_TEXT = [(language, key) for language, texts in sorted(CATALOGUES.items()) for key in texts]

SAME_AS_ENGLISH = {
    "page.title": set(TRANSLATIONS),
    "page.after": {"de", "es", "pt"},
    "page.crop_default": {"de", "es", "pt"},
    "discord.command_anime_crop_default": {"de", "es", "pt"},
    "button.emoji": {"de", "es", "pt"},
    "button.normal": {"de", "es", "pt"},
    "button.sticker": {"de", "es"},
}
"""Names, and words that these languages share with English."""

LONG = {"time": "<t:1800000001:t>", "reference": "0123abcd", "megabytes": "1234.5"}
NUMBER = 12_345
"""Long values for placeholders; whatever is not named in LONG is a number."""

TELEGRAM_TEXT, TELEGRAM_CAPTION, TELEGRAM_COMMAND = 4_096, 1_024, 256
TELEGRAM_DESCRIPTION, TELEGRAM_SHORT_DESCRIPTION = 512, 120
TELEGRAM_ALERT = 200  # the answer to the press of a button
TELEGRAM_BUTTON = 36  # what a phone shows of a button that has a row for itself
DISCORD_TEXT, DISCORD_DESCRIPTION, DISCORD_NAME = 2_000, 100, 32
REFUSAL_AND_WAIT = 2  # a refusal and when to come again are said together

FOR_PROGRAMS = {
    "page.problem.not_multipart": ["multipart/form-data", "photo"],
    "page.problem.photo_missing": ["photo"],
    "page.problem.bad_faces": ["faces", "all", "largest"],
    "page.problem.bad_crop": ["crop", "default", "wide", "tight"],
    "page.problem.bad_whole": ["whole", "true", "false"],
    "page.problem.bad_region": ["region", "x,y,width,height"],
    "page.problem.no_mail": ["email"],
    "page.problem.bad_key": ["Idempotency-Key", "16", "200"],
    "telegram.anime": ["/anime"],
    "telegram.profile.description": ["/anime", "/forgetme"],
    "telegram.group.blind": ["@BotFather", "/setprivacy"],
    "telegram.broadcast.usage": ["/broadcast"],
    "telegram.reverse": ["/reverse"],
    "discord.help": ["/anime", "`private`", "`spoiler`"],
}
"""What people or programs have to type as it stands."""

EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def filled(language: str, key: str) -> str:
    return WORDS.say(
        language, key, **{name: LONG.get(name, NUMBER) for name in placeholders(CATALOGUES[language][key])}
    )


def plurals(language: str) -> dict[str, set[str]]:
    """The categories that each plural has forms for."""
    found: dict[str, set[str]] = {}
    for key in CATALOGUES[language]:
        if key.startswith(f"{COUNT}."):
            _, name, category = key.split(".")
            found.setdefault(name, set()).add(category)
    return found


def test_the_languages_of_the_product() -> None:
    assert set(CATALOGUES) == {"en", "ru", "zh", "ja", "es", "de", "pt"}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_key_is_missing_or_left_over(language: str) -> None:
    def counted(key: str) -> bool:
        return key.startswith(f"{COUNT}.")

    assert {key for key in CATALOGUES[language] if not counted(key)} == {key for key in ENGLISH if not counted(key)}


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_plurals_have_every_form_that_the_language_asks_for(language: str) -> None:
    asked_for = {str(Locale.parse(language).plural_form(number)) for number in range(1_000)} | {"other"}
    assert plurals(language) == dict.fromkeys(plurals(DEFAULT), asked_for)


def test_only_known_plurals_are_named() -> None:
    for language, key in EVERY_TEXT:
        named = {spec for _, _, spec, _ in Formatter().parse(CATALOGUES[language][key]) if spec}
        assert named <= set(plurals(language)), (language, key)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_same_values_are_filled_in(language: str) -> None:
    wrong = {
        key: placeholders(text)
        for key, text in CATALOGUES[language].items()
        if placeholders(text) != (["n"] if key.startswith(f"{COUNT}.") else placeholders(ENGLISH[key]))
    }
    assert wrong == {}


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_privacy_is_right_for_a_day_and_for_several(language: str) -> None:
    one, seven = (WORDS.say(language, "privacy", input_hours=1, result_days=days) for days in (1, 7))
    inflected = len(plurals(language)["days"]) > 1
    assert (one != seven.replace("7", "1")) == inflected, (one, seven)


def test_every_text_can_be_filled_in() -> None:
    for language, key in EVERY_TEXT:
        text = filled(language, key)
        assert text, (language, key)
        assert not re.search(r"[{}]", text), (language, key)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_nothing_is_left_in_english(language: str) -> None:
    same = {key for key, text in CATALOGUES[language].items() if text == ENGLISH.get(key)}
    assert same == {key for key, languages in SAME_AS_ENGLISH.items() if language in languages}


@pytest.mark.parametrize(
    ("language", "script"), [("ru", "[а-яё]"), ("zh", "[\u4e00-\u9fff]"), ("ja", "[\u3040-\u9fff]")]
)
def test_languages_are_written_in_their_own_script(language: str, script: str) -> None:
    foreign = {key for key, text in CATALOGUES[language].items() if not re.search(script, text)}
    # Lists of formats are the same in every script.
    assert foreign - {"page.formats"} == {"page.title"}


def test_what_has_to_be_typed_stays_as_it_is() -> None:
    for language, texts in CATALOGUES.items():
        for key, names in FOR_PROGRAMS.items():
            assert [name for name in names if name not in texts[key]] == [], (language, key)


def test_at_most_one_emoji_and_no_storm_of_exclamations() -> None:
    for language, key in EVERY_TEXT:
        text = CATALOGUES[language][key]
        assert len(EMOJI.findall(text)) <= 1, (language, key)
        assert len(re.findall("[!！]", text)) <= 1, (language, key)


def test_texts_have_no_stray_space() -> None:
    for language, key in EVERY_TEXT:
        text = CATALOGUES[language][key]
        assert text == text.strip(), (language, key)
        assert "  " not in text, (language, key)


def test_texts_fit_a_message_on_both_platforms() -> None:
    limit = min(TELEGRAM_TEXT, DISCORD_TEXT) // REFUSAL_AND_WAIT
    for language, key in EVERY_TEXT:
        assert _length(filled(language, key)) <= limit, (language, key)


def test_texts_under_pictures_fit_a_caption() -> None:
    for language in CATALOGUES:
        for key in ("done", "done_more"):
            assert 1 <= _length(filled(language, key)) <= TELEGRAM_CAPTION, (language, key)


def test_descriptions_of_commands_fit_their_menus() -> None:
    limits = {
        "telegram.command_": TELEGRAM_COMMAND,
        "telegram.profile.command_": TELEGRAM_COMMAND,
        "discord.command_": DISCORD_DESCRIPTION,
        "discord.menu_": DISCORD_NAME,
    }
    for prefix, limit in limits.items():
        assert any(key.startswith(prefix) for key in ENGLISH)
        for language, key in EVERY_TEXT:
            if key.startswith(prefix):
                assert 1 <= _length(filled(language, key)) <= limit, (language, key)


def test_what_telegram_shows_of_the_bot_fits() -> None:
    for language in CATALOGUES:
        assert 1 <= _length(filled(language, "telegram.profile.description")) <= TELEGRAM_DESCRIPTION, language
        assert 1 <= _length(filled(language, "telegram.profile.short")) <= TELEGRAM_SHORT_DESCRIPTION, language


def test_telegram_buttons_and_alerts_are_short() -> None:
    inline = {"telegram.inline.first", "telegram.inline.another"}
    alerts = {
        "press.gone",
        "telegram.not_yours",
        "telegram.not_allowed",
        "telegram.delete_yourself",
        "press.result_gone",
        "telegram.group.for_admins",
    }
    for language, key in EVERY_TEXT:
        if ".button_" in key or key.startswith("button.") or key in inline:
            assert _length(filled(language, key)) <= TELEGRAM_BUTTON, (language, key)
        if key in alerts:
            assert _length(filled(language, key)) <= TELEGRAM_ALERT, (language, key)


def test_discord_choices_differ_from_one_another() -> None:
    for language, texts in CATALOGUES.items():
        for option in ("faces", "crop"):
            names = [text for key, text in texts.items() if key.startswith(f"discord.command_anime_{option}_")]
            assert len(names) == len(set(names)) >= 2, (language, option)


def test_help_names_the_menu_entry_as_people_see_it() -> None:
    for language, texts in CATALOGUES.items():
        assert texts["discord.menu_anime"] in texts["discord.help"], language


def _length(text: str) -> int:
    """In UTF-16 units, the longest way in which a platform may count."""
    return len(text.encode("utf-16-le")) // 2
