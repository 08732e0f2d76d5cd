"""at: lines that read are sent and explained, others are refused before anything is sent."""

import json

import pytest

from tests.simulated import simulated

EG25 = "quectel-eg25-g"
IMEI = "865284040000014"


def test_response_is_printed_and_explained(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "AT+CPIN?")
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("+CPIN: READY    (")
    assert last.startswith("OK")


def test_error_has_a_remedy(call):
    with simulated(EG25, faults=["sim-out"]) as sim:
        done = call("at", sim.path, "AT+CPIN?")
        document = json.loads(call("at", sim.path, "AT+CPIN?", "--json").stdout)
    final, remedy = done.stdout.splitlines()[-2:]
    assert final == "+CME ERROR: 10    (SIM not inserted)"
    assert remedy.startswith("    remedy: Reinsert the SIM card")
    assert document["answers"][0]["final"]["explained"]["remedy"] in remedy


def test_json_has_lines_and_their_meaning(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "AT+CGSN", "AT+CPIN?", "--json")
    document = json.loads(done.stdout)
    assert [answer["line"] for answer in document["answers"]] == ["AT+CGSN", "AT+CPIN?"]
    assert document["answers"][0]["lines"][0]["text"] == IMEI
    assert document["answers"][1]["lines"][0]["explained"]["text"]
    assert all(answer["ok"] for answer in document["answers"])


def test_writing_command_is_never_sent(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "AT+CGSN", 'AT+EGMR=1,7,"1"')
        assert sim.lines_received == []
    assert (done.returncode, done.stdout) == (2, "")
    assert "read-only" in done.stderr


def test_line_of_more_than_512_characters_is_not_sent(call):
    longest = "AT+CGSN" + 84 * ";+CGSN"
    with simulated(EG25) as sim:
        done = call("at", sim.path, longest, longest + ";+CIMI")
        piped = call("at", sim.path, stdin=f"{longest + 20 * ';+CIMI'}\nAT+CPIN?\n")
        assert sim.lines_received == ["AT+CPIN?"]
    assert (done.returncode, piped.returncode) == (2, 2)
    assert "a line of 517 characters was not sent" in done.stderr
    assert "at most 512" in piped.stderr and "several lines" in piped.stderr
    assert "+CPIN: READY" in piped.stdout


def test_refusal_has_the_terminal_program_for_the_port(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "AT+CPIN=1234", "--baud", "9600")
        assert sim.lines_received == []
    assert "it enters a PIN or PUK, and a wrong one can block the SIM" in done.stderr
    assert f"picocom -b 9600 {sim.path}" in done.stderr
    assert "systemctl stop modemagent" in done.stderr
    assert done.stderr.count("\n") == 1


def test_refusal_for_a_network_port(call):
    for port, program in (
        ("socket://127.0.0.1:9", "socat -,icanon=0,echo=0 TCP:127.0.0.1:9 "),
        ("rfc2217://127.0.0.1:9", "pyserial-miniterm rfc2217://127.0.0.1:9 115200 "),
    ):
        assert program in call("at", port, "ATZ").stderr


def test_rejected_command_is_1_and_silence_4(call):
    with simulated(EG25, faults=["refuse=AT+CSQ"]) as sim:
        assert call("at", sim.path, "AT+CSQ").returncode == 1
    with simulated(EG25, faults=["silent=AT+CSQ"]) as sim:
        assert call("at", sim.path, "AT+CSQ", "--timeout", "0.5").returncode == 4


def test_lines_from_a_pipe(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, stdin="AT+CGSN\n\nAT+CFUN=0\nAT+CPIN?\n")
        assert "AT+CFUN=0" not in sim.lines_received
    assert IMEI in done.stdout
    assert "+CPIN: READY" in done.stdout
    assert "AT+CFUN=0" in done.stderr
    assert done.returncode == 2


def test_piped_lines_are_one_json_object_each(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "--json", stdin="AT+CGSN\nAT+CFUN=0\nAT+CPIN?\n")
    imei, refused, pin = map(json.loads, done.stdout.splitlines())
    assert (imei["line"], refused["line"], pin["line"]) == ("AT+CGSN", "AT+CFUN=0", "AT+CPIN?")
    assert (refused["error"]["code"], refused["error"]["exit"]) == ("line_refused", 2)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize(
    ("fault", "status"), [("refuse=AT+CSQ", 1), ("silent=AT+CSQ", 4), ("latency-ms=1", 0)]
)
def test_status_is_that_of_the_worst_piped_line(call, fault, status):
    with simulated(EG25, faults=[fault]) as sim:
        done = call("at", sim.path, "--timeout", "2", stdin="AT+CSQ\nAT+CPIN?\n")
    assert done.returncode == status
    assert "+CPIN: READY" in done.stdout


def test_timeout_has_a_remedy(call):
    with simulated(EG25, faults=["silent=AT+CSQ"]) as sim:
        done = call("at", sim.path, "AT+CSQ", "--timeout", "0.5")
        document = json.loads(call("at", sim.path, "AT+CSQ", "--timeout", "0.5", "--json").stdout)
    for said in (done.stderr, document["answers"][0]["hint"]):
        assert "increase --timeout" in said and "modemagent diagnose" in said


@pytest.mark.parametrize("command", ["at", "watch"])
def test_help_mentions_one_json_object_per_line(call, command):
    assert "one object per line" in " ".join(call(command, "--help").stdout.split())


def test_missing_port_is_4(call):
    done = call("at", "/dev/no-such-port", "AT")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
