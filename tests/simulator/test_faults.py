"""Faults of a simulated modem, one by one and together."""

from __future__ import annotations

import pytest

from modemagent.errors import UsageError
from modemagent.simulator.faults import FAULTS, parse
from tests.simulated import OfflineModem

EG25 = "quectel-eg25-g"
OK = b"\r\nOK\r\n"


def eg25(*faults: str) -> OfflineModem:
    return OfflineModem(EG25, faults=["echo-off", *faults])


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_alone_leaves_the_modem_running(name: str) -> None:
    modem = OfflineModem(EG25, faults=[name])
    modem.ask("AT", within_s=0.1)
    modem.ask("AT+CGSN", within_s=0.1)
    assert [line for _, line in modem.modem.received][-1:] == ["AT+CGSN"]


def test_all_harmless_faults_together() -> None:
    modem = OfflineModem(
        EG25, faults=["latency-ms=5", "chunk=1", "lf-only", "nul=1", "urc=+CREG: 2"]
    )
    assert modem.ask("AT+CGSN") == (b"AT+CGSN\r\n+CREG: 2\n\x00\n865284040000014\n\nOK\n")


@pytest.mark.parametrize("text", ["nosuch", "latency-ms=soon", "lie=imei-6000", "chunk=-1"])
def test_unknown_faults_and_values_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        OfflineModem(EG25, faults=[text])


def test_a_similar_name_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        parse("latency=5")
    assert "latency-ms" in caught.value.hint


def test_latency_delays_each_response() -> None:
    modem = eg25("latency-ms=250")
    start = modem.now
    assert modem.ask("AT") == OK
    assert modem.now - start == pytest.approx(0.25)


def test_a_byte_at_a_time() -> None:
    modem = eg25("chunk=1")
    modem.modem.receive(b"AT\r", modem.now)
    assert modem.modem.take(modem.now) == b"\r"
    assert modem.modem.take(modem.now + 0.0011) == b"\n"
    assert modem.listen() == b"OK\r\n"


def test_9600_baud_takes_a_millisecond_a_byte() -> None:
    modem = eg25("baud=9600")
    start = modem.now
    answer = modem.ask("AT+CGSN")
    assert modem.now - start == pytest.approx((len(answer) - 1) * 10 / 9600)


@pytest.mark.parametrize(("fault", "end"), [("lf-only", b"\n"), ("cr-only", b"\r")])
def test_line_ends(fault: str, end: bytes) -> None:
    assert eg25(fault).ask("AT") == end + b"OK" + end


def test_first_bytes_are_lost() -> None:
    modem = OfflineModem(EG25, faults=["lose=1"])
    assert modem.ask("AT") == b"T\r"
    assert modem.ask("AT") == b"AT\r\r\nOK\r\n"


def test_echo_that_stays() -> None:
    modem = OfflineModem(EG25, faults=["echo-stays"])
    assert modem.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert modem.ask("AT") == b"AT\r\r\nOK\r\n"


def test_boot_silent_then_responding() -> None:
    modem = eg25("boot-silent=2")
    assert modem.ask("AT") == b""
    modem.now += 2.1
    assert modem.ask("AT") == OK


def test_boot_error_then_responding() -> None:
    modem = eg25("boot-error=2")
    assert modem.ask("AT") == b"\r\nERROR\r\n"
    modem.now += 2.1
    assert modem.ask("AT") == OK


def test_boot_lag_answers_one_command_behind() -> None:
    modem = OfflineModem(EG25, faults=["boot-lag=2"])
    assert modem.ask("AT", within_s=0.5) == b""
    assert modem.ask("AT+CGMI", within_s=0.5) == b"AT\r\r\nOK\r\n"
    assert modem.listen(3) == b"AT+CGMI\r\r\nQuectel\r\n\r\nOK\r\n"
    assert modem.ask("AT+CGMM") == b"AT+CGMM\r\r\nEG25\r\n\r\nOK\r\n"


def test_boot_urcs_keep_their_order() -> None:
    words = eg25("boot-urcs=2").listen().split()
    assert words[0] == b"RDY" and words[-2:] == [b"PB", b"DONE"]


def test_stale_bytes_precede_the_response() -> None:
    modem = eg25(r"stale=\r\n123\r\n")
    assert modem.ask("AT") == b"\r\n123\r\n" + OK


def test_sim_busy_ends() -> None:
    modem = eg25("sim-busy=3")
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: 14\r\n"
    assert modem.ask("AT+CIMI") == b"\r\n+CME ERROR: 14\r\n"
    modem.now += 3.1
    assert modem.ask("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("sim-out", b"+CME ERROR: 10"),
        ("sim-pin", b"+CPIN: SIM PIN"),
        ("sim-puk", b"+CPIN: SIM PUK"),
        ("sim-failure", b"+CME ERROR: 13"),
    ],
)
def test_sim_faults(fault: str, answer: bytes) -> None:
    assert eg25(fault).ask("AT+CPIN?").split(b"\r\n")[1] == answer


def test_mute_reads_and_sends_nothing() -> None:
    modem = eg25("mute")
    assert modem.ask("AT") == b""
    assert len(modem.modem.received) == 1


def test_nmea_port_ignores_commands() -> None:
    received = eg25("nmea=10").ask("AT", within_s=1)
    assert received.count(b"$GP") == pytest.approx(100, abs=2)
    assert b"OK" not in received


def test_nmea_between_responses() -> None:
    received = eg25("nmea-mixed=10").ask("AT", within_s=0.1)
    assert OK in received and b"$GPGGA" in received


def test_a_urc_between_command_and_response() -> None:
    modem = OfflineModem(EG25, faults=["urc=+QIND: SMS DONE"])
    assert modem.ask("AT") == b"AT\r\r\n+QIND: SMS DONE\r\n\r\nOK\r\n"


def test_a_urc_with_the_prefix_of_the_command() -> None:
    modem = eg25("urc-prefix=2")
    assert modem.ask("AT+CREG=?").startswith(b"\r\n+CREG: 2\r\n")
    assert modem.ask("AT") == OK


def test_a_urc_once() -> None:
    modem = eg25("urc-once=+CREG: 5")
    assert modem.ask("AT") == b"\r\n+CREG: 5\r\n" + OK
    assert modem.ask("AT") == OK


def test_late_response_comes_before_the_next_one() -> None:
    modem = eg25("late=AT+CGMI")
    assert modem.ask("AT+CGMI") == b""
    assert modem.ask("AT+CGSN") == b"\r\nQuectel\r\n\r\nOK\r\n\r\n865284040000014\r\n\r\nOK\r\n"
    assert modem.ask("AT") == OK


def test_late_response_by_number_comes_after_the_next_one() -> None:
    modem = eg25("late-after=2")
    assert modem.ask("AT") == OK
    assert modem.ask("AT+CGMI") == b""
    assert modem.ask("AT") == OK + b"\r\nQuectel\r\n\r\nOK\r\n"


def test_vanish_in_the_middle_of_a_response() -> None:
    modem = eg25("vanish=AT+CGSN")
    assert modem.ask("AT") == OK
    answer = modem.ask("AT+CGSN")
    assert b"\r\n865284040000014\r\n\r\nOK\r\n".startswith(answer) and b"OK" not in answer
    assert modem.modem.vanished(modem.now)


@pytest.mark.parametrize("left", [1, 7, 8, 20])
def test_vanish_after_n_bytes(left: int) -> None:
    modem = eg25(f"vanish-byte={left}")
    received = modem.ask("AT")
    received += b"" if modem.modem.vanished(modem.now) else modem.ask("AT+CGSN")
    assert len(received) == left
    assert modem.modem.vanished(modem.now)


def test_error_storm_spares_plain_at() -> None:
    modem = eg25("cme-storm=30")
    assert modem.ask("AT") == OK
    assert modem.ask("AT+CGSN") == b"\r\n+CME ERROR: 30\r\n" * 20


def test_endless_line_never_ends() -> None:
    received = eg25("endless").ask("AT", within_s=1)
    assert len(received) > 100_000
    assert b"\n" not in received[len(OK) :]


def test_refuse_and_silent() -> None:
    modem = eg25("refuse=AT+CGSN=", "silent=AT+CIMI")
    assert modem.ask("AT+CGSN=1") == b"\r\nERROR\r\n"
    assert modem.ask("AT+CIMI") == b""
    assert b"865284040000014" in modem.ask("AT+CGSN")


def test_fixed_error_format() -> None:
    modem = OfflineModem("simcom-sim868", state="no sim", faults=["cmee-fixed=0", "echo-off"])
    assert modem.ask("AT+CMEE=1") == OK
    assert modem.ask("AT+CPIN?") == b"\r\nERROR\r\n"


def test_lies() -> None:
    assert eg25("lie=imei-5000").ask("AT+CGSN").strip().split()[0].__len__() == 5000
    assert b"0" * 15 in eg25("lie=imei-zeros").ask("AT+CGSN")
    assert b"86528404000001" in eg25("lie=imei-check-digit").ask("AT+CGSN")
    assert b"865284040000014" not in eg25("lie=imei-check-digit").ask("AT+CGSN")
    both = eg25("lie=model-sql", "lie=imei-5000")
    assert b"DROP TABLE" in both.ask("AT+CGMM")
    assert b"\r\nEG25'); DROP TABLE modems;--\r\nRevision: EG25GG" in both.ask("ATI")
    assert b"310260000000011" in both.ask("AT+CIMI")
    assert b"\x1b[2J" in eg25("lie=model-ansi").ask("AT+CGMM")


def test_binary_and_garbage_have_the_high_bit() -> None:
    answer = eg25("garbage=8").ask("AT")
    assert len(answer) == len(OK) + 8 and min(answer[:8]) >= 0x80
    assert b"\x7e" in eg25("binary").ask("AT", within_s=0.2)
