"""A registry with a story, people of every role, and a client that behaves as a browser does."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher

from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.system_state import waiting_work
from modemagent.registry.store.evaluation.recheck_runs import COUNTS, RUN_COLUMNS
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people import invitations
from modemagent.registry.store.people.people import PersonRole
from modemagent.registry.store.regulations.deadlines import update_part
from modemagent.registry.store.tables.recheck_tables import recheck_rule, recheck_run
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
#: A bench, and the modules in its bays.
BENCH = "B2"
BENCH_IMEIS = ("867698040002001", "867698040002019", "867698040002027")
#: All numbers of the story, and a gateway id that looks like one.
NUMBER_LIKE_GATEWAY = "gw-867698040000039"
NUMBERS = (IMEI, OTHER_IMEI, ICCID, OTHER_ICCID, IMSI, OTHER_IMSI, EID, SERIAL, "867698040000039",
           *BENCH_IMEIS)  # fmt: skip
HOSTILE = "<script>alert(1)</script>"
FORMULA = "=HYPERLINK('x') \"onload="
PASSWORD = "correct horse battery"
_HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # costs no time
_EVALUATED_WITHIN_S = 120.0
_LINK = re.compile(r'(?:href|\baction)="([^"]+)"')
_GET_FORM = re.compile(r'<form[^>]+action="([^"]+)" method="get"')
_POST_FORM = re.compile(r'<form[^>]+action="([^"]+)" method="post"')


@dataclass
class Answer:
    """A response, with its text."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def links(self) -> set[str]:
        """Addresses in the page, without fragments."""
        found = (one.replace("&amp;", "&").partition("#")[0] for one in _LINK.findall(self.text))
        return {one for one in found if one.startswith("/")}

    @property
    def pages(self) -> set[str]:
        """Addresses in the page that can be opened, without those of forms that change."""
        acts = set(_POST_FORM.findall(self.text)) - set(_GET_FORM.findall(self.text))
        hrefs = {one.replace("&amp;", "&") for one in re.findall(r'href="([^"]+)"', self.text)}
        return self.links - (acts - {one.partition("#")[0] for one in hrefs})

    def field(self, name: str) -> str:
        """Return the value of the first field with a name."""
        found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', self.text)
        assert found, name
        return found[1]


@dataclass
class Browser:
    """An HTTP client with the cookie of one person.

    :param cookie: secret of the session
    """

    port: int
    cookie: str | None = None
    seen: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Answer:
        sent = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.send("POST", path, form or {}, sent)

    def upload(self, path: str, form: dict[str, str], name: str, content: bytes) -> Answer:
        """Send a form with a file, as browsers do."""
        body, boundary = b"", "----edge"
        for key, value in form.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n'
            body += f"{head}{value}\r\n".encode()
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="a.csv"'
        body += f"{head}\r\nContent-Type: text/csv\r\n\r\n".encode() + content
        body += f"\r\n--{boundary}--\r\n".encode()
        return self._sent(
            "POST",
            path,
            body,
            {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Sec-Fetch-Site": "same-origin",
            },
        )

    def send(
        self, method: str, path: str, form: dict[str, Any] | None, headers: dict[str, str]
    ) -> Answer:
        """Send a request; header names are given with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None
        if form is not None:
            body = urlencode(form, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        return self._sent(method, path, body, sent)

    def _sent(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self.cookie:
            headers["Cookie"] = f"registry={self.cookie}"
        self.seen.append(path)
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        ) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())


class Story:
    """A registry that has received the reports of three gateways."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.database = Database(registry.database, guest=True)

    def browser(self) -> Browser:
        return Browser(self.registry.port)

    def person(self, name: str, role: PersonRole, *, full_ids: bool = False) -> Browser:
        """Return the client of a person who is signed in."""
        link = invitations.create_person(self.database, name, role, full_ids=full_ids)
        return Browser(self.registry.port, invitations.accept(self.database, link, name, _HASHED))

    def finding(self, browser: Browser, name: str) -> str:
        """Return the address of a finding in the list."""
        text = browser.get("/findings?state=all&severity=any").text
        found = re.search(rf'<a href="(/findings/[0-9a-f-]+)">{name}</a>', text)
        assert found, name
        return found[1]

    def stopped(self, scope: str, subject: str, made_ms: int) -> str:
        """Add a re-check that waits to be confirmed; return the address of its page.

        A later one of the same scope replaces it, so those that were begun are done before.
        """

        def work(batch: Batch) -> int:
            run = (batch.key(), scope, subject, "person:clerk", "stopped", False, 50_000, 10, 3000,
                   3000, 412, 412, 0, made_ms)  # fmt: skip
            dialect.insert_rows(batch.connection, recheck_run, RUN_COLUMNS, [run])
            counts = [(run[0], "imei.prohibited", 412, 0, 400, 12)]
            dialect.insert_rows(batch.connection, recheck_rule, ("run", "rule", *COUNTS), counts)
            return int(run[0])

        self.wait_for_rechecks()
        return f"/rechecks/R{Recorder(self.database).run(work)}"

    def wait_for_rechecks(self) -> None:
        """Wait until all reports are evaluated, and all re-checks done."""
        deadline = time.monotonic() + _EVALUATED_WITHIN_S
        while True:
            with self.database.reading() as connection:
                waiting = waiting_work(connection)
            if not waiting["rules"].number and not waiting["recheck"].number:
                return
            assert time.monotonic() < deadline, "a re-check is not done"
            time.sleep(0.1)


def _evidence(imei: str, iccid: str) -> list[dict[str, object]]:
    exchanges = (("imei", "AT+CGSN", imei), ("iccid", "AT+QCCID", f"+QCCID: {iccid}"))
    return [
        {
            "field": name,
            "command": command,
            "answer": f"{command}\r\r\n{value}\r\n\r\nOK\r\n",
            "parser": "plain",
            "at_ms": 30,
        }
        for name, command, value in exchanges
    ]


def bench_report(bench: Gateway, bay: str, stage: str, imei: str, **more: object) -> dict[str, Any]:
    """Return what a bench reports about a unit; without an IMEI it is about no module."""
    provision = {"attempt_id": f"2026-44/{bay}", "stage": stage, "order": "2026-44", "bay": bay,
                 "row": int(bay), "person": "ANNA", "label": {"imei": imei[:14]},
                 **more}  # fmt: skip
    port = {"path": f"/dev/ttyUSB{int(bay)}", "id": f"usb:3-{int(bay)}:1.2"}
    if not imei:
        return bench.report("heartbeat", modem=None, sims=[], port=None, provision=provision)
    reason = "removed" if stage == "removed" else "identified"
    return bench.report(reason, imei=imei, sims=[], port=port, provision=provision)


def bench_reports(bench: Gateway) -> list[dict[str, Any]]:
    """Return the reports about a tray: passed, failed, mute, at work, and a verdict revoked."""
    failed = {"verdict": "fail", "failed": ["firmware"], "blame": "unit"}
    reason = f"wants BR07 {HOSTILE}"
    counts = {
        "order": {"passed": 41, "failed": 3, "waived": 1, "size": 48, "first_pass": 0.9318,
                  "blame": {"unit": 2, "operator": 1}},
        "shift": {"passed": 7, "failed": 0, "since": "2026-12-01T07:58:00.000Z"},
    }  # fmt: skip
    mute = bench_report(bench, "03", "ended", "", verdict="fail", failed=["answers"], blame="unit")
    return [
        bench_report(bench, "01", "ended", BENCH_IMEIS[0], verdict="pass"),
        bench_report(bench, "02", "ended", BENCH_IMEIS[1], reason=reason, **failed),
        mute,
        bench_report(bench, "04", "checked", BENCH_IMEIS[2]),
        bench_report(bench, "01", "ended", "", verdict="fail", failed=["unique"], revoked=True,
                     counts=counts),
    ]  # fmt: skip


def tell(registry: Registry) -> None:
    """Send the reports: a swapped SIM, a modem with a hostile name, an unreadable SIM."""
    first = Gateway("gw-1")
    body = first.report("identified", sims=[sim(eid=EID)], evidence=_evidence(IMEI, ICCID))
    body["modem"]["serial_number"] = SERIAL
    body["modem"]["read"]["serial_number"] = "ok"
    swapped = first.report(
        "sim_changed",
        sims=[sim(OTHER_ICCID, OTHER_IMSI)],
        evidence=_evidence(IMEI, OTHER_ICCID),
    )
    swapped["modem"] = body["modem"]
    beat = first.report("heartbeat", sims=[sim(OTHER_ICCID, OTHER_IMSI)], heartbeat_s=3600)
    beat["modem"] = body["modem"]
    second = Gateway("gw-2")
    hostile = second.report("identified", imei=OTHER_IMEI, sims=[sim(None)])
    hostile["modem"] |= {"manufacturer": HOSTILE, "model": FORMULA}
    third = Gateway(NUMBER_LIKE_GATEWAY)
    # in Uzbekistan since today, where a modem has to be registered within 60 days
    other = third.report(
        "identified",
        imei="867698040000039",
        sims=[],
        network={"mcc": "434", "mnc": "01", "rat": "lte", "registered": True},
        observed_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
    )
    bench = Gateway(BENCH)
    tray = bench_reports(bench)
    stories = ((first, [body, swapped, beat]), (second, [hostile]), (third, [other]), (bench, tray))
    for gateway, reports in stories:
        client = registry.client("--scope", "gateway", "--gateway-id", gateway.gateway_id)
        assert set(client.post(*reports)) == {"accepted"}


def fill(story: Story) -> None:
    """Make a policy, work, a case, lists, assets, an order and a check about the modems."""
    actor = "person:clerk"
    lists = ListCalls(story.database, actor)
    policies = PolicyCalls(story.database, actor)
    policies.add(
        {
            "name": "meters",
            "mode": "learn",
            "covers": {"model": "EG25-G"},
            "exceptions": [{"imei": IMEI, "iccid": ICCID}],
        }
    )
    policies.announce(
        {
            "name": "crew",
            "to": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}",
            "gateways": ["gw-1"],
            "imeis": [IMEI],
        }
    )
    lists.put_entry("prohibited", {"kind": "imei", "value": OTHER_IMEI, "reason": f"of {IMEI}",
                                   "source": "operator"})  # fmt: skip
    content = f"tag,imei,site,serial_number\nA-1,{IMEI},Hamburg,{SERIAL}\n".encode()
    options = {"instead": False, "force": True}
    lists.import_file(content, dry_run=False, target="assets", **options)
    content = f"imei,model\n{IMEI},EG25-G\n{OTHER_IMEI},EG25-G\n".encode()
    lists.import_file(content, dry_run=False, target="orders", order="2026-44", **options)
    content = b"imei\n867698040000096\n"
    lists.import_file(content, dry_run=False, target="registrations", country="PK", **options)
    story.stopped("tac", "tacs", 1)
    lists.check([IMEI, IMEI, "8.67698E+14", OTHER_IMEI])
    cases = CaseCalls(story.database, actor)
    cases.open_case({"kind": "stolen", "imeis": [IMEI], "iccids": [ICCID], "text": f"was {IMEI}"})
    while update_part(story.database):
        pass


def wait_for(reader: Client, kind: str) -> None:
    """Wait until there is a finding of a type."""
    deadline = time.monotonic() + _EVALUATED_WITHIN_S
    while not any(one["type"] == kind for one in reader.get("findings")["findings"]):
        assert time.monotonic() < deadline, f"no finding {kind}"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("pages")
    registry = Registry(folder / "state")
    registry.start()
    tell(registry)
    found = Story(registry)
    reader = registry.client("--scope", "read")
    wait_for(reader, "sim.swapped")
    fill(found)
    wait_for(reader, "imei.prohibited")
    yield found
    found.database.close()
    registry.stop(signal.SIGKILL)
