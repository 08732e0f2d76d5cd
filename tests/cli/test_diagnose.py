"""diagnose, as a process, against simulated modems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modemagent.diagnosis.check_list import HOST_CHECKS, MODEM_CHECKS
from tests.simulated import simulated

EG25 = "quectel-eg25-g"
IMEI = "865284040000014"


def diagnosed(call: Any, tmp_path: Path, *words: str, status: int) -> dict[str, Any]:
    done = call("diagnose", *words, "--json", "--state-dir", str(tmp_path))
    assert done.returncode == status, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_exposed_token_of_the_settings_is_named(call: Any, tmp_path: Path) -> None:
    token, config = tmp_path / "token", tmp_path / "agent.toml"
    token.touch()
    config.write_text(f'token_file = "{token}"\nstate_dir = "{tmp_path}"\n')
    for mode, state in ((0o644, "warning"), (0o600, "ok")):
        token.chmod(mode)
        done = call("--config", str(config), "diagnose", "/dev/none", "--json")
        [found] = [each for each in json.loads(done.stdout)["host"] if each["check"] == "files"]
        assert found["state"] == state, found
        if state == "warning":
            assert found["message"] == f"token_file: {token} can be read by every user"
            assert found["remedy"] == f"Run: chmod 600 {token}."


def findings(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    [modem] = document["modems"]
    return {each["check"]: each for each in modem["findings"]}


def test_healthy_modem_has_no_errors(call: Any, tmp_path: Path) -> None:
    with simulated(EG25) as sim:
        document = diagnosed(call, tmp_path, sim.path, status=0)
        received = sim.lines_received
    assert (document["schema"], document["modems"][0]["through"]) == (1, "port")
    assert document["modems"][0]["first"] is None
    found = findings(document)
    assert list(found) == [check.name for check in MODEM_CHECKS]
    assert [each["check"] for each in document["host"]] == [check.name for check in HOST_CHECKS]
    assert found["identity"]["message"] == f"IMEI {IMEI}"
    assert found["radio"]["evidence"] == "+CFUN: 1"
    assert "error" not in {each["state"] for each in found.values()}
    assert len(received) < 30


@pytest.mark.parametrize(
    ("how", "status", "check"),
    [
        ({"state": "no sim"}, 3, "sim"),
        ({"state": "pin"}, 3, "sim"),
        ({"state": "after AT+CFUN=0"}, 3, "radio"),
        ({"faults": ("mute",)}, 4, "answers"),
        ({"faults": ("nmea=50",)}, 4, "answers"),
        ({"faults": ("binary=50",)}, 4, "answers"),
    ],
)
def test_first_error_is_named(
    call: Any, tmp_path: Path, how: dict[str, Any], status: int, check: str
) -> None:
    with simulated(EG25, **how) as sim:
        document = diagnosed(call, tmp_path, sim.path, status=status)
    assert document["modems"][0]["first"] == check
    assert findings(document)[check]["state"] == "error"
    assert findings(document)[check]["remedy"]


def test_modem_that_is_silent_for_unknown_commands_is_healthy(call: Any, tmp_path: Path) -> None:
    with simulated(EG25, faults=("silent=AT+CPINR", "silent=AT+C5GREG?")) as sim:
        document = diagnosed(call, tmp_path, sim.path, status=0)
    assert document["modems"][0]["first"] is None
    found = findings(document)
    assert found["answers"]["state"] == "note"
    assert "AT+CPINR, AT+C5GREG?" in found["answers"]["message"]


def test_missing_port_is_the_first_finding(call: Any, tmp_path: Path) -> None:
    document = diagnosed(call, tmp_path, "/dev/ttyNONE", status=4)
    assert document["error"]["code"] == "port_not_found"
    assert findings(document)["device"]["state"] == "error"


def test_text_output(call: Any, tmp_path: Path) -> None:
    with simulated(EG25, state="no sim") as sim:
        done = call("diagnose", sim.path, "--state-dir", str(tmp_path))
    assert done.returncode == 3
    assert "WRONG  sim" in done.stdout
    assert "-> Insert the SIM card" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert (
        last.startswith(f"{sim.path}: no SIM card") and "To do first: Insert the SIM card" in last
    )
    assert "\x1b" not in done.stdout


def test_reasons_of_skipped_checks_are_shown_on_request(call: Any, tmp_path: Path) -> None:
    with simulated(EG25) as sim:
        short = call("diagnose", sim.path, "--state-dir", str(tmp_path)).stdout
        long = call("diagnose", sim.path, "--state-dir", str(tmp_path), "--all").stdout
    assert "skipped: role" in short and "purpose of this port" not in short
    assert "purpose of this port" in long and "skipped:" not in long


def test_without_a_modem_the_host_is_checked(call: Any, machine: Any, tmp_path: Path) -> None:
    words = ("diagnose", "--root", str(machine.root), "--state-dir", str(tmp_path))
    done = call(*words)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert done.stderr.startswith("modemagent: no modem found.")
    assert "modemagent list" in done.stderr and "identify" not in done.stderr
    assert "this machine" in done.stdout and "no agent is running" in done.stdout
    document = json.loads(call(*words, "--json").stdout)
    assert (document["modems"], document["error"]["code"]) == ([], "port_not_found")
    assert [each["check"] for each in document["host"]] == [check.name for check in HOST_CHECKS]


def test_timeout_error_has_the_time_of_the_option(call: Any, tmp_path: Path) -> None:
    with simulated(EG25, faults=["mute"]) as sim:
        document = diagnosed(call, tmp_path, sim.path, "--timeout", "1.5", status=4)
    assert document["error"]["message"] == f"{sim.path} could not be read within 1.5 s"
    assert document["modems"][0]["first"] == "answers"


def test_documented_checks_match_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnose.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    shown = {row[1].strip(" `"): row[2].strip() for row in rows}
    assert shown == {check.name: check.question for check in (*MODEM_CHECKS, *HOST_CHECKS)}
