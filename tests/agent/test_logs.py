"""Logs: no identifier leaves unmasked, whatever field it hides in."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from modemagent.logs import open_log

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
        port="/dev/ttyUSB2",
    )
    line = json.loads(out.getvalue())
    for number in (IMEI, ICCID, IMSI):
        assert number not in out.getvalue()
    assert line["sequence"] == 17
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


def test_the_log_does_not_bring_rich_with_it() -> None:
    check = (
        "import sys; from modemagent.logs import open_log; assert 'structlog' not in sys.modules;"
        "open_log(); assert 'structlog' in sys.modules and 'rich.console' not in sys.modules;"
        "sys.modules.get('rich', 0) is not None or sys.exit('rich was left blocked')"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
