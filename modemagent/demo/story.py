"""The story of the demo's fleet: most gateways are well, and a few show what the registry finds.

All of it goes through the HTTP API, as gateways and people use it.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from modemagent.demo.story_gateways import BG95, EG25, SIM7600, StoryGateway, StorySim, iccid, imei
from modemagent.registry_client.assets import HttpAssets
from modemagent.registry_client.cases import HttpCases
from modemagent.registry_client.client import HttpSource
from modemagent.registry_client.lists import HttpLists
from modemagent.registry_client.policies import HttpPolicies

SITES = (("hamburg", EG25, 10), ("lyon", BG95, 8), ("izmir", SIM7600, 6))
_BEGAN_AGO = timedelta(minutes=50)
_HEARTBEAT_S = 3600
#: The gateway that falls silent, and the interval that it promises.
_SILENT, _SILENT_HEARTBEAT_S = "izmir-06", 20
#: The gateway in a country in which its modem has to be registered within 60 days, and since when.
_ABROAD, _ABROAD_AGO = "tashkent-01", timedelta(days=49)
_UZBEKISTAN = "434"
#: The gateway in which a stolen modem appears.
_WORKSHOP = "workshop-01"
_ORDER = "2026-44"
_LINKED_WITHIN_S = 15.0
_POLL_S = 0.2

Gateways = Mapping[str, StoryGateway]


class StoryLine(NamedTuple):
    """A part of the story: what happened, and on which page it is shown."""

    text: str
    path: str


#: What the registry finds, by the type of the finding, in the order of its listing.
_LINES = (
    ("sim.swapped", "another SIM in hamburg-03, against its policy"),
    ("imei.duplicate", "the IMEI of lyon-05 is also reported by izmir-03: a clone"),
    ("imei.prohibited", "the modem of izmir-01 is on the prohibited list"),
    ("case.sighted", "the stolen modem of lyon-08 has appeared in a workshop"),
    ("registration.due", "the modem of tashkent-01 has to be registered in Uzbekistan soon"),
    ("gateway.silent", "izmir-06 has fallen silent"),
)


class FleetStory:
    """Sends the story to a registry.

    :param operator: client of a token with the scope operate
    :param enroller: client of a token with the scope enroll
    :param connect: makes a client for the token of a gateway
    """

    def __init__(
        self, operator: HttpSource, enroller: HttpSource, connect: Callable[[str], HttpSource]
    ) -> None:
        self._operator = operator
        self._enroller = enroller
        self._connect = connect
        self._clients: dict[str, HttpSource] = {}
        self._policies = HttpPolicies(operator)
        self._cases = HttpCases(operator)
        self.gateways = _gateways(datetime.now(UTC) - _BEGAN_AGO)

    def tell(self) -> None:
        """Send all reports, and make registers, lists, a policy, announced work and a case."""
        for one in self.gateways.values():
            if one.is_on:
                one.report("identified", after_s=0)
        self._registers()
        self._send()
        policy = self._policies.add(_POLICY)
        self._wait_until_linked(policy["ref"])
        _happen(self.gateways)
        self._send()
        stolen = self.gateways["lyon-08"]
        given = {**_CASE, "imeis": [stolen.imei], "iccids": [iccid(stolen.serial)]}
        case = self._cases.open_case(given)
        done = {"done": True, "reference": "call 88-1"}
        self._cases.do_task(case["id"], 1, case["revision"], done)
        _appear(self.gateways)
        self._send()

    def lines(self) -> list[StoryLine]:
        """Return the parts of the story that the registry has found, each with its page."""
        found = self._operator.get("findings", limit=1000) or {"findings": []}
        return [
            StoryLine(text, f"/findings/{finding['id']}")
            for kind, text in _LINES
            for finding in [one for one in found["findings"] if one["type"] == kind][:1]
        ]

    def _send(self) -> None:
        """Send the reports that were not sent before."""
        for name, gateway in self.gateways.items():
            if name not in self._clients:
                body = json.dumps({"gateway_id": name}).encode()
                enrolled = self._enroller.request("POST", "enroll", body)
                self._clients[name] = self._connect(HttpSource.accepted(*enrolled)["token"])
            reports = gateway.take()
            if reports:
                content = json.dumps({"reports": reports}).encode()
                HttpSource.accepted(*self._clients[name].request("POST", "reports", content))

    def _registers(self) -> None:
        lists, assets = HttpLists(self._operator), HttpAssets(self._operator)
        given = {"instead": False, "skip": False, "force": True}
        lists.import_file(_assets_csv(self.gateways), dry_run=False, target="assets", **given)
        lists.import_file(
            _order_csv(self.gateways), dry_run=False, target="orders", order=_ORDER, **given
        )
        order = assets.orders(1, None)["orders"][0]
        assets.change_order(order["id"], order["revision"], {"supplier": "Modem Trade Ltd"})
        lists.put_entry("prohibited", {
            "kind": "imei", "value": self.gateways["izmir-01"].imei,
            "source": "operator, list of today", "reason": "reported stolen by its first owner",
        })  # fmt: skip
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        self._policies.announce({
            "name": "crew North replaces SIMs", "reason": "contract ends",
            "from": f"{tomorrow:%Y-%m-%dT20:00:00Z}", "to": f"{tomorrow:%Y-%m-%dT23:00:00Z}",
            "gateways": ["lyon-01", "lyon-02"],
        })  # fmt: skip
        box = [one.imei for one in self.gateways.values()][:8]
        box += [imei(EG25, 101), imei(EG25, 101), "8.67698E+14"]
        lists.check(box, kind="auto", limits=(), wait=True)

    def _wait_until_linked(self, policy: str) -> None:
        """Wait until the modems are linked with their first SIMs, before one is swapped."""
        deadline = time.monotonic() + _LINKED_WITHIN_S
        while time.monotonic() < deadline:
            found = self._policies.policy(policy)
            if found is not None and found["links"]["linked"] >= SITES[0][2]:
                return
            time.sleep(_POLL_S)


_POLICY = {
    "name": "Hamburg meters",
    "mode": "enforce",
    "covers": {"model": EG25.model},
    "note": "Each meter keeps the SIM with which it was installed.",
    "reason": "contract with the operator",
}
_CASE = {
    "kind": "stolen",
    "place": "Lyon depot, hall 2",
    "police_reference": "LYN 4711",
    "operator": "the operator of the SIM",
    "assignee": "ben",
    "text": "The door of the cabinet was open in the morning.",
}


def _gateways(begin: datetime) -> dict[str, StoryGateway]:
    found: dict[str, StoryGateway] = {}
    for site, kind, count in SITES:
        for number in range(1, count + 1):
            name = f"{site}-{number:02d}"
            beat = _SILENT_HEARTBEAT_S if name == _SILENT else _HEARTBEAT_S
            found[name] = StoryGateway(name, kind, len(found) + 1, begin, beat)
    abroad = StoryGateway(_ABROAD, SIM7600, len(found) + 1, begin - _ABROAD_AGO, _HEARTBEAT_S)
    abroad.mcc = _UZBEKISTAN
    found[_ABROAD] = abroad
    # the last one has the modem of another gateway
    stolen = found["lyon-08"].serial
    later = begin + timedelta(minutes=45)
    found[_WORKSHOP] = StoryGateway(_WORKSHOP, BG95, stolen, later, _HEARTBEAT_S).away()
    return found


def _happen(by_id: Gateways) -> None:
    """Let the time pass, with what happens in it."""
    swapped = by_id["hamburg-03"]
    swapped.sim = StorySim(301)
    swapped.report("sim_changed", after_s=1500)
    updated = by_id["izmir-04"]
    updated.firmware = "LE20B05SIM7600G22"
    updated.report("modem_changed", after_s=1200)
    without = by_id["hamburg-09"]
    without.sim = None
    without.report("sim_changed", after_s=1800)
    clone, original = by_id["izmir-03"], by_id["lyon-05"]
    clone.kind, clone.serial, clone.sim = original.kind, original.serial, StorySim(302)
    clone.firmware = original.firmware
    clone.report("modem_changed", after_s=600)
    for one, after_s in ((original, 900), (clone, 600), (original, 600), (clone, 600)):
        one.report("refresh", after_s)  # each between two of the other
    by_id["lyon-08"].report("removed", after_s=900)
    abroad = by_id[_ABROAD]
    abroad.report("refresh", after_s=round(_ABROAD_AGO.total_seconds()))
    for one in by_id.values():
        if one.is_on:
            one.report("heartbeat", after_s=300)


def _appear(by_id: Gateways) -> None:
    """Let the stolen modem report from where it is now."""
    workshop = by_id[_WORKSHOP]
    # dates have whole seconds: rounded down, this one would be before the case was opened
    workshop.report("identified", workshop.seconds_until(datetime.now(UTC)) + 1)
    workshop.report("refresh", after_s=1)


def _assets_csv(gateways: Gateways) -> bytes:
    lines = ["tag,imei,manufacturer,model,site,owner,order_number,lifecycle,warranty_end"]
    for number, one in enumerate(list(gateways.values())[:-1], 1001):
        site = one.gateway_id.partition("-")[0].capitalize()
        order = _ORDER if site == "Hamburg" else ""
        lines.append(
            f"A-{number},{one.imei},{one.kind.manufacturer},{one.kind.model},{site} depot,"
            f"{site} operations,{order},installed,2028-11-30"
        )
    return "\n".join(lines).encode()


def _order_csv(gateways: Gateways) -> bytes:
    ordered = [one.imei for one in gateways.values() if one.kind is EG25]
    ordered += [imei(EG25, 101), imei(EG25, 102)]
    lines = ["imei,manufacturer,model,lot"]
    lines += [f"{one},{EG25.manufacturer},{EG25.model},L-17" for one in ordered]
    return "\n".join(lines).encode()
