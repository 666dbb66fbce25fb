"""`python -m bots` on the command line: help and arguments; nothing of the service is started for either."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With a setting that no service starts with."""
    environment = {"PYTHONPATH": str(ROOT), "WEB_PORT": "none"}
    command = [sys.executable, "-m", "bots", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_help_says_what_it_is_and_where_settings_come_from(tmp_path: Path) -> None:
    ran = run(tmp_path, "--help")
    assert ran.returncode == 0
    for word in ("Selfie2Anime", "environment", ".env", "selfie2anime.toml"):
        assert word in ran.stdout
    assert ran.stderr == ""


@pytest.mark.parametrize("argument", ["--port=8081", "start"])
def test_an_argument_is_refused(tmp_path: Path, argument: str) -> None:
    ran = run(tmp_path, argument)
    assert ran.returncode == 2
    assert f"unrecognized arguments: {argument}" in ran.stderr
    assert ran.stdout == ""
