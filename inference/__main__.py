"""`python -m inference`."""

from inference.cli import app

app(prog_name="python -m inference")
