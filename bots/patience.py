"""Trying again: an outage of the store or of a platform delays an answer, it loses none."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from storage import ObjectMissing, StorageError

log = structlog.get_logger(__name__)
T = TypeVar("T")

LONGEST_PAUSE = 60.0  # seconds


def _note(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    log.warning("trying again", error=str(error), attempt=state.attempt_number, seconds=round(pause, 1))


async def store_answers(call: Callable[[], Awaitable[T]], *, multiplier: float = 1.0) -> T:
    """Call the store or the database until it answers, with jittered exponential back-off; `multiplier` scales pauses.

    Raises:
        ObjectMissing: the store answered, and the object is not there.
    """
    try:
        return await call()  # nearly always enough, and setting up to try again costs more than many a call
    except ObjectMissing:
        raise
    except StorageError as error:
        failed = [error]

    async def again() -> T:
        if failed:  # what happened already is the first attempt
            raise failed.pop()
        return await call()

    return await AsyncRetrying(
        retry=retry_if_exception(lambda e: isinstance(e, StorageError) and not isinstance(e, ObjectMissing)),
        wait=wait_random_exponential(multiplier=multiplier, max=LONGEST_PAUSE),
        before_sleep=_note,
    )(again)
