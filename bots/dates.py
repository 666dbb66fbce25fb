"""Until when a result is kept, as people read it."""

from datetime import UTC, datetime

from babel.dates import format_date

from config import Settings
from storage import Job


def until(job: Job, settings: Settings, language: str) -> str:
    """The day (UTC) on which the pictures of a job that has ended are deleted, in words of that language."""
    day = datetime.fromtimestamp(job.updated_at + settings.limits_keep_results, UTC).date()
    return format_date(day, format="long", locale=language)
