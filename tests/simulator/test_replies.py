"""Byte-exact replies: recorded exchanges, echo, states, and the manners of every modem."""

from __future__ import annotations

import tomllib

import pytest

from modemagent.errors import UsageError
from modemagent.simulator.catalogue import find, names
from modemagent.simulator.rehearsal import OfflineModem


def recorded() -> list[tuple[str, dict[str, object]]]:
    """The first recorded exchange of each line that needs no condition."""
    rows = []
    for name in names():
        table = tomllib.loads(find(name).read_text("utf-8"))
        seen = set()
        for row in table["exchange"]:
            if "state" not in row and row["send"].upper() not in seen:
                seen.add(row["send"].upper())
                rows.append((name, row | {"echo_default": table["echo_default"]}))
    return rows


@pytest.mark.parametrize(
    ("name", "row"), [pytest.param(n, r, id=f"{n} {r['send']}") for n, r in recorded()]
)
def test_each_recorded_exchange_is_played_to_the_byte(name: str, row: dict[str, object]) -> None:
    send = str(row["send"])
    echo = f"{send}\r".encode() if row["echo_default"] else b""
    if "raw" in row:
        raw = str(row["raw"]).encode("latin-1")
        wanted = echo + raw if raw.startswith(b"\r") else raw
        if wanted[: len(echo)].upper() == echo.upper():  # an echo is what was sent, as it was sent
            wanted = echo + wanted[len(echo) :]
    else:
        wanted = echo + ("\r\n" + "\r\n".join(row["lines"]) + "\r\n").encode()  # type: ignore[arg-type]
    assert OfflineModem(name).ask(send) == wanted


def test_an_embedded_echo_goes_when_echo_is_off() -> None:
    bench = OfflineModem("quectel-rm500u-cnv")
    assert bench.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert bench.ask("AT+CIMI") == b"\r\n460110000000007\r\n\r\nOK\r\n"
    assert bench.ask("ATE1") == b"\r\nOK\r\n"
    assert bench.ask("at+cimi") == b"at+cimi\r\r\n460110000000007\r\n\r\nOK\r\n"


def test_a_joined_basic_line_switches_echo() -> None:
    bench = OfflineModem("quectel-rm500u-cnv")
    assert bench.ask("ATE0Q0V1") == b"ATE0Q0V1\r\r\nOK\r\n"
    assert bench.ask("AT") == b"\r\nOK\r\n"


def test_echo_default_off_is_obeyed() -> None:
    assert OfflineModem("zte-mf627").ask("AT+CGMM") == b"\r\nMF627\r\n\r\nOK\r\n"


def test_line_feeds_and_empty_lines_are_swallowed() -> None:
    bench = OfflineModem("zte-mf627")
    assert bench.write(b"AT\r\n\r\nAT+CGMM\r\n") == b"\r\nOK\r\n\r\nMF627\r\n\r\nOK\r\n"
    assert [line for _, line in bench.modem.received] == ["AT", "AT+CGMM"]


def test_a_crippled_line_without_its_a_is_no_command() -> None:
    assert OfflineModem("quectel-eg25-g").ask("T+CGSN") == b"T+CGSN\r"


def test_noise_before_the_command_does_not_hide_it() -> None:
    assert OfflineModem("zte-mf627").ask("\x00xAT") == b"\r\nOK\r\n"


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("quectel-eg25-g", b"ERROR"),
        ("huawei-e1752", b"COMMAND NOT SUPPORT"),
        ("quectel-rm500u-cnv", b"+CME ERROR: 4"),
    ],
)
def test_unknown_commands_are_refused_in_the_familys_form(name: str, refusal: bytes) -> None:
    bench = OfflineModem(name, faults=["echo-off"])
    assert bench.ask("AT+NOSUCH?") == b"\r\n" + refusal + b"\r\n"


def test_silence_is_recorded_and_played() -> None:
    assert OfflineModem("fibocom-l850-gl", state="no answer captured").ask("AT+MTSM=1") == b""


def test_joined_lines_are_answered_from_their_parts() -> None:
    bench = OfflineModem("quectel-eg25-g", faults=["echo-off"])
    assert bench.ask("AT+CGMI;+CGMM;+CSQ") == b"\r\nQuectel\r\nEG25\r\n+CSQ: 17,99\r\n\r\nOK\r\n"
    assert bench.ask("AT+CGMI;+NOSUCH;+CSQ") == b"\r\nQuectel\r\nERROR\r\n"
    assert bench.ask("ATE0;+CMEE=2") == b"\r\nOK\r\n"
    assert bench.ask("AT+CMEE?") == b"\r\n+CMEE: 2\r\n\r\nOK\r\n"


def test_a_recorded_joined_line_wins_over_its_parts() -> None:
    bench = OfflineModem("quectel-rm500u-cnv", faults=["echo-off"])
    answer = bench.ask("AT+COPS=3,0;+COPS?;+COPS=3,1;+COPS?;+COPS=3,2;+COPS?")
    assert answer.count(b"+COPS:") == 3 and answer.count(b"OK") == 1


def test_error_format_chooses_among_the_recorded_states() -> None:
    bench = OfflineModem("simcom-sim868", state="no sim", faults=["echo-off"])
    assert bench.ask("AT+CPIN?") == b"\r\nERROR\r\n"
    bench.ask("AT+CMEE=1")
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"
    bench.ask("AT+CMEE=2")
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_state_with_an_error_format_starts_in_it() -> None:
    bench = OfflineModem("simcom-sim868", state="no sim, CMEE=2", faults=["echo-off"])
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_firmware_whose_error_format_does_not_change() -> None:
    bench = OfflineModem("simcom-sim7600e", state="no sim", faults=["echo-off"])
    assert bench.ask("AT+CMEE=1") == b"\r\nOK\r\n"
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_recorded_refusal_of_an_error_format_is_kept() -> None:
    bench = OfflineModem("nordic-nrf9160")
    assert bench.ask("AT+CMEE=2") == b"\r\nERROR\r\n"
    assert bench.ask("AT+CMEE=1") == b"\r\nOK\r\n"


def test_booting_is_played_in_its_recorded_order_then_passes() -> None:
    bench = OfflineModem("quectel-eg25-g", state="booting")
    assert bench.ask("AT") == b"AT\r\r\nOK\r\n"
    assert bench.ask("AT") == b"AT\r\r\nOK\r\n\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n"
    assert bench.ask("AT+CREG?") == b"AT\r\r\nOK\r\n\r\n+QIND: SMS DONE\r\n"
    assert bench.ask("AT+COPS?") == b"AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\n"
    assert bench.ask("AT") == b"AT\r\r\nOK\r\n"
    assert bench.ask("AT+COPS?") == b'AT+COPS?\r\r\n+COPS: 0,0,"SGP-M1",2\r\n\r\nOK\r\n'


def test_two_errors_then_ready() -> None:
    bench = OfflineModem("nordic-nrf9160", state="seconds after CFUN=1")
    answers = [bench.ask("AT+CPIN?") for _ in range(3)]
    assert answers == [b"\r\nERROR\r\n"] * 2 + [b"\r\n+CPIN: READY\r\nOK\r\n"]


def test_initialising_refuses_any_two_commands() -> None:
    bench = OfflineModem("wavecom-multiband", state="initialising", faults=["echo-off"])
    assert [bench.ask("AT+CGSN"), bench.ask("AT")] == [b"\r\n+CME ERROR: 515\r\n"] * 2
    assert bench.ask("AT") == b"\r\nOK\r\n"


def test_busy_after_unlock_passes() -> None:
    bench = OfflineModem("zte-mf627", state="sim busy after unlock")
    answers = [bench.ask("AT+CPMS?") for _ in range(3)]
    assert answers == [b"\r\n+CME ERROR: 14\r\n"] * 3
    bench.ask("AT+CPMS?")
    assert bench.ask("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_a_state_includes_what_is_recorded_for_its_words() -> None:
    bench = OfflineModem("quectel-eg25-g", state="M2M (SGP.02) eUICC", faults=["echo-off"])
    assert bench.ask('AT+CCHO="A0000005591010FFFFFFFF8900000100"').startswith(b"\r\n+CCHO: 1")
    assert b"6985" in bench.ask('AT+CGLA=1,22,"81E2910006BF3E035C015A"')


def test_mute_port_and_wrong_speed_hold_for_every_command() -> None:
    assert OfflineModem("meig-slm770a", state="port 02 (DIAG)").ask("AT+CGMI") == b""
    assert OfflineModem("ublox-sara-r410m", state="wrong baud rate").ask("AT+CGMI") == b"8\xfe\xfe"


def test_two_ready_answers_to_one_line_take_turns() -> None:
    bench = OfflineModem("nordic-nrf9160")
    first, second, third = (bench.ask("AT+CEREG?") for _ in range(3))
    assert first == third != second


def test_pin_locks_the_imsi_and_not_the_card_number() -> None:
    bench = OfflineModem("quectel-eg25-g", state="pin", faults=["echo-off"])
    assert bench.ask("AT+CPIN?") == b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"
    assert bench.ask("AT+CIMI") == b"\r\n+CME ERROR: 11\r\n"
    assert b"+QCCID: 89" in bench.ask("AT+QCCID")


def test_switched_off_says_so_when_asked_for_cfun() -> None:
    bench = OfflineModem("quectel-bg95-m3", state="after AT+CFUN=0", faults=["echo-off"])
    assert bench.ask("AT+CMEE=1") == b"\r\nOK\r\n"
    assert bench.ask("AT+CPIN?") == b"\r\n+CME ERROR: 13\r\n"
    assert bench.ask("AT+CFUN?") == b"\r\n+CFUN: 0\r\n\r\nOK\r\n"


def test_an_unknown_state_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        OfflineModem("zte-mf627", state="asleep")
    assert "'sim busy after unlock'" in caught.value.hint
