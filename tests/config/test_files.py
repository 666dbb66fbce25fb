"""The files that settings come from: what is misspelt in them, and what can't be read."""

from pathlib import Path

import pytest

from config import ConfigError, Settings, load_settings


@pytest.fixture
def toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "selfie2anime.toml"
    monkeypatch.setitem(Settings.model_config, "toml_file", str(path))
    return path


@pytest.fixture
def dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", str(path))
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("web_prot = 1001", "web_prot is no setting, but web_port is"),
        ("telegram_tokn = 'x'", "telegram_tokn is no setting, but telegram_token is"),
        ("[web]\nport = 1001", "web is no setting"),
        ("qqq = 1", "qqq is no setting"),
    ],
)
def test_an_unknown_name_in_toml_stops_the_start(toml: Path, line: str, said: str) -> None:
    toml.write_text(f"model_batch = 2\n{line}\n")
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert str(error.value).startswith(f"Wrong settings in {toml}:\n  {said}")


def test_every_unknown_name_in_toml_is_told_at_once(toml: Path) -> None:
    toml.write_text("web_prot = 1\nmodel_bach = 2\n")
    with pytest.raises(ConfigError, match=r"(?s)web_port.*model_batch"):
        load_settings()


def test_names_in_toml_may_be_written_large(toml: Path) -> None:
    toml.write_text("WEB_PORT = 1001\n")
    assert load_settings().web_port == 1001


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("TELEGRAM_TOKN", "TELEGRAM_TOKN is no setting, but TELEGRAM_TOKEN is"),
        ("LIMITS_PER_HOUR", "LIMITS_PER_HOUR is no setting, but LIMITS_HOUR is"),
        ("TELEGARM_TOKEN", "TELEGARM_TOKEN is no setting, but TELEGRAM_TOKEN is"),
        ("ADMIN", "ADMIN is no setting, but ADMINS is"),
        ("web_prot", "WEB_PROT is no setting, but WEB_PORT is"),
    ],
)
def test_a_misspelt_name_in_dotenv_is_told_but_not_its_value(
    dotenv: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    dotenv.write_text(f"{name}=hidden\nWEB_PORT=1002\n")
    assert load_settings().web_port == 1002
    assert capsys.readouterr().err == f"{dotenv}: {said}\n"


def test_what_is_for_other_programs_is_left_alone(dotenv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dotenv.write_text("AWS_ENDPOINT_URL=http://x\nCOMPOSE_PROJECT_NAME=x\nHTTP_PROXY=x\nTZ=UTC\nLOG_LEVEL=error\n")
    assert load_settings().log_level == "error"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("file", ["toml", "dotenv"])
def test_a_file_that_is_no_utf_8_is_named(file: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(file)
    path.write_text("WEB_PORT=1001\n", encoding="utf-16")
    with pytest.raises(ConfigError) as error:
        load_settings()
    assert str(error.value) == f"Cannot read the settings in {path}: it is no UTF-8 text. Save it as UTF-8."


@pytest.mark.parametrize("file", ["toml", "dotenv"])
def test_a_mark_at_the_beginning_does_no_harm(
    file: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    path: Path = request.getfixturevalue(file)
    path.write_text("web_port=1001\n", encoding="utf-8-sig")
    assert load_settings().web_port == 1001
    assert capsys.readouterr().err == ""


def test_what_is_no_toml_is_named(toml: Path) -> None:
    toml.write_text("web_port = = 1")
    with pytest.raises(ConfigError, match=f"Cannot read the settings in {toml}: Invalid value .at line 1"):
        load_settings()


@pytest.mark.parametrize("given", ["123", "'123'", "[123]"])
def test_a_list_of_one_may_be_written_without_brackets(toml: Path, given: str) -> None:
    toml.write_text(f"discord_guilds = {given}\n")
    assert load_settings().discord_guilds == (123,)


@pytest.mark.parametrize("given", ["true", "1.5"])
def test_what_is_no_number_is_still_refused(toml: Path, given: str) -> None:
    toml.write_text(f"discord_guilds = {given}\n")
    with pytest.raises(ConfigError, match="DISCORD_GUILDS"):
        load_settings()
