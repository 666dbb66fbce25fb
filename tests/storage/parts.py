"""Small parts that these tests are built of."""

from dataclasses import replace

from storage import Database, Job, Source, State, input_key

START = 1_700_000_000.0
HOUR, DAY = 3_600.0, 86_400.0

# The shortest way to each state.
WAYS: dict[State, tuple[State, ...]] = {
    State.QUEUED: (),
    State.RUNNING: (State.RUNNING,),
    State.RENDERED: (State.RUNNING, State.RENDERED),
    State.DELIVERED: (State.RUNNING, State.RENDERED, State.DELIVERED),
    State.FAILED: (State.FAILED,),
    State.CANCELLED: (State.CANCELLED,),
    State.EXPIRED: (State.EXPIRED,),
}


class Clock:
    """Unix seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def job(job_id: str = "a", *, person: str = "telegram:1", at: float = START) -> Job:
    """A job as it is when its photo has just arrived."""
    return Job(
        id=job_id,
        source=Source("telegram", "10", f"message-{job_id}", "0"),
        person=person,
        options='{"faces": "all"}',
        reply='{"chat": 10}',
        language="pt-BR",
        state=State.QUEUED,
        code=None,
        attempts=0,
        inputs=(input_key(job_id),),
        results=(),
        created_at=at,
        updated_at=at,
    )


async def add_in(database: Database, state: State, job_id: str = "a", **values: object) -> Job:
    """A stored job that went the shortest way to `state`."""
    stored = await database.jobs.add(replace(job(job_id), **values))  # type: ignore[arg-type]
    for step in WAYS[state]:
        stored = await database.jobs.advance(job_id, step)
    assert stored is not None
    assert stored.state is state
    return stored
