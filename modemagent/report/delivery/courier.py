"""The courier: one thread that carries reports from the outbox to a sink.

In order and at least once, with the manners of one among ten thousand: after a failure it waits a
random time up to a bound that doubles (full jitter), after a boot too, never less than a registry
asks for, and a backlog leaves in batches with a pause between.

A thread of its own, because neither name resolution nor a TLS
handshake can be given a deadline; a daemon thread, because the process must be able to stop
while one of them hangs. Nothing is lost by that: a row goes only after its receipt.

Some lines above 300: the thread and what it does with each answer are one idea.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from modemagent.errors import (
    ClockNotSet,
    ModemAgentError,
    OutboxError,
    RegistryError,
    RegistryRefused,
    RegistryUnreachable,
)
from modemagent.logs import Log
from modemagent.report import origin
from modemagent.report.delivery.isolation import Next, RejectionIsolator
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt, Sink
from modemagent.report.delivery.uplink import LONGEST_ASKED_S, Uplink, UplinkState, pause_s
from modemagent.report.message import Reason
from modemagent.report.outbox.outbox import Outbox, QueuedReport

__all__ = ["Courier", "Uplink", "UplinkState"]

BATCH = 100
BASE_S = 5.0
CAP_S = 900.0
BETWEEN_FULL_BATCHES_S = 1.0
SPREAD_AFTER_BOOT_S = 30.0
LOOK_AT_CLOCK_S = 5.0

_BISECTED = (400, 413, 422)
# a card or a modem that went or was changed may be a theft
_URGENT = (Reason.SIM_CHANGED, Reason.MODEM_CHANGED, Reason.REMOVED)


class Courier:
    """Carries until stopped; :meth:`probe` tells it that there is something new."""

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        *,
        log: Log,
        base_s: float = BASE_S,
        cap_s: float = CAP_S,
        spread_s: float = SPREAD_AFTER_BOOT_S,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._next_sink: Sink | None = None
        self.on_delivery: Callable[[int], None] | None = None
        """Told, in the courier's thread, how many reports were acknowledged at once."""
        self._log = log
        self._base_s = base_s
        self._cap_s = cap_s
        self._spread_s = spread_s
        self._uniform = uniform
        self._narrowing = RejectionIsolator(BATCH)
        self._changed = threading.Condition()
        self._news = True
        self._urgent = False
        self._moved: set[str] = set()
        self._asked = self._served = 0
        self._stopping = False
        self._uplink = Uplink(since=time.monotonic())
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        outbox.on_stored = self.stored

    @property
    def uplink(self) -> Uplink:
        return self._uplink

    @property
    def address(self) -> str:
        return self._sink.address

    def start(self) -> None:
        self._thread.start()

    def redirect(self, sink: Sink) -> None:
        """Carry to another sink, after the attempt in hand and without a wait."""
        with self._changed:
            self._next_sink = sink
            self._asked += 1
            self._changed.notify_all()

    def wake(self) -> None:
        """Say that there is a new report. A wait after a failure is kept: others wait too."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def stored(self, reason: Reason) -> None:
        """Say that a report of this reason was stored."""
        with self._changed:
            self._urgent = self._urgent or reason in _URGENT
        self.wake()

    def flush(self, timeout_s: float) -> Uplink:
        """Try now, whatever was waited for, until the outbox is empty or an attempt failed."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._served >= mine or self._stopping, timeout_s)
        return self._uplink

    def stop(self, timeout_s: float) -> None:
        """Stop after the attempt in hand, or leave it behind when it takes longer."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._sink.close()

    # -- the thread

    def _work(self) -> None:
        if self._outbox.rebooted:
            # after a power cut in a whole region all gateways boot in the same second
            spread_s = self._uniform(0.0, self._spread_s)
            # a rest like any other: said until when, or the watchdog takes it for a standstill
            self._uplink = replace(self._uplink, next_attempt=time.monotonic() + spread_s)
            with self._changed:
                self._changed.wait_for(self._called_or(lambda: self._urgent), spread_s)
        while not self._stopping:
            with self._changed:
                self._news = False
                asked = self._asked
            self._turn_to_next_sink()
            pause_s = self._round(in_haste=asked > self._served)
            with self._changed:
                self._served = asked
                self._changed.notify_all()
            if pause_s is None:
                self._await_news()
            elif self._uplink.state is UplinkState.WAITING_FOR_TIME:
                self._await_time(pause_s)
            else:
                self._rest(pause_s)

    def _turn_to_next_sink(self) -> None:
        with self._changed:
            sink, self._next_sink = self._next_sink, None
        if sink is not None:
            self._sink.close()
            self._sink = sink
            self._narrowing.begin_anew()
            self._uplink = Uplink(since=time.monotonic(), delivered=self._uplink.delivered)

    def _await_news(self) -> None:
        with self._changed:
            self._changed.wait_for(self._called_or(lambda: self._news))

    def _rest(self, pause_s: float) -> None:
        with self._changed:
            self._changed.wait_for(self._called_or(lambda: False), pause_s)

    def _await_time(self, pause_s: float) -> None:
        """Rest, but not longer than the clock is wrong."""
        until = time.monotonic() + pause_s
        while not origin.clock_synchronized() and not self._called_or(lambda: False)():
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            self._rest(min(left_s, LOOK_AT_CLOCK_S))

    def _called_or(self, other: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: self._stopping or self._asked > self._served or other()

    def _round(self, *, in_haste: bool) -> float | None:
        """Carry what is there; return seconds to rest, or None when all is carried."""
        try:
            while batch := self._narrowing.batch(self._outbox.batch):
                self._show(UplinkState.SENDING)
                try:
                    receipts = self._sink.deliver(batch)
                except RegistryRefused as refused:
                    if refused.status not in _BISECTED or not self._narrowed(batch, refused):
                        raise
                    return 0.0
                self._well(self._settle(batch, receipts))
                if self._stopping:
                    return None
                if len(batch) == BATCH and not in_haste:
                    return BETWEEN_FULL_BATCHES_S
        except RegistryRefused as refused:
            return self._failed(UplinkState.REFUSED, refused)
        except ClockNotSet as error:
            return self._failed(UplinkState.WAITING_FOR_TIME, error)
        except RegistryError as error:
            return self._failed(UplinkState.UNREACHABLE, error)
        except OutboxError as error:
            return None if self._stopping else self._failed(UplinkState.OUTBOX_FAILED, error)
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not end the thread
            self._log.error("courier_error", fault=f"{type(fault).__name__}: {fault}")
            return self._failed(
                UplinkState.UNREACHABLE,
                RegistryUnreachable(f"a fault of modemagent: {type(fault).__name__}: {fault}"),
            )
        self._show(UplinkState.IDLE)
        return None

    def _settle(self, batch: list[QueuedReport], receipts: Sequence[Receipt]) -> int:
        """Do what the receipts say; return how many reports the other side has now."""
        by_id = {receipt.report_id: receipt for receipt in receipts}
        done: list[QueuedReport] = []
        dead: list[tuple[QueuedReport, str]] = []
        forked: QueuedReport | None = None
        for stored in batch:
            receipt = by_id.get(stored.report_id)
            if receipt is None:
                continue
            if receipt.status is ItemStatus.REJECTED:
                why = receipt.problem or "rejected without a reason"
                self._log.error("report_rejected", sequence=stored.sequence, why=why)
                dead.append((stored, why))
                continue
            if receipt.status is ItemStatus.CONFLICT:
                why = receipt.problem or "the registry holds another report under this key"
                if stored.report_id in self._moved:
                    # its number is nobody else's: what answers is no registry
                    self._log.error("report_conflict", sequence=stored.sequence, why=why)
                    dead.append((stored, why))
                else:
                    forked = forked or stored
                continue
            done.append(stored)
        if not done and not dead and not forked:
            raise RegistryUnreachable("the registry acknowledged none of the reports")
        self._outbox.acknowledge(done, dead)
        if forked:
            self._moved = self._outbox.move_to_new_stream(forked)
        return len(done)

    def _narrowed(self, batch: list[QueuedReport], refused: RegistryRefused) -> bool:
        """Look for the report a registry will not read; tell whether there is one to look for."""
        following = self._narrowing.refused(batch)
        if following is Next.SET_ASIDE:
            self._log.error("report_rejected", sequence=batch[0].sequence, why=refused.message)
            self._outbox.acknowledge([], [(batch[0], refused.message)])
        return following is not Next.REST

    def _well(self, count: int) -> None:
        before = self._uplink
        if before.attempts:
            self._log.info("registry_reached", address=self.address, failed_before=before.attempts)
        if count and self.on_delivery is not None:
            self.on_delivery(count)
        now = time.monotonic()
        self._narrowing.taken()
        self._uplink = Uplink(
            state=UplinkState.SENDING,
            last_success=now,
            since=now if before.reason else before.since,
            delivered=before.delivered + count,
        )

    def _show(self, state: UplinkState) -> None:
        old = self._uplink
        since = old.since if old.state is state else time.monotonic()
        if state is not UplinkState.SENDING:
            old = replace(old, reason="", hint="")
        self._uplink = replace(old, state=state, since=since, next_attempt=None, retry_after_s=None)

    def _failed(self, state: UplinkState, error: ModemAgentError) -> float:
        old = self._uplink
        attempts = old.attempts + 1
        asked_s: float | None = getattr(error, "retry_after_s", None)
        pause = pause_s(
            attempts,
            base_s=self._base_s,
            cap_s=self._cap_s,
            asked_s=asked_s,
            uniform=self._uniform,
        )
        now = time.monotonic()
        self._uplink = replace(
            old,
            state=state,
            reason=error.message,
            hint=error.hint,
            attempts=attempts,
            next_attempt=now + pause,
            retry_after_s=None if asked_s is None else min(asked_s, LONGEST_ASKED_S),
            since=old.since if old.attempts else now,
        )
        # once when it begins or changes its reason, and then only now and then
        if attempts == 1 or error.message != old.reason or attempts % 20 == 0:
            say = self._log.error if state is UplinkState.REFUSED else self._log.warning
            say(
                f"registry_{state}",
                reason=error.message,
                hint=error.hint,
                attempts=attempts,
                next_attempt_in_s=round(pause, 1),
            )
        return pause
