"""What an e-mail says: that the pictures are there, or why there are none, in the language of whoever asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from importlib import resources
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from bots.dates import until
from bots.words import Words
from config import Settings
from storage import Job, State


def _templates() -> Environment:
    folder = Path(str(resources.files("bots"))) / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=select_autoescape(["html"]))


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes them.

    Args:
        page: address of the page that shows a job's result.
        sign: see `bots.seal.Seal.sign`.
    """

    settings: Settings
    words: Words
    page: Callable[[str], str]
    sign: Callable[[str, str], str]
    templates: Environment = field(default_factory=_templates)

    def write(self, job: Job, to: str, now: float) -> EmailMessage:
        """The mail about a job that has ended with pictures or without."""
        language = self.words.pick(job.language)
        delivered = job.state is State.DELIVERED
        texts = self._ready(job, language) if delivered else self._failed(job, language)
        site = self.settings.public_url
        texts |= {"language": language, "footer": self.words.say(language, "mail.footer", site=site)}
        message = EmailMessage(SMTP)
        message["From"] = self.settings.mail_from
        message["To"] = to
        message["Subject"] = self.words.say(language, "mail.subject" if delivered else "mail.subject_failed")
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Message-ID"] = self.message_id(job)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.templates.get_template("mail.txt").render(texts), cte="quoted-printable")
        html = self.templates.get_template("mail.html").render(texts)
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        message["Content-Language"] = language  # last: what describes content moves into the parts otherwise
        return message

    def message_id(self, job: Job) -> str:
        """Always the same for a job, so that what is sent again after a crash is known as the same mail.

        Signed rather than the job's own id: mail servers write it into their logs, and the id opens the result.
        """
        _, sender = parseaddr(self.settings.mail_from or "")
        return f"<{self.sign('message id', job.id)}@{sender.rpartition('@')[2]}>"

    def _ready(self, job: Job, language: str) -> dict[str, str]:
        day = until(job, self.settings, language)
        return {
            "lead": self.words.say(language, "mail.ready"),
            "link": self.page(job.id),
            "button": self.words.say(language, "mail.button"),
            "more": self.words.say(language, "mail.until", until=day),
        }

    def _failed(self, job: Job, language: str) -> dict[str, str]:
        code = "expired" if job.state is State.EXPIRED else job.code or "unexpected"
        why = self.words.failure(
            language,
            code,
            megabytes=self.settings.limits_photo_bytes // 1_000_000,
            megapixels=self.settings.limits_photo_pixels // 1_000_000,
            reference=job.reference,
        )
        return {
            "lead": why,
            "link": self.settings.public_url + "/",
            "button": self.words.say(language, "mail.again"),
            "more": self.words.say(language, "mail.failed"),
        }
