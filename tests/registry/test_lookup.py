"""Lookups that take long are made in a thread, with the same result."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from modemagent.identity.checkdigits import luhn_digit
from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.database.pipeline import Pipeline
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.fleet.lookup import lookup
from modemagent.registry.store.fleet.unit_numbers import refs_of
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables import schema
from modemagent.report.message import canonical_body
from tests.conftest import call_in_process
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    Client,
    Gateway,
    PostgresServer,
    Registry,
    sim,
)

_COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT max(i) FROM n"
)


def imei(number: int) -> str:
    digits = f"86769804{number:06d}"
    return digits + luhn_digit(digits)


@pytest.mark.parametrize("count", [8, 9])
def test_number_of_many_modems_is_found(
    gateway_client: Callable[[str], Client], reader: Client, count: int
) -> None:
    gateway, client = Gateway(), gateway_client("gw-1")
    reports = []
    for number in range(count):
        report = gateway.report("identified", imei=imei(number), sims=[])
        report["port"] |= {"id": f"usb:1-{number}:1.2"}
        report["modem"]["serial_number"] = "0123456789"
        report["modem"]["read"]["serial_number"] = "ok"
        reports.append(report)
    assert set(client.post(*reports)) == {"accepted"}
    matches = reader.get("lookup?id=0123456789")["matches"]
    assert sorted(one["modem"] for one in matches) == sorted(map(imei, range(count)))
    assert {(one["kind"], one["id"]) for one in matches} == {("serial_number", "0123456789")}


@pytest.mark.parametrize("wanted", [IMEI, ICCID])
def test_lookup_takes_few_round_trips_to_postgresql(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    trips: list[Pipeline] = []
    send = Pipeline._send
    with contextlib.closing(Database(postgres.new_database())) as database:
        report = Gateway().report("identified", sims=[sim()])
        arrival = Arrival(open_envelope(canonical_body(report)), now_ms())
        Recorder(database).record([arrival])
        monkeypatch.setattr(Pipeline, "_send", lambda self: (trips.append(self), send(self))[1])
        with database.reading() as connection:
            (match,) = lookup(connection, wanted)["matches"]
    assert (match["modem"], match["port"]) == (IMEI, "usb:1-2")
    assert len(trips) == (4 if wanted == IMEI else 5)


def test_refs_of_many_numbers_take_one_round_trip(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[Pipeline] = []
    send = Pipeline._send
    without_check = "8986000000000000001"  # of its 20 digits the last one is in the key
    sims = [sim(), sim(without_check + "2", slot=2)]
    with contextlib.closing(Database(postgres.new_database())) as database:
        report = Gateway().report("identified", sims=sims)
        Recorder(database).record([Arrival(open_envelope(canonical_body(report)), now_ms())])
        monkeypatch.setattr(Pipeline, "_send", lambda self: (trips.append(self), send(self))[1])
        numbers = {
            (UnitKind.MODEM, IMEI),
            (UnitKind.SIM, ICCID),
            (UnitKind.SIM, ICCID + "7"),
            (UnitKind.SIM, without_check),
            (UnitKind.SIM, OTHER_ICCID),
        }
        with database.reading() as connection:
            found, gateways = refs_of(connection, numbers, {"gw-1", "gw-2"})
            assert len(trips) == 1
            rows = dict(connection.execute(select(schema.unit.c.number, schema.unit.c.ref)).all())
    named = {number: format_ref(ref) for number, ref in rows.items()}
    assert {number: ref for (_, number), ref in found.items()} == {
        IMEI: named[IMEI],
        ICCID: named[ICCID],
        ICCID + "7": named[ICCID],
        without_check: named[without_check + "2"],
    }
    assert gateways.keys() == {"gw-1"}


def test_quick_connection_interrupts_a_long_statement(tmp_path: Path) -> None:
    with contextlib.closing(Database(f"sqlite:///{tmp_path}/registry.db")) as database:
        quick = database.quick_connection(10_000)
        assert quick is not None
        with quick:
            with quick.begin(), pytest.raises(OperationalError) as raised:
                quick.exec_driver_sql(_COUNT.format(100_000)).all()
            assert isinstance(raised.value.orig, sqlite3.Error)
            assert raised.value.orig.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
            for _ in range(200):  # more steps than one transaction may have, but in many
                with quick.begin():
                    assert quick.exec_driver_sql(_COUNT.format(10)).scalar() == 10


def test_last_digits_find_candidates(
    registry: Registry, gateway_client: Callable[[str], Client]
) -> None:
    gateway = Gateway()
    reports = []
    alike = [one for number in range(300) if (one := imei(number * 1000 + 7)).endswith("0070")]
    for number, one in enumerate(alike[:21]):
        report = gateway.report("identified", imei=one, sims=[])
        report["port"] |= {"id": f"usb:1-{number}:1.2"}
        reports.append(report)
    other = gateway.report("identified", imei=IMEI, sims=[sim(ICCID)])
    other["port"] |= {"id": "usb:2-1:1.2"}
    assert set(gateway_client("gw-1").post(*reports, other)) == {"accepted"}
    full = registry.client("--scope", "read", "--full-ids")
    found = full.get(f"lookup?id={IMEI[-8:]}")
    assert (found["matches"], found["more_candidates"]) == ([], False)
    (one,) = found["candidates"]
    assert (one["kind"], one["id"], one["sim"], one["gateway"]) == ("imei", IMEI, ICCID, "gw-1")
    (of_sim,) = full.get(f"lookup?id={ICCID[-5:]}")["candidates"]
    assert (of_sim["kind"], of_sim["id"], of_sim["modem"]) == ("iccid", ICCID, IMEI)
    assert full.get(f"lookup?id={IMEI[-3:]}")["candidates"] == []
    assert full.get(f"lookup?id={IMEI}")["candidates"] == []
    found = full.get("lookup?id=0070")
    assert (len(found["candidates"]), found["more_candidates"]) == (20, True)
    assert found["candidates"][0]["id"] == alike[20]
    reader = registry.client("--scope", "read")
    (masked,) = reader.get(f"lookup?id={IMEI[-4:]}")["candidates"]
    assert masked["id"] == f"{IMEI[:6]}*****{IMEI[-4:]}"
    assert reader.get(f"lookup?id={IMEI[-5:]}")["candidates"] == []
    done = call_in_process("registry", "lookup", IMEI[-6:], *registry.where)
    assert (done.returncode, IMEI in done.stdout) == (4, True)
    assert f"Numbers that end with {IMEI[-6:]}:" in done.stdout
