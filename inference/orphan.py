"""A child process that ends with its parent, however the parent ends, and not before it."""

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """Watch the parent from a thread and end this process with it, in the middle of whatever it computes.

    Ctrl-C and service managers signal the whole group at once: here that is ignored, so that the parent can still have
    what is under way finished. It ends its children with SIGKILL.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="orphan", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
