"""The operator's hand on what is kept: `python -m storage provision | sweep | forget PERSON | backup FILE`."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from config import ConfigError, Settings, load_settings
from storage import retention
from storage.addresses import DIGEST_SECRET, clean_address, digest_of
from storage.backup import back_up
from storage.database import Database
from storage.errors import StorageError
from storage.objects import ObjectStore, open_store
from storage.provision import provision as provision_store

MAIL = "mail"  # in place of a platform: whoever owns that address, wherever they came from

cli = typer.Typer(help="Photos, pictures and what is remembered of people.", no_args_is_help=True, add_completion=False)


def main() -> None:
    """Run the command line; an error is one line on stderr and exit status 1."""
    try:
        cli()
    except (ConfigError, StorageError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


@cli.command()
def provision() -> None:
    """Make the database, the private place for objects, with rules for what grows old, and queues. Safe to repeat."""
    asyncio.run(_provision(load_settings()))


@cli.command()
def sweep() -> None:
    """Delete photos and pictures past their time, then their jobs. Safe to repeat; the service does it as well."""
    asyncio.run(_sweep(load_settings()))


@cli.command()
def forget(person: Annotated[str, typer.Argument(help="telegram:ID, discord:ID, web:ID or mail:ADDRESS")]) -> None:
    """Wipe everything of one person, or all whose result was mailed to an address, and say what. Safe to repeat."""
    platform, _, name = person.partition(":")
    if not platform or not name:
        raise typer.BadParameter(f"{person!r}: write PLATFORM:ID, such as telegram:12345", param_hint="PERSON")
    if platform == MAIL:
        try:
            address = clean_address(name)
        except ValueError:
            raise typer.BadParameter(f"{name!r} is no e-mail address", param_hint="PERSON") from None
        asyncio.run(_forget_mailbox(load_settings(), address))
    else:
        asyncio.run(_forget(load_settings(), person))


@cli.command()
def backup(file: Annotated[Path, typer.Argument(help="a new file")]) -> None:
    """Copy the database, jobs and people but no pictures, while the service runs or not. It overwrites nothing."""
    path = load_settings().database_path
    back_up(path, file)
    print(f"{file.absolute()}: a copy of {path.absolute()}.")


async def _provision(settings: Settings) -> None:
    async with _opened(settings) as (database, store):
        print(f"{database.path.absolute()}: ready.")
        # A waiting photo must not be deleted under the queue's eyes.
        kept = settings.limits_deadline + settings.limits_keep_inputs
        async for line in provision_store(store, keep_inputs=kept, keep_results=settings.limits_keep_results):
            print(line)
    if settings.fleet:
        from storage.sqs_provision import provision_queues

        async for line in provision_queues(settings.queue_url, deadline=settings.limits_deadline):
            print(line)


async def _sweep(settings: Settings) -> None:
    async with _opened(settings) as (database, store):
        swept = await retention.sweep(
            database,
            store,
            keep_inputs=settings.limits_keep_inputs,
            keep_results=settings.limits_keep_results,
            now=time.time(),
        )
    print(f"Deleted: photos {swept.photos}, pictures {swept.pictures}, jobs {swept.jobs}, abandoned {swept.abandoned}.")
    if swept.spared:
        print(f"Spared: {swept.spared}, older than this new database. If it is the wrong one, put the right one back.")


async def _forget(settings: Settings, person: str) -> None:
    async with _opened(settings) as (database, store):
        wiped = await retention.forget(database, store, person)
    remembered = "language and settings" if wiped.settings else "no settings"
    print(f"Wiped of {person}: jobs {wiped.jobs}, photos {wiped.photos}, pictures {wiped.pictures}, {remembered}.")
    if wiped.blocked:
        print(f"{person} stays blocked.")


async def _forget_mailbox(settings: Settings, address: str) -> None:
    async with _opened(settings) as (database, store):
        digest = digest_of(address, await database.secret(DIGEST_SECRET))
        wiped = await retention.forget_mailbox(database, store, digest)
    print(f"Wiped of {MAIL}:{address}: jobs {wiped.jobs}, photos {wiped.photos}, pictures {wiped.pictures}.")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, ObjectStore]]:
    async with (
        Database(settings.database_path) as database,
        open_store(settings.storage_url, secret=await database.secret("object links")) as store,
    ):
        yield database, store
