"""Events and signal of ``watch`` as CSV: one row for an event, one for each reading."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any, TextIO

from modemagent.cli.output import plain
from modemagent.cli.watch_text import event_text, urc_meaning
from modemagent.modem.link_poll import LinkReading
from modemagent.watching.events import now

#: Columns of a signal reading: fields of its explanation, with the unit in the name.
_SIGNAL = (
    "technology", "rssi_dbm", "rsrp_dbm", "rsrq_db", "sinr_db", "rscp_dbm", "ecno_db",
    "ss_rsrp_dbm", "ss_rsrq_db", "ss_sinr_db", "level",
)  # fmt: skip
COLUMNS = ("time", "port", "event", "text", "registered", *_SIGNAL)


class CsvRows:
    """Writer of rows; the header is written at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
        self._writer.writeheader()
        out.flush()

    def show(self, event: Mapping[str, Any]) -> None:
        """Write a row for an event."""
        text = plain(event_text(event, urc_meaning(event)))
        self._write(event["at"], event["port"], event["event"], {"text": text})

    def show_link(self, entry: Mapping[str, Any], reading: LinkReading) -> None:
        """Write a row for a reading; none for a port that is not being watched."""
        if reading == LinkReading():
            return
        registration, signal = reading.registration or {}, reading.signal or {}
        found = signal.get("fields", {})
        is_registered = registration.get("fields", {}).get("registered")
        values = {name: found[name] for name in _SIGNAL if name in found}
        texts = filter(None, (registration.get("text"), signal.get("text")))
        values["text"] = plain("; ".join(texts))
        values["registered"] = {True: "yes", False: "no"}.get(is_registered, "")
        values.setdefault("technology", registration.get("fields", {}).get("technology", ""))
        self._write(now(), entry["port"], "signal", values)

    def _write(self, time: str, port: str | None, name: str, values: Mapping[str, Any]) -> None:
        self._writer.writerow({"time": time, "port": port or "", "event": name, **values})
        self._out.flush()
