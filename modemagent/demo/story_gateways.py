"""Gateways of the demo that are not simulated: reports as an agent sends them, made from a plan.

The numbers are synthetic: real TACs with serial numbers from 900000, SIMs of a test range.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from modemagent.identity.checkdigits import luhn_digit

Body = dict[str, Any]

_EVERY_S = 300  # seconds between the reports of a gateway
_FIRST_SERIAL = 900_000


class ModemType(NamedTuple):
    """A kind of module of the fleet."""

    tac: str
    manufacturer: str
    model: str
    firmware: str
    usb: tuple[str, str]


EG25 = ModemType("86769804", "Quectel", "EG25-G", "EG25GGBR07A08M2G", ("2c7c", "0125"))
BG95 = ModemType("86528404", "Quectel", "BG95-M3", "BG95M3LAR02A04", ("2c7c", "0700"))
SIM7600 = ModemType("86816206", "SIMCOM INCORPORATED", "SIM7600G-H", "LE20B04SIM7600G22",
                    ("1e0e", "9001"))  # fmt: skip


def imei(kind: ModemType, serial: int) -> str:
    """Return an IMEI with its check digit.

    >>> imei(EG25, 1)
    '867698049000011'
    """
    digits = f"{kind.tac}{_FIRST_SERIAL + serial:06d}"
    return digits + luhn_digit(digits)


def iccid(serial: int) -> str:
    """Return an ICCID with its check digit."""
    digits = f"898830300000{serial:06d}"
    return digits + luhn_digit(digits)


class StorySim(NamedTuple):
    """A SIM of the fleet, by its serial number."""

    serial: int

    @property
    def body(self) -> Body:
        """Return the slot of a report that has this SIM."""
        read = {"iccid": "ok", "imsi": "ok", "eid": "unsupported"}
        return {
            "slot": 1, "active": True, "state": "ready", "iccid": iccid(self.serial),
            "imsi": f"901288{self.serial:09d}", "eid": None, "mcc": "901", "mnc": "28",
            "read": read,
        }  # fmt: skip


class StoryGateway:
    """A gateway that sends reports about one modem.

    :param gateway_id: with the site before the last hyphen
    :param heartbeat_s: how often it promises a sign of life
    """

    def __init__(
        self, gateway_id: str, kind: ModemType, serial: int, begin: datetime, heartbeat_s: int
    ) -> None:
        self.gateway_id = gateway_id
        self.kind = kind
        self.serial = serial
        self.sim: StorySim | None = StorySim(serial)
        self.firmware = kind.firmware
        self.mcc = "262"
        self.is_on = True
        self._waiting: list[Body] = []
        self._count = 0
        self._begin = begin
        self._now = begin
        self._heartbeat_s = heartbeat_s

    @property
    def imei(self) -> str:
        """Return the IMEI of its modem."""
        return imei(self.kind, self.serial)

    def away(self) -> Self:
        """Return the gateway switched off: it reports later."""
        self.is_on = False
        return self

    def take(self) -> list[Body]:
        """Return the reports that were not taken before."""
        taken, self._waiting = self._waiting, []
        return taken

    def seconds_until(self, time: datetime) -> int:
        """Return how long after the last report a time is."""
        return round((time - self._now).total_seconds())

    def report(self, reason: str, after_s: int = _EVERY_S, **more: Any) -> None:
        """Add a report, some seconds after the one before."""
        self._now += timedelta(seconds=after_s)
        self._count += 1
        uptime = self._now - self._begin + timedelta(seconds=30)
        body: Body = {
            "schema": 1,
            "report_id": str(UUID(int=(0x0192F7C0 << 96) | (7 << 76) | (2 << 62) | self._count)),
            "gateway_id": self.gateway_id,
            "stream_id": f"stream-{self.gateway_id}",
            "sequence": self._count,
            "boot_id": f"boot-{self.gateway_id}",
            "boot_count": 1,
            "uptime_ms": round(uptime.total_seconds() * 1000),
            "observed_at": f"{self._now:%Y-%m-%dT%H:%M:%S}.000Z",
            "clock_synchronized": True,
            "agent_version": "0.1.0",
            "reason": reason,
            "heartbeat_s": self._heartbeat_s,
            "port": {"path": "/dev/ttyUSB2", "id": "usb:1-1.4:1.2", "usb_vid": self.kind.usb[0],
                     "usb_pid": self.kind.usb[1]},
            "modem": self._modem(),
            "sims": [self.sim.body] if self.sim else [_NO_SIM],
            "problems": [],
            "network": {"mcc": self.mcc, "mnc": "01", "rat": "lte", "registered": True},
            **more,
        }  # fmt: skip
        if reason in ("identified", "sim_changed", "modem_changed"):
            body["evidence"] = self._evidence()
        self._waiting.append(body)

    def _modem(self) -> Body:
        read = dict.fromkeys(("manufacturer", "model", "firmware", "imei"), "ok")
        return {
            "manufacturer": self.kind.manufacturer, "model": self.kind.model,
            "firmware": self.firmware, "imei": self.imei, "imeisv": None, "meid": None,
            "serial_number": None, "tac": self.kind.tac,
            "read": {**read, "imeisv": "unsupported", "serial_number": "unsupported"},
        }  # fmt: skip

    def _evidence(self) -> list[Body]:
        answers = [("imei", "AT+CGSN", self.imei), ("firmware", "AT+CGMR", self.firmware)]
        if self.sim:
            answers.append(("iccid", "AT+QCCID", f"+QCCID: {iccid(self.sim.serial)}"))
        return [
            {"field": name, "command": command, "parser": "plain", "at_ms": 40 * at,
             "answer": f"{command}\r\r\n{answer}\r\n\r\nOK\r\n"}
            for at, (name, command, answer) in enumerate(answers, 1)
        ]  # fmt: skip


_NO_SIM: Mapping[str, Any] = {
    "slot": 1, "active": True, "state": "absent", "iccid": None, "imsi": None, "eid": None,
    "mcc": None, "mnc": None, "read": dict.fromkeys(("iccid", "imsi", "eid"), "absent"),
}  # fmt: skip
