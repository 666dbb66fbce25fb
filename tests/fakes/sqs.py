"""SQS over real HTTP, on a free local port: moto's server, in a thread of the test's process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer


@dataclass(frozen=True, slots=True)
class SqsServer:
    """A running server without a queue."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which botocore finds this server and nothing else of this machine."""
        return {
            "AWS_ENDPOINT_URL_SQS": self.endpoint,
            "AWS_ACCESS_KEY_ID": "selfie-access",
            "AWS_SECRET_ACCESS_KEY": "selfie-secret-for-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


@contextmanager
def sqs_server() -> Iterator[SqsServer]:
    """Serve as long as the block; what was in the queues is gone afterwards."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # Queues belong to the process, not to the server: those of an earlier test go.
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST"), timeout=10).close()
        yield SqsServer(f"http://{host}:{port}")
    finally:
        server.stop()
