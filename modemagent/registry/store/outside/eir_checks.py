"""Re-checks of the own modems by an outside EIR: rate, back-off, answers, findings.

Each modem is checked again after some days, the one that waits longest first. A process of the
registry sends requests for some seconds, without a transaction; the timer keeps the others from
doing it at the same time.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from modemagent.errors import UsageError
from modemagent.registry.equipment.eir_client import EirClient, EirFailure
from modemagent.registry.rules.eir_changed import eir_changed
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.outside_tables import eir_answer, eir_setting

RULES = frozenset({"eir.changed"})
EVERY_S = 5.0  # between two turns of the timer
_TURN_S = 4.0  # in which requests are begun
_FIRST_WAIT_S, _LONGEST_WAIT_S = 30.0, 3600.0  # after failures
_LATER_MS = 3_600_000  # for a modem whose check failed, so that the others are not held up
_NEW_AT_ONCE = 2000
_CURSOR = "eir_cursor"
_SETTING = (
    "url", "token_file", "per_minute", "every_days", "changed_by", "changed_ms", "failures",
    "wait_until_ms", "problem", "answered_ms",
)  # fmt: skip
_FIRST = (
    "SELECT unit, stream, sequence, lo_ms, hi_ms FROM event"
    " WHERE unit IN {keys} AND NOT superseded AND NOT withdrawn AND type = 'modem.first_seen'"
)


class EirSetting(NamedTuple):
    """An outside EIR and the state of its checks; for the columns see :mod:`.outside_tables`."""

    url: str
    token_file: str | None
    per_minute: int
    every_days: int
    changed_by: str
    changed_ms: int
    failures: int
    wait_until_ms: int
    problem: str | None
    answered_ms: int | None


def setting(connection: Connection) -> EirSetting | None:
    """Return the outside EIR; None: there is none."""
    rows = dialect.select_rows(connection, eir_setting, ("id",), _SETTING, [(1,)])
    return EirSetting(*rows[0]) if rows else None


def put_setting(
    batch: Batch, url: str, token_file: str | None, per_minute: int, every_days: int, actor: str
) -> None:
    """Set the outside EIR; all modems are due.

    :raises UsageError: the URL is not one
    """
    host = url.partition("://")[2]
    if not url.lower().startswith(("http://", "https://")) or not host or "@" in host:
        raise UsageError(
            "the EIR needs a URL without credentials", hint="Example: https://eir.example.org"
        )
    before = setting(batch.connection)
    row = (1, url, token_file, per_minute, every_days, actor, batch.now_ms, 0, 0, None, None)
    dialect.upsert_rows(batch.connection, eir_setting, ("id",), _SETTING, [row])
    acts.note(batch.connection, "eir.set", "eir", per_minute=per_minute, every_days=every_days)
    if before is None or before.url != url:
        batch.connection.execute(eir_answer.update().values(due_ms=batch.now_ms))


def remove_setting(batch: Batch) -> bool:
    """Remove the outside EIR; answers and findings stay. False: there was none."""
    found = setting(batch.connection) is not None
    dialect.delete_rows(batch.connection, eir_setting, ("id",), [(1,)])
    if found:
        acts.note(batch.connection, "eir.remove", "eir")
    return found


def update(
    database: Database,
    stopping: threading.Event,
    made: Callable[[str, Path | None], EirClient] = EirClient,
) -> None:
    """Check the modems that are due, as many as the rate allows in one turn."""
    recorder = Recorder(database)
    with database.reading() as connection:
        found = setting(connection)
    if found is None:
        return
    recorder.run(_add_new)
    if found.wait_until_ms > now_ms():
        return
    with database.reading() as connection:
        due = _due(connection, math.ceil(found.per_minute * EVERY_S / 60))
    if not due:
        return
    client = made(found.url, Path(found.token_file) if found.token_file else None)
    end_s = time.monotonic() + _TURN_S
    for unit, number in due:
        try:
            status = client.status(number)
        except EirFailure as failure:
            recorder.run(partial(_fail, unit=unit, failure=failure))
            return
        recorder.run(partial(note, unit=unit, status=status, found=found))
        pause_s = 60 / found.per_minute
        if time.monotonic() + pause_s > end_s or stopping.wait(pause_s):
            return


def _add_new(batch: Batch) -> None:
    """Add the modems that were seen for the first time, some of all modems at a time."""
    connection = batch.connection
    c, s = schema.unit.c, schema.setting.c
    stored: Any = connection.execute(select(s.value).where(s.name == _CURSOR)).scalar()
    before = int.from_bytes(bytes(stored or b""), "big")
    query = select(c.id).where(c.kind == int(UnitKind.MODEM), c.id > before).order_by(c.id)
    units = connection.execute(query.limit(_NEW_AT_ONCE)).scalars().all()
    rows = [(unit, batch.now_ms) for unit in units]
    dialect.insert_new(connection, eir_answer, ("unit", "due_ms"), rows)
    after = units[-1] if len(units) == _NEW_AT_ONCE else 0
    if after != before:
        row = (_CURSOR, after.to_bytes(8, "big"))
        dialect.upsert_rows(connection, schema.setting, ("name",), ("value",), [row])


def _due(connection: Connection, most: int) -> list[tuple[int, str]]:
    """Return unit and number of the modems that are due."""
    c = eir_answer.c
    query = select(c.unit).where(c.due_ms <= now_ms()).order_by(c.due_ms, c.unit).limit(most)
    units = list(connection.execute(query).scalars())
    rows: dict[int, str] = dict(
        dialect.select_rows(connection, schema.unit, ("id",), ("id", "number"),
                            [(unit,) for unit in units])
    )  # fmt: skip
    return [(unit, rows[unit]) for unit in units if unit in rows]


def note(batch: Batch, unit: int, status: str, found: EirSetting) -> None:
    """Store the answer about a modem, and write what follows from it."""
    connection, now = batch.connection, batch.now_ms
    dialect.select_rows(connection, schema.unit, ("id",), ("id",), [(unit,)], lock=True)
    columns = ("status", "previous", "since_ms")
    rows = dialect.select_rows(connection, eir_answer, ("unit",), columns, [(unit,)])
    before, previous, since_ms = rows[0] if rows else (None, None, None)
    if status != before:
        previous, since_ms = before, now
    jitter_ms = random.randrange(DAY_MS)  # so that a fleet is not due at once for ever
    due_ms = now + found.every_days * DAY_MS - jitter_ms // 2
    names = ("due_ms", "status", "previous", "since_ms", "checked_ms")
    row = (unit, due_ms, status, previous, since_ms, now)
    dialect.upsert_rows(connection, eir_answer, ("unit",), names, [row])
    dialect.update_rows(
        connection, eir_setting, ("id",), ("failures", "problem", "answered_ms", "wait_until_ms"),
        [(0, None, now, now + 60_000 // found.per_minute, 1)],
    )  # fmt: skip
    if status == before:
        return
    log = FindingLog(batch, RULES)
    log.load("unit", [unit])
    findings: list[RuleFinding] = []
    for _, *first in dialect.query_keys(connection, _FIRST, [unit]):
        findings += eir_changed(status, previous, ReportMoment(*first))
    log.set(Subject("unit", unit=unit), findings[:1])
    log.write()


def _fail(batch: Batch, unit: int, failure: EirFailure) -> None:
    """Wait before the next request: as long as the EIR states, or twice as long as before."""
    found = setting(batch.connection)
    if found is None:
        return
    failures = found.failures + 1
    wait_s = min(_FIRST_WAIT_S * 2 ** min(failures - 1, 20), _LONGEST_WAIT_S)
    wait_s *= random.uniform(0.8, 1.2)
    if failure.retry_after_s is not None:
        wait_s = max(failure.retry_after_s, 1.0)
    until_ms = batch.now_ms + round(wait_s * 1000)
    dialect.update_rows(
        batch.connection, eir_setting, ("id",), ("failures", "wait_until_ms", "problem"),
        [(failures, until_ms, failure.problem, 1)],
    )  # fmt: skip
    later = [(batch.now_ms + _LATER_MS, unit)]
    dialect.update_rows(batch.connection, eir_answer, ("unit",), ("due_ms",), later)


def eir_document(connection: Connection) -> Document:
    """Return the outside EIR, the state of the checks, and how many modems have which status."""
    c = eir_answer.c
    counts = connection.execute(select(c.status, func.count()).group_by(c.status)).all()
    found = setting(connection)
    statuses = {str(status or "not checked"): count for status, count in counts}
    shown: Document = {"url": None, "statuses": dict(sorted(statuses.items()))}
    if found is None:
        return shown
    return {
        **shown,
        "url": found.url,
        "token_file": found.token_file,
        "per_minute": found.per_minute,
        "every_days": found.every_days,
        "changed_by": found.changed_by,
        "changed_at": to_rfc3339(found.changed_ms),
        "failures": found.failures,
        "problem": found.problem,
        "next_request_at": to_rfc3339(found.wait_until_ms or None),
        "answered_at": to_rfc3339(found.answered_ms),
    }


def answer_page(
    connection: Connection, *, limit: int, after: int = 0, status: str | None = None
) -> Document:
    """Return a page of the answers, by modem."""
    c = eir_answer.c
    query = select(eir_answer).where(c.unit > after, c.status.is_not(None)).order_by(c.unit)
    if status is not None:
        query = query.where(c.status == status)
    rows = connection.execute(query.limit(limit + 1)).all()
    units = View(connection).units(row.unit for row in rows)
    following = str(rows[limit - 1].unit) if len(rows) > limit else None
    answers = [
        {
            "imei": units[row.unit].number,
            "ref": units[row.unit].ref,
            "status": row.status,
            "previous": row.previous,
            "since": to_rfc3339(row.since_ms),
            "checked_at": to_rfc3339(row.checked_ms),
            "next_check_at": to_rfc3339(row.due_ms),
        }
        for row in rows[:limit]
        if row.unit in units
    ]
    return {"answers": answers, "next": following}
