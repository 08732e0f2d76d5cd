"""identify, as a process, against simulated modems on pseudo terminals and TCP."""

import fcntl
import json
import os
import subprocess
import sys

import pytest

from tests.simulated import simulated, simulated_fleet, unstable

EG25 = "quectel-eg25-g"
IMEI = "865284040000014"
OTHER_IMEI = "865284040000022"


def _identified(call, *words, status=0):
    done = call("identify", *words, "--json")
    assert done.returncode == status, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_text_of_one_modem(call):
    with simulated(EG25) as sim:
        done = call("identify", sim.path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{sim.path}  Quectel")
    for said in (IMEI, "ready", "Verdict"):
        assert said in done.stdout
    assert "\x1b" not in done.stdout


def test_json_of_one_modem(call):
    with simulated(EG25) as sim:
        document = _identified(call, sim.path)
    assert (document["schema"], document["failed"]) == (1, [])
    (modem,) = document["modems"]
    assert modem["port"] == sim.path
    assert modem["modem"]["imei"] == IMEI
    assert modem["modem"]["read"]["imei"] == "ok"
    assert modem["sims"][0]["state"] == "ready"
    assert modem["verdict"] == "ok"
    assert modem["commands"] == len(sim.lines_received)


def test_over_tcp(call):
    with simulated(EG25, tcp=True) as sim:
        assert _identified(call, sim.path)["modems"][0]["modem"]["imei"] == IMEI


def test_fields_are_bare_values_in_the_order_of_the_options(call):
    with simulated(EG25) as sim:
        done = call("identify", sim.path, "--field", "iccid", "--field", "imei")
        iccid, imei = done.stdout.splitlines()
    assert (done.returncode, imei, done.stderr) == (0, IMEI, "")
    assert iccid.startswith("89")


def test_missing_field_is_an_empty_line_and_3(call):
    with simulated(EG25, faults=["sim-out"]) as sim:
        done = call("identify", sim.path, "--field", "imei", "--field", "iccid", "--field", "state")
    assert done.stdout.splitlines() == [IMEI, "", "absent"]
    assert done.returncode == 3
    assert done.stderr == (
        "modemagent: iccid: absent (no SIM card). "
        "Insert one, or check that it is seated correctly.\n"
    )


@pytest.mark.parametrize(
    ("how", "field", "said"),
    [
        ({"state": "pin"}, "imsi", "imsi: locked (PIN required). Unlock the SIM"),
        ({"state": "no sim"}, "mcc", "mcc: absent (no SIM card). Insert one"),
        ({}, "port_id", "port_id: absent (this modem or port has none)."),
        ({}, "meid", "meid: unsupported (not supported by this modem)."),
        ({"faults": ["lie=imei-check-digit"]}, "tac", "tac: failed (865284040000015 was read"),
        ({"faults": ["refuse=AT+CIMI"]}, "mnc", "mnc: unsupported (not supported by this modem)."),
    ],
)
def test_missing_field_has_a_reason(call, how, field, said):
    with simulated(EG25, **how) as sim:
        done = call("identify", sim.path, "--field", field)
    assert (done.stdout, done.returncode) == ("\n", 3)
    assert done.stderr.startswith(f"modemagent: {said}"), done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_field_names_its_modem(call):
    with simulated(EG25) as sim, simulated(EG25, faults=["sim-out"]) as empty:
        done = call("identify", sim.path, empty.path, "--field", "iccid")
    assert done.stderr.startswith(f"modemagent: {empty.path}: iccid: absent (no SIM card).")


def test_timeout_before_the_imei_is_a_failure(call):
    with simulated(EG25, faults=["silent=AT+CGMM;+CGMR;+CGSN"]) as sim:
        document = _identified(call, sim.path, "--timeout", "2", status=4)
        done = call("identify", sim.path, "--timeout", "2")
    assert document["modems"] == []
    assert document["error"]["code"] == "timeout"
    assert document["failed"][0]["message"].endswith("stopped after 2 s, before the IMEI was read")
    assert (done.returncode, done.stdout) == (4, "")
    assert "Increase --timeout" in done.stderr


def test_timeout_after_the_imei_keeps_the_values_read(call):
    with simulated(EG25, faults=["silent=AT+CIMI;+QCCID"]) as sim:
        document = _identified(call, sim.path, "--timeout", "2", status=4)
        done = call("identify", sim.path, "--timeout", "2", "--field", "imei")
    (modem,) = document["modems"]
    assert (modem["modem"]["imei"], modem["stopped_after_s"]) == (IMEI, 2)
    assert modem["sims"][0]["read"]["iccid"] == "timeout"
    assert modem["verdict"] == "ok"  # no value was found wrong so far
    assert (done.stdout, done.returncode) == (f"{IMEI}\n", 4)
    assert "stopped after 2 s" in done.stderr and "Increase --timeout" in done.stderr
    with simulated(EG25) as sim:
        assert "stopped_after_s" not in _identified(call, sim.path)["modems"][0]


def test_silent_modem_gets_the_time_of_the_option(call):
    with simulated(EG25, faults=["mute"]) as sim:
        document = _identified(call, sim.path, "--timeout", "1", status=4)
    assert document["error"]["message"] == f"{sim.path} could not be read within 1 s"
    assert document["error"]["hint"].startswith("Increase --timeout")


def test_missing_sim_is_a_note_with_a_remedy(call):
    with simulated(EG25, faults=["sim-out"]) as sim:
        done = call("identify", sim.path)
    assert done.returncode == 0
    assert "no SIM card. Insert one" in done.stdout
    assert "warning" not in done.stdout


def test_unknown_field_sends_no_command(call):
    with simulated(EG25) as sim:
        done = call("identify", sim.path, "--field", "imie")
        assert sim.lines_received == []
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        (f"imei={IMEI}", 0),
        ("imei=86-528404-000001-4", 0),
        ("imei=865284040000022", 3),
        ("model=EG25", 0),
        ("eid=89049032000000000000000000000000", 3),
    ],
)
def test_expectations(call, expected, status):
    with simulated(EG25) as sim:
        done = call("identify", sim.path, "--expect", expected)
    assert done.returncode == status, done.stderr
    assert ("expected" in done.stderr) == (status == 3)


def test_invalid_imei_is_3(call):
    with simulated(EG25, faults=["lie=imei-check-digit"]) as sim:
        document = _identified(call, sim.path, status=3)
    modem = document["modems"][0]
    assert modem["modem"]["imei"] is None
    assert modem["modem"]["imei_raw"]
    assert modem["verdict"] == "error"


@pytest.mark.parametrize("lie", ["model-ansi", "model-bytes"])
def test_text_from_a_modem_cannot_control_the_terminal(call, lie):
    with simulated(EG25, faults=[f"lie={lie}"]) as sim:
        done = call("identify", sim.path, env={"NO_COLOR": "1"})
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)
    assert "\x1b" not in done.stderr


def test_silent_port_ends_with_4(call):
    with simulated(EG25, faults=["mute"]) as sim:
        document = _identified(call, sim.path, "--timeout", "2", status=4)
    assert document["failed"][0]["reason"] in ("no_answer", "timeout")
    assert document["error"]["exit"] == 4


def test_failure_of_one_named_port_keeps_the_other_readings(call):
    with simulated(EG25) as sim:
        document = _identified(call, sim.path, "/dev/no-such-port", status=4)
    assert document["modems"][0]["modem"]["imei"] == IMEI
    assert document["failed"][0]["reason"] == "not_found"
    assert "error" not in document


def test_busy_port_names_its_holder(call):
    with simulated(EG25) as sim:
        held = os.open(sim.path, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            document = _identified(call, sim.path, status=5)
        finally:
            os.close(held)
    assert document["error"]["code"] == "port_busy"
    assert document["error"]["holder"]["pid"] == os.getpid()
    assert document["failed"][0]["holder"]["pid"] == os.getpid()


def test_many_modems_side_by_side(call):
    with simulated_fleet([EG25], count=8, faults=["latency-ms=20"]) as sims:
        document = _identified(call, *(sim.path for sim in sims))
    imeis = {modem["modem"]["imei"] for modem in document["modems"]}
    assert len(imeis) == 8
    assert [modem["port"] for modem in document["modems"]] == [sim.path for sim in sims]


def test_without_a_port_every_modem_is_read(call, machine):
    with simulated_fleet([EG25, "telit-ge910-quad"]) as (quectel, telit):
        machine.usb_modem(
            "1-1.4",
            "2c7c",
            "0125",
            {0: "ttyUSB0", 2: "ttyUSB2"},
            devices={"ttyUSB2": quectel.path},
        )
        machine.usb_modem("1-1.5", "1bc7", "1101", {1: "ttyUSB5"}, devices={"ttyUSB5": telit.path})
        machine.usb_modem("1-1.6", "0403", "6001", {0: "ttyUSB6"})
        root = ("--root", str(machine.root))
        document = _identified(call, *root)
        assert [m["port_id"] for m in document["modems"]] == ["usb:1-1.4:1.2", "usb:1-1.5:1.1"]
        assert _identified(call, "usb:1-1.4", *root)["modems"][0]["modem"]["imei"] == IMEI
        assert _identified(call, f"imei:{IMEI[:12]}", *root)["modems"][0]["port_id"] == (
            "usb:1-1.4:1.2"
        )
        several = call("identify", "auto", *root)
        assert several.returncode == 4
        assert "usb:1-1.4:1.2" in several.stderr
        assert "usb:1-1.5:1.1" in several.stderr
        assert call("identify", "imei:99", *root).returncode == 4
        assert call("identify", "usb:1-9", *root).returncode == 4


def test_same_imei_on_two_modems_is_an_error(call):
    with simulated(EG25) as sim, simulated(EG25) as same, simulated(EG25, clone=1) as other:
        document = _identified(call, sim.path, same.path, other.path, status=3)
        text = call("identify", sim.path, same.path).stdout
        (facts, *_) = json.loads(call("diagnose", sim.path, same.path, "--json").stdout)["modems"]
    problems = [[each["code"] for each in modem["problems"]] for modem in document["modems"]]
    assert ["cross.imei_duplicate" in codes for codes in problems] == [True, True, False]
    assert text.count("two modems present at once report one IMEI [cross.imei_duplicate]") == 2
    assert facts["first"] == "identity"


@pytest.mark.parametrize("transcript", [EG25, "cinterion-ehs6", "ublox-sara-g350"])
def test_imei_that_differs_at_the_second_reading_is_an_error(call, transcript):
    with unstable(transcript, IMEI, OTHER_IMEI) as sim:
        (modem,) = _identified(call, sim.path, status=3)["modems"]
        assert modem["verdict"] == "error"
        assert "cross.imei_unstable" in [each["code"] for each in modem["problems"]]
        assert modem["commands"] == len(sim.lines_received)
        done = call("diagnose", sim.path, "--json")
        (facts,) = json.loads(done.stdout)["modems"]
        assert (done.returncode, facts["first"]) == (3, "identity")
        assert "[cross.imei_unstable]" in call("identify", sim.path).stdout
    with simulated(transcript) as sim:
        (modem,) = _identified(call, sim.path)["modems"]
        assert "cross.imei_unstable" not in [each["code"] for each in modem["problems"]]


def test_two_ports_of_one_modem_with_two_imeis_are_an_error(call, machine):
    with simulated(EG25) as sim, simulated(EG25, imei=OTHER_IMEI) as other:
        devices = {"ttyUSB2": sim.path, "ttyUSB3": other.path}
        machine.usb_modem("1-1", "2c7c", "0125", {2: "ttyUSB2", 3: "ttyUSB3"}, devices=devices)
        words = ("usb:1-1:1.2", "usb:1-1:1.3", "--root", str(machine.root))
        modems = _identified(call, *words, status=3)["modems"]
    codes = [[each["code"] for each in modem["problems"]] for modem in modems]
    assert ["cross.imei_unstable" in each for each in codes] == [True, True]


def test_two_ports_of_one_modem_are_not_duplicates(call, machine):
    with simulated(EG25) as sim, simulated(EG25) as same:
        devices = {"ttyUSB2": sim.path, "ttyUSB3": same.path}
        machine.usb_modem("1-1", "2c7c", "0125", {2: "ttyUSB2", 3: "ttyUSB3"}, devices=devices)
        root = ("--root", str(machine.root))
        document = _identified(call, "usb:1-1:1.2", "usb:1-1:1.3", *root)
        assert len(document["modems"]) == 2
        document = _identified(call, *root)
        assert len(document["modems"]) == 1


def test_value_in_doubt_names_its_field(call):
    with simulated(EG25, faults=["urc-prefix=352656100000010"]) as sim:
        done = call("identify", sim.path)
        document = _identified(call, sim.path, status=3)
    assert document["modems"][0]["modem"]["read"]["imei"] == "failed"
    assert document["modems"][0]["problems"][0]["field"] == "imei"
    assert "[cross.imei_ambiguous]" in done.stdout


def test_second_at_port_is_used_if_the_first_is_silent(call, machine):
    with simulated(EG25, faults=["mute"]) as mute, simulated(EG25) as sim:
        machine.usb_modem(
            "1-1",
            "2c7c",
            "0125",
            {2: "ttyUSB2", 3: "ttyUSB3"},
            devices={"ttyUSB2": mute.path, "ttyUSB3": sim.path},
        )
        document = _identified(call, "--root", str(machine.root))
    assert [modem["port_id"] for modem in document["modems"]] == ["usb:1-1:1.3"]
    assert document["failed"] == []


def test_no_modem_found_is_4_with_a_remedy(call, machine):
    done = call("identify", "--root", str(machine.root))
    assert (done.returncode, done.stdout) == (4, "")
    assert "modemagent list" in done.stderr


def test_identify_imports_neither_asyncio_nor_pyserial():
    program = (
        "import sys\n"
        "from modemagent.cli.main import run\n"
        "run(['identify', sys.argv[1], '--field', 'imei'])\n"
        "print([m for m in ('asyncio', 'serial', 'structlog') if m in sys.modules])\n"
    )
    with simulated(EG25) as sim:
        done = subprocess.run(
            [sys.executable, "-c", program, sim.path], capture_output=True, text=True, check=True
        )
    assert done.stdout.splitlines() == [IMEI, "[]"]
