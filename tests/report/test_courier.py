"""The courier: in order, at least once, patient when refused, quick when well."""

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
from modemagent.report.delivery import isolation, uplink
from modemagent.report.delivery.courier import Courier, UplinkState
from modemagent.report.delivery.sinks import http
from modemagent.report.delivery.sinks.catalogue import SinkOptions, open_sink
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.message import Reason
from modemagent.report.outbox.outbox import Outbox, QueuedReport, ReportDraft
from modemagent.report.status import uplink_json
from tests.report.conftest import Exchange, SmallRegistry, fill


def highest(_: float, most: float) -> float:
    """Jitter that always waits longest, so that a wait is what the test says it is."""
    return most


@contextmanager
def carrying(
    outbox: Outbox, registry: SmallRegistry, *, base_s: float = 0.01, cap_s: float = 0.05
) -> Iterator[Courier]:
    sink = open_sink(SinkOptions(url=registry.url))
    courier = Courier(outbox, sink, log=NullLog(), base_s=base_s, cap_s=cap_s)
    courier.start()
    try:
        yield courier
    finally:
        courier.stop(5)


def until(claim: Callable[[], object], deadline_s: float = 10) -> None:
    deadline = time.monotonic() + deadline_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def test_a_backlog_is_carried_in_order_and_the_outbox_is_empty_after(
    outbox: Outbox, registry: SmallRegistry, monkeypatch: object
) -> None:
    fill(outbox, 250)
    with carrying(outbox, registry) as courier:
        assert not courier.flush(20).reason
    assert registry.order == list(range(1, 251))
    assert [len(request) for request in registry.requests] == [100, 100, 50]
    assert outbox.depth() == (0, 0)


def test_a_new_report_is_sent_at_once_when_the_link_is_well(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    with carrying(outbox, registry, base_s=60) as courier:
        courier.flush(5)
        for sequence in range(1, 6):
            fill(outbox, 1)
            until(lambda: sequence in registry.order)  # noqa: B023
    assert registry.order == [1, 2, 3, 4, 5]


def test_a_registry_that_forgets_to_answer_gets_everything_once(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def keep_and_hang_up(exchange: Exchange) -> None:
        for report in exchange.reports:
            exchange.server.take(report)
        exchange.close_connection = True

    registry.moods += [keep_and_hang_up] * 3
    fill(outbox, 5)
    with carrying(outbox, registry) as courier:
        until(lambda: outbox.depth() == (0, 0))
        until(lambda: courier.uplink.state is UplinkState.IDLE)
    assert registry.order == [1, 2, 3, 4, 5]
    assert len(registry.requests) == 4


def test_a_rejected_report_is_set_aside_and_stops_nobody(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    registry.refused = {2}
    fill(outbox, 3)
    with carrying(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    (dead,) = outbox.set_aside()
    assert (dead.stored.sequence, dead.why) == (2, "not like this")
    assert registry.order == [1, 3]


def test_only_what_was_acknowledged_counts_as_delivered(outbox: Outbox) -> None:
    class TakesTwo(Unwell):
        """Takes two of each batch, will not have the third, and is silent on the others."""

        def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
            said = (ItemStatus.ACCEPTED, ItemStatus.DUPLICATE, ItemStatus.REJECTED)
            return [
                Receipt(stored.report_id, status)
                for stored, status in zip(batch, said, strict=False)
            ]

    fill(outbox, 10)
    courier = Courier(outbox, TakesTwo(), log=NullLog())
    told: list[int] = []
    courier.on_delivery = told.append
    assert courier._round(in_haste=True) is None
    assert outbox.depth() == (0, 3)
    assert (courier.uplink.delivered, told) == (7, [2, 2, 2, 1])


def test_numbers_that_were_used_before_are_given_up_and_nothing_is_lost(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    fill(outbox, 4)
    before = outbox.stream_id
    for stored in outbox.batch(2):
        registry.take(json.loads(stored.body) | {"reason": "removed"})
    with carrying(outbox, registry):
        until(lambda: outbox.depth() == (0, 0))
    assert outbox.stream_id != before
    # 3 and 4 went under their old numbers, 1 and 2 under new ones
    assert sorted(sequence for stream, sequence in registry.kept if stream == before) == [
        1,
        2,
        3,
        4,
    ]
    moved = [r for (stream, _), r in registry.kept.items() if stream == outbox.stream_id]
    assert [(r["sequence"], r["port"]["path"]) for r in moved] == [
        (1, "/dev/ttyUSB0"), (2, "/dev/ttyUSB1"),
    ]  # fmt: skip
    fill(outbox, 1)
    assert [stored.sequence for stored in outbox.batch(9)] == [3]


def test_a_conflict_under_a_number_nobody_had_is_set_aside(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def conflict(exchange: Exchange) -> None:
        said = [{"report_id": r["report_id"], "status": "conflict"} for r in exchange.reports]
        exchange.reply(200, {"results": said})

    registry.moods += [conflict] * 2
    fill(outbox, 1)
    with carrying(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    assert "another report" in outbox.set_aside()[0].why


def test_a_batch_the_registry_can_not_read_is_halved_down_to_the_bad_report(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    def whole(exchange: Exchange) -> None:
        if any(report["sequence"] == 7 for report in exchange.reports):
            exchange.reply(422, {"detail": "can not be read"})
            return
        exchange.behave()

    registry.moods += [whole] * 100
    fill(outbox, 20)
    with carrying(outbox, registry):
        until(lambda: outbox.depth() == (0, 1))
    assert registry.order == [n for n in range(1, 21) if n != 7]


class Unwell:
    """A sink that fails as told."""

    address = "test"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        if self.errors:
            raise self.errors.pop(0)
        return [Receipt(stored.report_id, ItemStatus.ACCEPTED) for stored in batch]

    def close(self) -> None:
        pass


class Picky(Unwell):
    """A registry that refuses a batch as a whole when it holds a report it will not read."""

    def __init__(self, bad: Callable[[int], bool]) -> None:
        super().__init__()
        self.bad = bad
        self.offered: list[int] = []
        self.took: list[int] = []

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        self.offered.append(len(batch))
        if any(self.bad(stored.sequence) for stored in batch):
            raise RegistryRefused("refused: HTTP 422", status=422)
        self.took += [stored.sequence for stored in batch]
        return super().deliver(batch)


def rounds(courier: Courier, count: int) -> list[float | None]:
    return [courier._round(in_haste=False) for _ in range(count)]


def test_a_registry_that_refuses_everything_is_waited_for_and_the_backlog_is_kept(
    outbox: Outbox,
) -> None:
    fill(outbox, 300)
    registry = Picky(lambda _: True)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 60)
    assert outbox.depth() == (300 - isolation.BELIEVED_IN_A_ROW, isolation.BELIEVED_IN_A_ROW)
    searching = waits.index(5)
    assert searching < 30 and set(waits[:searching]) == {0.0}
    assert waits[searching : searching + 9] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert set(waits[searching + 9 :]) == {900}
    assert set(registry.offered[searching:]) == {1}
    assert courier.uplink.state is UplinkState.REFUSED
    assert (courier.uplink.reason, courier.uplink.delivered) == ("refused: HTTP 422", 0)
    # put right: all of the rest is delivered, and nothing more set aside
    registry.bad = lambda _: False
    while courier._round(in_haste=True) is not None:
        pass
    assert outbox.depth() == (0, isolation.BELIEVED_IN_A_ROW)
    assert len(registry.took) == 300 - isolation.BELIEVED_IN_A_ROW
    assert courier.uplink.reason == ""


def test_many_bad_reports_in_a_row_do_not_stop_the_good_ones_behind_them(outbox: Outbox) -> None:
    fill(outbox, 30)
    registry = Picky(lambda sequence: 5 <= sequence < 15)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 100)
    assert outbox.depth() == (0, 10)
    assert sorted(registry.took) == [*range(1, 5), *range(15, 31)]
    assert waits[-1] is None


def test_single_bad_reports_among_good_ones_are_found_without_a_wait(outbox: Outbox) -> None:
    fill(outbox, 100)
    registry = Picky(lambda sequence: sequence % 25 == 7)
    courier = Courier(outbox, registry, log=NullLog(), uniform=highest)
    waits = rounds(courier, 50)
    assert outbox.depth() == (0, 4)
    assert registry.took == [n for n in range(1, 101) if n % 25 != 7]
    assert set(waits) == {0.0, None}


def test_an_outbox_that_fails_while_a_bad_report_is_set_aside_ends_no_thread(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(outbox, 1)

    def refuse(*_: object) -> None:
        raise OutboxError("the disk is gone")

    monkeypatch.setattr(outbox, "acknowledge", refuse)
    courier = Courier(outbox, Picky(lambda _: True), log=NullLog(), uniform=highest)
    assert rounds(courier, 1) == [5]
    assert courier.uplink.state is UplinkState.OUTBOX_FAILED


def test_a_wrong_token_is_a_state_with_a_reason_and_ends_when_it_is_put_right(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    registry.moods += [lambda exchange: exchange.reply(401, {})] * 3
    fill(outbox, 1)
    seen = set()
    with carrying(outbox, registry, base_s=0.2) as courier:
        until(lambda: courier.uplink.state is UplinkState.REFUSED)
        shown = uplink_json(courier)
        assert shown["reason"] == "refused: wrong token" and shown["hint"]
        until(lambda: seen.add(courier.uplink.state) or outbox.depth() == (0, 0))
        until(lambda: courier.uplink.state is UplinkState.IDLE)
        assert courier.uplink.reason == ""


def test_waits_double_up_to_the_cap_and_a_success_forgets_them(outbox: Outbox) -> None:
    down = RegistryUnreachable("down")
    courier = Courier(outbox, Unwell(*[down] * 12), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    waits = [courier._round(in_haste=False) for _ in range(12)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]
    assert courier._round(in_haste=False) is None
    assert courier.uplink.attempts == 0


def test_retry_after_is_kept_and_spread(outbox: Outbox) -> None:
    busy = RegistryUnreachable("busy", retry_after_s=30)
    courier = Courier(outbox, Unwell(busy), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    assert courier._round(in_haste=False) == 60


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (0.0, [5, 10, 20]),
        (6.0, [12, 12, 20]),
        (uplink.LONGEST_ASKED_S * 9, [2 * uplink.LONGEST_ASKED_S] * 3),
        (float("inf"), [2 * uplink.LONGEST_ASKED_S] * 3),
    ],
)
def test_retry_after_makes_a_wait_longer_and_never_shorter(
    outbox: Outbox, asked: float, waits: list[float]
) -> None:
    busy = RegistryUnreachable("busy", retry_after_s=asked)
    courier = Courier(outbox, Unwell(*[busy] * 3), log=NullLog(), uniform=highest)
    fill(outbox, 1)
    assert [courier._round(in_haste=False) for _ in range(3)] == waits


def test_retry_after_is_shown_until_the_next_delivery(
    outbox: Outbox, registry: SmallRegistry
) -> None:
    registry.moods.append(lambda exchange: exchange.reply(503, {}, Retry_After="90000"))
    fill(outbox, 1)
    with carrying(outbox, registry) as courier:
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
def test_registry_that_drips_holds_up_no_report(
    outbox: Outbox, registry: SmallRegistry, start: bytes
) -> None:
    let_go = threading.Event()

    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(start)
        with contextlib.suppress(OSError):
            while not let_go.wait(0.01):
                exchange.wfile.write(b" ")
        exchange.close_connection = True

    registry.moods.append(drip)
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


def test_news_do_not_cut_a_wait_short_and_flush_does(outbox: Outbox) -> None:
    sink = Unwell(RegistryUnreachable("down"), RegistryRefused("no", status=401))
    courier = Courier(outbox, sink, log=NullLog(), base_s=3600, cap_s=3600, uniform=highest)
    fill(outbox, 1)
    courier.start()
    until(lambda: courier.uplink.attempts == 1)
    courier.wake()
    assert courier.flush(5).attempts == 2
    assert courier.flush(5).reason == ""
    courier.stop(1)
    assert outbox.depth() == (0, 0)


@pytest.fixture
def rebooted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    Outbox(tmp_path / "boots", gateway_id="gw-1", log=NullLog()).close()
    monkeypatch.setattr(origin, "boot_id", lambda: "another")
    with closing(Outbox(tmp_path / "boots", gateway_id="gw-1", log=NullLog())) as outbox:
        yield outbox


def test_after_a_reboot_gateways_do_not_all_come_at_once(rebooted: Outbox) -> None:
    fill(rebooted, 1)
    waits: list[tuple[float, float]] = []

    def spread(least: float, most: float) -> float:
        waits.append((least, most))
        return 0.0

    courier = Courier(rebooted, Unwell(), log=NullLog(), uniform=spread)
    courier.start()
    until(lambda: rebooted.depth() == (0, 0))
    courier.stop(1)
    assert waits == [(0.0, courier_module.SPREAD_AFTER_BOOT_S)]


def test_the_wait_after_a_boot_is_no_standstill(rebooted: Outbox) -> None:
    fill(rebooted, 1)
    courier = Courier(rebooted, Unwell(), log=NullLog(), spread_s=3600, uniform=highest)
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
def test_a_change_of_card_does_not_wait_for_its_turn_after_a_boot(
    rebooted: Outbox, reason: Reason, waits: bool
) -> None:
    courier = Courier(rebooted, Unwell(), log=NullLog(), spread_s=3600, uniform=highest)
    fill(rebooted, 1)
    courier.start()
    rebooted.put(ReportDraft(reason=reason), places={})
    if waits:
        assert courier.uplink.state is UplinkState.IDLE
        assert rebooted.depth() == (2, 0)
        courier.flush(5)
    until(lambda: rebooted.depth() == (0, 0))
    courier.stop(1)


def test_between_full_batches_is_a_second_and_a_person_does_not_wait_it(outbox: Outbox) -> None:
    fill(outbox, 250)
    courier = Courier(outbox, Unwell(), log=NullLog())
    assert courier._round(in_haste=False) == courier_module.BETWEEN_FULL_BATCHES_S == 1.0
    assert outbox.depth() == (150, 0)
    assert courier._round(in_haste=True) is None
    assert outbox.depth() == (0, 0)


def test_jitter_is_full_from_nothing_to_the_bound(outbox: Outbox) -> None:
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    down = RegistryUnreachable("down")
    courier = Courier(outbox, Unwell(down, down), log=NullLog(), uniform=least)
    fill(outbox, 1)
    assert [courier._round(in_haste=False) for _ in range(2)] == [0.0, 0.0]
    assert asked == [(0.0, 5.0), (0.0, 10.0)]


def test_a_clock_that_is_not_set_is_waited_for_and_not_longer(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronized = threading.Event()
    looked = threading.Event()

    def look() -> bool:
        looked.set()
        return synchronized.is_set()

    monkeypatch.setattr(origin, "clock_synchronized", look)
    monkeypatch.setattr(courier_module, "LOOK_AT_CLOCK_S", 0.01)
    fill(outbox, 1)
    looked.clear()
    sink = Unwell(ClockNotSet("its certificate is not yet valid"))
    courier = Courier(outbox, sink, log=NullLog(), base_s=3600, cap_s=3600, uniform=highest)
    courier.start()
    assert looked.wait(10)
    assert courier.uplink.state is UplinkState.WAITING_FOR_TIME
    assert "not yet valid" in courier.uplink.reason
    synchronized.set()
    until(lambda: outbox.depth() == (0, 0))
    courier.stop(5)


def test_it_stops_while_the_other_side_hangs(outbox: Outbox) -> None:
    held = threading.Event()

    class Hangs(Unwell):
        def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
            held.wait(20)
            return []

    fill(outbox, 1)
    courier = Courier(outbox, Hangs(), log=NullLog())
    courier.start()
    until(lambda: courier.uplink.state is UplinkState.SENDING)
    courier.stop(0.1)
    assert courier._thread.is_alive()
    held.set()
