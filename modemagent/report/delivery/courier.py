"""The courier: a thread that delivers reports from the outbox to a sink.

Delivery is in order and at least once, and spares a registry with ten thousand gateways: waits
after failures and after a boot are random (full jitter) with a bound that doubles, never shorter
than the registry demands, and a backlog leaves in batches with a pause between them.

It is a thread because neither name resolution nor a TLS handshake takes a deadline; it is a daemon
thread because the process must be able to stop while one of them hangs. Nothing is lost by that:
a report is removed from the outbox only after its receipt.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

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
from modemagent.report.delivery.isolation import NextStep, RejectionIsolator
from modemagent.report.delivery.retry_delay import Uniform, retry_delay_s
from modemagent.report.delivery.sinks.contract import ABOUT_THE_BATCH, ItemStatus, Receipt, Sink
from modemagent.report.delivery.uplink import Uplink, UplinkState
from modemagent.report.message import Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import QueuedReport

__all__ = ["Courier", "Uplink", "UplinkState"]

BATCH = 100
#: Back-off after failures: initial value and maximum.
BASE_S = 5.0
CAP_S = 900.0
BETWEEN_FULL_BATCHES_S = 1.0
SPREAD_AFTER_BOOT_S = 30.0
CLOCK_POLL_S = 5.0

# A SIM or a modem that was removed or changed may have been stolen.
_URGENT = (Reason.SIM_CHANGED, Reason.MODEM_CHANGED, Reason.REMOVED)
_LOG_EVERY_ATTEMPTS = 20
_STATES: dict[type[RegistryError], UplinkState] = {
    RegistryRefused: UplinkState.REFUSED,
    ClockNotSet: UplinkState.WAITING_FOR_TIME,
}


def _sender(report: QueuedReport) -> tuple[str, str]:
    return report.gateway_id, report.stream_id


class Courier:
    """Delivery of one outbox until :meth:`stop`.

    :param base_s: first wait after a failure, at most
    :param cap_s: longest wait after a failure
    :param spread_s: longest wait after a boot
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        *,
        log: Log,
        base_s: float = BASE_S,
        cap_s: float = CAP_S,
        spread_s: float = SPREAD_AFTER_BOOT_S,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._next_sink: Sink | None = None
        #: called in the courier's thread with the number of reports acknowledged at once
        self.on_delivery: Callable[[int], None] = lambda _: None
        self._log = log
        self._base_s = base_s
        self._cap_s = cap_s
        self._spread_s = spread_s
        self._uniform = uniform
        self._isolator = RejectionIsolator(BATCH)
        self._changed = threading.Condition()
        self._new_report = True
        self._urgent = False
        self._moved: set[str] = set()
        # requests to deliver at once, and how many of them are done
        self._flushes = self._flushed = 0
        self._stopping = False
        self.uplink = Uplink(since=time.monotonic())
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        outbox.on_stored = self.stored

    @property
    def address(self) -> str:
        return self._sink.address

    def start(self) -> None:
        self._thread.start()

    def redirect(self, sink: Sink) -> None:
        """Deliver to another sink, after the current attempt and without a wait."""
        with self._changed:
            self._next_sink = sink
            self._flushes += 1
            self._changed.notify_all()

    def stored(self, reason: Reason) -> None:
        """Deliver a new report; an urgent reason ends the wait after a boot, but no other wait."""
        with self._changed:
            self._new_report = True
            self._urgent = self._urgent or reason in _URGENT
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> Uplink:
        """Deliver without a wait until the outbox is empty or an attempt fails."""
        with self._changed:
            self._flushes += 1
            mine = self._flushes
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._flushed >= mine or self._stopping, timeout_s)
        return self.uplink

    def stop(self, timeout_s: float) -> None:
        """Stop after the current attempt, or abandon the thread if the attempt takes longer."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._sink.close()

    # -- the thread

    def _run(self) -> None:
        if self._outbox.identity.rebooted:
            # after a regional power cut all gateways boot in the same second
            spread_s = self._uniform(0.0, self._spread_s)
            # without its end in the state, the watchdog would take the wait for a standstill
            self.uplink = replace(self.uplink, next_attempt=time.monotonic() + spread_s)
            self._wait(lambda: self._urgent, spread_s)
        while not self._stopping:
            with self._changed:
                self._new_report = False
                flushes = self._flushes
                sink, self._next_sink = self._next_sink, None
            if sink is not None:
                self._use_sink(sink)
            pause = self._deliver_all(flush=flushes > self._flushed)
            with self._changed:
                self._flushed = flushes
                self._changed.notify_all()
            if pause is None:
                self._wait(lambda: self._new_report)
            elif self.uplink.state is UplinkState.WAITING_FOR_TIME:
                self._wait_for_clock(pause)
            else:
                self._wait(lambda: False, pause)

    def _use_sink(self, sink: Sink) -> None:
        self._sink.close()
        self._sink = sink
        self._isolator = RejectionIsolator(BATCH)
        self.uplink = Uplink(since=time.monotonic(), delivered=self.uplink.delivered)

    def _wait(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait for a condition, a flush or the stop; return False on timeout."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopping or self._flushes > self._flushed or condition(), timeout_s
            )

    def _wait_for_clock(self, pause: float) -> None:
        """Wait, but no longer than until the clock is set."""
        end = time.monotonic() + pause
        while not origin.clock_synchronized():
            left_s = end - time.monotonic()
            if left_s <= 0 or self._wait(lambda: False, min(left_s, CLOCK_POLL_S)):
                return

    def _deliver_all(self, *, flush: bool) -> float | None:
        """Deliver until the outbox is empty; return seconds to wait, or None for a new report."""
        try:
            while batch := self._isolator.batch(self._oldest):
                self._set_state(UplinkState.SENDING)
                try:
                    receipts = self._sink.deliver(batch, self._outbox.first_pending(batch))
                except RegistryRefused as error:
                    if error.status not in ABOUT_THE_BATCH or not self._isolate(batch, error):
                        raise
                    return 0.0
                self._delivered(self._process(batch, receipts))
                if self._stopping:
                    return None
                if len(batch) == BATCH and not flush:
                    return BETWEEN_FULL_BATCHES_S
        except RegistryError as error:
            return self._failed(_STATES.get(type(error), UplinkState.UNREACHABLE), error)
        except OutboxError as error:
            return None if self._stopping else self._failed(UplinkState.OUTBOX_FAILED, error)
        except Exception as error:  # noqa: BLE001 - an internal error must not end the thread
            text = f"{type(error).__name__}: {error}"
            self._log.error("courier_error", error=text)
            internal = RegistryUnreachable(f"internal error: {text}")
            return self._failed(UplinkState.UNREACHABLE, internal)
        self._set_state(UplinkState.IDLE)
        return None

    def _oldest(self, limit: int) -> list[QueuedReport]:
        """Return the oldest reports, those of one gateway and one stream."""
        batch = self._outbox.batch(limit)
        return list(takewhile(lambda each: _sender(each) == _sender(batch[0]), batch))

    def _process(self, batch: list[QueuedReport], receipts: Sequence[Receipt]) -> int:
        """Act on the receipts; return the number of delivered reports."""
        by_id = {receipt.report_id: receipt for receipt in receipts}
        delivered: list[QueuedReport] = []
        rejected: list[tuple[QueuedReport, str]] = []
        forked: QueuedReport | None = None
        for queued in batch:
            receipt = by_id.get(queued.report_id)
            if receipt is None:
                continue
            if receipt.status is ItemStatus.REJECTED:
                rejected.append((queued, receipt.problem or "rejected without a reason"))
            elif receipt.status is not ItemStatus.CONFLICT:
                delivered.append(queued)
            elif queued.report_id in self._moved:
                # its number is new, so the server is not a registry
                reason = receipt.problem or "the registry holds another report under this key"
                rejected.append((queued, reason))
            else:
                forked = forked or queued
        if not delivered and not rejected and not forked:
            raise RegistryUnreachable("the registry acknowledged none of the reports")
        for queued, reason in rejected:
            self._log.error("report_rejected", sequence=queued.sequence, reason=reason)
        self._outbox.acknowledge(delivered, rejected)
        if forked:
            self._moved = self._outbox.move_to_new_stream(forked)
        return len(delivered)

    def _isolate(self, batch: list[QueuedReport], error: RegistryRefused) -> bool:
        """Look for the report that the registry refuses; return False if it refuses all."""
        step = self._isolator.refused(batch)
        if step is NextStep.DEAD_LETTER:
            sequence = batch[0].sequence
            self._log.error("report_rejected", sequence=sequence, reason=error.message)
            self._outbox.acknowledge([], [(batch[0], error.message)])
        return step is not NextStep.WAIT

    # -- the state

    def _delivered(self, count: int) -> None:
        before = self.uplink
        if before.attempts:
            self._log.info("registry_reached", address=self.address, failed_before=before.attempts)
        if count:
            self.on_delivery(count)
        now = time.monotonic()
        self._isolator.accepted()
        self.uplink = Uplink(
            state=UplinkState.SENDING,
            last_success=now,
            since=now if before.reason else before.since,
            delivered=before.delivered + count,
        )

    def _set_state(self, state: UplinkState) -> None:
        old = self.uplink
        since = old.since if old.state is state else time.monotonic()
        if state is not UplinkState.SENDING:
            old = replace(old, reason="", hint="")
        self.uplink = replace(old, state=state, since=since, next_attempt=None, retry_after_s=None)

    def _failed(self, state: UplinkState, error: ModemAgentError) -> float:
        old = self.uplink
        attempts = old.attempts + 1
        retry_after_s: float | None = getattr(error, "retry_after_s", None)
        if retry_after_s is not None:
            retry_after_s = min(retry_after_s, self._sink.max_retry_after_s)
        pause = retry_delay_s(
            attempts,
            base_s=self._base_s,
            cap_s=self._cap_s,
            retry_after_s=retry_after_s,
            max_retry_after_s=self._sink.max_retry_after_s,
            uniform=self._uniform,
        )
        now = time.monotonic()
        self.uplink = replace(
            old,
            state=state,
            reason=error.message,
            hint=error.hint,
            attempts=attempts,
            next_attempt=now + pause,
            retry_after_s=retry_after_s,
            since=old.since if old.attempts else now,
        )
        # logged when it begins or its reason changes, then periodically
        if attempts == 1 or error.message != old.reason or attempts % _LOG_EVERY_ATTEMPTS == 0:
            log = self._log.error if state is UplinkState.REFUSED else self._log.warning
            log(
                f"registry_{state}",
                reason=error.message,
                hint=error.hint,
                attempts=attempts,
                next_attempt_in_s=round(pause, 1),
            )
        return pause
