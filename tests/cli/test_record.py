"""record, as a process, against simulated modems: what is written, where, and how it ends."""

import fcntl
import json
import os
import tomllib

import pytest

from tests.simulated import simulated

EG25 = "quectel-eg25-g"
IMEI, ICCID, IMSI = "865284040000014", "8901260000000000014", "310260000000011"
EID = "89049032000000000000000000000163"


def test_a_transcript_on_stdout(call):
    with simulated(EG25) as sim:
        done = call("record", sim.path)
    assert done.returncode == 0, done.stderr
    document = tomllib.loads(done.stdout)
    assert (document["vendor"], document["model"]) == ("Quectel", "EG25")
    assert document["echo_default"] is True
    assert "EG25GGBR07A08M2G" in document["notes"]
    sent = [each["send"] for each in document["exchange"]]
    assert {"AT+CGSN", "AT+CPIN?", "AT+QCCID", "AT+CLAC", "AT+CREG?"} <= set(sent)
    for number in (IMEI, ICCID, IMSI, EID):
        assert number not in done.stdout + done.stderr
    assert "1 IMEI, 1 IMSI, 1 ICCID, 1 EID" in done.stderr
    assert "\x1b" not in done.stderr


def test_recorded_folder_can_be_simulated(call, tmp_path):
    with simulated(EG25) as sim:
        done = call("record", sim.path, "-o", f"{tmp_path}/made/")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "made/quectel-eg25"
    with simulated(folder) as sim:
        found = call("identify", sim.path, "--json")
    (modem,) = json.loads(found.stdout)["modems"]
    assert (modem["dialect"], modem["verdict"]) == ("quectel", "ok")
    assert modem["modem"]["imei"] != IMEI
    assert modem["sims"][0]["state"] == "ready"


def test_file_is_overwritten_only_with_force(call, tmp_path):
    file = tmp_path / "it.toml"
    file.write_text("mine")
    with simulated(EG25) as sim:
        refused = call("record", sim.path, "-o", str(file))
        assert sim.lines_received == []
        forced = call("record", sim.path, "-o", str(file), "--force")
    assert (refused.returncode, forced.returncode) == (2, 0)
    assert "--force" in refused.stderr
    assert tomllib.loads(file.read_text())["model"] == "EG25"


def test_another_state_is_appended(call, tmp_path):
    file = tmp_path / "it.toml"
    with simulated(EG25) as sim:
        call("record", sim.path, "-o", str(file))
    file.write_text("# looked through\n" + file.read_text())
    before = file.read_text()
    with simulated(EG25, state="no sim") as sim:
        done = call("record", sim.path, "--add", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text().startswith(before)
    added = tomllib.loads(file.read_text())["exchange"][len(tomllib.loads(before)["exchange"]) :]
    assert {each["state"] for each in added} == {"no sim"}
    assert "AT+CPIN?" in [each["send"] for each in added]


def test_another_model_is_not_added(call, tmp_path):
    file = tmp_path / "it.toml"
    with simulated(EG25) as sim:
        call("record", sim.path, "-o", str(file))
    before = file.read_text()
    with simulated("simcom-a7670") as sim:
        done = call("record", sim.path, "--add", str(file))
    assert done.returncode == 2
    assert "EG25" in done.stderr
    assert file.read_text() == before


def test_json_summary(call, tmp_path):
    file = tmp_path / "it.toml"
    with simulated(EG25) as sim:
        done = call("record", sim.path, "-o", str(file), "--json")
        asked = len(set(sim.lines_received))
    document = json.loads(done.stdout)
    assert done.stderr == ""
    assert document["transcript"] == str(file)
    assert document["replaced"] == {"imei": 1, "imsi": 1, "iccid": 1, "eid": 1}
    assert document["asked"] == len(document["commands"]) == asked
    assert document["answered"] + document["refused"] + document["silent"] == asked
    assert (document["missing"], document["incomplete"]) == ([], None)


@pytest.mark.parametrize(
    "words",
    [("--json",), ("-o", "a.toml", "--add", "pyproject.toml"), ("--command", "AT+CFUN=1,1")],
)
def test_wrong_usage_sends_nothing(call, words):
    with simulated(EG25) as sim:
        done = call("record", sim.path, *words)
        assert sim.lines_received == []
    assert done.returncode == 2


def test_additional_command(call):
    with simulated(EG25) as sim:
        done = call("record", sim.path, "--command", "AT+GSN=0")
    assert 'send = "AT+GSN=0"' in done.stdout


def test_no_port_is_4(call):
    done = call("record", "/dev/nothing-here")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.count("\n") == 1


def test_no_modem_is_4(call):
    with simulated(EG25, faults=["nmea"]) as sim:
        done = call("record", sim.path)
    assert done.returncode == 4
    assert "NMEA" in done.stderr


def test_busy_port_is_5_and_names_its_holder(call):
    with simulated(EG25) as sim:
        descriptor = os.open(sim.path, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = call("record", sim.path)
        os.close(descriptor)
    assert done.returncode == 5
    assert str(os.getpid()) in done.stderr


def test_timeout_leaves_a_file_marked_incomplete(call, tmp_path):
    file = tmp_path / "it.toml"
    with simulated(EG25, faults=["silent=AT+CSQ"]) as sim:
        done = call("record", sim.path, "-o", str(file), "--timeout", "3")
    assert done.returncode == 4
    assert "incomplete" in done.stderr
    document = tomllib.loads(file.read_text())
    assert "incomplete" in document["notes"]
    assert sim.path not in document["notes"]
    # on a busy machine only the first lines
    assert [each["send"] for each in document["exchange"]][:2] == ["AT", "AT+CGMI"]


def test_usb_ids_are_recorded(call, machine):
    with simulated(EG25) as sim:
        devices = {"ttyUSB2": sim.path}
        machine.usb_modem("1-1.4", "2c7c", "0125", {2: "ttyUSB2"}, devices=devices)
        done = call("record", "usb:1-1.4", "--root", str(machine.root))
    document = tomllib.loads(done.stdout)
    assert (document["usb_vid"], document["usb_pid"]) == ("2c7c", "0125")
    assert document["at_interface"] == "02"
