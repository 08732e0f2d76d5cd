"""The watch over one open port: what calls for a fresh reading, and when.

Four things do: the modem's own message about its card, a poll that finds a difference, a card
that was still coming up, and somebody who asks. Every reading is the whole identification, so
there is one way to read and one way to judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import cycle
from typing import TYPE_CHECKING

from modemagent.channel.drive import run
from modemagent.errors import PortError, PortVanished
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.poll import poll, sim_urc
from modemagent.report.message import Reason
from modemagent.watching.baseline import sim_still_starting

if TYPE_CHECKING:
    from modemagent.channel.channel import AsyncChannel

# a card coming up is read again after these; then the poll takes over
_SETTLE_S = (0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
# a modem that repeats a SIM message without end is not read more often than this
_URC_REST_S = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
_POLL_FAILURES = 3
_POLL_AGAIN_S = 2.0
# so long the line of a client may take, behind which this waits its turn
_TURN_S = 600.0

Report = Callable[[Snapshot, Reason | None], Reason | None]


class Monitor:
    """Watches one identified modem until its channel closes or it stops answering.

    :param identify: makes a fresh reading over the channel
    :param report: takes a reading and the reason to report it with when it is no news;
        returns the reason it was reported with
    :param known: what is known of the port, the last reading completed
    :param heard: told of every unsolicited line
    :ivar due: when it takes its next step at the latest, in the loop's time; moves with each
    """

    def __init__(
        self,
        channel: AsyncChannel,
        *,
        identify: Callable[[], Awaitable[Snapshot]],
        report: Report,
        known: Callable[[], Snapshot | None],
        poll_interval_s: float,
        refresh_interval_s: float,
        heard: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._identify = identify
        self._report = report
        self._known = known
        self._poll_interval_s = poll_interval_s
        self._refresh_interval_s = refresh_interval_s
        self._heard = heard
        self._poll_at = self._refresh_at = float("inf")
        self.due = asyncio.get_running_loop().time()
        self._stirred = asyncio.Event()
        self._sim_moved = False
        self._askers: list[asyncio.Future[Snapshot]] = []
        self._idle_urcs = 0
        self._poll_failures = 0
        self._numbers = cycle(("iccid", "imsi"))

    async def ask(self) -> Snapshot:
        """Return a fresh reading, as soon as the one who holds the port has made it."""
        asker: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        self._stirred.set()
        return await asker

    def retime(self, poll_interval_s: float, refresh_interval_s: float) -> None:
        """Go by other intervals from now on; nothing is read for that alone."""
        now = asyncio.get_running_loop().time()
        self._poll_at = min(self._poll_at, now + poll_interval_s)
        if refresh_interval_s != self._refresh_interval_s:
            self._refresh_at = now + (refresh_interval_s or float("inf"))
        self._poll_interval_s = poll_interval_s
        self._refresh_interval_s = refresh_interval_s
        self._stirred.set()

    async def run(self, reading: Snapshot) -> None:
        """Watch from a first reading on.

        :raises PortVanished: the channel has closed
        :raises PortError: the modem no longer answers
        """
        self._reading = reading
        ears = [asyncio.create_task(self._listen()), asyncio.create_task(self._await_end())]
        try:
            await self._watch()
        finally:
            for ear in ears:
                ear.cancel()
            await asyncio.gather(*ears, return_exceptions=True)
            for asker in self._askers:
                if not asker.done():
                    asker.set_exception(
                        PortError(f"{self._channel.port} was lost", port=self._channel.port)
                    )

    async def _listen(self) -> None:
        async for line in self._channel.urcs:
            self._heard(line)
            if sim_urc(line, self._reading):
                self._sim_moved = True
                self._stirred.set()

    async def _await_end(self) -> None:
        await self._channel.closed.wait()
        self._stirred.set()

    async def _watch(self) -> None:
        now = asyncio.get_running_loop().time
        self._poll_at = now() + self._poll_interval_s
        self._refresh_at = now() + (self._refresh_interval_s or float("inf"))
        settle = iter(_SETTLE_S)
        settle_at = float("inf")
        if sim_still_starting(self._reading):
            settle_at = now() + next(settle)
        while True:
            await self._wait_until(min(self._poll_at, self._refresh_at, settle_at))
            if self._channel.closed.is_set():
                raise PortVanished(f"{self._channel.port} is gone", port=self._channel.port)
            if not (self._sim_moved or self._askers) and now() < min(
                self._poll_at, self._refresh_at, settle_at
            ):
                continue  # the times have changed
            by_urc = self._sim_moved
            otherwise = None
            if by_urc:
                await self._rest_from_urcs()
                settle = iter(_SETTLE_S)
            elif now() >= self._refresh_at:
                otherwise = Reason.REFRESH
            elif not self._askers and now() < settle_at:
                self._poll_at = now() + self._poll_interval_s
                if not await self._differs():
                    if self._poll_failures:
                        self._poll_at = now() + min(_POLL_AGAIN_S, self._poll_interval_s)
                    continue
            reported = await self._read(otherwise)
            if reported is not None:
                self._refresh_at = now() + (self._refresh_interval_s or float("inf"))
            self._idle_urcs = self._idle_urcs + 1 if by_urc and reported is None else 0
            self._poll_at = now() + self._poll_interval_s
            pause_s = next(settle, None) if sim_still_starting(self._reading) else None
            if pause_s is None:
                settle, settle_at = iter(_SETTLE_S), float("inf")
                if sim_still_starting(self._reading):
                    settle = iter(())
            else:
                settle_at = now() + pause_s

    async def _wait_until(self, moment: float) -> None:
        self.due = moment
        try:
            async with asyncio.timeout_at(moment):
                await self._stirred.wait()
        except TimeoutError:
            return
        finally:
            self.due = asyncio.get_running_loop().time() + _TURN_S
        self._stirred.clear()

    async def _rest_from_urcs(self) -> None:
        pause_s = _URC_REST_S[min(self._idle_urcs, len(_URC_REST_S) - 1)]
        if pause_s:
            await asyncio.sleep(pause_s)

    async def _read(self, otherwise: Reason | None) -> Reason | None:
        # taken before reading: what comes while the reading is made asks for another one
        self._sim_moved = False
        askers, self._askers = self._askers, []
        try:
            self._reading = await self._identify()
        except BaseException:
            self._askers += askers
            raise
        reported = self._report(self._reading, otherwise)
        for asker in askers:
            if not asker.done():
                asker.set_result(self._reading)
        return reported

    async def _differs(self) -> bool:
        """Poll; a modem that does not answer is given some more chances."""
        try:
            plan = poll(self._known() or self._reading, number=next(self._numbers))
            differs = await run(plan, self._channel)
        except PortVanished:
            raise
        except PortError:
            self._poll_failures += 1
            if self._poll_failures >= _POLL_FAILURES:
                raise
            return False
        self._poll_failures = 0
        return differs
