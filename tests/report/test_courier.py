"""The courier delivers in order and at least once, with waits after failures."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from modemagent.agent.health import HealthCheck
from modemagent.cli import status
from modemagent.errors import ClockNotSet, OutboxError, RegistryRefused, RegistryUnreachable
from modemagent.logs import NullLog
from modemagent.report import origin
from modemagent.report.delivery import courier as courier_module
from modemagent.report.delivery import isolation, retry_delay
from modemagent.report.delivery.courier import Courier, UplinkState
from modemagent.report.delivery.sinks import SinkOptions, http, open_sink
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.message import FIRST_PENDING_HEADER, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import QueuedReport, ReportDraft
from modemagent.report.status import uplink_json
from tests.report.conftest import Exchange, SmallRegistry, fill


def highest(_: float, most: float) -> float:
    """Jitter that always yields the longest wait."""
    return most


@contextmanager
def delivering(
    outbox: Outbox, registry: SmallRegistry, *, base_s: float = 0.01, cap_s: float = 0.05
) -> Iterator[Courier]:
    sink = open_sink(SinkOptions(url=registry.url))
    courier = Courier(outbox, sink, log=NullLog(), base_s=base_s, cap_s=cap_s)
    courier.start()
    try:
        yield courier
    finally:
        courier.stop(5)


def until(claim: Callable[[], object], deadline_s: float = 120) -> None:
    deadline = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def test_backlog_is_delivered_in_order(
    outbox: Outbox, registry: SmallRegistry, monkeypatch: object
) -> None:
    fill(outbox, 250)
    with delivering(outbox, registry) as courier:
        assert not courier.flush(20).reason
    assert registry.order == list(range(1, 251))
    assert [len(request) for request in registry.requests] == [100, 100, 50]
    assert outbox.depth() == (0, 0)


def test_new_report_is_sent_at_once(outbox: Outbox, registry: SmallRegistry) -> None:
    with delivering(outbox, registry, base_s=60) as courier:
        courier.flush(5)
        for sequence in range(1, 6):
            fill(outbox, 1)
            until(lambda: sequence in registry.order)  # noqa: B023
    assert registry.order == [1, 2, 3, 4, 5]


def test_unanswered_batch_is_stored_once_by_the_registry(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def keep_and_hang_up(exchange: Exchange) -> None:
        for report in exchange.reports:
            exchange.server.take(report)
        exchange.close_connection = True

    registry.script += [keep_and_hang_up] * 3
    fill(outbox, 5)
    with delivering(outbox, registry) as courier:
        until(lambda: outbox.depth() == (0, 0))
        until(lambda: courier.uplink.state is UplinkState.IDLE)
    assert registry.order == [1, 2, 3, 4, 5]
    assert len(registry.requests) == 4


def test_rejected_report_becomes_a_dead_letter(outbox: Outbox, registry: SmallRegistry) -> None:
    registry.refused = {2}
    fill(outbox, 3)
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    (dead,) = outbox.dead_letters()
    assert (dead.report.sequence, dead.reason) == (2, "not like this")
    assert registry.order == [1, 3]


def test_only_acknowledged_reports_count_as_delivered(outbox: Outbox) -> None:
    class TakesTwo(FailingSink):
        """Accepts two of each batch, rejects the third and ignores the others."""

        def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
            statuses = (ItemStatus.ACCEPTED, ItemStatus.DUPLICATE, ItemStatus.REJECTED)
            return [
                Receipt(stored.report_id, status)
                for stored, status in zip(batch, statuses, strict=False)
            ]

    fill(outbox, 10)
    courier = Courier(outbox, TakesTwo(), log=NullLog())
    counts: list[int] = []
    courier.on_delivery = counts.append
    assert courier._deliver_all(flush=True) is None
    assert outbox.depth() == (0, 3)
    assert (courier.uplink.delivered, counts) == (7, [2, 2, 2, 1])


def first_pending(registry: SmallRegistry) -> list[str]:
    return [headers[FIRST_PENDING_HEADER] for headers in registry.headers]


def test_batch_names_the_first_number_that_still_waits(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    fill(outbox, 150)
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 0))
    stream_id = outbox.identity.stream_id
    assert first_pending(registry) == [f"{stream_id} 101", f"{stream_id} 151"]


def test_report_offered_out_of_turn_names_an_earlier_one(outbox: Outbox) -> None:
    fill(outbox, 4)
    reports = outbox.batch(9)
    assert [outbox.first_pending([each]) for each in reports] == [2, 1, 1, 1]
    assert outbox.first_pending(reports[:3]) == 4
    assert outbox.first_pending(reports) == 5
    outbox.acknowledge(reports[1:3])
    assert outbox.first_pending(reports[:1]) == 4


def test_batch_holds_reports_of_one_stream(outbox: Outbox, registry: SmallRegistry) -> None:
    fill(outbox, 5)
    old = outbox.identity.stream_id
    outbox.move_to_new_stream(outbox.batch(9)[3])
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 0))
    new = outbox.identity.stream_id
    assert [[each["stream_id"] for each in batch] for batch in registry.requests] == [
        [old] * 3, [new] * 2
    ]  # fmt: skip
    assert first_pending(registry) == [f"{old} 4", f"{new} 3"]


def test_conflict_moves_reports_to_a_new_stream(outbox: Outbox, registry: SmallRegistry) -> None:
    fill(outbox, 4)
    before = outbox.identity.stream_id
    for stored in outbox.batch(2):
        registry.take(json.loads(stored.body) | {"reason": "removed"})
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 0))
    assert outbox.identity.stream_id != before
    # 3 and 4 went under their old numbers, 1 and 2 under new ones
    assert sorted(sequence for stream, sequence in registry.kept if stream == before) == [
        1,
        2,
        3,
        4,
    ]
    moved = [r for (stream, _), r in registry.kept.items() if stream == outbox.identity.stream_id]
    assert [(r["sequence"], r["port"]["path"]) for r in moved] == [
        (1, "/dev/ttyUSB0"), (2, "/dev/ttyUSB1"),
    ]  # fmt: skip
    fill(outbox, 1)
    assert [stored.sequence for stored in outbox.batch(9)] == [3]


def test_conflict_under_a_new_number_is_a_dead_letter(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def conflict(exchange: Exchange) -> None:
        said = [{"report_id": r["report_id"], "status": "conflict"} for r in exchange.reports]
        exchange.reply(200, {"results": said})

    registry.script += [conflict] * 2
    fill(outbox, 1)
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    assert "another report" in outbox.dead_letters()[0].reason


def test_refused_batch_is_halved_down_to_the_bad_report(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def whole(exchange: Exchange) -> None:
        if any(report["sequence"] == 7 for report in exchange.reports):
            exchange.reply(422, {"detail": "can not be read"})
            return
        exchange.answer()

    registry.script += [whole] * 100
    fill(outbox, 20)
    with delivering(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    assert registry.order == [n for n in range(1, 21) if n != 7]


class FailingSink:
    """A sink that raises the given errors one after another and then accepts everything."""

    address = "test"
    max_retry_after_s = retry_delay.MAX_RETRY_AFTER_S

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
        if self.errors:
            raise self.errors.pop(0)
        return [Receipt(stored.report_id, ItemStatus.ACCEPTED) for stored in batch]

    def close(self) -> None:
        pass


class RefusingSink(FailingSink):
    """A registry that refuses a whole batch if it contains a bad report."""

    def __init__(self, bad: Callable[[int], bool]) -> None:
        super().__init__()
        self.bad = bad
        self.offered: list[int] = []
        self.took: list[int] = []

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
        self.offered.append(len(batch))
        if any(self.bad(stored.sequence) for stored in batch):
            raise RegistryRefused("refused: HTTP 422", status=422)
        self.took += [stored.sequence for stored in batch]
        return super().deliver(batch, first_pending)


def rounds(courier: Courier, count: int) -> list[float | None]:
    return [courier._deliver_all(flush=False) for _ in range(count)]


def test_backlog_survives_a_registry_that_refuses_everything(
    outbox: Outbox,
) -> None:
    fill(outbox, 300)
    registry = RefusingSink(lambda _: True)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 60)
    assert outbox.depth() == (
        300 - isolation.MAX_DEAD_LETTERS_IN_A_ROW,
        isolation.MAX_DEAD_LETTERS_IN_A_ROW,
    )
    searching = waits.index(5)
    assert searching < 30 and set(waits[:searching]) == {0.0}
    assert waits[searching : searching + 9] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert set(waits[searching + 9 :]) == {900}
    assert set(registry.offered[searching:]) == {1}
    assert courier.uplink.state is UplinkState.REFUSED
    assert (courier.uplink.reason, courier.uplink.delivered) == ("refused: HTTP 422", 0)
    # once it works again the rest is delivered, and no further dead letter is made
    registry.bad = lambda _: False
    while courier._deliver_all(flush=True) is not None:
        pass
    assert outbox.depth() == (0, isolation.MAX_DEAD_LETTERS_IN_A_ROW)
    assert len(registry.took) == 300 - isolation.MAX_DEAD_LETTERS_IN_A_ROW
    assert courier.uplink.reason == ""


def test_good_reports_pass_many_bad_ones_in_a_row(outbox: Outbox) -> None:
    fill(outbox, 30)
    registry = RefusingSink(lambda sequence: 5 <= sequence < 15)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 100)
    assert outbox.depth() == (0, 10)
    assert sorted(registry.took) == [*range(1, 5), *range(15, 31)]
    assert waits[-1] is None


def test_single_bad_reports_are_isolated_without_a_wait(outbox: Outbox) -> None:
    fill(outbox, 100)
    registry = RefusingSink(lambda sequence: sequence % 25 == 7)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 50)
    assert outbox.depth() == (0, 4)
    assert registry.took == [n for n in range(1, 101) if n % 25 != 7]
    assert set(waits) == {0.0, None}


def test_outbox_error_during_isolation_is_a_state(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(outbox, 1)

    def refuse(*_: object) -> None:
        raise OutboxError("the disk is gone")

    monkeypatch.setattr(outbox, "acknowledge", refuse)
    courier = Courier(outbox, RefusingSink(lambda _: True), log=NullLog(), uniform=highest)
    assert rounds(courier, 1) == [5]
    assert courier.uplink.state is UplinkState.OUTBOX_FAILED


def test_wrong_token_is_a_state_until_it_is_corrected(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    registry.script += [lambda exchange: exchange.reply(401, {})] * 3
    fill(outbox, 1)
    seen = set()
    with delivering(outbox, registry, base_s=0.2) as courier:
        until(lambda: courier.uplink.state is UplinkState.REFUSED)
        shown = uplink_json(courier)
        assert shown["reason"] == "refused: wrong token" and shown["hint"]
        until(lambda: seen.add(courier.uplink.state) or outbox.depth() == (0, 0))
        until(lambda: courier.uplink.state is UplinkState.IDLE)
        assert courier.uplink.reason == ""


def test_waits_double_up_to_the_cap_until_a_success(outbox: Outbox) -> None:
    down = RegistryUnreachable("down")
    courier = Courier(outbox, FailingSink(*[down] * 12), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    waits = [courier._deliver_all(flush=False) for _ in range(12)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]
    assert courier._deliver_all(flush=False) is None
    assert courier.uplink.attempts == 0


def test_retry_after_is_respected_and_spread(outbox: Outbox) -> None:
    busy = RegistryUnreachable("busy", retry_after_s=30)
    courier = Courier(outbox, FailingSink(busy), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    assert courier._deliver_all(flush=False) == 60


def test_retry_after_limit_includes_the_spread() -> None:
    arguments = {"base_s": 5.0, "cap_s": 900.0, "max_retry_after_s": 3600.0}
    waits = [
        retry_delay.retry_delay_s(1, retry_after_s=seconds, uniform=uniform, **arguments)
        for uniform in (lambda low, _: low, highest)
        for seconds in (600.0, 2400.0, 3600.0)
    ]
    assert waits == [600, 2400, 3600, 1200, 3600, 3600]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (0.0, [5, 10, 20]),
        (6.0, [12, 12, 20]),
        (retry_delay.MAX_RETRY_AFTER_S * 9, [retry_delay.MAX_RETRY_AFTER_S] * 3),
        (float("inf"), [retry_delay.MAX_RETRY_AFTER_S] * 3),
    ],
)
def test_retry_after_extends_a_wait_up_to_its_limit(
    outbox: Outbox, asked: float, waits: list[float]
) -> None:
    busy = RegistryUnreachable("busy", retry_after_s=asked)
    courier = Courier(outbox, FailingSink(*[busy] * 3), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    assert [courier._deliver_all(flush=False) for _ in range(3)] == waits


def test_retry_after_is_shown_until_the_next_delivery(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    registry.script.append(lambda exchange: exchange.reply(503, {}, Retry_After="90000"))
    fill(outbox, 1)
    with delivering(outbox, registry) as courier:
        until(lambda: courier.uplink.attempts)
        shown = uplink_json(courier)
        assert shown["retry_after_s"] == 3600 and shown["next_attempt_in_s"] > 3590
        shown["registry"] = "http://registry.example"
        assert ", Retry-After 1 h 0 min)." in status._uplink(shown)
        courier.flush(10)
        assert uplink_json(courier)["retry_after_s"] is None
        assert "Retry-After" not in status._uplink(uplink_json(courier))


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"],
)
def test_registry_that_sends_single_bytes_is_given_up(
    outbox: Outbox, registry: SmallRegistry, start: bytes
) -> None:
    let_go = threading.Event()

    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(start)
        with contextlib.suppress(OSError):
            while not let_go.wait(0.01):
                exchange.wfile.write(b" ")
        exchange.close_connection = True

    registry.script.append(drip)
    fill(outbox, 3)
    limits = replace(http.LIMITS, total_s=1.0)
    sink = http.HttpSink(SinkOptions(url=registry.url), limits=limits)
    courier = Courier(outbox, sink, log=NullLog(), base_s=3600, cap_s=3600, uniform=highest)
    courier.start()
    try:
        until(lambda: courier.uplink.attempts, 30)
        assert "no complete response within 1 s" in courier.uplink.reason
        until(lambda: not courier.flush(10).reason, 30)
        until(lambda: outbox.depth() == (0, 0), 30)
        assert registry.order == [1, 2, 3]
    finally:
        let_go.set()
        courier.stop(5)


def test_flush_ends_a_wait_and_a_new_report_does_not(outbox: Outbox) -> None:
    sink = FailingSink(RegistryUnreachable("down"), RegistryRefused("no", status=401))
    courier = Courier(outbox, sink, log=NullLog(), base_s=3600, cap_s=3600, uniform=highest)
    fill(outbox, 1)
    courier.start()
    until(lambda: courier.uplink.attempts == 1)
    courier.stored(Reason.REFRESH)
    assert courier.flush(5).attempts == 2
    assert courier.flush(5).reason == ""
    courier.stop(1)
    assert outbox.depth() == (0, 0)


@pytest.fixture
def rebooted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "boots", gateway_id="gw-1", log=NullLog())) as outbox:
        fill(outbox, 1)
        outbox.acknowledge(outbox.batch(1))
    monkeypatch.setattr(origin, "boot_id", lambda: "another")
    with closing(Outbox(tmp_path / "boots", gateway_id="gw-1", log=NullLog())) as outbox:
        yield outbox


def test_delivery_after_a_reboot_is_spread(rebooted: Outbox) -> None:
    fill(rebooted, 1)
    waits: list[tuple[float, float]] = []

    def spread(least: float, most: float) -> float:
        waits.append((least, most))
        return 0.0

    courier = Courier(rebooted, FailingSink(), log=NullLog(), uniform=spread)
    courier.start()
    until(lambda: rebooted.depth() == (0, 0))
    courier.stop(1)
    assert waits == [(0.0, courier_module.SPREAD_AFTER_BOOT_S)]


def test_wait_after_a_boot_counts_as_progress(rebooted: Outbox) -> None:
    fill(rebooted, 1)
    courier = Courier(rebooted, FailingSink(), log=NullLog(), spread_s=3600, uniform=highest)
    now = time.monotonic()
    progress = HealthCheck(
        ports=dict, uplink=lambda: courier.uplink, waiting=lambda: 1, clock=lambda: now
    )
    courier.start()
    until(lambda: courier.uplink.next_attempt)
    shown = uplink_json(courier)
    assert shown["state"] == "idle" and 3000 < shown["next_attempt_in_s"] <= 3600
    for minute in range(59):
        now += 60
        assert not progress.check().error, minute
    courier.flush(5)
    assert courier.uplink.next_attempt is None
    courier.stop(1)


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        (Reason.IDENTIFIED, True),
        (Reason.REFRESH, True),
        (Reason.SIM_CHANGED, False),
        (Reason.MODEM_CHANGED, False),
        (Reason.REMOVED, False),
    ],
)
def test_urgent_report_ends_the_wait_after_a_boot(
    rebooted: Outbox, reason: Reason, waits: bool
) -> None:
    courier = Courier(rebooted, FailingSink(), log=NullLog(), spread_s=3600, uniform=highest)
    fill(rebooted, 1)
    courier.start()
    rebooted.put(ReportDraft(reason=reason), baselines={})
    if waits:
        assert courier.uplink.state is UplinkState.IDLE
        assert rebooted.depth() == (2, 0)
        courier.flush(5)
    until(lambda: rebooted.depth() == (0, 0))
    courier.stop(1)


def test_pause_between_full_batches_is_skipped_by_flush(outbox: Outbox) -> None:
    fill(outbox, 250)
    courier = Courier(outbox, FailingSink(), log=NullLog())
    assert courier._deliver_all(flush=False) == courier_module.BETWEEN_FULL_BATCHES_S == 1.0
    assert outbox.depth() == (150, 0)
    assert courier._deliver_all(flush=True) is None
    assert outbox.depth() == (0, 0)


def test_jitter_ranges_from_zero_to_the_bound(outbox: Outbox) -> None:
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    down = RegistryUnreachable("down")
    courier = Courier(outbox, FailingSink(down, down), log=NullLog(), uniform=least)
    fill(outbox, 1)
    assert [courier._deliver_all(flush=False) for _ in range(2)] == [0.0, 0.0]
    assert asked == [(0.0, 5.0), (0.0, 10.0)]


def test_delivery_starts_when_the_clock_is_set(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronized = threading.Event()
    looked = threading.Event()

    def look() -> bool:
        looked.set()
        return synchronized.is_set()

    monkeypatch.setattr(origin, "clock_synchronized", look)
    monkeypatch.setattr(courier_module, "CLOCK_POLL_S", 0.01)
    fill(outbox, 1)
    looked.clear()
    sink = FailingSink(ClockNotSet("its certificate is not yet valid"))
    courier = Courier(outbox, sink, log=NullLog(), base_s=3600, cap_s=3600, uniform=highest)
    courier.start()
    assert looked.wait(120)
    assert courier.uplink.state is UplinkState.WAITING_FOR_TIME
    assert "not yet valid" in courier.uplink.reason
    synchronized.set()
    until(lambda: outbox.depth() == (0, 0))
    courier.stop(5)


def test_stop_does_not_wait_for_a_hanging_registry(outbox: Outbox) -> None:
    held = threading.Event()

    class Hangs(FailingSink):
        def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
            held.wait(120)
            return []

    fill(outbox, 1)
    courier = Courier(outbox, Hangs(), log=NullLog())
    courier.start()
    until(lambda: courier.uplink.state is UplinkState.SENDING)
    courier.stop(0.1)
    assert courier._thread.is_alive()
    held.set()
