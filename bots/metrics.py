"""What happens in the service, counted and timed for Prometheus.

Labels name doors, states and codes, which are few and ours; never a person, a chat or a job.
"""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from inference.metrics import PREFIX, QUICK, PaintMetrics
from storage import Job, State

STORE = "store"  # the stage of the service's own, beside those of `inference.measures.Stage`
LONG = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600)  # seconds that a person waits
LAG = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5)


class Metrics(PaintMetrics):
    """Counters and histograms in a registry of their own. Takes part in the pipeline as its `Measures`."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self._accepted = Counter(f"{PREFIX}_jobs_accepted", "Photos taken in", ["door"], registry=registry)
        self._refused = Counter(f"{PREFIX}_photos_refused", "Photos not taken in", ["door", "code"], registry=registry)
        self._ended = Counter(f"{PREFIX}_jobs_ended", "Jobs by how they ended", ["door", "state"], registry=registry)
        self._failed = Counter(f"{PREFIX}_jobs_failed", "Jobs without a picture", ["door", "code"], registry=registry)
        self._retried = Counter(
            f"{PREFIX}_jobs_retried", "Jobs started again after a restart", ["door"], registry=registry
        )
        self._repeated = Counter(
            f"{PREFIX}_jobs_repeated",
            "Jobs answered with the pictures of an earlier one",
            ["door"],
            registry=registry,
        )
        self._unsent = Counter(f"{PREFIX}_answers_retried", "Answers sent again", ["door"], registry=registry)
        self._mails_sent = Counter(f"{PREFIX}_mails_sent", "E-mails that the mail server took", registry=registry)
        self._mails_retried = Counter(f"{PREFIX}_mails_retried", "E-mails put off after a failure", registry=registry)
        self._mails_given_up = Counter(f"{PREFIX}_mails_given_up", "E-mails never sent", registry=registry)
        self._connected = Gauge(
            f"{PREFIX}_door_connected",
            "Whether the platform of a door with a token takes us",
            ["door"],
            registry=registry,
        )
        self._wait = Histogram(
            f"{PREFIX}_wait_seconds", "From taken in to its turn", ["door"], buckets=LONG, registry=registry
        )
        self._deliver = Histogram(
            f"{PREFIX}_deliver_seconds", "From painted to delivered", ["door"], buckets=QUICK, registry=registry
        )
        self._whole = Histogram(
            f"{PREFIX}_whole_seconds", "From taken in to delivered", ["door"], buckets=LONG, registry=registry
        )
        self._lag = Histogram(
            f"{PREFIX}_loop_lag_seconds", "How late the event loop is", buckets=LAG, registry=registry
        )
        self._rendered_at: dict[str, float] = {}  # unix seconds, of jobs that are painted and not delivered

    def job_changed(self, job: Job) -> None:
        """A job was written down or changed its state. See `storage.Jobs`."""
        door = job.source.platform
        match job.state:
            case State.QUEUED if not job.attempts:
                self._accepted.labels(door).inc()
            case State.RUNNING if job.attempts == 1:
                self._wait.labels(door).observe(job.updated_at - job.created_at)
            case State.RUNNING:
                self._retried.labels(door).inc()
            case State.RENDERED:
                self._rendered_at[job.id] = job.updated_at
            case State.DELIVERED:
                self._whole.labels(door).observe(job.updated_at - job.created_at)
                if (rendered_at := self._rendered_at.get(job.id)) is not None:  # else painted before a restart
                    self._deliver.labels(door).observe(job.updated_at - rendered_at)
            case State.FAILED:
                self._failed.labels(door, job.code or "unexpected").inc()
            case _:
                pass
        if job.state.ended:
            self._rendered_at.pop(job.id, None)
            self._ended.labels(door, job.state.value).inc()

    def refused(self, door: str, code: str) -> None:
        """A photo was not taken in."""
        self._refused.labels(door, code).inc()

    def repeated(self, door: str) -> None:
        """A job is answered with the pictures of an earlier one."""
        self._repeated.labels(door).inc()

    def answer_retried(self, door: str) -> None:
        """An answer did not get through and is sent again."""
        self._unsent.labels(door).inc()

    def watch_door(self, door: str, connected: Callable[[], bool]) -> None:
        """Ask, at every look at the metrics, whether that door's platform takes us."""
        self._connected.labels(door).set_function(connected)

    def mail_sent(self) -> None:
        """The mail server took an e-mail."""
        self._mails_sent.inc()

    def mail_retried(self) -> None:
        """An e-mail could not be handed in and is tried again later."""
        self._mails_retried.inc()

    def mail_given_up(self) -> None:
        """An e-mail was refused for good, or for too long."""
        self._mails_given_up.inc()

    def stored(self, seconds: float) -> None:
        """The pictures of one job are in the store."""
        self._stages.labels(STORE).observe(seconds)

    def late(self, seconds: float) -> None:
        """The event loop came that late to something that was due."""
        self._lag.observe(seconds)
