"""A registry in which an operator has made every kind of change, with numbers in all texts."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.tables.outbound_tables import delivery
from tests.registry.conftest import (
    EID,
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Client,
    Gateway,
    Registry,
    sim,
)

IMSI, OTHER_IMSI = "901288000000001", "901288000000002"
SERIAL = "35204860012345"
#: The numbers of the fleet; of each, the first 14 digits must not be shown either.
NUMBERS = (IMEI, OTHER_IMEI, ICCID, OTHER_ICCID, IMSI, OTHER_IMSI, EID, SERIAL)
#: A text of an operator who writes numbers into free text.
SPACED = f"{ICCID[:4]} {ICCID[4:8]}-{ICCID[8:12]}.{ICCID[12:]}"
TEXT = f"SIM {ICCID} of modem {IMEI}, IMSI {IMSI}; {SPACED}"
SPARE_ICCID = "8988303000000000036"
_EVALUATED_WITHIN_S = 120.0


class Operator:
    """Makes each kind of change, and notes the route and the kind of act of each.

    :param client: with a token of scope admin and full-id scope
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.client: Client = registry.client("--scope", "admin", "--full-ids")
        self.routes: list[str] = []
        self.kinds: list[str] = []

    def do(
        self,
        kind: str,
        route: str,
        body: object = None,
        *values: object,
        revision: int | None = None,
        content: bytes | None = None,
        **query: str,
    ) -> Any:
        """Make a change; the values replace the parameters of the route.

        :param kind: of the act that it is in the audit; empty: it is not an act
        """
        method, pattern = route.split()
        given = iter(values)
        path = re.sub(r"\{[^}]*\}", lambda _: str(next(given)), pattern)
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        if content is None:
            content = json.dumps({} if body is None else body).encode()
            headers["Content-Type"] = "application/json"
        else:
            headers["Content-Type"] = "text/csv"
        if method == "DELETE":
            content = None
        where = f"/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        response = self.client.request(method, where, content, **headers)
        assert response.status in (200, 201, 202, 204), (route, response.raw)
        self.routes.append(f"{method} /api/v1/{pattern}")
        if kind:
            self.kinds.append(kind)
        return response.json if response.raw else None


def report_all(registry: Registry) -> None:
    """Send the reports of two gateways, with evidence, a conflict and a SIM that was swapped."""
    first = Gateway("gw-1")
    evidence = [
        {"field": "iccid", "command": "AT+QCCID", "answer": f"\r\n+QCCID: {ICCID}F\r\n\r\nOK\r\n",
         "parser": "plain", "at_ms": 30},
        {"field": "iccid", "command": "AT+CRSM=176,12258,0,0,10", "parser": "plain", "at_ms": 40,
         "answer": f'\r\n+CRSM: 144,0,"{swapped(ICCID)}"\r\n\r\nOK\r\n'},
    ]  # fmt: skip
    body = first.report("identified", sims=[sim(eid=EID)], evidence=evidence)
    body["modem"]["serial_number"] = SERIAL
    body["modem"]["read"]["serial_number"] = "ok"
    changed = first.report("sim_changed", sims=[sim(OTHER_ICCID, OTHER_IMSI)])
    changed["modem"] = body["modem"]
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    assert client.post(body, changed) == ["accepted"] * 2
    copied = {**body, "observed_at": "2026-03-01T12:00:02.000Z"}
    assert client.post(copied) == ["conflict"]
    second = Gateway("gw-2")
    other = second.report("identified", imei=OTHER_IMEI, sims=[])
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-2")
    assert client.post(other) == ["accepted"]


def swapped(iccid: str) -> str:
    """Return an ICCID as the SIM stores it: two digits of each byte in reverse order."""
    digits = iccid + "F" * (len(iccid) % 2)
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))


def change_all(operator: Operator) -> None:
    """Make every kind of change that the API has."""
    do = operator.do
    entry = do("list.put", "PUT lists/{name}/entries",
               {"kind": "iccid", "value": OTHER_ICCID, "reason": TEXT, "source": TEXT},
               "tracked")  # fmt: skip
    do("list.remove", "DELETE lists/{name}/entries/{entry}", None, "tracked", entry["id"])
    do("list.put", "PUT lists/{name}/entries",
       {"kind": "iccid", "value": ICCID, "reason": TEXT, "source": TEXT}, "tracked")  # fmt: skip
    rows = f"imei,reason\n{OTHER_IMEI},{IMEI}\n".encode()
    made = do("import.run", "POST imports", target="prohibited", source=TEXT, content=rows)
    do("import.undo", "POST imports/{key}/undo", None, made["id"])
    checked = do("check.run", "POST checks", {"numbers": list(NUMBERS[:4])})
    do("check.run", "POST checks/{key}/again", None, checked["id"])
    asset = do("asset.add", "POST assets", {"tag": "A-1", "imei": IMEI, "serial_number": SERIAL,
                                            "note": TEXT, "reason": TEXT})  # fmt: skip
    do("asset.change", "PATCH assets/{key}", {"owner": TEXT}, asset["id"],
       revision=asset["revision"])  # fmt: skip
    mistaken = do("asset.add", "POST assets", {"tag": "A-2", "reason": TEXT})
    do("asset.delete", "DELETE assets/{key}", None, mistaken["id"], revision=1)
    order = f"order,imei,iccid,imsi,eid,note\nPO-1,{OTHER_IMEI},{OTHER_ICCID},,,{TEXT}\n"
    lines = f"{order}PO-1,,{ICCID},{IMSI},{EID},x\n".replace(f"{TEXT}", f'"{TEXT}"').encode()
    do("import.run", "POST imports", target="orders", content=lines)
    do("import.run", "POST imports", target="orders", content=b"order,model,quantity\nPO-2,M,5\n")
    found = operator.client.get("orders/PO-2")
    do("order.change", "PATCH orders/{order}", {"supplier": TEXT}, found["id"],
       revision=found["revision"])  # fmt: skip
    found = operator.client.get("orders/PO-2")
    do("order.receive", "PUT orders/{order}/rows/{row}/received", {"received": 2}, found["id"],
       found["rows"][0]["id"], revision=found["revision"])  # fmt: skip
    case = do("case.open", "POST cases", {"kind": "stolen", "imeis": [OTHER_IMEI],
                                          "iccids": [OTHER_ICCID], "text": TEXT})  # fmt: skip
    case = do("case.change", "PATCH cases/{key}", {"proof": TEXT, "text": TEXT}, case["id"],
              revision=case["revision"])  # fmt: skip
    do("case.task", "PUT cases/{key}/tasks/{position}", {"reference": TEXT}, case["id"], 1,
       revision=case["revision"])  # fmt: skip
    lost = do("case.open", "POST cases", {"kind": "lost", "iccids": [ICCID], "note": TEXT})
    do("case.close", "POST cases/{key}/close", {"outcome": "recovered", "text": TEXT}, lost["id"],
       revision=lost["revision"])  # fmt: skip
    recall = do("recall.add", "POST recalls", {"kind": "recall", "title": TEXT, "tac": "86769804",
                                               "source": TEXT})  # fmt: skip
    do("recall.remove", "DELETE recalls/{key}", None, recall["id"])
    policy = {"name": "depot", "covers": {"imeis": [IMEI]}, "mode": "observe",
              "iccids": [ICCID, OTHER_ICCID], "imsis": [IMSI], "note": TEXT,
              "exceptions": [{"imei": IMEI, "iccid": ICCID}]}  # fmt: skip
    made = do("policy.add", "POST policies", policy)
    do("", "POST policy-trials", policy)
    do("", "POST policies/{ref}/dry-run", None, made["ref"])
    made = do("policy.change", "PUT policies/{ref}", {**policy, "reason": TEXT}, made["ref"],
              revision=made["revision"])  # fmt: skip
    made = do("policy.change", "POST policies/{ref}/apply", {"mode": "learn", "reason": TEXT},
              made["ref"], revision=made["revision"])  # fmt: skip
    made = do("policy.change", "POST policies/{ref}/revert", {"revision": 1, "reason": TEXT},
              made["ref"], revision=made["revision"])  # fmt: skip
    pairs = f"imei,iccid\n{OTHER_IMEI},{OTHER_ICCID}\n".encode()
    other = do("policy.add", "POST policy-imports", content=pairs, name="pairs")
    do("policy.delete", "DELETE policies/{ref}", None, other["ref"], revision=1, reason=TEXT)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    window = do("window.announce", "POST windows", {"name": TEXT, "reason": TEXT,
                                                    "imeis": [OTHER_IMEI],
                                                    "to": tomorrow})  # fmt: skip
    do("window.close", "POST windows/{key}/close", None, window["id"])
    note = do("note.add", "POST notes", {"about": f"asset:{asset['id']}", "text": TEXT})
    do("note.add", "POST notes", {"about": f"case:{case['id']}", "text": TEXT})
    do("note.delete", "DELETE notes/{key}", None, note["id"])
    do("selection.make", "POST selections", {"kind": "modems", "gateway": "gw-1"})
    for what, form in (("modems", "csv"), ("sims", "csv"), ("assets", "csv"), ("events", "jsonl")):
        do("export.add", "POST exports", {"what": what, "format": form})
    do("export.add", "POST exports", {"what": "number", "filters": {"id": ICCID}})
    rule = {"country": "DE", "kind": "days", "limit_days": 9, "window": "year", "text": TEXT,
            "source": TEXT, "as_of": "2026-11-30", "confidence": "low"}  # fmt: skip
    do("regulation.put", "PUT regulations/{rule}", rule, "de-test")
    do("regulation.remove", "DELETE regulations/{rule}", None, "de-test")
    do("gateway.site", "PUT gateways/{gateway_id}/site", {"site": "hall 4"}, "gw-1")
    do("retention.set", "PUT retention/{kind}", {"days": 90}, "cases")
    do("retention.apply", "POST retention/apply")
    change_webhooks(operator)
    do("recheck.start", "POST rules/dry-run", {})
    do("recheck.start", "POST rules/check", {"max_match_ratio": 0.0})


def change_webhooks(operator: Operator) -> None:
    """Make the changes of webhooks, to a host that does not exist."""
    do = operator.do
    given = {"name": TEXT, "url": f"https://hooks.invalid/{IMEI}", "full_ids": True}
    hook = do("webhook.add", "POST webhooks", given)
    do("webhook.change", "PATCH webhooks/{key}", {"severity": "warning"}, hook["id"])
    do("webhook.secret", "POST webhooks/{key}/secret", None, hook["id"])
    message = do("webhook.test", "POST webhooks/{key}/test", None, hook["id"])["message"]
    with Database(operator.registry.database, guest=True).writing() as connection:
        sent = update(delivery).where(delivery.c.id == int(message)).values(state="dead")
        connection.execute(sent)
    again = "POST webhooks/{key}/messages/{message}/send-again"
    do("webhook.send_again", again, None, hook["id"], message)
    other = do("webhook.add", "POST webhooks", given)
    do("webhook.delete", "DELETE webhooks/{key}", None, other["id"])


def decide(operator: Operator) -> None:
    """Make a decision about a swapped SIM, and confirm a re-check that is stopped."""
    found = _awaited(lambda: [one for one in operator.client.get("findings?limit=1000")["findings"]
                              if one["type"] == "sim.swapped"])[0]  # fmt: skip
    detail = operator.client.request("GET", f"/api/v1/findings/{found['id']}")
    operator.do(
        "finding.authorise", "POST findings/{finding_id}/{action}", {"reason": TEXT}, found["id"],
        "authorise", revision=int(detail.headers["ETag"].strip('"')),
    )  # fmt: skip


def erase_spare(operator: Operator) -> None:
    """Erase a SIM that is in no list of numbers here."""
    gateway = Gateway("gw-3")
    client = operator.registry.client("--scope", "gateway", "--gateway-id", "gw-3")
    client.post(gateway.report("identified", "867698040000047", [sim(SPARE_ICCID, None)]))
    operator.do("unit.erase", "POST erasures",
                {"sim": SPARE_ICCID, "reason": TEXT, "although_paired": True})  # fmt: skip


def _awaited(look: Any) -> Any:
    deadline = time.monotonic() + _EVALUATED_WITHIN_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("not evaluated")


@pytest.fixture(scope="package")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder: Path = tmp_path_factory.mktemp("privacy")
    registry = Registry(folder / "state")
    registry.start()
    try:
        report_all(registry)
        found = Operator(registry)
        change_all(found)
        decide(found)
        erase_spare(found)
        yield found
    finally:
        if registry.process is not None and registry.process.poll() is None:
            registry.stop(signal.SIGKILL)
