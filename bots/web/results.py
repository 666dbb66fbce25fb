"""What became of a job, as visitors see it: links to its pictures, or why there are none."""

from pydantic import BaseModel

from bots.variants import WITHOUT_FACE, Variant, offered
from bots.web.door import PAINTED
from bots.web.ports import Store, Studio
from bots.web.wording import Wording
from inference import Options
from storage import Job, State


class PictureLinks(BaseModel):
    """One face: the anime picture, the same as a download, the part of the photo that it was painted from, and a
    download of both side by side."""

    url: str
    download_url: str
    original_url: str
    beside_url: str


async def picture_links(job: Job, studio: Studio, store: Store, ttl: int) -> list[PictureLinks]:
    """Fresh links, good for `ttl` seconds; none before the job is painted, nor once its pictures are wiped."""
    if job.state not in PAINTED:
        return []
    # Keys come in pairs, picture and original, one pair a face.
    pairs = zip(job.results[::2], job.results[1::2], strict=True)
    return [
        PictureLinks(
            url=await studio.link(picture),
            download_url=await store.link(picture, ttl, "anime.png" if number == 1 else f"anime-{number}.png"),
            original_url=await studio.link(original),
            beside_url=f"/api/selfies/{job.id}/beside/{number}",
        )
        for number, (picture, original) in enumerate(pairs, 1)
    ]


def variants_of(job: Job) -> list[Variant]:
    """How the photo may be painted once more without sending it again; none once it is wiped."""
    if not job.stored_inputs:
        return []
    if job.state is State.FAILED and job.code in WITHOUT_FACE:
        return [Variant.WHOLE]
    if job.state not in PAINTED:
        return []
    possible = offered(
        Options.from_json(job.options), photos=len(job.inputs), painted=len(job.results) // 2, found=job.found
    )
    return [variant for variant in Variant if variant in possible]


def code_of(job: Job) -> str:
    """Why a job ended without a picture."""
    return job.code or {State.CANCELLED: "cancelled", State.EXPIRED: "expired"}.get(job.state, "unexpected")


def why_none(job: Job, wording: Wording, language: str) -> str | None:
    """The same in words; None when a picture is there or still to come."""
    if job.state is State.CANCELLED:
        return wording.words.say(language, "cancelled")
    if job.state in {State.FAILED, State.EXPIRED}:
        return wording.failure(language, code_of(job), job.reference)
    return None
