"""Reports of the station to the registry: it is a gateway with an outbox of its own.

A unit is reported when its checks have passed, when it has its verdict, when that is revoked, and
when it is taken out. A report about a verdict has the counts of the order and of the shift.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modemagent.channel.threads import run_in_thread
from modemagent.errors import OutboxError, SettingsError
from modemagent.logs import Log
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import Happening, ReportKept
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import ExpectedRow
from modemagent.report.delivery.courier import Courier
from modemagent.report.delivery.sinks import SinkOptions, open_sink
from modemagent.report.delivery.uplink import UplinkState
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft

_STOP_S = 1.0
_LONGEST_REASON = 200
#: How long the registry may take to accept a unit before its bay is on hold, and how often that
#: is looked at.
_CONFIRM_S, _CONFIRM_POLL_S = 5.0, 0.1
_FIELDS = ("modem", "sims", "problems", "evidence")
_PROVISION = ("lot", "asset_tag", "site", "owner")
_WORDS = {UplinkState.REFUSED: "refused", UplinkState.UNREACHABLE: "away"}

Post = Callable[[Happening], None]


class StationReports:
    """Stores reports about units and sends them.

    :param folder: state directory of the station
    :raises OutboxError: the outbox cannot be used
    :raises SettingsError: the registry is required and not named
    """

    def __init__(self, settings: BenchSettings, folder: Path, order: str, log: Log) -> None:
        self._settings = settings
        self._order = order
        if settings.registry == "confirm" and not settings.registry_url:
            raise SettingsError(
                'registry = "confirm" requires registry_url', hint='Or set registry = "queue".'
            )
        self._outbox = Outbox(folder, gateway_id=settings.station, log=log)
        self._courier: Courier | None = None
        if settings.registry_url:
            token = Path(settings.token_file) if settings.token_file else None
            sink = open_sink(SinkOptions(url=settings.registry_url, token_file=token))
            self._courier = Courier(self._outbox, sink, log=log, spread_s=0.0)

    def start(self) -> None:
        if self._courier is not None:
            self._courier.start()

    def stop(self) -> None:
        if self._courier is not None:
            self._courier.stop(_STOP_S)
        self._outbox.close()

    def status(self) -> tuple[str, int]:
        """Return the state of the registry as a word, and the number of waiting reports."""
        if self._courier is None:
            return "none", self._outbox.sendable()
        return _WORDS.get(self._courier.uplink.state, "ok"), self._outbox.sendable()

    def problem(self) -> str:
        """Return why reports are not delivered now, "" if nothing is known to be wrong."""
        uplink = self._courier.uplink if self._courier is not None else None
        return uplink.reason if uplink is not None and uplink.state in _WORDS else ""

    def draft(
        self,
        run: RunEntry,
        stage: str,
        row: ExpectedRow | None,
        place: PortPlace | None,
        counts: Mapping[str, Any] | None = None,
    ) -> ReportDraft:
        """Return a report.

        A revoked verdict is reported without the module, which may be elsewhere by now, and so is
        a module without an IMEI.

        :param counts: of the order and of the shift, with a verdict
        """
        provision = self._provision(run, stage, row)
        if counts:
            provision["counts"] = dict(counts)
        if run.revoked or not run.unit:
            return ReportDraft(reason=Reason.HEARTBEAT, provision=provision)
        return ReportDraft(
            reason=Reason.REMOVED if stage == "removed" else Reason.IDENTIFIED,
            port=place or PortPlace(self._settings.bays.get(run.bay) or run.bay),
            reader="at",
            provision=provision,
            **{name: value for name, value in (run.reading or {}).items() if name in _FIELDS},
        )

    def store(self, draft: ReportDraft, stage: str) -> tuple[str, Callable[[], str | None] | None]:
        """Store a report; return once it is on the disk.

        :returns: why it is not, "" if it is; and, if the registry has to accept it, a function that
            returns None while the report waits, then why the registry has rejected it, or ""
        """
        try:
            report = self._outbox.put(draft, baselines={})
        except OutboxError as error:
            return error.message, None
        if report is None:
            return "the report is not on the disk yet", None
        if self._settings.registry != "confirm" or stage != "checked":
            return "", None
        return "", lambda: self._answer(report.report_id)

    async def confirm(self, run: int, answer: Callable[[], str | None], post: Post) -> None:
        """Wait until the registry has accepted a unit; hold its bay meanwhile.

        :param answer: from :meth:`store`
        """
        hold_at = time.monotonic() + _CONFIRM_S
        while (rejected := await run_in_thread(answer)) is None:
            problem = self.problem()
            if not problem and time.monotonic() >= hold_at:
                problem = "the registry has not accepted the unit yet"
            if problem:
                post(ReportKept(run, "checked", problem))
            await asyncio.sleep(_CONFIRM_POLL_S)
        problem = f"the registry rejects the report: {rejected}" if rejected else ""
        post(ReportKept(run, "checked", problem))

    def _answer(self, report_id: str) -> str | None:
        if any(each.report_id == report_id for each in self._outbox.batch(1000)):
            return None
        letters = self._outbox.dead_letters()
        return next((one.reason for one in letters if one.report.report_id == report_id), "")

    def _provision(self, run: RunEntry, stage: str, row: ExpectedRow | None) -> dict[str, Any]:
        values = row.values if row is not None else {}
        document: dict[str, Any] = {
            "attempt_id": f"{self._order}/{run.number}",
            "stage": stage,
            "order": self._order,
            "row": row.line if row is not None else None,
            "bay": run.bay,
            "person": run.person or None,
            "verdict": str(run.verdict) if run.verdict is not None else None,
            "waived": [each["step"] for each in run.waivers],
            "failed": list(run.failed),
            "blame": run.blame,
            "reason": run.reason[:_LONGEST_REASON],
            "revoked": bool(run.revoked) or None,
            "serial_number": values.get("serial_number"),
            **{name: values.get(name) for name in _PROVISION},
        }
        for scan in run.scans:
            document["label"] = {**document.get("label", {}), **scan["fields"]}
        return {name: value for name, value in document.items() if value not in (None, [], "")}
