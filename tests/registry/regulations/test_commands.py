"""Deadlines and rules over HTTP and on the command line, also without full numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modemagent.registry.regulations.counting import date_of
from tests.conftest import call_in_process
from tests.registry.conftest import IMEI, Client, Registry
from tests.registry.regulations.conftest import TODAY, DeadlineStore, Traveller

RULES = """
[[rule]]
id = "de-test"
country = "DE"
kind = "days"
sim = "any"
limit_days = 20
window = "rolling"
window_days = 30
text = "t"
source = "s"
as_of = 2026-11-30
confidence = "low"
"""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_which_modems_are_blocked_next_month(registry: Registry, tmp_path: Path) -> None:
    with_numbers = registry.token("--scope", "operate", "--full-ids")
    reader = registry.client("--scope", "read")
    store = DeadlineStore(registry.database)
    store.add_batch(*Traveller(90).stay(80, 0, "286"), *Traveller(90, "gw-2").stay(9, 0, "262"))
    store.deadlines()
    token_file = tmp_path / "token"
    token_file.write_text(with_numbers)
    where = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token_file))
    due = date_of(TODAY + 10).isoformat()

    found = call_in_process("registry", "deadlines", "--country", "TR", "--json", *where)
    (one,) = json.loads(found.stdout)["deadlines"]
    assert (one["imei"], one["due_on"], one["days"]) == (IMEI, due, 81)
    masked = reader.get(f"deadlines?country=TR&due_from={due}&modem={one['ref']}")
    (hidden,) = masked["deadlines"]
    assert IMEI not in json.dumps(masked)
    assert "8988303000000000010" not in json.dumps(masked)
    assert (hidden["ref"], hidden["due_on"]) == (one["ref"], due)
    assert reader.get("deadlines?country=TR&site=hall-4")["deadlines"] == []
    assert call_in_process("registry", "site", "gw-1", "hall-4", *where).returncode == 0
    (sited,) = reader.get("deadlines?country=TR&site=hall-4")["deadlines"]
    assert sited["site"] == reader.get("gateways/gw-1")["site"] == "hall-4"
    assert call_in_process("registry", "site", "gw-1", *where).returncode == 0
    assert reader.get("gateways/gw-1")["site"] is None
    assert call_in_process("registry", "site", "gw-9", "x", *where).returncode == 2

    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    tried = call_in_process("registry", "deadlines", "add-rules", str(rules), "--dry-run", *where)
    assert "1 note" in tried.stdout
    done = call_in_process("registry", "deadlines", "add-rules", str(rules), *where)
    assert done.returncode == 0
    origins = {one["id"]: one["origin"] for one in reader.get("regulations")["regulations"]}
    assert (origins["de-test"], origins["tr-foreign-sim"]) == ("operator", "program")
    for rule, status in (("de-test", 0), ("de-test", 2)):
        gone = call_in_process("registry", "deadlines", "remove-rule", rule, *where)
        assert gone.returncode == status
    _check_refusals(reader)
    store.database.close()


def _check_refusals(reader: Client) -> None:
    for query in ("due_from=soon", "country=Turkey", "after=x", "modem=1", "due_before=2027-02-30"):
        assert reader.request("GET", f"/api/v1/deadlines?{query}").status == 422
    assert reader.request("PUT", "/api/v1/regulations/de-test", b"{}").status in (403, 415, 422)
    assert reader.request("DELETE", "/api/v1/regulations/de-test").status == 403
