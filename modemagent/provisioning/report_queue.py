"""Reports that wait for the disk, stored one after the other while the bays go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from modemagent.channel.threads import run_in_thread
from modemagent.provisioning.events import Happening, ReportKept
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import ExpectedRow
from modemagent.provisioning.station_reports import StationReports
from modemagent.report.message import PortPlace
from modemagent.report.outbox.records import ReportDraft

#: Time for the reports that wait when the bench ends; the next start makes up for the others.
_END_S = 5.0


class ReportQueue:
    """Reports of units whose checks have passed come first, because their bays wait for them.

    :param post: receives the result of each report
    """

    def __init__(self, reports: StationReports, post: Callable[[Happening], None]) -> None:
        self._reports = reports
        self._post = post
        self._drafts: asyncio.PriorityQueue[tuple[bool, int, ReportDraft, int, str]] = (
            asyncio.PriorityQueue()
        )
        self._count = 0
        self._confirming: set[asyncio.Task[None]] = set()

    def put(
        self,
        entry: RunEntry,
        stage: str,
        row: ExpectedRow | None,
        place: PortPlace | None,
        counts: Mapping[str, Any] | None,
    ) -> None:
        """Put a report about a run, as it is now, into the queue."""
        self._count += 1
        draft = self._reports.draft(entry, stage, row, place, counts)
        self._drafts.put_nowait((stage != "checked", self._count, draft, entry.number, stage))

    def status(self) -> tuple[str, int]:
        """Return the state of the registry as a word, and the number of waiting reports."""
        word, waiting = self._reports.status()
        return word, waiting + self._drafts.qsize()

    async def run(self) -> None:
        """Store and send reports until cancelled."""
        self._reports.start()
        try:
            while True:
                _, _, draft, run, stage = await self._drafts.get()
                await self._store(draft, run, stage)
                self._drafts.task_done()
        finally:
            for task in self._confirming:
                task.cancel()
            self._reports.stop()

    async def finish(self) -> None:
        """Wait until no report waits, or for some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._drafts.join()

    async def _store(self, draft: ReportDraft, run: int, stage: str) -> None:
        problem, answer = await run_in_thread(lambda: self._reports.store(draft, stage))
        if answer is None:
            self._post(ReportKept(run, stage, problem))
            return
        confirming = self._reports.confirm(run, answer, self._post)
        task = asyncio.get_running_loop().create_task(confirming)
        self._confirming.add(task)
        task.add_done_callback(self._confirming.discard)
