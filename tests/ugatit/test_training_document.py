"""docs/training.md: its commands are those of the command line, its recipes are recipes."""

import re
import shlex
import tomllib
from typing import Any

import pytest
import typer

from tests.service import ROOT
from ugatit.cli import app
from ugatit.recipe import Recipe

DOCUMENT = (ROOT / "docs" / "training.md").read_text("utf-8")
COMMANDS = [
    line.removeprefix(prefix)
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(prefix := ".venv/bin/python -m ugatit ")
]
RECIPES = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
GROUP: Any = typer.main.get_command(app)


def parse(line: str) -> None:
    """Raises what typer raises on the command line, short of running the command."""
    name, *arguments = shlex.split(line)
    with GROUP.make_context("ugatit", [name], resilient_parsing=True) as context:
        _, command, _ = GROUP.resolve_command(context, [name])
        command.make_context(name, arguments, parent=context, resilient_parsing=False)


def test_every_command_is_explained():
    # info is the README's own
    assert {line.split()[0] for line in COMMANDS} == set(GROUP.commands) - {"info"}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_has_options_that_it_knows(line: str):
    parse(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train --data x --out y --setps 3", "--setps"),
        ("train --data x", "(?i)missing .*out"),
        ("prepare a b --size large", "valid integer"),
    ],
)
def test_a_mistake_would_be_noticed(line: str, message: str):
    with pytest.raises(Exception, match=message):
        parse(line)


def test_options_in_the_text_exist():
    parameters = [one for command in GROUP.commands.values() for one in command.params]
    known = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    text = re.sub(r"```.*?```", "", DOCUMENT, flags=re.DOTALL)
    named = set(re.findall(r"`(--[a-z-]+)", text))
    assert named <= known | {"--help"}


@pytest.mark.parametrize("text", RECIPES)
def test_a_recipe_is_one(text: str):
    assert Recipe.from_dict(tomllib.loads(text)) != Recipe()


def test_files_that_it_names_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", DOCUMENT):
        assert (ROOT / "docs" / path).exists(), path
