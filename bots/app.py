"""The composition root: every part of the service, put together and taken apart in order."""

import argparse
import asyncio
import gc
import itertools
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import structlog
import uvloop

from bots.fleet import Fleet
from bots.logs import configure_logging
from bots.metrics import Metrics
from bots.studio import Studio
from bots.vitals import Vitals, watch_loop
from config import ConfigError, Settings, load_settings
from inference import InferenceError, Pipeline
from inference.errors import NoEngine
from storage import Database, ObjectStore, StorageError, open_store
from storage.addresses import DIGEST_SECRET
from storage.lock import sole_service
from storage.retention import sweep
from ugatit import WeightsError

if TYPE_CHECKING:
    from bots.mail import Mailroom

log = structlog.get_logger(__name__)

SWEEP_EVERY = 600.0  # seconds
THOROUGH = 144  # every so many sweeps, about once a day, all stored objects are listed to find abandoned ones


async def serve(settings: Settings, *, say: Callable[[str], None] = print, network: str | None = None) -> None:
    """Run the service until SIGTERM or SIGINT, then finish what is under way.

    Args:
        say: shows a line to the person who started it.
        network: see `Pipeline`; U-GAT-IT by default.

    Raises:
        StorageError: the database, the store or the queues can't be used, or another service runs on the database;
            says what to do.
        PortTaken: the port of the page can't be had (a ConfigError).
        WeightsError: MODEL_WEIGHTS can't be used.
        EngineFailed: none of MODEL_DEVICES can be used; `NoEngine`: any more.
    """
    configure_logging(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with AsyncExitStack() as stack:
        stack.enter_context(sole_service(settings.database_path))
        metrics = Metrics()
        database = await stack.enter_async_context(Database(settings.database_path))
        database.jobs.listen(metrics.job_changed)
        store = await stack.enter_async_context(
            open_store(settings.storage_url, secret=await database.secret("object links"))
        )
        await store.check()
        pipeline = await _open_painter(stack, settings, store, metrics, network)
        studio = await stack.enter_async_context(Studio(settings, database, store, pipeline, metrics=metrics))
        Vitals(studio.queue, pipeline).register(metrics.registry)
        watcher = asyncio.create_task(watch_loop(metrics.late), name="loop watcher")
        stack.callback(watcher.cancel)
        await _open_doors(stack, settings, studio, store, database, metrics, say)
        sweeper = asyncio.create_task(_sweep(settings, studio, database, store))
        stack.callback(sweeper.cancel)
        engines = asyncio.create_task(_watch_engines(pipeline, say))
        stack.callback(engines.cancel)
        stopped = asyncio.create_task(stop.wait())
        stack.callback(stopped.cancel)
        await asyncio.wait({stopped, engines}, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping", grace=settings.limits_grace)
        await studio.drain()
        if engines.done():
            engines.result()


async def _open_painter(
    stack: AsyncExitStack, settings: Settings, store: ObjectStore, metrics: Metrics, network: str | None
) -> Pipeline | Fleet:
    """What paints: engines of our own, or with QUEUE_URL=sqs://NAME workers elsewhere."""
    if settings.fleet:
        from storage.sqs import open_queues  # its SDK is slow to import

        queues = await stack.enter_async_context(open_queues(settings.queue_url))
        version = f"{settings.queue_url} {settings.model_weights}"
        fleet = Fleet(queues, store, version=version, deadline=settings.limits_deadline)
        return await stack.enter_async_context(fleet.listening())
    networks = {} if network is None else {"network": network}
    return await stack.enter_async_context(Pipeline(settings, measures=metrics, **networks))


async def _open_doors(
    stack: AsyncExitStack,
    settings: Settings,
    studio: Studio,
    store: ObjectStore,
    database: Database,
    metrics: Metrics,
    say: Callable[[str], None],
) -> None:
    # Each is imported here: the engine's process starts meanwhile, and nobody waits for the SDK of a door that is off.
    from bots.web import WebDoor, create_app
    from bots.web import serve as serve_web

    door = WebDoor()
    database.jobs.listen(door.changed)
    studio.open_door(door)
    mailroom = await _open_mailroom(stack, settings, studio, database, metrics)
    web = create_app(settings, studio, store, metrics.registry, door, mailroom)
    say(f"Page and API    {await stack.enter_async_context(serve_web(web, settings))}")
    stack.callback(door.close)  # before the server waits for those who still wait for a picture
    say(f"E-mail          on, as {settings.mail_from}" if mailroom else "E-mail          off (MAIL_URL turns it on)")
    if settings.telegram_token:
        from bots.telegram.runner import run_telegram

        telegram = await stack.enter_async_context(run_telegram(settings, studio, say))
        metrics.watch_door("telegram", lambda: telegram.online)
        if telegram.webhook is not None and settings.telegram_webhook_url:
            telegram.webhook.mount(web, settings.telegram_webhook_url)
    else:
        say("Telegram        off (TELEGRAM_TOKEN turns it on)")
    if settings.discord_token:
        from bots.discord.runner import run_discord

        discord = await stack.enter_async_context(run_discord(settings, studio, say))
        metrics.watch_door("discord", lambda: discord is not None and discord.online)
    else:
        say("Discord         off (DISCORD_TOKEN turns it on)")


async def _open_mailroom(
    stack: AsyncExitStack, settings: Settings, studio: Studio, database: Database, metrics: Metrics
) -> "Mailroom | None":
    if settings.mail_url is None:
        return None
    from bots.letter import Letters
    from bots.mail import Mailroom
    from bots.postman import Postman
    from bots.smtp import Account
    from bots.web.secret_links import page_of
    from bots.words import Words

    def page(job_id: str) -> str:
        return settings.public_url + page_of(job_id, studio)

    account = Account.from_url(settings.mail_url.get_secret_value(), urlsplit(settings.public_url).hostname or "")
    letters = Letters(settings, Words.load(), page, studio.sign)
    await stack.enter_async_context(Postman(database.mails, database.jobs, account, letters, metrics))
    return Mailroom(database.mails, await database.secret(DIGEST_SECRET))


async def _watch_engines(pipeline: Pipeline | Fleet, say: Callable[[str], None]) -> NoReturn:
    """Say when they are ready.

    Raises:
        WeightsError, EngineFailed: none can be used, so the service can't start.
        NoEngine: none can any more. Who goes on would be quick to fail every photo there is.
    """
    await pipeline.wait_ready()
    gc.collect()
    gc.freeze()  # what is alive now stays to the end; going through it over and over holds up the event loop
    say("Ready to paint. Ctrl-C stops.")
    raise NoEngine(f"No engine can paint any more: {await pipeline.wait_broken()}")


async def _sweep(settings: Settings, studio: Studio, database: Database, store: ObjectStore) -> None:
    for turn in itertools.count():
        try:
            await studio.give_up()
            swept = await sweep(
                database,
                store,
                keep_inputs=settings.limits_keep_inputs,
                keep_results=settings.limits_keep_results,
                now=time.time(),
                thorough=turn % THOROUGH == 0,
            )
        except StorageError as error:  # tried again at the next turn, and visible until then
            log.warning("not swept", error=str(error))
        else:
            log.info("swept", **asdict(swept))
            if swept.spared:
                what = "this new database knows nothing of them: put the right one back, or they go within a day"
                log.warning("photos and pictures older than the database", count=swept.spared, meaning=what)
        await asyncio.sleep(SWEEP_EVERY)


def main(arguments: Sequence[str] = ()) -> int:
    """`python -m bots`: 0 after a clean stop, 2 when it can't start or go on, with one clear message.

    Raises:
        SystemExit: help was asked for (0), or there are arguments, of which it takes none (2).
    """
    argparse.ArgumentParser(
        prog="python -m bots",
        description="Run the Selfie2Anime bot until Ctrl-C or SIGTERM: the page, the API, and each door that has a "
        "token.",
        epilog="It takes no arguments. Settings come from the environment, then .env, then selfie2anime.toml in this "
        "folder; .env.example lists them all.",
    ).parse_args(arguments)
    try:
        uvloop.run(serve(load_settings(), say=lambda line: print(line, flush=True)))
    except NoEngine as error:
        print(f"Selfie2Anime stops. {error}", file=sys.stderr)
        return 2
    except (ConfigError, StorageError, WeightsError, InferenceError) as error:
        print(f"Selfie2Anime can't start. {error}", file=sys.stderr)
        return 2
    return 0
