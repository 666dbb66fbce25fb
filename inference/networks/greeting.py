"""What TensorFlow says of itself as it is loaded, left unsaid: with AVX-512 no log level keeps it quiet."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

GREETING = re.compile(rb"oneDNN custom operations are on|All log messages before absl::InitializeLog")


@contextmanager
def unsaid() -> Iterator[None]:
    """Around the import of TensorFlow. Its libraries write to file descriptor 2, past `sys.stderr`; what else is
    written there meanwhile comes out at the end."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            said.seek(0)
            for line in said:
                if not GREETING.search(line):
                    os.write(2, line)
