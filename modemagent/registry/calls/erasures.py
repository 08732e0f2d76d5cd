"""Calls about erasures and about what is stored of a number, for the API and the command line."""

from __future__ import annotations

import time

from modemagent.identity.csv_cells import clean_text
from modemagent.registry.assets.asset_fields import LONGEST_NOTE
from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import erasure

_LOOK_EVERY_S = 0.1


class ErasureCalls:
    """The erasures of a registry.

    :param actor: who requests them
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def erase(self, sim: str, reason: str, *, although_paired: bool = False) -> Document | None:
        """Erase a SIM, by its ICCID or reference; return the erasure, or None: no such SIM.

        :raises ErasureRefused: it is in a modem, in an open case, or erased already
        """
        with self._database.reading() as connection:
            unit = find_unit(View(connection), UnitKind.SIM, sim)
        if unit is None:
            return None
        text = clean_text("reason", reason, LONGEST_NOTE)

        def work(batch: Batch) -> int:
            return erasure.begin(batch, unit, text, self._actor, although_paired=although_paired)

        key = Recorder(self._database).run(work)
        return self.erasure(str(key))

    def finish(self) -> None:
        """Do all that is left of the erasures, once older transactions have ended."""
        while True:
            while Recorder(self._database).run(erasure.step):
                pass
            with self._database.reading() as connection:
                if not erasure.is_waiting(connection):
                    return
            time.sleep(_LOOK_EVERY_S)

    def erasure(self, key: str) -> Document | None:
        """Return an erasure."""
        with self._database.reading() as connection:
            return erasure.erasure_document(connection, key_of(key))

    def erasures(self, limit: int, after: str | None) -> Document:
        """Return a page of the erasures, newest first."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else None
            return erasure.erasure_page(connection, limit=limit, after=begin)
