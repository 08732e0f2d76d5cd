"""What a modem answered: the commands of a report and their responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.links import Links
from modemagent.registry.store.fleet import reader

_MOST_CHARACTERS = 2000
#: Fields that an event or a changed fact is about, by the first word of its title.
_FIELDS = {
    "SIM": ("iccid", "imsi", "sim_state"),
    "eSIM": ("iccid", "eid"),
    "IMSI": ("imsi", "iccid"),
    "Modem": ("imei", "model", "manufacturer"),
    "Firmware": ("firmware",),
    "firmware": ("firmware",),
    "model": ("model",),
    "maker": ("manufacturer",),
    "serial": ("serial_number",),
    "IMEISV": ("imeisv",),
    "MEID": ("meid",),
}


@dataclass(frozen=True, slots=True)
class AtAnswer:
    """A command and its response."""

    field: str
    command: str
    response: str
    parser: str
    at_ms: int | None


def answers_of(body: dict[str, Any], links: Links) -> list[AtAnswer]:
    """Return the evidence of a report, as the viewer may see it."""
    found = []
    for one in body.get("evidence") or ():
        if not isinstance(one, dict):
            continue
        response = str(one.get("answer", ""))[:_MOST_CHARACTERS]
        at_ms = one.get("at_ms")
        found.append(
            AtAnswer(
                links.text(str(one.get("field", ""))[:64]),
                links.text(str(one.get("command", ""))[:256]),
                links.text(_lines(response, str(one.get("command", "")))),
                str(one.get("parser", ""))[:64],
                at_ms if isinstance(at_ms, int) else None,
            )
        )
    return found


class ReportAnswers:
    """What the reports of one page show, each of which is read once."""

    def __init__(self, connection: Connection, links: Links) -> None:
        self._connection = connection
        self._links = links
        self._answers: dict[str, list[AtAnswer]] = {}

    def about(self, key: str, title: str) -> Sequence[AtAnswer]:
        """Return the evidence of a report for what a title is about; none if it was not sent."""
        if key not in self._answers:
            gateway_id, stream, sequence = key.rsplit("/", 2)
            found = reader.stored_report(self._connection, gateway_id, stream, int(sequence))
            self._answers[key] = []
            if isinstance(found, dict) and found["kept"]:
                self._answers[key] = answers_of(found["report"], self._links)
        wanted = _FIELDS.get(title.partition(" ")[0], ())
        return [one for one in self._answers[key] if one.field in wanted]


def _lines(response: str, command: str) -> str:
    """Return the lines of a response without the echo of its command."""
    lines = [line for line in response.replace("\r", "\n").split("\n") if line.strip()]
    return "\n".join(lines[1:] if lines[:1] == [command] else lines)
