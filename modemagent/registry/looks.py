"""Looks at numbers in full, collected to one entry of the audit for each minute and actor.

An entry has the references of the modems and SIMs whose numbers were shown. A number that no
modem and no SIM here has gets the reference that it would have.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.refs import MODEM, SIM, format_ref, ref_of
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import schema

_MINUTE_S = 60.0
_MOST_REFS = 1000  # of an entry; more are only counted
_IMEI_DIGITS = 14
_NUMBERS = frozenset(
    {"imei", "imeisv", "iccid", "label_imei", "number", "value", "normalized", "modem", "sim", "id"}
)


class _Minute:
    """What one actor has seen since a time.

    :param refs: in the order in which they were seen
    """

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.refs: dict[str, None] = {}
        self.more = 0


class Looks:
    """The looks of all actors in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._minutes: dict[str, _Minute] = {}
        self._secret = b""

    def add(self, actor: str, document: object) -> None:
        """Add the numbers of a document that is shown to an actor in full."""
        found = dict.fromkeys(self._refs(document))
        if not found:
            return
        with self._lock:
            minute = self._minutes.setdefault(actor, _Minute(time.monotonic()))
            for ref in found:
                if ref in minute.refs:
                    continue
                if len(minute.refs) < _MOST_REFS:
                    minute.refs[ref] = None
                else:
                    minute.more += 1

    def store(self, *, at_once: bool = False) -> None:
        """Write the entries of the minutes that are over.

        :param at_once: of all, because the process ends
        """
        before_s = time.monotonic() - (0.0 if at_once else _MINUTE_S)
        with self._lock:
            over = [actor for actor, one in self._minutes.items() if one.began_s <= before_s]
            minutes = {actor: self._minutes.pop(actor) for actor in over}
        if not minutes:
            return
        try:
            with self._database.writing() as connection:
                for actor, minute in minutes.items():
                    more = {"more": minute.more} if minute.more else {}
                    acts.note(connection, "numbers.view", by=actor, refs=list(minute.refs), **more)
        except SQLAlchemyError:
            with self._lock:
                for actor, minute in minutes.items():
                    self._minutes.setdefault(actor, minute)
            raise

    def _refs(self, value: object) -> Iterator[str]:
        if isinstance(value, list):
            for one in value:
                yield from self._refs(one)
            return
        if not isinstance(value, Mapping):
            return
        ref = value.get("ref")
        if isinstance(ref, str):
            yield ref
        for name, member in value.items():
            if not isinstance(member, str):
                yield from self._refs(member)
            elif name in _NUMBERS and not (ref and name in ("imei", "iccid")):
                yield from self._ref_of(member)

    def _ref_of(self, text: str) -> Iterator[str]:
        digits = text.rstrip("F")
        if not digits.isdecimal():
            return
        if len(digits) in (14, 15, 16):
            yield format_ref(ref_of(self._key(), MODEM, digits[:_IMEI_DIGITS]))
        elif len(digits) in (18, 19, 20) and digits.startswith("89"):
            yield format_ref(ref_of(self._key(), SIM, digits))

    def _key(self) -> bytes:
        if not self._secret:
            query = select(schema.setting.c.value).where(schema.setting.c.name == "secret")
            with self._database.reading() as connection:
                self._secret = bytes(connection.execute(query).scalar_one())
        return self._secret
