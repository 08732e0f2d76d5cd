"""Labels that wait for the printer, printed one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemagent.channel.threads import run_in_thread
from modemagent.provisioning.events import Happening, LabelDone, LabelTurn, PrintLabel
from modemagent.provisioning.label_job import LabelJob, LabelPrinter

#: Interval of attempts to print on a printer that reported a problem.
_RETRY_S = 0.5


class PrintQueue:
    """Turns whose label is due, oldest first.

    A printer that reports a problem holds the queue until the problem is gone. A label that cannot
    be printed with its values holds its own turn only.

    :param settle: writes and carries out what was posted
    :param label: returns the label of a turn
    :ivar problem: what the printer reported last, "" if nothing is wrong with it
    """

    def __init__(
        self,
        printer: LabelPrinter | None,
        post: Callable[[Happening], None],
        settle: Callable[[], None],
        label: Callable[[PrintLabel], LabelJob],
    ) -> None:
        self.problem = ""
        self._printer = printer
        self._post = post
        self._settle = settle
        self._label = label
        self._runs: asyncio.Queue[int] = asyncio.Queue()
        self._granted: PrintLabel | None = None

    @property
    def is_empty(self) -> bool:
        return self._runs.empty()

    def put(self, run: int) -> None:
        self._runs.put_nowait(run)

    def grant(self, effect: PrintLabel) -> None:
        """Receive the answer to :class:`LabelTurn`: the label is due, and its intent is kept."""
        self._granted = effect

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            due = self._due(await self._runs.get())
            if due is not None:  # else the unit was taken out meanwhile
                await self._print(due)

    def _due(self, run: int) -> PrintLabel | None:
        """Let the reducer decide whether a label is still due, and with which number.

        The result of the label before is written together with the intent of this one.
        """
        self._granted = None
        self._post(LabelTurn(run))
        self._settle()
        return self._granted

    async def _print(self, due: PrintLabel) -> None:
        printer = self._printer
        if printer is None:
            self._post(LabelDone(due.run, "failed", "no printer is set up"))
            return
        while True:
            label = self._label(due)
            result = await run_in_thread(lambda: printer.send(label))  # noqa: B023
            if result.status == "refused":
                self._post(LabelDone(due.run, result.status, result.problem))
                return
            self.problem = result.problem
            if result.status != "failed":
                self._post(LabelDone(due.run, result.status))
                return
            for each in (due.run, *self._runs._queue):  # type: ignore[attr-defined]
                self._post(LabelDone(each, "failed", result.problem))
            await asyncio.sleep(_RETRY_S)
