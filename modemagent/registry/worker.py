"""A process that does the background work of a registry, and listens on nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from modemagent.errors import SettingsError
from modemagent.registry.housekeeping import Housekeeper
from modemagent.registry.log_output import log_in_background
from modemagent.registry.outbound.dispatcher import Dispatcher
from modemagent.registry.outbound.mail import MailOptions
from modemagent.registry.outbound.targets import Network
from modemagent.registry.store.database.engine import Database, is_sqlite_url
from modemagent.registry.store.intake.recorder import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works; the same as of the server.

    :param webhook_networks: networks that are not public, which webhooks may be in
    :param mail: where digests of new errors are sent; None: nowhere
    """

    hold_back_s: float
    keep_bodies_days: int | None = None
    webhook_networks: Sequence[Network] = ()
    mail: MailOptions | None = None


def work(database_url: str, options: WorkerOptions) -> None:
    """Do the background work until SIGTERM or SIGINT.

    :raises SettingsError: the database takes only one process
    """
    if is_sqlite_url(database_url):
        raise SettingsError(
            "workers need a PostgreSQL database: SQLite has one writer",
            hint="modemagent registry serve does the work itself.",
        )
    database = Database(database_url)
    recorder = Recorder(database, round(options.hold_back_s * 1000))
    housekeeper = Housekeeper(database, recorder, lambda: None, options.keep_bodies_days)
    dispatcher = Dispatcher(database, recorder, options.webhook_networks, options.mail)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with log_in_background():
        housekeeper.start()
        dispatcher.start()
        stopping.wait()
        dispatcher.stop()
        housekeeper.stop()
    database.close()
