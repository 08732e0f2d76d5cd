"""Byte-exact responses: recorded exchanges, echo, conditions, and defaults."""

from __future__ import annotations

import tomllib

import pytest

from modemagent.errors import UsageError
from modemagent.simulator.catalogue import find, names
from tests.simulated import OfflineModem


def recorded() -> list[tuple[str, dict[str, object]]]:
    """Return the first recorded exchange of each command without a condition."""
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
def test_recorded_exchange_is_played_byte_by_byte(name: str, row: dict[str, object]) -> None:
    send = str(row["send"])
    echo = f"{send}\r".encode() if row["echo_default"] else b""
    if "raw" in row:
        raw = str(row["raw"]).encode("latin-1")
        wanted = echo + raw if raw.startswith(b"\r") else raw
        if wanted[: len(echo)].upper() == echo.upper():  # the echo repeats the line as sent
            wanted = echo + wanted[len(echo) :]
    else:
        wanted = echo + ("\r\n" + "\r\n".join(row["lines"]) + "\r\n").encode()  # type: ignore[arg-type]
    assert OfflineModem(name).ask(send) == wanted


def test_an_embedded_echo_is_removed_if_echo_is_off() -> None:
    modem = OfflineModem("quectel-rm500u-cnv")
    assert modem.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert modem.ask("AT+CIMI") == b"\r\n460110000000007\r\n\r\nOK\r\n"
    assert modem.ask("ATE1") == b"\r\nOK\r\n"
    assert modem.ask("at+cimi") == b"at+cimi\r\r\n460110000000007\r\n\r\nOK\r\n"


def test_a_joined_basic_line_switches_echo() -> None:
    modem = OfflineModem("quectel-rm500u-cnv")
    assert modem.ask("ATE0Q0V1") == b"ATE0Q0V1\r\r\nOK\r\n"
    assert modem.ask("AT") == b"\r\nOK\r\n"


def test_echo_off_by_default() -> None:
    assert OfflineModem("zte-mf627").ask("AT+CGMM") == b"\r\nMF627\r\n\r\nOK\r\n"


def test_line_feeds_and_empty_lines_are_ignored() -> None:
    modem = OfflineModem("zte-mf627")
    assert modem.write(b"AT\r\n\r\nAT+CGMM\r\n") == b"\r\nOK\r\n\r\nMF627\r\n\r\nOK\r\n"
    assert [line for _, line in modem.modem.received] == ["AT", "AT+CGMM"]


def test_a_line_without_its_a_is_not_a_command() -> None:
    assert OfflineModem("quectel-eg25-g").ask("T+CGSN") == b"T+CGSN\r"


def test_noise_before_a_command_is_ignored() -> None:
    assert OfflineModem("zte-mf627").ask("\x00xAT") == b"\r\nOK\r\n"


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("quectel-eg25-g", b"ERROR"),
        ("huawei-e1752", b"COMMAND NOT SUPPORT"),
        ("quectel-rm500u-cnv", b"+CME ERROR: 4"),
    ],
)
def test_unknown_commands_get_the_refusal_of_the_family(name: str, refusal: bytes) -> None:
    modem = OfflineModem(name, faults=["echo-off"])
    assert modem.ask("AT+NOSUCH?") == b"\r\n" + refusal + b"\r\n"


def test_recorded_silence_is_played() -> None:
    assert OfflineModem("fibocom-l850-gl", state="no answer captured").ask("AT+MTSM=1") == b""


def test_joined_lines_are_answered_from_their_parts() -> None:
    modem = OfflineModem("quectel-eg25-g", faults=["echo-off"])
    assert modem.ask("AT+CGMI;+CGMM;+CSQ") == b"\r\nQuectel\r\nEG25\r\n+CSQ: 17,99\r\n\r\nOK\r\n"
    assert modem.ask("AT+CGMI;+NOSUCH;+CSQ") == b"\r\nQuectel\r\nERROR\r\n"
    assert modem.ask("ATE0;+CMEE=2") == b"\r\nOK\r\n"
    assert modem.ask("AT+CMEE?") == b"\r\n+CMEE: 2\r\n\r\nOK\r\n"


def test_a_recorded_joined_line_overrides_its_parts() -> None:
    modem = OfflineModem("quectel-rm500u-cnv", faults=["echo-off"])
    answer = modem.ask("AT+COPS=3,0;+COPS?;+COPS=3,1;+COPS?;+COPS=3,2;+COPS?")
    assert answer.count(b"+COPS:") == 3 and answer.count(b"OK") == 1


def test_error_format_selects_the_recorded_state() -> None:
    modem = OfflineModem("simcom-sim868", state="no sim", faults=["echo-off"])
    assert modem.ask("AT+CPIN?") == b"\r\nERROR\r\n"
    modem.ask("AT+CMEE=1")
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: 10\r\n"
    modem.ask("AT+CMEE=2")
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_state_with_an_error_format_starts_in_it() -> None:
    modem = OfflineModem("simcom-sim868", state="no sim, CMEE=2", faults=["echo-off"])
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_firmware_with_a_fixed_error_format() -> None:
    modem = OfflineModem("simcom-sim7600e", state="no sim", faults=["echo-off"])
    assert modem.ask("AT+CMEE=1") == b"\r\nOK\r\n"
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: SIM not inserted\r\n"


def test_a_recorded_refusal_of_an_error_format_is_kept() -> None:
    modem = OfflineModem("nordic-nrf9160")
    assert modem.ask("AT+CMEE=2") == b"\r\nERROR\r\n"
    assert modem.ask("AT+CMEE=1") == b"\r\nOK\r\n"


def test_booting_keeps_its_recorded_order_and_ends() -> None:
    modem = OfflineModem("quectel-eg25-g", state="booting")
    assert modem.ask("AT") == b"AT\r\r\nOK\r\n"
    assert modem.ask("AT") == b"AT\r\r\nOK\r\n\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n"
    assert modem.ask("AT+CREG?") == b"AT\r\r\nOK\r\n\r\n+QIND: SMS DONE\r\n"
    assert modem.ask("AT+COPS?") == b"AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\n"
    assert modem.ask("AT") == b"AT\r\r\nOK\r\n"
    assert modem.ask("AT+COPS?") == b'AT+COPS?\r\r\n+COPS: 0,0,"SGP-M1",2\r\n\r\nOK\r\n'


def test_two_errors_then_ready() -> None:
    modem = OfflineModem("nordic-nrf9160", state="seconds after CFUN=1")
    answers = [modem.ask("AT+CPIN?") for _ in range(3)]
    assert answers == [b"\r\nERROR\r\n"] * 2 + [b"\r\n+CPIN: READY\r\nOK\r\n"]


def test_initialising_refuses_any_two_commands() -> None:
    modem = OfflineModem("wavecom-multiband", state="initialising", faults=["echo-off"])
    assert [modem.ask("AT+CGSN"), modem.ask("AT")] == [b"\r\n+CME ERROR: 515\r\n"] * 2
    assert modem.ask("AT") == b"\r\nOK\r\n"


def test_busy_after_unlock_ends() -> None:
    modem = OfflineModem("zte-mf627", state="sim busy after unlock")
    answers = [modem.ask("AT+CPMS?") for _ in range(3)]
    assert answers == [b"\r\n+CME ERROR: 14\r\n"] * 3
    modem.ask("AT+CPMS?")
    assert modem.ask("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_a_state_includes_states_named_by_its_words() -> None:
    modem = OfflineModem("quectel-eg25-g", state="M2M (SGP.02) eUICC", faults=["echo-off"])
    assert modem.ask('AT+CCHO="A0000005591010FFFFFFFF8900000100"').startswith(b"\r\n+CCHO: 1")
    assert b"6985" in modem.ask('AT+CGLA=1,22,"81E2910006BF3E035C015A"')


def test_mute_port_and_wrong_speed_apply_to_every_command() -> None:
    assert OfflineModem("meig-slm770a", state="port 02 (DIAG)").ask("AT+CGMI") == b""
    assert OfflineModem("ublox-sara-r410m", state="wrong baud rate").ask("AT+CGMI") == b"8\xfe\xfe"


def test_two_recorded_responses_to_one_line_alternate() -> None:
    modem = OfflineModem("nordic-nrf9160")
    first, second, third = (modem.ask("AT+CEREG?") for _ in range(3))
    assert first == third != second


def test_pin_locks_the_imsi_and_not_the_iccid() -> None:
    modem = OfflineModem("quectel-eg25-g", state="pin", faults=["echo-off"])
    assert modem.ask("AT+CPIN?") == b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"
    assert modem.ask("AT+CIMI") == b"\r\n+CME ERROR: 11\r\n"
    assert b"+QCCID: 89" in modem.ask("AT+QCCID")


def test_a_modem_switched_off_reports_cfun_0() -> None:
    modem = OfflineModem("quectel-bg95-m3", state="after AT+CFUN=0", faults=["echo-off"])
    assert modem.ask("AT+CMEE=1") == b"\r\nOK\r\n"
    assert modem.ask("AT+CPIN?") == b"\r\n+CME ERROR: 13\r\n"
    assert modem.ask("AT+CFUN?") == b"\r\n+CFUN: 0\r\n\r\nOK\r\n"


def test_an_unknown_state_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        OfflineModem("zte-mf627", state="asleep")
    assert "'sim busy after unlock'" in caught.value.hint
