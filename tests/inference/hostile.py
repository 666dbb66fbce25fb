"""What a hostile photo may make of a prepare process."""

import os
import signal
import time

from inference.prepare_process import Job, Prepared


def hang(data: bytes, job: Job) -> Prepared:
    while True:
        time.sleep(1)


def crash(data: bytes, job: Job) -> Prepared:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("unreachable")
