"""list, on trees laid out as the kernel lays out sysfs; the devices are plain files."""

import json


def _listed(call, machine, *words):
    done = call("list", "--root", str(machine.root), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ports_are_grouped_by_modem_in_order_of_place(call, machine):
    machine.usb_modem("1-1.10", "1e0e", "9001", {2: "ttyUSB9"}, product="SimTech")
    machine.usb_modem(
        "1-1.4", "2c7c", "0125", {n: f"ttyUSB{n}" for n in range(4)}, product="EG25-G"
    )
    document = json.loads(_listed(call, machine, "--json"))
    assert [modem["id"] for modem in document["modems"]] == ["usb:1-1.4", "usb:1-1.10"]
    ports = document["modems"][0]["ports"]
    assert [port["port_id"] for port in ports] == [f"usb:1-1.4:1.{n}" for n in range(4)]
    assert [port["role"] for port in ports] == ["diag", "nmea", "at", "at"]
    assert {port["driver"] for port in ports} == {"option"}
    assert [port["holder"] for port in ports] == [None] * 4


def test_unknown_device_is_listed_as_not_cellular(call, machine):
    machine.usb_modem(
        "1-2", "0403", "6001", {0: "ttyUSB0"}, product="UART bridge", driver="ftdi_sio"
    )
    document = json.loads(_listed(call, machine, "--json"))
    assert document["modems"][0]["cellular"] is False
    assert document["modems"][0]["ports"][0]["role"] == "unknown"
    assert "not a known cellular modem" in _listed(call, machine)


def test_uarts_with_hardware_only(call, machine):
    machine.uart("ttyS0", 4)
    machine.uart("ttyS1", 0)
    document = json.loads(_listed(call, machine, "--json"))
    assert [port["port_id"] for port in document["ports"]] == ["tty:ttyS0"]


def test_by_id_links_are_listed(call, machine):
    machine.usb_modem("1-2", "2c7c", "0125", {2: "ttyUSB2"})
    links = machine.root / "dev/serial/by-id"
    links.mkdir(parents=True)
    (links / "usb-Quectel_EG25-if02-port0").symlink_to("../../ttyUSB2")
    port = json.loads(_listed(call, machine, "--json"))["modems"][0]["ports"][0]
    assert port["links"] == [str(links / "usb-Quectel_EG25-if02-port0")]


def test_text_from_a_device_cannot_control_the_terminal(call, machine):
    machine.usb_modem("1-2", "2c7c", "0125", {2: "ttyUSB2"}, product="EG25\x1b]0;x\x07\u202e")
    shown = _listed(call, machine)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_without_ports_the_status_is_0(call, machine):
    assert "No ports" in _listed(call, machine)
    assert json.loads(_listed(call, machine, "--json")) == {"schema": 1, "modems": [], "ports": []}


def test_device_in_flashing_mode_is_marked(call, machine):
    machine.usb_modem("1-2", "1bc7", "9010", {0: "ttyUSB0"})
    assert "in recovery or flashing mode" in _listed(call, machine)
    (modem,) = json.loads(_listed(call, machine, "--json"))["modems"]
    assert modem["cellular"] is False
    assert "FN980" in modem["ports"][0]["why"]


def test_identify_refuses_a_device_in_flashing_mode(call, machine):
    machine.usb_modem("1-2", "1bc7", "9010", {0: "ttyUSB0"})
    done = call(
        "identify", "--root", str(machine.root), str(machine.root / "dev/ttyUSB0"), "--json"
    )
    assert done.returncode == 4
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "not_a_modem"
    assert "1bc7:9010" in error["message"]


def test_device_in_flashing_mode_does_not_affect_others(call, machine):
    machine.usb_modem("1-2", "1bc7", "9010", {0: "ttyUSB0"})
    ports = [str(machine.root / "dev" / name) for name in ("ttyUSB0", "ttyNOPE")]
    done = call("identify", "--root", str(machine.root), *ports, "--json")
    assert done.returncode == 4
    failed = json.loads(done.stdout)["failed"]
    assert [each["reason"] for each in failed] == ["not_a_modem", "not_found"]


def test_flashing_modules_are_named_without_a_port(call, machine):
    machine.usb_modem("1-2", "18d1", "d00d", {}, product="Android")
    machine.usb_modem("1-3", "05c6", "9008", {0: "ttyUSB0"}, driver="qcserial")
    done = call("identify", "--root", str(machine.root), "--json")
    assert done.returncode == 4
    failed = json.loads(done.stdout)["failed"]
    assert [each["port"].rpartition("/")[2] for each in failed] == ["ttyUSB0", "usb:1-2"]
    for each in failed:
        assert "the module is in flashing mode" in each["message"]
        assert "flash its firmware" in each["hint"]


def test_flashing_module_with_an_id_as_name_is_named(call, machine):
    machine.usb_modem("1-2", "18d1", "d00d", {}, product="Android")
    done = call("identify", "usb:1-2", "--root", str(machine.root))
    assert done.returncode == 4
    assert "the module is in flashing mode" in done.stderr


def test_diagnose_names_a_flashing_module_and_opens_nothing(call, machine):
    machine.usb_modem("1-2", "0e8d", "2000", {0: "ttyACM0"}, driver="cdc_acm")
    done = call("diagnose", "--root", str(machine.root), "--json")
    assert done.returncode == 4
    (modem,) = json.loads(done.stdout)["modems"]
    first, *others = modem["findings"]
    assert modem["first"] == first["check"] == "device"
    assert "the module is in flashing mode" in first["message"]
    assert "flash its firmware" in first["remedy"]
    assert {each["state"] for each in others} == {"skipped"}
