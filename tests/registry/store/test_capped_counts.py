"""Numbers that pages show are counted up to a limit."""

from __future__ import annotations

import pytest

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.findings import rule_totals
from modemagent.registry.store.lists import tac_table
from modemagent.registry.store.people import tokens
from modemagent.registry.store.people.tokens import Scope
from modemagent.registry.store.tables.finding_tables import finding
from modemagent.registry.store.tables.list_tables import tac
from modemagent.registry.store.tables.recheck_tables import modem_type


def test_counts_end_at_their_limits(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_totals, "MOST_OPEN", 3)
    monkeypatch.setattr(tac_table, "MOST_MODEMS", 3)
    database = Database(database_url)
    kinds = [("sim.swapped", "error"), ("sim.swapped", "warning"), ("sim.moved", "note")]
    with database.writing() as connection:
        zeros = dict.fromkeys(("stream", "sequence", "lo_ms", "hi_ms", "recorded_from"), 0)
        for key in range(10):
            rule, severity = kinds[min(key // 2, 2)]
            row = {"id": key, "finding_id": bytes([key]), "type": rule, "severity": severity}
            state = "resolved" if key == 9 else "acknowledged" if key == 0 else "undecided"
            connection.execute(finding.insert().values(**row, **zeros, state=state))
            unit = {"unit": key, "tac": 86_769_804 + key // 8, "make": key, "read_at": True}
            connection.execute(modem_type.insert().values(**unit))
        for number in (86_769_804, 86_769_805, 86_769_806, 35_204_800):
            record = {"tac": number, "manufacturer": "Quectel", "model": "", "import_run": 1}
            connection.execute(tac.insert().values(**record))
    for number in range(3):
        tokens.create(database, Scope.GATEWAY, gateway_id=f"gw-{number}")
    tokens.create(database, Scope.READ)
    with database.reading() as connection:
        assert rule_totals.open_findings(connection) == {"sim.swapped": 4, "sim.moved": 4}
        first = tac_table.records(connection, "8676", limit=2)
        assert [(one.tac, one.modems) for one in first.rows] == [("86769804", 4), ("86769805", 2)]
        rest = tac_table.records(connection, "8676", limit=2, after=first.following)
        assert [(one.tac, one.modems) for one in rest.rows] == [("86769806", 0)]
        assert rest.following is None
        found = tokens.newest(connection, 2, of_gateways=True)
        assert [one.gateway_id for one in found] == ["gw-2", "gw-1"]
        assert [one.scope for one in tokens.newest(connection, 9, of_gateways=False)] == ["read"]
    database.close()
