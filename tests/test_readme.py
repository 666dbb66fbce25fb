"""The README's commands are those that work: each one in a code block or in backticks is run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
COMMANDS = sorted({*BLOCKS, *re.findall(r"`((?:\.venv/bin/python|make) [^`]+)`", README)})
ELSEWHERE = {".venv/bin/python -m inference worker"}  # needs a queue: tests/test_fleet.py runs it beside one


def test_the_commands_were_found():
    assert "make run" in COMMANDS
    assert any("-m inference translate" in command for command in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_verb_is_in_the_makefile(command):
    done = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/python ") and c not in ELSEWHERE])
def test_a_command_works_on_an_empty_folder(command, tmp_path: Path):
    for folder in ("docs", "ugatit"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_it_names_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
