"""A registry with a story, people of every role, and a client that behaves as a browser does."""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest

from modemagent.registry.store import people
from modemagent.registry.store.engine import Database
from modemagent.registry.store.people import PersonRole
from tests.registry.conftest import (
    EID,
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Gateway,
    Registry,
    sim,
)

IMSI, OTHER_IMSI = "901288000000001", "901288000000002"
SERIAL = "35204860012345"
#: All numbers of the story, and a gateway id that looks like one.
NUMBER_LIKE_GATEWAY = "gw-867698040000039"
NUMBERS = (IMEI, OTHER_IMEI, ICCID, OTHER_ICCID, IMSI, OTHER_IMSI, EID, SERIAL, "867698040000039")
HOSTILE = "<script>alert(1)</script>"
FORMULA = "=HYPERLINK('x') \"onload="
_UNUSABLE = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA"
_EVALUATED_WITHIN_S = 20.0
_LINK = re.compile(r'(?:href|action)="([^"]+)"')


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

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        sent = {"Sec-Fetch-Site": "same-origin", **headers}
        return self.send("POST", path, form or {}, sent)

    def send(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> Answer:
        """Send a request; header names are given with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent["Cookie"] = f"registry={self.cookie}"
        body = None
        if form is not None:
            body = urlencode(form)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        self.seen.append(path)
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        ) as connection:
            connection.request(method, path, body, sent)
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
        link = people.create_person(self.database, name, role, full_ids=full_ids)
        return Browser(self.registry.port, people.accept(self.database, link, name, _UNUSABLE))

    def finding(self, browser: Browser, name: str) -> str:
        """Return the address of a finding in the list."""
        text = browser.get("/findings?state=all&severity=any").text
        found = re.search(rf'<a href="(/findings/[0-9a-f-]+)">{name}</a>', text)
        assert found, name
        return found[1]


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
    other = third.report("identified", imei="867698040000039", sims=[])
    for gateway, reports in ((first, [body, swapped, beat]), (second, [hostile]), (third, [other])):
        client = registry.client("--scope", "gateway", "--gateway-id", gateway.gateway_id)
        assert set(client.post(*reports)) == {"accepted"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("pages")
    registry = Registry(folder / "state")
    registry.start()
    tell(registry)
    found = Story(registry)
    reader = registry.client("--scope", "read")
    deadline = time.monotonic() + _EVALUATED_WITHIN_S
    while time.monotonic() < deadline:
        if any(one["type"] == "sim.swapped" for one in reader.get("findings")["findings"]):
            break
        time.sleep(0.1)
    yield found
    found.database.close()
    registry.stop(signal.SIGKILL)
