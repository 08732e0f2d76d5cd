"""Gateways that have not reported for longer than they promised, and the uptime of the registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.silent import INTERVALS, LONGEST_MS, silent_since
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables import schema

_RULE = "gateway.silent"
_UP = "up"  # setting: start of the time without a downtime, and its last minute
_DOWNTIME_MS = 5 * 60_000  # a longer time without a note was a downtime
_NUMBER = 8

_CONTACTS = (
    "SELECT g.id, x.stream, x.last_sequence, x.received_ms, x.heartbeat_ms FROM gateway g"
    " JOIN boot_stream x ON x.boot = g.last_boot"
)
_CANDIDATES = (
    f"{_CONTACTS} WHERE x.received_ms + CASE WHEN x.heartbeat_ms > 0"
    f" THEN {INTERVALS} * x.heartbeat_ms ELSE {LONGEST_MS} END <= {{now_ms:d}}"
)
_OF_GATEWAYS = f"{_CONTACTS} WHERE g.id IN {{keys}}"
_RECORDED = (
    "SELECT gateway FROM finding WHERE gateway IS NOT NULL"
    " AND type = 'gateway.silent' AND recorded_to IS NULL"
)


def note_uptime(batch: Batch) -> bool:
    """Note that the registry is running; after a downtime, silence is counted from now."""
    since_ms, last_ms = _uptime(batch.connection)
    if batch.now_ms - last_ms > _DOWNTIME_MS or last_ms > batch.now_ms:
        since_ms = batch.now_ms
    value = b"".join(one.to_bytes(_NUMBER, "big") for one in (since_ms, batch.now_ms))
    dialect.upsert_rows(batch.connection, schema.setting, ("name",), ("value",), [(_UP, value)])
    return False


def update(database: Database) -> None:
    """Compare the silent gateways with the recorded findings; writers do not wait meanwhile."""
    with database.reading() as connection:
        query = _CANDIDATES.format(now_ms=now_ms())
        candidates = {row[0] for row in connection.exec_driver_sql(query)}
        recorded = {row[0] for row in connection.exec_driver_sql(_RECORDED)}
    if candidates or recorded:
        with database.writing() as connection:
            write(database.new_batch(connection), candidates ^ recorded)


def write(batch: Batch, gateways: Iterable[int]) -> None:
    """Write which of some gateways are silent."""
    connection = batch.connection
    keys = sorted(set(gateways))
    rows = [(key,) for key in keys]
    dialect.select_rows(connection, schema.gateway, ("id",), ("id",), rows, lock=True)
    up_since_ms, _ = _uptime(connection)
    contacts: dict[int, tuple[Any, ...]] = {}
    for row in dialect.query_keys(connection, _OF_GATEWAYS, keys):
        contacts[row[0]] = max(row, contacts.get(row[0], row), key=lambda one: one[3])
    log = FindingLog(batch, {_RULE})
    log.load("gateway", keys)
    for key in keys:
        found = []
        if key in contacts:
            _, stream, sequence, received_ms, heartbeat_ms = contacts[key]
            from_ms = silent_since(received_ms, heartbeat_ms, up_since_ms)
            if from_ms <= batch.now_ms:
                found.append(RuleFinding(_RULE, ReportMoment(stream, sequence, from_ms, from_ms)))
        log.set(Subject("gateway", gateway=key), found)
    log.write()


def _uptime(connection: Connection) -> tuple[int, int]:
    query = select(schema.setting.c.value).where(schema.setting.c.name == _UP)
    found = connection.execute(query).scalar()
    if found is None:
        return 0, 0
    value = bytes(found)
    return int.from_bytes(value[:_NUMBER], "big"), int.from_bytes(value[_NUMBER:], "big")
