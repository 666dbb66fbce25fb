"""Settings: where they come from, what is refused, and that their reference is complete."""

from pathlib import Path

import pytest

from config import ConfigError, Settings, load_settings
from config.reference import env_example, markdown_table

ROOT = Path(__file__).parents[2]


def test_defaults_need_no_account():
    settings = load_settings()
    assert settings.telegram_token is None
    assert settings.discord_token is None
    assert settings.storage_url.startswith("file:")
    assert settings.queue_url == "local:"


@pytest.mark.parametrize(
    ("key", "given", "allowed"),
    [
        ("WEB_PORT", "eighty", "integer"),
        ("WEB_PORT", "70000", "65535"),
        ("STORAGE_URL", "ftp://host/x", "s3://BUCKET/PREFIX"),
        ("STORAGE_URL", "file://data/objects", "file:data/objects"),
        ("QUEUE_URL", "redis://x", "local: or sqs://NAME"),
        ("MODEL_DEVICES", "gpu", "auto, cpu"),
        ("MODEL_PRECISION", "half", "'bfloat16'"),
        ("MODEL_BATCH", "0", "greater than or equal to 1"),
        ("LIMITS_HOUR", "-1", "greater than or equal to 1"),
        ("ADMINS", "me", "telegram:12345"),
        ("ADMINS", "telegram:@me", "numbers and not of names"),
        ("ADMINS", "discord:me", "numbers and not of names"),
        ("ADMINS", "telegram:5, discord:me", "numbers and not of names"),
        ("DISCORD_GUILDS", "home", "integer"),
        ("WEB_PUBLIC_URL", "example.org", "http:// or https://"),
        ("WEB_PUBLIC_URL", "https://exa mple.org", "http:// or https://"),
        ("WEB_PUBLIC_URL", "https://example.org ", "http:// or https://"),
        ("WEB_PUBLIC_URL", "https://:80", "http:// or https://"),
        ("WEB_PUBLIC_URL", "https://example.org:http", "http:// or https://"),
        ("DISCORD_API_URL", "http://[::1", "http:// or https://"),
        ("DISCORD_GATEWAY_URL", "https://x", "ws:// or wss://"),
        ("DISCORD_GATEWAY_URL", "wss://x y", "ws:// or wss://"),
        ("STORAGE_URL", "s3://bucket/my selfies", "s3://BUCKET/PREFIX"),
        ("TELEGRAM_BASE_URL", "http://127.0.0.1:8081", "ends in /bot, such as http://127.0.0.1:8081/bot"),
        ("TELEGRAM_BASE_URL", "https://api.telegram.org", "ends in /bot,"),
        ("TELEGRAM_BASE_URL", "https://api.telegram.org/bot/", "ends in /bot,"),
        ("TELEGRAM_BASE_URL", "https://api.telegram.org/file/bot", "ends in /bot,"),
        ("TELEGRAM_BASE_URL", "api.telegram.org/bot", "such as http://"),
        ("TELEGRAM_FILE_URL", "http://127.0.0.1:8081/bot", "ends in /file/bot"),
        ("MAIL_FROM", "nobody", "bot@example.org"),
        ("MAIL_FROM", "Bot <bot@example.org>, x@example.org", "bot@example.org"),
        ("LOG_LEVEL", "loud", "'warning'"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_allowed(monkeypatch, key, given, allowed):
    monkeypatch.setenv(key, given)
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert key in str(error.value)
    assert given in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("key", "secret"),
    [("TELEGRAM_TOKEN", "12:hidden"), ("MAIL_URL", "http://user:hidden@host"), ("TELEGRAM_WEBHOOK_SECRET", "hidden")],
)
def test_a_wrong_secret_is_not_repeated(monkeypatch, key, secret):
    monkeypatch.setenv(key, secret)
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert key in str(error.value)
    assert "hidden" not in str(error.value)


def test_every_wrong_key_is_named_at_once(monkeypatch):
    monkeypatch.setenv("WEB_PORT", "x")
    monkeypatch.setenv("STORAGE_URL", "x")
    with pytest.raises(ConfigError, match=r"(?s)WEB_PORT.*STORAGE_URL"):
        load_settings()


MAIL = {"mail_from": "bot@example.org", "web_public_url": "https://example.org"}


@pytest.mark.parametrize(
    "url", ["smtp://host", "smtp://127.0.0.1:2525", "smtp://user:pass@host:587", "smtps://u%40x:p%2Fw@host:465"]
)
def test_mail_accounts(url):
    assert load_settings(mail_url=url, **MAIL).mail_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "smtp://",
        "host:587",
        "smtp://user@host",
        "smtp://:hidden@host",
        "smtp://user:hid/den@host:587",
        "smtp://user:hidden@host:many",
        "smtp://user:hidden@host/path",
        "smtp://user:hid den@host",
        "smtp://user:hidden@host\n",
    ],
)
def test_a_mail_account_that_is_none_is_not_repeated(url):
    with pytest.raises(ConfigError, match=r"MAIL_URL = \(not shown\): must be smtp://") as error:
        load_settings(mail_url=url, **MAIL)
    assert "hid" not in str(error.value)


@pytest.mark.parametrize("missing", ["mail_from", "web_public_url"])
def test_mails_need_a_sender_and_a_page_without_showing_the_password(missing):
    given = {name: value for name, value in MAIL.items() if name != missing}
    with pytest.raises(ConfigError, match=f"MAIL_URL needs {missing.upper()} as well") as error:
        load_settings(mail_url="smtp://user:hidden@host", **given)
    assert "hidden" not in str(error.value)


def test_a_folder_of_objects_may_have_spaces_in_its_name():
    assert load_settings(storage_url="file:/home/ann/my data").storage_url == "file:/home/ann/my data"


def test_a_webhook_needs_its_secret():
    with pytest.raises(ConfigError, match="TELEGRAM_WEBHOOK_SECRET"):
        load_settings(telegram_webhook_url="https://example.org/telegram")


def test_environment_wins_over_dotenv_over_toml(monkeypatch, tmp_path):
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    monkeypatch.setitem(Settings.model_config, "toml_file", str(tmp_path / "selfie2anime.toml"))
    (tmp_path / "selfie2anime.toml").write_text("web_port = 1001\nmodel_batch = 2\nlog_level = 'error'\n")
    (tmp_path / ".env").write_text("WEB_PORT=1002\nMODEL_BATCH=4\n")
    monkeypatch.setenv("WEB_PORT", "1003")
    settings = load_settings()
    assert (settings.web_port, settings.model_batch, settings.log_level) == (1003, 4, "error")


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("DISCORD_GUILDS", "1, 2")
    monkeypatch.setenv("MODEL_DEVICES", "gpu:0,gpu:1")
    monkeypatch.setenv("ADMINS", "telegram:5,discord:6")
    monkeypatch.setenv("WEB_PROXIES", "10.0.0.7, fd00::/8")
    settings = load_settings()
    assert settings.web_proxies == ("10.0.0.7", "fd00::/8")
    assert settings.discord_guilds == (1, 2)
    assert settings.model_devices == ("gpu:0", "gpu:1")
    assert settings.admins == ("telegram:5", "discord:6")


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.0/33", "*"])
def test_a_proxy_is_an_address_or_a_network(monkeypatch, wrong):
    monkeypatch.setenv("WEB_PROXIES", wrong)
    with pytest.raises(ConfigError, match=r"WEB_PROXIES.*10\.1\.0\.0/16"):
        load_settings()


def test_the_reference_is_complete():
    assert (ROOT / ".env.example").read_text() == env_example(), "run: python -m config env > .env.example"
    assert markdown_table() in (ROOT / "README.md").read_text(), "the README's table is that of: python -m config table"


def test_the_example_means_the_defaults_to_docker_as_well(monkeypatch):
    defaults = load_settings()
    examples = [line[1:] for line in env_example().splitlines() if line.startswith("#") and line[1:2] not in {"", " "}]
    assert len(examples) == len(Settings.model_fields)
    for example in examples:  # as `docker run --env-file` reads it: all that follows, comments and quotes included
        name, _, value = example.partition("=")
        monkeypatch.setenv(name, value)
    assert load_settings() == defaults
