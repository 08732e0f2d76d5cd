"""A modem that lies, floods or attacks, and the output of the commands: plain text, a known exit
status, valid JSON, no traceback, and an end in time."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Call
from tests.simulated import simulated

MODEM = "quectel-eg25-g"
RIGHT = ("865284040000014", "8901260000000000014", "310260000000011")
FAULTS = [
    ("lie=imei-5000",),
    ("lie=imei-zeros",),
    ("lie=model-ansi",),
    ("lie=model-sql",),
    ("lie=model-html",),
    ("lie=model-bytes",),
    ("cme-storm",),
    ("endless",),
    ("garbage",),
    ("nmea-mixed",),
    ("urc-flood=20",),
    ("urc-prefix=352656100000010",),
    ("urc=+CGMM: \x1b]0;owned\x07",),
]
#: What would reach a terminal as more than text: controls, and marks that turn its direction.
_NOT_TEXT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("faults", FAULTS, ids=lambda faults: ascii(", ".join(faults)))
def test_output_stays_plain_and_exit_status_known(faults: tuple[str, ...], call: Call) -> None:
    with simulated(MODEM, faults=faults) as modem:
        for_people = call("identify", modem.path, "--evidence", "--timeout", "15")
        for_programs = call("identify", modem.path, "--json", "--evidence", "--timeout", "15")
        asked = call("at", modem.path, "AT+CGMM", "AT+CGSN", "--timeout", "5")
    assert for_people.returncode in (0, 3, 4), for_people.stderr
    assert for_programs.returncode in (0, 3, 4), for_programs.stderr
    assert asked.returncode in (0, 1, 4), asked.stderr  # 1: a line was answered with an error
    for done in (for_people, for_programs, asked):
        assert "Traceback" not in done.stderr
        assert not _NOT_TEXT.search(done.stdout + done.stderr)
        assert len(done.stdout) < 200_000
    document = json.loads(for_programs.stdout)
    for reading in document["modems"]:
        sim = next(sim for sim in reading["sims"] if sim["active"])
        found = (reading["modem"]["imei"], sim["iccid"], sim["imsi"])
        assert all(value in (None, right) for value, right in zip(found, RIGHT, strict=True))
