"""Settings of the service, in the order environment, `.env`, `selfie2anime.toml`, defaults (first found wins)."""

import re
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.errors import ConfigError, explain
from config.files import ENCODING, TomlFile, misspelt, no_text
from config.mail import is_mail_url, is_sender
from config.urls import has_space, is_url

Numbers = Annotated[tuple[int, ...], NoDecode]
Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Every choice an operator has. Names are the contract; `.env.example` has a line for each.

    Times are seconds, sizes are bytes, unless the name says otherwise.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding=ENCODING,
        toml_file="selfie2anime.toml",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
    )

    telegram_token: SecretStr | None = Field(None, description="Token from @BotFather; empty: Telegram is off")
    telegram_base_url: str = Field("https://api.telegram.org/bot", description="Bot API server, with its /bot ending")
    telegram_file_url: str = Field("https://api.telegram.org/file/bot", description="Where its files are downloaded")
    telegram_webhook_url: str | None = Field(None, description="Public https address for updates; empty: polling")
    telegram_webhook_secret: SecretStr | None = Field(None, description="Secret token sent with every webhook call")

    discord_token: SecretStr | None = Field(None, description="Bot token; empty: Discord is off")
    discord_api_url: str | None = Field(None, description="REST proxy in place of https://discord.com/api/v10")
    discord_gateway_url: str | None = Field(None, description="Gateway in place of the one that Discord names")
    discord_guilds: Numbers = Field(
        (), description="The only servers with the commands: none in direct messages or added apps; empty: everywhere"
    )

    web_host: str = Field("127.0.0.1", description="Address that the page and the API listen on")
    web_port: int = Field(8080, ge=0, le=65535, description="Port of the page and the API; 0 picks a free one")
    web_public_url: str | None = Field(None, description="Address under which visitors reach the page")
    web_proxies: Words = Field(
        ("127.0.0.1", "::1"), description="Addresses or networks of reverse proxies, who may name a visitor's address"
    )

    mail_url: SecretStr | None = Field(
        None, description="smtp://user:pass@host:587 or smtps://…:465; empty: no e-mail is sent"
    )
    mail_from: str | None = Field(
        None, description="Sender of e-mails, as bot@example.org or Selfie2Anime <bot@example.org>"
    )

    storage_url: str = Field("file:data/objects", description="file:PATH or s3://BUCKET/PREFIX")
    storage_link_ttl: int = Field(86_400, ge=60, le=604_800, description="Seconds that a signed link works")
    database_path: Path = Field(Path("data/selfie2anime.db"), description="SQLite file with jobs and people")
    queue_url: str = Field("local:", description="local: or sqs://NAME")

    model_weights: str = Field("bundled:fast", description="bundled:NAME or a safetensors file")
    model_weights_reverse: str | None = Field(
        None, description="The same for anime to selfie; empty: the file beside, NAME-anime2selfie.safetensors"
    )
    model_backend: Literal["auto", "tensorflow", "jax", "torch", "openvino"] = Field(
        "auto", description="What runs the network; auto: of those installed the one measured to be the quickest here"
    )
    model_devices: Words = Field(("auto",), description="auto, cpu, or gpu:0,gpu:1")
    model_precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 where the processor computes it natively, else float32"
    )
    model_batch: int = Field(
        8, ge=1, le=256, description="Largest batch; of the powers of two up to it an engine uses those that pay"
    )

    limits_photo_bytes: int = Field(20_000_000, ge=1_000, description="Largest photo taken in")
    limits_photo_pixels: int = Field(
        50_400_000, ge=10_000, description="Most pixels a photo may have; phones call 8192 x 6144 fifty megapixels"
    )
    limits_photo_side: int = Field(12_000, ge=256, description="Longest side of a photo, pixels")
    limits_faces: int = Field(6, ge=1, le=10, description="Faces painted of one photo")
    limits_queue: int = Field(1_000, ge=1, description="Jobs waiting before new ones are refused")
    limits_waiting: int = Field(3, ge=1, description="Jobs that one person may have waiting")
    limits_minute: int = Field(5, ge=1, description="Photos or albums a person may send in a minute")
    limits_hour: int = Field(30, ge=1, description="Photos a person may send in an hour, those in albums too")
    limits_address: int = Field(100, ge=1, description="Uploads from one web address in 5 minutes")
    limits_decode_seconds: float = Field(10.0, gt=0, description="Longest time that decoding one photo may take")
    limits_decode_bytes: int = Field(1 << 30, ge=1 << 28, description="Memory that decoding may take")
    limits_deadline: float = Field(3_600.0, gt=0, description="Seconds until a waiting job is given up")
    limits_grace: float = Field(60.0, ge=0, description="Seconds to finish work after SIGTERM")
    limits_keep_inputs: int = Field(3_600, ge=0, description="Seconds that a photo is kept after its delivery")
    limits_keep_results: int = Field(604_800, ge=60, description="Seconds that a result is kept")

    admins: Words = Field((), description="People who run the bot, as telegram:ID, discord:ID")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    log_format: Literal["auto", "text", "json"] = Field("auto", description="auto: text on a terminal, else json")

    @field_validator("discord_guilds", "web_proxies", "model_devices", "admins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if type(value) is int:  # one alone, in selfie2anime.toml
            value = str(value)
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("web_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(part)) if "/" in part else str(ip_address(part)) for part in value)
        except ValueError:
            raise ValueError("must be a list of addresses or networks such as 10.0.0.7,10.1.0.0/16") from None

    @field_validator("model_devices")
    @classmethod
    def _devices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value in {("auto",), ("cpu",)} or (value and all(re.fullmatch(r"gpu:\d+", v) for v in value)):
            return value
        raise ValueError("must be auto, cpu, or a list such as gpu:0,gpu:1")

    @field_validator("admins")
    @classmethod
    def _admins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if all(re.fullmatch(r"(telegram|discord):[0-9]+|web:\S+", v) for v in value):
            return value
        raise ValueError("must be a list such as telegram:12345,discord:67890, of numbers and not of names")

    @field_validator("storage_url")
    @classmethod
    def _storage(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme == "file" and url.path and not url.netloc:  # a folder may have spaces in its name
            return value
        if url.scheme == "s3" and url.netloc and not has_space(value):
            return value
        raise ValueError("must be file:PATH or s3://BUCKET/PREFIX, such as file:data/objects")

    @property
    def fleet(self) -> bool:
        """Whether workers elsewhere paint, over SQS."""
        return self.queue_url.startswith("sqs://")

    @field_validator("queue_url")
    @classmethod
    def _queue(cls, value: str) -> str:
        if value == "local:" or re.fullmatch(r"sqs://[\w.-]+", value):
            return value
        raise ValueError("must be local: or sqs://NAME")

    @field_validator("telegram_base_url")
    @classmethod
    def _bot_api(cls, value: str) -> str:
        if is_url(value, "http", "https") and value.endswith("/bot") and not value.endswith("/file/bot"):
            return value
        raise ValueError("must be an address that ends in /bot, such as http://127.0.0.1:8081/bot")

    @field_validator("telegram_file_url")
    @classmethod
    def _bot_files(cls, value: str) -> str:
        if is_url(value, "http", "https") and value.endswith("/file/bot"):
            return value
        raise ValueError("must be an address that ends in /file/bot, such as http://127.0.0.1:8081/file/bot")

    @field_validator("telegram_webhook_url", "discord_api_url", "web_public_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is None or is_url(value, "http", "https"):
            return value
        raise ValueError("must be an http:// or https:// address")

    @field_validator("discord_gateway_url")
    @classmethod
    def _gateway(cls, value: str | None) -> str | None:
        if value is None or is_url(value, "ws", "wss"):
            return value
        raise ValueError("must be a ws:// or wss:// address")

    @field_validator("telegram_token")
    @classmethod
    def _telegram_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or re.fullmatch(r"\d+:[\w-]{20,}", value.get_secret_value()):
            return value
        raise ValueError("must look like 123456789:AAF… as @BotFather gives it")

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()):
            return value
        raise ValueError("must be 16 to 256 letters, digits, _ and -")

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or is_mail_url(value.get_secret_value()):
            return value
        raise ValueError("must be smtp://user:pass@host:587 or smtps://user:pass@host:465, with %40 for an @ in user")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is None or is_sender(value):
            return value
        raise ValueError("must be an address such as bot@example.org or Selfie2Anime <bot@example.org>")

    @model_validator(mode="after")
    def _webhook_pair(self) -> Self:
        if self.telegram_webhook_url and not self.telegram_webhook_secret:
            raise ValueError("TELEGRAM_WEBHOOK_URL needs TELEGRAM_WEBHOOK_SECRET as well")
        return self

    @model_validator(mode="after")
    def _mail_parts(self) -> Self:
        needed = {"MAIL_FROM": self.mail_from, "WEB_PUBLIC_URL": self.web_public_url}
        missing = [name for name, value in needed.items() if not value]
        if self.mail_url and missing:
            raise ValueError(
                f"MAIL_URL needs {' and '.join(missing)} as well: mails have a sender, and lead to the page"
            )
        return self

    @property
    def public_url(self) -> str:
        """Address that links to the page begin with, without a slash at the end."""
        host = "127.0.0.1" if self.web_host in {"0.0.0.0", "::"} else self.web_host
        return (self.web_public_url or f"http://{host}:{self.web_port}").rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        if isinstance(dotenv_settings, DotEnvSettingsSource):
            for line in misspelt(dotenv_settings.env_vars, settings_cls.model_fields):
                print(f"{dotenv_settings.env_file}: {line}", file=sys.stderr)  # how to log is among the settings
        return init_settings, env_settings, dotenv_settings, TomlFile(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` win over every other source. Names misspelt in `.env` are told on stderr.

    Raises:
        ConfigError: a value is not allowed; the text names the key, what was given and what is allowed. Or
            `selfie2anime.toml` names what is no setting, or one of the files can't be read; the text names the file.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise explain(error) from None
    except UnicodeDecodeError:
        raise no_text(overrides.get("_env_file", Settings.model_config["env_file"])) from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"Cannot read the settings: {error}") from error
