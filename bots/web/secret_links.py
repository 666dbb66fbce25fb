"""The secret link of a result: `/s/{job}.{signature}`. Whoever has it sees the pictures and may delete them."""

import re

from bots.web.door import PLATFORM
from bots.web.ports import Studio
from storage import Job

PURPOSE = "result page"
TOKEN = re.compile(r"([A-Za-z0-9]{1,64})\.([A-Za-z0-9_-]{16})")
_IN_A_PATH = re.compile(r"^(/s/[^/.]*)\.[^/]+")


def page_of(job_id: str, studio: Studio) -> str:
    """Path of the page that shows a job's result."""
    return f"/s/{job_id}.{studio.sign(PURPOSE, job_id)}"


def job_id_of(token: str, studio: Studio) -> str | None:
    """The job that a link was made for; None when we never made it. The job may be gone all the same."""
    match = TOKEN.fullmatch(token)
    return match[1] if match and studio.verify(PURPOSE, match[1], match[2]) else None


async def job_of(token: str, studio: Studio) -> Job | None:
    """That job as it stands; None, too, when it is gone."""
    job_id = job_id_of(token, studio)
    job = None if job_id is None else await studio.job(job_id)
    return job if job is not None and job.source.platform == PLATFORM else None


def loggable(path: str) -> str:
    """A path without what makes it secret: the log tells the job, and opens no page."""
    return _IN_A_PATH.sub(r"\1.•••", path)
