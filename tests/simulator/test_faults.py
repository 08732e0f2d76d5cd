"""Moods and faults: what a reader may meet, one by one and together."""

from __future__ import annotations

import pytest

from modemagent.errors import UsageError
from modemagent.simulator.faults import FAULTS, parse
from modemagent.simulator.rehearsal import OfflineModem

EG25 = "quectel-eg25-g"
OK = b"\r\nOK\r\n"


def eg25(*faults: str) -> OfflineModem:
    return OfflineModem(EG25, faults=["echo-off", *faults])


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_given_alone_and_the_modem_still_plays(name: str) -> None:
    bench = OfflineModem(EG25, faults=[name])
    bench.ask("AT", within_s=0.1)
    bench.ask("AT+CGSN", within_s=0.1)
    assert [line for _, line in bench.modem.received][-1:] == ["AT+CGSN"]


def test_all_harmless_faults_together() -> None:
    bench = OfflineModem(
        EG25, faults=["latency-ms=5", "chunk=1", "lf-only", "nul=1", "urc=+CREG: 2"]
    )
    assert bench.ask("AT+CGSN") == (b"AT+CGSN\r\n+CREG: 2\n\x00\n865284040000014\n\nOK\n")


@pytest.mark.parametrize("text", ["nosuch", "latency-ms=soon", "lie=imei-6000", "chunk=-1"])
def test_what_is_not_in_the_table_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        OfflineModem(EG25, faults=[text])


def test_a_near_name_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        parse("latency=5")
    assert "latency-ms" in caught.value.hint


def test_latency_delays_each_answer() -> None:
    bench = eg25("latency-ms=250")
    start = bench.now
    assert bench.ask("AT") == OK
    assert bench.now - start == pytest.approx(0.25)


def test_a_byte_at_a_time() -> None:
    bench = eg25("chunk=1")
    bench.modem.receive(b"AT\r", bench.now)
    assert bench.modem.take(bench.now) == b"\r"
    assert bench.modem.take(bench.now + 0.0011) == b"\n"
    assert bench.listen() == b"OK\r\n"


def test_9600_baud_takes_a_millisecond_a_byte() -> None:
    bench = eg25("baud=9600")
    start = bench.now
    answer = bench.ask("AT+CGSN")
    assert bench.now - start == pytest.approx((len(answer) - 1) * 10 / 9600)


@pytest.mark.parametrize(("fault", "end"), [("lf-only", b"\n"), ("cr-only", b"\r")])
def test_line_ends(fault: str, end: bytes) -> None:
    assert eg25(fault).ask("AT") == end + b"OK" + end


def test_first_bytes_are_lost() -> None:
    bench = OfflineModem(EG25, faults=["lose=1"])
    assert bench.ask("AT") == b"T\r"
    assert bench.ask("AT") == b"AT\r\r\nOK\r\n"


def test_echo_that_stays() -> None:
    bench = OfflineModem(EG25, faults=["echo-stays"])
    assert bench.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert bench.ask("AT") == b"AT\r\r\nOK\r\n"


def test_boot_silent_then_awake() -> None:
    bench = eg25("boot-silent=2")
    assert bench.ask("AT") == b""
    bench.now += 2.1
    assert bench.ask("AT") == OK


def test_boot_with_errors() -> None:
    bench = eg25("boot-error=2")
    assert bench.ask("AT") == b"\r\nERROR\r\n"
    bench.now += 2.1
    assert bench.ask("AT") == OK


def test_boot_lags_one_command_behind_and_releases_the_last_at_its_end() -> None:
    bench = OfflineModem(EG25, faults=["boot-lag=2"])
    assert bench.ask("AT", within_s=0.5) == b""
    assert bench.ask("AT+CGMI", within_s=0.5) == b"AT\r\r\nOK\r\n"
    assert bench.listen(3) == b"AT+CGMI\r\r\nQuectel\r\n\r\nOK\r\n"
    assert bench.ask("AT+CGMM") == b"AT+CGMM\r\r\nEG25\r\n\r\nOK\r\n"


def test_boot_lines_come_in_their_order() -> None:
    words = eg25("boot-urcs=2").listen().split()
    assert words[0] == b"RDY" and words[-2:] == [b"PB", b"DONE"]


def test_stale_bytes_wait() -> None:
    bench = eg25(r"stale=\r\n123\r\n")
    assert bench.ask("AT") == b"\r\n123\r\n" + OK


def test_sim_busy_passes() -> None:
    bench = eg25("sim-busy=3")
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: 14\r\n"
    assert bench.ask("AT+CIMI") == b"\r\n+CME ERROR: 14\r\n"
    bench.now += 3.1
    assert bench.ask("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("sim-out", b"+CME ERROR: 10"),
        ("sim-pin", b"+CPIN: SIM PIN"),
        ("sim-puk", b"+CPIN: SIM PUK"),
        ("sim-failure", b"+CME ERROR: 13"),
    ],
)
def test_card_faults(fault: str, answer: bytes) -> None:
    assert eg25(fault).ask("AT+CPIN?").split(b"\r\n")[1] == answer


def test_mute_hears_and_says_nothing() -> None:
    bench = eg25("mute")
    assert bench.ask("AT") == b""
    assert len(bench.modem.received) == 1


def test_nmea_flood_hears_no_command() -> None:
    heard = eg25("nmea=10").ask("AT", within_s=1)
    assert heard.count(b"$GP") == pytest.approx(100, abs=2)
    assert b"OK" not in heard


def test_nmea_between_answers() -> None:
    heard = eg25("nmea-mixed=10").ask("AT", within_s=0.1)
    assert OK in heard and b"$GPGGA" in heard


def test_a_urc_between_command_and_answer() -> None:
    bench = OfflineModem(EG25, faults=["urc=+QIND: SMS DONE"])
    assert bench.ask("AT") == b"AT\r\r\n+QIND: SMS DONE\r\n\r\nOK\r\n"


def test_a_urc_with_the_very_prefix_asked_for() -> None:
    bench = eg25("urc-prefix=2")
    assert bench.ask("AT+CREG=?").startswith(b"\r\n+CREG: 2\r\n")
    assert bench.ask("AT") == OK


def test_a_urc_once() -> None:
    bench = eg25("urc-once=+CREG: 5")
    assert bench.ask("AT") == b"\r\n+CREG: 5\r\n" + OK
    assert bench.ask("AT") == OK


def test_a_late_answer_comes_before_the_next_one() -> None:
    bench = eg25("late=AT+CGMI")
    assert bench.ask("AT+CGMI") == b""
    assert bench.ask("AT+CGSN") == b"\r\nQuectel\r\n\r\nOK\r\n\r\n865284040000014\r\n\r\nOK\r\n"
    assert bench.ask("AT") == OK


def test_a_late_answer_by_number_comes_after_the_next_one() -> None:
    bench = eg25("late-after=2")
    assert bench.ask("AT") == OK
    assert bench.ask("AT+CGMI") == b""
    assert bench.ask("AT") == OK + b"\r\nQuectel\r\n\r\nOK\r\n"


def test_vanish_in_the_middle_of_an_answer() -> None:
    bench = eg25("vanish=AT+CGSN")
    assert bench.ask("AT") == OK
    answer = bench.ask("AT+CGSN")
    assert b"\r\n865284040000014\r\n\r\nOK\r\n".startswith(answer) and b"OK" not in answer
    assert bench.modem.vanished(bench.now)


@pytest.mark.parametrize("left", [1, 7, 8, 20])
def test_vanish_at_a_byte(left: int) -> None:
    bench = eg25(f"vanish-byte={left}")
    heard = bench.ask("AT")
    heard += b"" if bench.modem.vanished(bench.now) else bench.ask("AT+CGSN")
    assert len(heard) == left
    assert bench.modem.vanished(bench.now)


def test_error_storm_spares_plain_at() -> None:
    bench = eg25("cme-storm=30")
    assert bench.ask("AT") == OK
    assert bench.ask("AT+CGSN") == b"\r\n+CME ERROR: 30\r\n" * 20


def test_endless_line_never_ends() -> None:
    heard = eg25("endless").ask("AT", within_s=1)
    assert len(heard) > 100_000
    assert b"\n" not in heard[len(OK) :]


def test_refused_and_silent_commands() -> None:
    bench = eg25("refuse=AT+CGSN=", "silent=AT+CIMI")
    assert bench.ask("AT+CGSN=1") == b"\r\nERROR\r\n"
    assert bench.ask("AT+CIMI") == b""
    assert b"865284040000014" in bench.ask("AT+CGSN")


def test_error_format_that_does_not_change() -> None:
    bench = OfflineModem("simcom-sim868", state="no sim", faults=["cmee-fixed=0", "echo-off"])
    assert bench.ask("AT+CMEE=1") == OK
    assert bench.ask("AT+CPIN?") == b"\r\nERROR\r\n"


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
