"""The words of the catalogues, as pages and programs on the web ask for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from babel.numbers import format_decimal
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from bots.allowance import Allowance
from bots.outcome import missed_lines
from bots.words import DEFAULT, Words
from config import Settings

LANGUAGE = "language"  # a cookie, and a field of an address
YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts filled in with the operator's limits."""

    words: Words
    settings: Settings

    def language(self, request: Request) -> str:
        """The catalogue that was chosen, else the best for the Accept-Language header (RFC 9110, 12.5.4); English when
        there is none."""
        for chosen in (request.query_params.get(LANGUAGE, ""), request.cookies.get(LANGUAGE, "")):
            if chosen in self.words.catalogues:
                return chosen
        wishes: list[tuple[float, int, str]] = []
        for entry in request.headers.get("accept-language", "").split(","):
            tag, _, quality = entry.partition(";q=")
            try:
                weight = float(quality) if quality else 1.0
            except ValueError:
                continue
            if tag.strip() and weight > 0:
                wishes.append((-weight, len(wishes), tag.strip()))
        for _, _, tag in sorted(wishes):
            code = self.words.pick(tag)
            if code == tag.replace("_", "-").split("-")[0].lower():
                return code
        return DEFAULT

    @staticmethod
    def headers(language: str) -> dict[str, str]:
        """What an answer in `language` says of it, so that no cache hands it to somebody who reads another."""
        return {"Content-Language": language, "Vary": "Accept-Language, Cookie"}

    @property
    def languages(self) -> dict[str, str]:
        """What may be chosen: codes, and what each is called in itself."""
        return {code: self.words.say(code, "personal.language_name") for code in self.words.languages}

    def choose(self, request: Request) -> Response | None:
        """Remember the language that the address asks for (`?language=de`), and lead to the same page without that.

        None when it asks for none, and for a browser that sends no cookie, perhaps because it keeps none: there the
        language stays in the address.
        """
        if not request.cookies or request.query_params.get(LANGUAGE, "") not in self.words.catalogues:
            return None
        response = RedirectResponse(request.url.path, 303)
        self.keep(request, response)
        return response

    def keep(self, request: Request, response: Response) -> None:
        """Give the browser the language that the address asks for as a cookie."""
        chosen = request.query_params.get(LANGUAGE, "")
        if chosen in self.words.catalogues:
            secure = self.settings.public_url.startswith("https://")
            response.set_cookie(LANGUAGE, chosen, max_age=YEAR, httponly=True, samesite="lax", secure=secure)

    def failure(self, language: str, code: str, reference: str) -> str:
        """Why there is no picture."""
        return self.words.failure(
            language,
            code,
            megabytes=self.settings.limits_photo_bytes // 1_000_000,
            megapixels=self.settings.limits_photo_pixels // 1_000_000,
            reference=reference,
        )

    def missed(self, language: str, missed: Sequence[str]) -> list[str]:
        """Which of several photos have no picture, and why; a line for each reason."""
        return missed_lines(self.words, language, missed, lambda code: self.failure(language, code, ""))

    def left(self, language: str, few: Allowance) -> str:
        """How many photos a visitor may still send, and when more."""
        return few.told_at(time.time(), self.words, language)

    def problem(self, language: str, code: str, reference: str = "") -> str:
        """Why a request was refused: the web's own words, or those that every door uses."""
        key = f"page.problem.{code}"
        if key in self.words.catalogues[DEFAULT]:
            return self.words.say(language, key)
        if code == "photo_gone":
            return self.words.say(language, "press.photo_gone")
        return self.failure(language, code, reference)

    def privacy(self, language: str) -> str:
        return self.words.say(
            language,
            "privacy",
            input_hours=_at_least_one(self.settings.limits_keep_inputs, 3_600),
            result_days=_at_least_one(self.settings.limits_keep_results, 86_400),
        )

    def painted(self, language: str, pictures: int) -> str:
        """How many pictures were painted so far; empty before the first."""
        if not pictures:
            return ""
        return self.words.say(language, "page.painted", number=format_decimal(pictures, locale=language))

    def page(self, language: str) -> dict[str, str]:
        """Every text of the page by its short name. Placeholders that only the browser can fill are left in."""
        known = {
            "{megabytes}": str(self.settings.limits_photo_bytes // 1_000_000),
            "{result_days}": str(_at_least_one(self.settings.limits_keep_results, 86_400)),
        }
        texts = {}
        for key in self.words.catalogues[DEFAULT]:
            if key.startswith("page.") and not key.startswith("page.problem."):
                text = self.words.say(language, key)
                for placeholder, value in known.items():
                    text = text.replace(placeholder, value)
                texts[key.removeprefix("page.")] = text
        shared = {key: key for key in ("waiting", "waiting_eta", "painting", "painting_eta", "retry_at")}
        shared |= {"next_face": "button.next", "all_faces": "button.all", "beside": "button.beside"}
        shared |= {"forget_sure": "personal.forget", "forget_now": "button.forget", "keep": "button.keep"}
        return texts | {name: self.words.say(language, key) for name, key in shared.items()}


def _at_least_one(seconds: int, unit: int) -> int:
    """Whole units, rounded up: what is promised to be gone by then is gone."""
    return max(1, -(-seconds // unit))
