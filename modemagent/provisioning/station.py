"""The station check: whether this machine may pass units now. Writes to no module."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from modemagent.channel.port_lock import find_holder
from modemagent.control.protocol import socket_path
from modemagent.discovery.kernel_log import read_kernel_log
from modemagent.errors import ModemAgentError
from modemagent.provisioning.bench_file import BenchSettings, is_path
from modemagent.provisioning.hubs import misplaced_bays
from modemagent.provisioning.journal import JOURNAL_NAME, read_journal
from modemagent.provisioning.label_job import LabelPrinter
from modemagent.provisioning.progress import moved_hub
from modemagent.provisioning.usb_devices import PROBLEMS, devices_in_bays, endpoints_by_controller
from modemagent.provisioning.usb_faults import usb_fault
from modemagent.registry_client.client import HttpSource
from modemagent.report.origin import clock_synchronized
from modemagent.settings import DEFAULT_STATE_DIR

_LEAST_FREE = 200 * 1024 * 1024
_SLOW_SYNC_S = 0.1
#: Endpoints at which a further module may not fit; many controllers stop at 96.
_MANY_ENDPOINTS = 80


class StationFinding(NamedTuple):
    """Result of one check.

    :param problem: "" if nothing is wrong
    """

    name: str
    detail: str
    problem: str = ""
    remedy: str = ""


def check_station(
    settings: BenchSettings, state_dir: Path, printer: LabelPrinter | None = None
) -> Iterator[StationFinding]:
    """Yield the result of each check."""
    checks: tuple[Callable[[], StationFinding], ...] = (
        _clock,
        lambda: _disk(state_dir),
        lambda: _journals(state_dir),
        lambda: _bays(settings),
        lambda: _usb(settings),
        _kernel_log,
        lambda: _holders(settings),
        _daemon,
        lambda: _registry(settings),
        lambda: _printer(settings, printer),
    )
    for check in checks:
        yield check()


def _clock() -> StationFinding:
    if clock_synchronized():
        return StationFinding("clock", "follows a time source")
    return StationFinding("clock", "", "the clock follows no time source",
                          "Start systemd-timesyncd or chrony.")  # fmt: skip


def _disk(state_dir: Path) -> StationFinding:
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(state_dir).free
        sync_s = _sync_s(state_dir / ".station-check")
    except OSError as error:
        return StationFinding("disk", "", f"{state_dir} cannot be written: {error.strerror}",
                              "Check owner and file system.")  # fmt: skip
    detail = f"{free // 2**20} MiB free, sync takes {sync_s * 1000:.0f} ms"
    if free < _LEAST_FREE:
        return StationFinding("disk", detail, f"only {detail}", "Free disk space.")
    if sync_s > _SLOW_SYNC_S:
        return StationFinding("disk", detail, f"slow disk: {detail}", "Use an SSD.")
    return StationFinding("disk", detail)


def _sync_s(file: Path) -> float:
    times = []
    with file.open("wb") as out:
        for _ in range(3):
            begin = time.monotonic()
            out.write(b"x" * 512)
            out.flush()
            os.fdatasync(out.fileno())
            times.append(time.monotonic() - begin)
    file.unlink()
    return sorted(times)[1]


def _journals(state_dir: Path) -> StationFinding:
    count = 0
    for file in sorted((state_dir / "provision").glob(f"*/{JOURNAL_NAME}")):
        try:
            read_journal(file)
        except (OSError, ModemAgentError) as error:
            return StationFinding("journals", "", str(error), "Restore it from a copy.")
        count += 1
    return StationFinding("journals", f"{count} orders")


def _bays(settings: BenchSettings) -> StationFinding:
    if not settings.bays:
        return StationFinding("bays", "", "the station has no bays",
                              "Learn them: modemagent provision bays learn")  # fmt: skip
    return StationFinding("bays", f"{len(settings.bays)} bays")


def _usb(settings: BenchSettings) -> StationFinding:
    for bay, wrong in misplaced_bays(settings.bays, settings.hubs).items():
        return StationFinding("usb", "", f"bay {bay}: {wrong}", moved_hub(wrong).remedy)
    sockets = {bay: each for bay, each in settings.bays.items() if not is_path(each)}
    for device in devices_in_bays(sockets):
        if device.problem:
            message, remedy = PROBLEMS[device.problem]
            return StationFinding("usb", "", f"bay {device.bay}: {message}", remedy)
    counts = endpoints_by_controller()
    full = [name for name, count in counts.items() if count > _MANY_ENDPOINTS]
    if full:
        return StationFinding("usb", "", f"{counts[full[0]]} endpoints on {full[0]}",
                              "Move a hub to another controller.")  # fmt: skip
    return StationFinding("usb", f"at most {max(counts.values(), default=0)} endpoints in use")


def _kernel_log() -> StationFinding:
    log, unread = read_kernel_log()
    problem, remedy = usb_fault(log, datetime.now(UTC))
    return StationFinding("kernel_log", f"not read: {unread}" if unread else "no USB faults",
                          problem, remedy)  # fmt: skip


def _holders(settings: BenchSettings) -> StationFinding:
    for bay, port in settings.bays.items():
        holder = find_holder(port) if port.startswith("/") and os.path.exists(port) else None  # noqa: PTH110
        if holder is not None:
            return StationFinding("ports", "", f"bay {bay} is used by {holder.name}",
                                  "Stop that program.")  # fmt: skip
    return StationFinding("ports", "free")


def _daemon() -> StationFinding:
    if socket_path(DEFAULT_STATE_DIR).exists():
        return StationFinding("daemon", "", "the daemon watches the modems of this machine",
                              "Stop it: systemctl stop modemagent")  # fmt: skip
    return StationFinding("daemon", "not running")


def _registry(settings: BenchSettings) -> StationFinding:
    if settings.registry == "none":
        return StationFinding("registry", "none")
    if not settings.registry_url:
        return StationFinding("registry", "queued only")
    try:
        for file, can_read in ((settings.token_file, False), (settings.read_token_file, True)):
            token = Path(file).read_text("utf-8").strip() if file else ""
            source = HttpSource(settings.registry_url, token)
            status, body = source.request("GET", "gateways", fields={"limit": 1})
            if status == HTTPStatus.UNAUTHORIZED or (file and can_read):
                source.accepted(status, body)
    except (OSError, ModemAgentError) as error:
        return StationFinding("registry", "", str(error), "Check network, URL and tokens.")
    return StationFinding("registry", settings.registry_url)


def _printer(settings: BenchSettings, printer: LabelPrinter | None) -> StationFinding:
    if printer is None:
        return StationFinding("printer", "none")
    problem = printer.status()
    if problem:
        return StationFinding("printer", settings.printer, problem, "Load paper, close the cover.")
    return StationFinding("printer", settings.printer)
