"""Erasure of a SIM: no trace of its numbers stays, and the history of the modems does."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from modemagent.registry.calls.erasures import ErasureCalls
from modemagent.registry.envelope import open_envelope
from modemagent.registry.pseudonyms import is_pseudonym
from modemagent.registry.redaction import ERASED, Redaction
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake import bodies
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.bodies import compress_redacted, decompress
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import audit
from modemagent.registry.store.tables import list_tables, schema
from modemagent.report.message import canonical_body
from tests.conftest import call_in_process
from tests.registry.conftest import EID, ICCID, IMEI, OTHER_ICCID, SECRET, Gateway, Registry, sim
from tests.registry.privacy.conftest import (
    IMSI,
    SPACED,
    TEXT,
    Operator,
    change_all,
    report_all,
    swapped,
)

_DONE_WITHIN_S = 240.0
_GONE = (ICCID, IMSI, EID)


def files_of(registry: Registry) -> list[Path]:
    """Return the files of the tables of a database."""
    if registry.is_sqlite:
        return [path for path in registry.state_dir.iterdir() if path.name.startswith("registry.")]
    with psycopg.connect(registry.database, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return list((Path(row[0]) / "base" / str(row[1])).iterdir())


def traces(registry: Registry) -> list[tuple[str, str]]:
    """Return the numbers that the files of the database, or compressed values in it, contain."""
    forms = {SPACED} | {form for number in _GONE for form in (number, swapped(number))}
    found = [
        (path.name, form)
        for path in files_of(registry)
        for content in [path.read_bytes()]
        for form in sorted(forms)
        if form.encode() in content
    ]
    redaction = Redaction(_GONE)
    database = Database(registry.database, guest=True)
    with database.reading() as connection:
        for table in (schema.report, schema.conflict):
            for body in connection.execute(select(table.c.body)).scalars():
                text = decompress(body).decode()
                found += [(table.name, text)] if redaction.is_in(text) else []
        for row in connection.execute(select(list_tables.check_part)):
            text = (zlib.decompress(row.numbers) + zlib.decompress(row.results)).decode()
            found += [("check_part", text)] if redaction.is_in(text) else []
        assert audit.verify(connection).problems == []
    database.close()
    return found


def erase(operator: Operator, name: str, status: int, **more: Any) -> Any:
    content = json.dumps({"sim": name, "reason": f"request of {ICCID}", **more}).encode()
    response = operator.client.request(
        "POST", "/api/v1/erasures", content, **{"Content-Type": "application/json"}
    )
    assert response.status == status, response.raw
    return response.json


def test_erased_sim_leaves_no_trace(registry: Registry) -> None:
    report_all(registry)
    operator = Operator(registry)
    change_all(operator)
    client = operator.client
    old = client.get(f"sims/{ICCID}")
    first = client.request("GET", "/api/v1/reports/gw-1/stream-1/1").json
    assert first["redacted"] is False
    assert erase(operator, OTHER_ICCID, 409)["code"] == "open_case"
    erasure = erase(operator, ICCID, 202)
    assert client.request("GET", f"/api/v1/sims/{old['ref']}").status == 410
    deadline = time.monotonic() + _DONE_WITHIN_S
    while erasure["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.1)
        erasure = client.get(f"erasures/{erasure['id']}")
    assert (erasure["state"], erasure["reason"]) == ("done", f"request of {ERASED}")
    assert erasure["redacted"] == 2
    assert client.request("GET", f"/api/v1/sims/{ICCID}").status == 404
    for number in _GONE:
        assert client.get(f"lookup?id={number}")["matches"] == []
    # the history of the modem stays
    timeline = client.get(f"modems/{IMEI}/timeline")
    (swap,) = [one for one in timeline["events"] if one["type"] == "sim.swapped"]
    assert is_pseudonym(swap["data"]["previous"]["iccid"])
    assert swap["data"]["new"]["iccid"] == OTHER_ICCID
    assert client.get(f"sims/{erasure['ref']}")["iccid"] == swap["data"]["previous"]["iccid"]
    # the stored report is the same without the number
    now = client.get("reports/gw-1/stream-1/1")
    assert now["redacted"] is True
    assert now["report"]["sims"][0]["iccid"] is None
    assert now["report"]["modem"] == first["report"]["modem"]
    assert [one["redacted"] for one in now["conflicts"]] == [True]
    received = json.dumps(first["report"]).encode()
    assert now["old_digest"] == hashlib.sha256(received).hexdigest()[:16]
    # a late report finds the pseudonym, and its body is stored without the number
    late = Gateway("gw-3", started="2026-02-01T12:")
    body = late.report("identified", imei="867698040000039", sims=[sim(eid=EID)], note=TEXT)
    sender = registry.client("--scope", "gateway", "--gateway-id", "gw-3")
    sims = len(client.get("sims")["sims"])
    assert sender.post(body) == ["accepted"]
    assert sender.post(body) == ["duplicate"]
    assert len(client.get("sims")["sims"]) == sims
    stored = client.get("reports/gw-3/stream-1/1")
    assert (stored["redacted"], stored["report"]["note"].count(ERASED)) == (True, 3)
    timeline = client.get(f"sims/{erasure['ref']}/timeline")
    assert {one["imei"] for one in timeline["pairings"]} == {IMEI, "867698040000039"}
    assert erase(operator, erasure["ref"], 409)["code"] == "erased"
    registry.stop()
    done = call_in_process("registry", "vacuum", *registry.where)
    assert done.returncode == 0, done.stderr
    assert traces(registry) == []
    kept = [path.name for path in files_of(registry) if OTHER_ICCID.encode() in path.read_bytes()]
    assert kept  # the search finds what was not erased


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_paired_sim_is_refused_with_the_remedy(registry: Registry) -> None:
    report_all(registry)
    where = ("--reason", "request 17", *registry.where)
    done = call_in_process("registry", "erase", OTHER_ICCID, *where)
    assert done.returncode == 6
    assert "still paired" in done.stderr
    assert "Take the SIM out" in done.stderr
    erased = call_in_process("registry", "erase", OTHER_ICCID, "--although-paired", *where)
    assert erased.returncode == 0, erased.stderr
    again = call_in_process("registry", "erase", OTHER_ICCID, *where)
    assert again.returncode == 4
    # the modem reports it again: the pairing is that of the pseudonym, the body has no number
    gateway = Gateway("gw-1", sequence=2)
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    reader = registry.client("--scope", "read", "--full-ids")
    assert client.post(gateway.report("refresh", sims=[sim(OTHER_ICCID)], network=None))
    modem = reader.get(f"modems/{IMEI}")
    assert is_pseudonym(modem["sims"][0]["iccid"])
    assert OTHER_ICCID not in str(reader.get("reports/gw-1/stream-1/3"))
    assert reader.get(f"lookup?id={OTHER_ICCID}")["matches"] == []


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer
def test_body_of_a_batch_in_flight_is_searched(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = Database(database_url, secret=SECRET), Database(database_url, guest=True)
    gateway = Gateway()

    def add(body: Any) -> None:
        arrival = Arrival(open_envelope(canonical_body(body)), int(time.time() * 1000))
        Recorder(database).record([arrival])

    add(gateway.report("identified", sims=[sim(ICCID, None)]))
    has_read, may_store = threading.Event(), threading.Event()

    def compress(*values: Any) -> Any:
        has_read.set()
        assert may_store.wait(20)
        return compress_redacted(*values)

    monkeypatch.setattr(bodies, "compress_redacted", compress)
    later = gateway.report("refresh", sims=[sim(ICCID, IMSI)], provision={"order": "PO-1"})
    calls = ErasureCalls(other, "test")
    with ThreadPoolExecutor(2) as pool:
        batch = pool.submit(add, later)
        assert has_read.wait(20)
        made = calls.erase(ICCID, "request", although_paired=True)
        assert made is not None
        erased = pool.submit(calls.finish)
        with pytest.raises(TimeoutError):
            erased.result(0.5)
        may_store.set()
        batch.result(20)
        erased.result(20)
    redaction = Redaction([ICCID, IMSI])
    with database.reading() as connection:
        texts = [decompress(one).decode() for one in
                 connection.execute(select(schema.report.c.body)).scalars()]  # fmt: skip
        texts += connection.execute(select(schema.unit.c.number)).scalars().all()
        texts += connection.execute(select(schema.identifier.c.value)).scalars().all()
    assert len(texts) >= 5 and not any(map(redaction.is_in, texts))
    database.close()
    other.close()
