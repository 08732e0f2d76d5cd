"""One modem, SIM, gateway or report on the command line: now, at a time, with its history."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Gateway, Registry, sim

Command = Callable[..., subprocess.CompletedProcess[str]]
DAY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"  # of the reports
EVIDENCE = [
    {"command": "AT+CGSN", "answer": f"\r\n{IMEI}\r\n\r\nOK\r\n", "field": "imei", "parser": "imei"}
]


@pytest.fixture(params=["file", "url"])
def command(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> Command:
    """Call of ``modemagent registry`` on a database with a swap, directly or over HTTP."""
    gateway = Gateway("gw-1", "s", started=f"{DAY}T12:")
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    client.post(
        gateway.report("identified", evidence=EVIDENCE),
        gateway.report(),
        gateway.report("sim_changed", sims=[sim(OTHER_ICCID, "901288000000002")]),
    )
    where = registry.where
    if request.param == "url":
        token = tmp_path / "token"
        token.write_text(registry.token("--scope", "operate", "--full-ids"))
        where = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token))
    return lambda *words: call_in_process("registry", *words, *where)


def test_modem_is_shown_now_at_a_time_and_with_its_history(command: Command) -> None:
    now = command("modems", IMEI).stdout
    assert "gw-1" in now and OTHER_ICCID in now and "Slots" in now
    then = command("modems", IMEI, "--as-of", f"{DAY}T12:00:02Z").stdout
    assert then.startswith(f"At {DAY}T12:00:02.000Z: The modem was at usb:1-2 of gateway gw-1.")
    assert "certain" in then and "gw-1/s/2" in then
    before = command("modems", IMEI, "--as-of", "2026-02-01").stdout
    assert "had not been read yet" in before
    at = ("--as-of", f"{DAY}T12:00:02Z")
    known = command("modems", IMEI, *at, "--known-at", "2099-01-01").stdout
    assert "as known at 2099-01-01T00:00:00.000Z: The modem was at usb:1-2" in known
    unknown = command("modems", IMEI, *at, "--known-at", DAY)
    assert (unknown.returncode, unknown.stdout) == (4, "")
    assert f"not known at {DAY}T00:00:00.000Z" in unknown.stderr
    timeline = command("modems", IMEI, "--timeline").stdout
    assert f"{ICCID} -> {OTHER_ICCID}" in timeline and "replaced" in timeline
    document = json.loads(command("modems", IMEI, "--timeline", "--json").stdout)
    assert [one["iccid"] for one in document["pairings"]] == [ICCID, OTHER_ICCID]


def test_sim_gateway_and_report_are_shown(command: Command) -> None:
    assert "replaced" in command("sims", ICCID, "--timeline").stdout
    then = command("sims", ICCID, "--as-of", f"{DAY}T12:00:01Z").stdout
    assert IMEI in then and "gw-1/s/1" in then
    assert IMEI in command("gateways", "gw-1").stdout
    held = command("gateways", "gw-1", "--as-of", f"{DAY}T12:00:02Z").stdout
    assert "modems in the gateway: 1" in held
    report = command("report", "gw-1/s/1").stdout
    assert "AT+CGSN  (imei)" in report and f"  {IMEI}" in report and ICCID in report


def test_finding_is_shown_with_the_change_and_what_was_allowed(command: Command) -> None:
    end = time.monotonic() + 60
    while not (found := json.loads(command("findings", "--json").stdout)["findings"]):
        assert time.monotonic() < end, "the swap has not been judged"
    (finding,) = found
    shown = command("findings", "show", finding["id"]).stdout
    assert f"{ICCID} -> {OTHER_ICCID}" in shown and "gw-1 usb:1-2" in shown
    assert "none covers it" in shown and "none at that time" in shown
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    command("policy", "set", IMEI, "--mode", "enforce", "--iccid", ICCID)
    command("windows", "announce", "Depot", "--gateway", "gw-1", "--from", DAY, "--to", tomorrow)
    shown = command("findings", "show", finding["id"]).stdout
    assert "enforce" in shown and f"Depot, {DAY}T00:00:00.000Z" in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("modems", "--as-of", "2026-01-01"), "--as-of needs an identifier"),
        (("modems", IMEI, "--known-at", "2026-01-01"), "--known-at needs --as-of"),
        (("modems", IMEI, "--as-of", "yesterday"), "is not a time"),
        (("modems", IMEI, "--limit", "1"), "--limit is for lists"),
        (("report", "gw-1"), "GATEWAY/STREAM/SEQUENCE"),
    ],
)
def test_wrong_usage_is_refused(
    words: tuple[str, ...], text: str, tmp_path: Path, prepared_file: Path
) -> None:
    (tmp_path / "registry.db").write_bytes(prepared_file.read_bytes())
    refused = call_in_process("registry", *words, "--state-dir", str(tmp_path))
    assert (refused.returncode, refused.stdout) == (2, "") and text in refused.stderr


def test_what_was_never_reported_has_its_own_status(command: Command) -> None:
    for words in (("modems", "867698040000997"), ("gateways", "gw-2"), ("report", "gw-1/s/9")):
        assert command(*words).returncode == 4
