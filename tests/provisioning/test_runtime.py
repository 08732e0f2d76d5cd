"""The running bench: full disks, steps of the user, reports, devices without a port."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from modemagent.logs import NullLog
from modemagent.provisioning import journal as journal_module
from modemagent.provisioning import report_queue
from modemagent.provisioning.bench_file import BenchHook, BenchSettings, parse_bench
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.events import (
    LabelTurn,
    PrintLabel,
    StationJudged,
    UnitPlugged,
    UnitPulled,
)
from modemagent.provisioning.journal import Journal
from modemagent.provisioning.label_job import JobResult, LabelJob
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import parse_order
from modemagent.provisioning.print_queue import PrintQueue
from modemagent.provisioning.runtime import Bench
from modemagent.provisioning.session import SessionOptions, opened_station, run_session
from modemagent.provisioning.usb_devices import devices_in_bays
from tests.discovery.usb_tree import CONTROLLER, UsbTree
from tests.report.conftest import SmallRegistry, running
from tests.simulated import simulated

ORDER = parse_order(b"model,quantity,sim,lot\nEG25-G,9,required,L-1\n", "4711", ColumnMap())


class Session:
    """One session with one simulated module; it ends when the module has its verdict.

    :ivar events: name and fields of each event
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = BenchSettings(station="B2", **settings)
        self.events: list[tuple[str, dict[str, Any]]] = []

    def run(self, *companions: Any) -> int:
        with simulated("quectel-eg25-g") as modem:
            settings = self.settings._replace(bays={"01": modem.path})
            with opened_station(ORDER, settings, self.folder, NullLog()) as (printer, reports):
                return run_session(
                    ORDER,
                    settings,
                    self.folder,
                    lambda event, _, fields: self.events.append((event, fields)),
                    log=NullLog(),
                    options=SessionOptions(once=True),
                    printer=printer,
                    reports=reports,
                    companions=companions,
                )

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == event]

    def verdicts(self) -> list[str]:
        return [each["verdict"] for each in self.of("attempt.ended")]


def test_full_disk_holds_all_bays_and_no_verdict_is_shown(tmp_path, monkeypatch) -> None:
    broken = {"is": False}
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if broken["is"] and b'"kind"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(journal_module.os, "write", write)
    session = Session(tmp_path)

    async def fill_and_free(bench: Bench, _: asyncio.Event) -> None:
        broken["is"] = True
        while not bench.fault:
            await asyncio.sleep(0.01)
        view = bench.view()
        assert view.station.is_held
        assert {bay.state for bay in view.bays if bay.run} == {"hold"}
        assert session.verdicts() == []
        broken["is"] = False

    assert session.run(fill_and_free) == 0
    hold = session.of("station.hold")[0]
    assert (hold["step"], hold["bay"]) == ("journal", None)
    assert "Free disk space" in hold["remedy"]
    assert session.verdicts() == ["pass"]


def test_events_that_come_together_are_synced_once(tmp_path, monkeypatch) -> None:
    syncs = []
    monkeypatch.setattr(Journal, "_sync", lambda journal: syncs.append(journal.number))
    session = Session(tmp_path)

    async def judge(bench: Bench, stop: asyncio.Event) -> None:
        number = bench.journal.number
        bench.post(StationJudged("no clock"))
        bench.post(StationJudged())
        assert session.of("station.checked") == []
        assert number not in syncs
        bench.view()
        assert [one["problem"] for one in session.of("station.checked")] == ["no clock", None]
        assert syncs[-1] == number + 2
        assert number + 1 not in syncs
        stop.set()

    session.run(judge)


@pytest.mark.parametrize(
    ("program", "verdict", "blame"),
    [
        ("import json,sys; assert json.load(sys.stdin)['reading']", ["pass"], None),
        ("import sys; sys.exit(3)", ["fail"], "unit"),
        ("""print('{"verdict": "fail", "message": "9 mA"}')""", ["fail"], "unit"),
    ],
)
def test_step_of_the_user_decides(tmp_path, program, verdict, blame) -> None:
    hook = BenchHook("current", (sys.executable, "-c", program))
    session = Session(tmp_path, hooks=(hook,))
    session.run()
    assert session.verdicts() == verdict
    assert session.of("attempt.ended")[0]["blame"] == blame


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import time; time.sleep(60)", "longer than 0.2 s"),
        ("print('not json')", "not JSON"),
        ("import sys; sys.exit(9)", "current"),
    ],
)
def test_broken_step_of_the_user_is_a_hold(tmp_path, program, reason) -> None:
    timeout_s = 0.2 if "sleep" in program else 10
    hook = BenchHook("current", (sys.executable, "-c", program), timeout_s=timeout_s)
    session = Session(tmp_path, hooks=(hook,))

    async def end_at_hold(_: Bench, stop: asyncio.Event) -> None:
        while not session.of("station.hold"):
            await asyncio.sleep(0.01)
        stop.set()

    session.run(end_at_hold)
    assert reason in session.of("station.hold")[0]["reason"]
    assert "pass" not in session.verdicts()


def test_unit_is_reported_when_checked_and_when_ended(tmp_path) -> None:
    target = tmp_path / "reports.jsonl"
    session = Session(tmp_path, registry="confirm", registry_url=f"file://{target}")
    assert session.run() == 0
    reports = [json.loads(line) for line in target.read_text().splitlines()]
    stages = [one["provision"]["stage"] for one in reports]
    assert stages[:1] == ["checked"]
    first = reports[0]
    assert first["gateway_id"] == "B2"
    assert first["provision"] == {
        "attempt_id": "4711/1", "stage": "checked", "order": "4711", "row": 2, "bay": "01",
        "lot": "L-1",
    }  # fmt: skip
    assert first["modem"]["imei"]
    journal = tmp_path / "provision/4711/journal.jsonl"
    kinds = [json.loads(line)["kind"] for line in journal.read_text().splitlines()]
    assert kinds.index("registered") < kinds.index("verdict") < kinds.index("told")


async def test_reports_that_wait_are_stored_in_the_order_of_bays(monkeypatch) -> None:
    monkeypatch.setattr(report_queue, "_SETTLES_S", 0.001)
    stored: list[tuple[int, str]] = []

    class Reports:
        start = stop = lambda _: None

        def draft(self, run: RunEntry, stage: str, *_: object) -> tuple[int, str]:
            return run.number, stage

        def store(self, draft: tuple[int, str], stage: str) -> tuple[str, None]:
            stored.append(draft)
            return "disk full" if draft[0] == 2 else "", None

    kept: list[Any] = []
    queue = report_queue.ReportQueue(Reports(), kept.append)  # type: ignore[arg-type]
    for number, stage in [(1, "removed"), (2, "checked"), (3, "ended"), (4, "checked")]:
        queue.put(RunEntry(number, "01", ""), stage, None, None, None)
    running = asyncio.create_task(queue.run())
    await queue.finish()
    running.cancel()
    assert stored == [(2, "checked"), (4, "checked"), (1, "removed"), (3, "ended")]
    assert [(one.run, one.problem) for one in kept] == [
        (2, "disk full"), (4, ""), (1, ""), (3, "")
    ]  # fmt: skip


def test_rejected_report_is_a_hold_where_it_is_required(tmp_path) -> None:
    with running(SmallRegistry()) as registry:
        registry.refused = set(range(1, 9))
        session = Session(tmp_path, registry="confirm", registry_url=registry.url)

        async def end_at_rejection(_: Bench, stop: asyncio.Event) -> None:
            while not any("not like this" in one["reason"] for one in session.of("station.hold")):
                await asyncio.sleep(0.01)
            stop.set()

        session.run(end_at_rejection)
    assert {one["step"] for one in session.of("station.hold")} == {"register"}
    assert "pass" not in session.verdicts()


def test_registry_that_is_away_is_a_hold_where_it_is_required(tmp_path) -> None:
    session = Session(tmp_path, registry="confirm", registry_url="http://127.0.0.1:9")

    async def end_at_hold(_: Bench, stop: asyncio.Event) -> None:
        while not session.of("station.hold"):
            await asyncio.sleep(0.01)
        stop.set()

    session.run(end_at_hold)
    assert session.of("station.hold")[0]["step"] == "register"


TOO_LONG = f"asset tag of {'x' * 60}"


@pytest.mark.parametrize(
    ("rows", "template", "message"),
    [
        ("model,label\nE,print\n", "missing", "missing"),
        (f"asset_tag,model,label\nA-1,E,print\n{TOO_LONG},E,print\n,E,print\n", None,
         "the order has 2 errors: line 3, label: template mine, line 5: the text of 73"),
    ],
)  # fmt: skip
def test_order_with_labels_that_do_not_fit_is_refused(tmp_path, rows, template, message) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        "width = 50\nheight = 25\nmargin = 1\n\n[[element]]\n"
        'kind = "text"\nx = 1\ny = 1\nwidth = 48\nsize = 3\nvalue = "{asset_tag}"\n'
    )
    order = parse_order(rows.encode(), "4711", ColumnMap())
    settings = BenchSettings(
        printer=f"file:{tmp_path / 'labels'}", label_template=template or str(mine)
    )
    with (
        pytest.raises(Exception, match=message),
        opened_station(order, settings, tmp_path, NullLog()),
    ):
        pass


class PickyPrinter:
    """A printer that refuses the first label."""

    def __init__(self) -> None:
        self.jobs: list[LabelJob] = []

    def send(self, job: LabelJob) -> JobResult:
        self.jobs.append(job)
        return JobResult("printed") if len(self.jobs) > 1 else JobResult("refused", "too long")

    def status(self) -> str:
        return ""


def test_label_that_is_refused_does_not_stop_the_next() -> None:
    printer, done = PickyPrinter(), []

    async def work() -> None:
        label = lambda due: LabelJob("t", {"n": str(due.number)})  # noqa: E731
        queue = PrintQueue(printer, post, lambda: None, label)

        def take(event: Any) -> None:
            if isinstance(event, LabelTurn):
                queue.grant(PrintLabel(event.run, event.run, 1))
            else:
                done.append((event.run, event.status, queue.problem))

        takers.append(take)
        queue.put(1)
        queue.put(2)
        task = asyncio.create_task(queue.run())
        while len(done) < 2:
            await asyncio.sleep(0.005)
        task.cancel()

    takers: list[Any] = []

    def post(event: Any) -> None:
        takers[0](event)

    asyncio.run(work())
    assert done == [(1, "refused", ""), (2, "printed", "")]


def test_device_without_a_port_is_named_by_its_bay(tmp_path) -> None:
    tree = UsbTree(tmp_path)
    tree.plug("1-1.4")
    folder = tmp_path / "sys/bus/usb/devices/1-1.4"
    for name, value in {"idVendor": "05c6", "idProduct": "9008", "product": "QUSB_BULK"}.items():
        (folder / name).write_text(f"{value}\n")
    bays = {"07": f"{CONTROLLER}/usb2/1.4", "08": f"{CONTROLLER}/usb2/1.3"}
    device = devices_in_bays(bays, tmp_path)[0]
    assert (device.bay, device.ids, device.problem) == ("07", "05c6:9008", "flashing")
    (folder / "idProduct").write_text("0125\n")
    (folder / "idVendor").write_text("2c7c\n")
    (folder / "product").write_text("EG25-G\n")
    (folder / "bConfigurationValue").write_text("\n")
    assert devices_in_bays(bays, tmp_path)[0].problem == "no_resources"
    (folder / "bConfigurationValue").write_text("1\n")
    assert devices_in_bays(bays, tmp_path)[0].problem == ""


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"bay": {}}, "unknown key 'bay'"),
        ({"bays": {"01": "/dev/a", "02": "/dev/a"}}, "two bays have /dev/a"),
        ({"boot_s": "60"}, "boot_s must be a number"),
        ({"retests": True}, "retests must be a whole number"),
        ({"registry": "maybe"}, "registry is 'maybe'"),
        ({"trigger": "button"}, "trigger is 'button'"),
        ({"people": {"A": {"role": "boss"}}}, "role of A"),
        ({"step": [{"name": "x"}]}, "name and command are required"),
    ],
)
def test_mistake_in_the_settings_is_named(table, word) -> None:
    with pytest.raises(Exception, match=word) as refused:
        parse_bench(table)
    assert refused.value.hint


def test_station_with_a_registry_reports_unless_that_is_off() -> None:
    url = {"registry_url": "https://registry.example"}
    assert parse_bench(url).registry == "queue"
    assert parse_bench({**url, "registry": "none"}).registry == "none"
    assert parse_bench({}).registry == "none"


def test_reading_of_a_unit_that_has_left_is_in_the_results(tmp_path) -> None:
    session, sizes = Session(tmp_path), []

    async def pull(bench: Bench, stop: asyncio.Event) -> None:
        while not session.verdicts():
            await asyncio.sleep(0.01)
        sizes.append(len(bench.state.ledger.runs[1].packed_reading))
        bench.post(UnitPulled("01"))
        bench.post(UnitPlugged("01"))
        sizes.append(len(bench.state.ledger.runs[1].packed_reading))
        stop.set()

    session.run(pull)
    assert sizes[0] > 0 == sizes[1]
    results = tmp_path / "provision" / "4711" / "results" / "attempts.jsonl"
    first = json.loads(results.read_text().splitlines()[0])
    assert first["reading"]["modem"]["imei"]
