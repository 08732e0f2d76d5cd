"""Monitoring of an identified modem over an open port: when to take the next reading.

Five things trigger a reading: a URC about the SIM, another modem with the same IMEI, a poll that
finds a difference, an incomplete reading, and a request of a client. Every reading is a complete
identification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, cycle, repeat
from math import inf

from modemagent.channel.channel import AsyncChannel
from modemagent.errors import PortError, PortVanished
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.poll import poll, sim_urc
from modemagent.report.message import Reason
from modemagent.watching.baseline import is_incomplete

#: Delays before an incomplete reading is repeated, and how long it is then repeated at each poll.
_AGAIN_S, _AGAIN_AT_POLLS_S = (1.0, 3.0, 10.0, 30.0), 3600.0
#: Delays before a reading triggered by a URC, by the number of readings in a row without a change:
#: some modems repeat a SIM message endlessly.
_URC_DELAY_S = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
_POLL_FAILURES = 3
_POLL_RETRY_S = 2.0
#: Longest time that a client's command may occupy the channel before a reading gets its turn.
_TURN_S = 600.0

Submit = Callable[[Snapshot, Reason | None], Reason | None]


class Monitor:
    """Monitors one modem until its channel closes or it stops answering.

    :param identify: takes a reading over the channel
    :param submit: processes a reading; its second argument is the reason to report one without
        changes; returns the reason with which it was reported
    :param baseline: returns the last reading, completed by earlier ones
    :param on_urc: receives every unsolicited line
    :ivar due: latest time of the next step on the loop's clock
    """

    def __init__(
        self,
        channel: AsyncChannel,
        *,
        identify: Callable[[], Awaitable[Snapshot]],
        submit: Submit,
        baseline: Callable[[], Snapshot | None],
        poll_interval_s: float,
        refresh_interval_s: float,
        on_urc: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._identify = identify
        self._submit = submit
        self._baseline = baseline
        self._poll_interval_s = poll_interval_s
        self._refresh_interval_s = refresh_interval_s
        self._on_urc = on_urc
        self._poll_at = self._refresh_at = inf
        self.due = asyncio.get_running_loop().time()
        self._triggered = asyncio.Event()
        self._is_due = False
        self._waiting: list[asyncio.Future[Snapshot]] = []
        self._idle_urcs = 0
        self._poll_failures = 0
        self._numbers = cycle(("iccid", "imsi"))

    def read_again(self) -> None:
        """Take a reading at the next opportunity, as after a URC about the SIM."""
        self._is_due = True
        self._triggered.set()

    async def read_now(self) -> Snapshot:
        """Take a reading at the next opportunity and return it.

        :raises PortError: the port was lost
        """
        waiting: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._triggered.set()
        return await waiting

    def retime(self, poll_interval_s: float, refresh_interval_s: float) -> None:
        """Apply other intervals, without an extra reading."""
        now = asyncio.get_running_loop().time()
        self._poll_at = min(self._poll_at, now + poll_interval_s)
        if refresh_interval_s != self._refresh_interval_s:
            self._refresh_at = now + (refresh_interval_s or inf)
        self._poll_interval_s = poll_interval_s
        self._refresh_interval_s = refresh_interval_s
        self._triggered.set()

    async def run(self, reading: Snapshot) -> None:
        """Monitor the modem, starting from its first reading.

        :raises PortVanished: the channel has closed
        :raises PortError: the modem no longer answers
        """
        self._reading = reading
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._await_end())]
        try:
            await self._watch()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(
                        PortError(f"{self._channel.port} was lost", port=self._channel.port)
                    )

    async def _listen(self) -> None:
        async for line in self._channel.urcs:
            self._on_urc(line)
            if sim_urc(line, self._reading):
                self.read_again()

    async def _await_end(self) -> None:
        await self._channel.closed.wait()
        self._triggered.set()

    async def _watch(self) -> None:
        now = asyncio.get_running_loop().time
        self._poll_at = now() + self._poll_interval_s
        self._refresh_at = now() + (self._refresh_interval_s or inf)
        pauses = self._pauses()
        again_at = now() + next(pauses) if is_incomplete(self._reading) else inf
        while True:
            await self._wait_until(min(self._poll_at, self._refresh_at, again_at))
            if self._channel.closed.is_set():
                raise PortVanished(f"{self._channel.port} has disappeared", port=self._channel.port)
            if not (self._is_due or self._waiting) and now() < min(
                self._poll_at, self._refresh_at, again_at
            ):
                continue  # the intervals have changed
            by_urc = self._is_due
            default_reason = None
            if by_urc:
                await asyncio.sleep(_URC_DELAY_S[min(self._idle_urcs, len(_URC_DELAY_S) - 1)])
                pauses = self._pauses()
            elif now() >= self._refresh_at:
                default_reason = Reason.REFRESH
            elif not self._waiting and now() < again_at:
                self._poll_at = now() + self._poll_interval_s
                if not await self._differs():
                    if self._poll_failures:
                        self._poll_at = now() + min(_POLL_RETRY_S, self._poll_interval_s)
                    continue
            reported = await self._read(default_reason)
            if reported is not None:
                self._refresh_at = now() + (self._refresh_interval_s or inf)
            self._idle_urcs = self._idle_urcs + 1 if by_urc and reported is None else 0
            self._poll_at = now() + self._poll_interval_s
            again_at = inf
            if is_incomplete(self._reading):
                again_at = now() + next(pauses)
            else:
                pauses = self._pauses()

    def _pauses(self) -> Iterator[float]:
        """Yield the delays before an incomplete reading is repeated; then only refreshes follow."""
        polls = round(_AGAIN_AT_POLLS_S / self._poll_interval_s)
        return chain(_AGAIN_S, repeat(self._poll_interval_s, polls), repeat(inf))

    async def _wait_until(self, moment: float) -> None:
        self.due = moment
        try:
            async with asyncio.timeout_at(moment):
                await self._triggered.wait()
                self._triggered.clear()
        except TimeoutError:
            return
        finally:
            self.due = asyncio.get_running_loop().time() + _TURN_S

    async def _read(self, default_reason: Reason | None) -> Reason | None:
        # cleared before reading: a URC during the reading triggers another one
        self._is_due = False
        waiting, self._waiting = self._waiting, []
        try:
            self._reading = await self._identify()
        except BaseException:
            self._waiting += waiting
            raise
        reported = self._submit(self._reading, default_reason)
        for each in waiting:
            if not each.done():
                each.set_result(self._reading)
        return reported

    async def _differs(self) -> bool:
        """Poll the modem; return True if it differs from the baseline.

        :raises PortError: several polls in a row have failed
        """
        try:
            plan = poll(self._baseline() or self._reading, number=next(self._numbers))
            differs = await self._channel.run(plan)
        except PortVanished:
            raise
        except PortError:
            self._poll_failures += 1
            if self._poll_failures >= _POLL_FAILURES:
                raise
            return False
        self._poll_failures = 0
        return differs
