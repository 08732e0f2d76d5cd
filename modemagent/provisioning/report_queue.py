"""Reports that wait for the disk, stored while the bays go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
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
#: Time for which reports about verdicts wait for each other: labels of the tray are printed first.
_SETTLES_S = 0.1

_Waiting = tuple[ReportDraft, int, str]


class ReportQueue:
    """Reports of units whose checks have passed come first, because their bays wait for them.

    :param post: receives the result of each report
    """

    def __init__(self, reports: StationReports, post: Callable[[Happening], None]) -> None:
        self._reports = reports
        self._post = post
        self._checked: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._others: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._storing = asyncio.Lock()
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
        draft = self._reports.draft(entry, stage, row, place, counts)
        queue = self._checked if stage == "checked" else self._others
        queue.put_nowait((draft, entry.number, stage))

    def status(self) -> tuple[str, int]:
        """Return the state of the registry as a word, and the number of waiting reports."""
        word, waiting = self._reports.status()
        return word, waiting + self._checked.qsize() + self._others.qsize()

    async def run(self) -> None:
        """Store and send reports until cancelled."""
        self._reports.start()
        try:
            await asyncio.gather(self._work(self._checked), self._work(self._others))
        finally:
            for task in self._confirming:
                task.cancel()
            self._reports.stop()

    async def finish(self) -> None:
        """Wait until no report waits, or for some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._checked.join()
                await self._others.join()

    async def _work(self, queue: asyncio.Queue[_Waiting]) -> None:
        while True:
            waiting = [await queue.get()]
            if queue is self._others:
                await asyncio.sleep(_SETTLES_S)
                await self._checked.join()
            while not queue.empty():
                waiting.append(queue.get_nowait())
            async with self._storing:
                await self._store(waiting)
            for _ in waiting:
                queue.task_done()

    async def _store(self, waiting: Sequence[_Waiting]) -> None:
        """Store all reports that wait in one thread: units of a tray are ready together."""
        results = await run_in_thread(
            lambda: [self._reports.store(draft, stage) for draft, _, stage in waiting]
        )
        for (_, run, stage), (problem, answer) in zip(waiting, results, strict=True):
            if answer is None:
                self._post(ReportKept(run, stage, problem))
                continue
            confirming = self._reports.confirm(run, answer, self._post)
            task = asyncio.get_running_loop().create_task(confirming)
            self._confirming.add(task)
            task.add_done_callback(self._confirming.discard)
