"""TensorFlow's greeting is left unsaid, and nothing else."""

import os
import subprocess
import sys

SAYS = """
import os, sys
from inference.networks import greeting
with greeting.unsaid():
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
    os.write(2, b"I0000 00:00:1.2 3 port.cc:153] oneDNN custom operations are on. You may see\\nfirst\\n")
    print("second", file=sys.stderr)
    if len(sys.argv) > 1:
        raise ImportError("no TensorFlow")
print("third", file=sys.stderr)
"""


def said(*arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SAYS, *arguments], env=os.environ, capture_output=True, text=True)
    return done.stderr.splitlines()


def test_the_greeting_is_left_unsaid_and_the_rest_comes_out():
    assert said() == ["first", "second", "third"]


def test_a_failed_import_is_still_told():
    lines = said("fail")
    assert lines[:2] == ["first", "second"]
    assert lines[-1] == "ImportError: no TensorFlow"
