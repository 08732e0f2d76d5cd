"""Logs: identifiers are masked in every field."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
import threading

import pytest

from modemagent.agent.wire_log import wire_log
from modemagent.logs import Throttle, open_log

IMEI, ICCID, IMSI = "867698040000013", "8988303000000000010", "901288000000001"


def test_every_field_is_masked_and_the_line_is_json() -> None:
    out = io.StringIO()
    log = open_log("debug", stream=out)
    log.info(
        f"read {IMEI}",
        imei=IMEI,
        number=int(IMEI),
        trace=b"+QCCID: " + ICCID.encode() + b"\r\n",
        nested={"sims": [{"imsi": IMSI}, (ICCID,)], ICCID: 1},
        error=ValueError(f"bad {IMSI}"),
        sequence=17,
        digits=[*map(int, IMEI)],
        codes=[*ICCID.encode()],
        ports=["/dev/ttyUSB2", "/dev/ttyUSB6"],
        port="/dev/ttyUSB2",
    )
    line = json.loads(out.getvalue())
    for number in (IMEI, ICCID, IMSI):
        assert number not in out.getvalue()
    assert line["sequence"] == 17
    assert (line["digits"], line["codes"]) == ("[867698*****0013]", "[898830*********0010]")
    assert line["ports"] == ["/dev/ttyUSB2", "/dev/ttyUSB6"]
    assert line["port"] == "/dev/ttyUSB2"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_a_traceback_is_masked_too() -> None:
    out = io.StringIO()
    log = open_log("debug", stream=out)
    try:
        raise ValueError(f"no such card: {ICCID}")
    except ValueError:
        log.error("fault", exc_info=True)
    assert "no such card" in out.getvalue()
    assert ICCID not in out.getvalue()


@pytest.mark.parametrize("level", ["warning", "error"])
def test_the_level_is_kept(level: str) -> None:
    out = io.StringIO()
    open_log(level, stream=out).info("hidden")
    assert out.getvalue() == ""


class FailingStream(io.StringIO):
    """The log on a full disk, or a pipe whose reader has ended."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space"), BrokenPipeError(), ValueError("closed file")]
)
def test_log_that_cannot_be_written_raises_nothing(error: Exception) -> None:
    open_log(stream=FailingStream(error)).error("report_not_stored", reason="disk full")


def test_structlog_is_imported_by_open_log_only() -> None:
    check = (
        "import sys; from modemagent.logs import open_log; assert 'structlog' not in sys.modules;"
        "open_log(); assert 'structlog' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def test_repeated_warning_is_throttled_and_counted() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])

    def logged(port: str, attempt: int) -> dict[str, object] | None:
        event = {"event": "port_broken", "port": port, "attempt": attempt}
        return throttle(None, "warning", event)  # type: ignore[return-value]

    assert sum(logged("/dev/a", number) is not None for number in range(100)) == 5
    assert logged("/dev/b", 1), "another port is another warning"
    assert throttle(None, "info", {"event": "x"}) and throttle(None, "info", {"event": "x"})
    now[0] = 61.0
    again = logged("/dev/a", 101)
    assert again and again["left_out"] == 95
    then = logged("/dev/a", 102)
    assert then and "left_out" not in then


def test_warnings_of_many_threads_are_all_counted() -> None:
    throttle, told, interval = Throttle(), list[object](), sys.getswitchinterval()

    def warn(number: int) -> None:
        for count in range(2000):
            told.append(throttle(None, "warning", {"event": f"{number} {count}"}))

    threads = [threading.Thread(target=warn, args=(number,)) for number in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(told) == 8000 and None not in told


def test_a_storm_of_warnings_reaches_the_log_as_a_few() -> None:
    out = io.StringIO()
    log = open_log("info", stream=out)
    for number in range(50):
        log.warning("storm", port="/dev/a", attempt=number)
        log.info("calm")
    assert out.getvalue().count("storm") == 5
    assert out.getvalue().count("calm") == 50


def swapped(number: str) -> str:
    """Return a number as the SIM stores it: two digits a byte, the lower half first."""
    padded = number + "F" * (len(number) % 2)
    return "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))


def chunks(text: str, size: int) -> list[bytes]:
    data = text.encode()
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 7, 10, 4096])
@pytest.mark.parametrize(
    "said",
    [
        f"\r\n{IMEI}\r\n",
        f'+CRSM: 144,0,"{swapped(ICCID)}"\r\n',
        f"^WHAT: <{IMSI}>\r\n",
        f"\x00\xff{IMSI}\xfe\r",
        f"$GARBAGE {IMEI}",
        "\0".join(f"+CSCS {IMSI}\r\n"),
        f"\r\n{IMEI[:8]}\r\n{IMEI[8:]}\r\n",
        f"\r\n{IMEI[:8]}\0{IMEI[8:]}\r\n",
    ],
)
def test_the_wire_shows_no_number_however_it_comes(said: str, size: int) -> None:
    out = io.StringIO()
    wire = wire_log(open_log("debug", stream=out))
    for chunk in chunks(said, size):
        wire("/dev/a", "received", chunk)
    wire("/dev/a", "sent", b"AT+CGSN\r")
    assert "AT+CGSN" in out.getvalue()
    joined = "".join(json.loads(line).get("line", "") for line in out.getvalue().splitlines())
    for number in (IMEI, ICCID, IMSI):
        assert number not in joined and swapped(number).replace("F", "") not in joined


@pytest.mark.parametrize("said", ["+CSQ: 23,99", "25.30.602", "01234", "+CIND: 5,5,1,0,0,1"])
def test_the_wire_shows_ordinary_answers_whole(said: str) -> None:
    out = io.StringIO()
    wire_log(open_log("debug", stream=out))("/dev/a", "received", f"\r\n{said}\r\n".encode())
    assert [json.loads(line)["line"] for line in out.getvalue().splitlines()] == [said]
