"""Versions of what is installed."""

from importlib.metadata import PackageNotFoundError, version


def installed_version(package: str) -> str | None:
    """As its metadata says; None when it is not installed, as this project itself when it runs from a checkout."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
