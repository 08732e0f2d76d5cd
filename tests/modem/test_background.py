"""Foreign lines before every response: each value is right, or its field is in doubt."""

from __future__ import annotations

import pytest

from modemagent.errors import ModemAgentError, NoAnswer
from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.modem.identify import identify
from tests.modem.byte_modem import ByteModem, Wire, run

QUECTEL = {
    "AT+CGMI": ("Quectel", "OK"),
    "AT+CGMM": ("EG25", "OK"),
    "AT+CGMR": ("EG25GGBR07A08M2G", "OK"),
    "AT+CGSN": ("865284040000014", "OK"),
    "AT+CPIN?": ("+CPIN: READY", "OK"),
    "AT+CIMI": ("310260000000011", "OK"),
    "AT+QCCID": ("+QCCID: 8901260000000000014F", "OK"),
    "AT+CCID": ("+CCID: 8901260000000000014F", "OK"),
    "AT+CRSM=176,28589,0,0,4": ('+CRSM: 144,0,"00000003"', "OK"),
    "AT+CSQ": ("+CSQ: 20,99", "OK"),
}
SIMCOM = {
    "AT+CGMI": ("SIMCOM INCORPORATED", "OK"),
    "AT+CGMM": ("A7670G-LLSE", "OK"),
    "AT+CGMR": ("+CGMR: A124B01A7670M7", "OK"),
    "AT+CGSN": ("862643040000311", "OK"),
    "AT+CPIN?": ("+CPIN: READY", "OK"),
    "AT+CICCID": ("+ICCID: 89883030000000000213", "OK"),
    "AT+CIMI": ("901288000000021", "OK"),
    "AT+CSQ": ("+CSQ: 20,99", "OK"),
}
CDMA = {
    "AT+GMI": ("+GMI: QUALCOMM INCORPORATED", "OK"),
    "AT+GMM": ("+GMM: 84", "OK"),
    "AT+GMR": ("+GMR: S1B01AT 1 [Jan 01 2010]", "OK"),
    "AT+GSN": ("+GSN: 0x80ABCDEF", "OK"),
    "AT+CGSN": ("0xA10000009296F2", "OK"),
}
#: Commands, whether they can be joined, and the right IMEI, ICCID, IMSI and MEID.
MODEMS = {
    "quectel": (
        QUECTEL,
        True,
        ("865284040000014", "8901260000000000014", "310260000000011", None),
    ),
    "simcom": (SIMCOM, True, ("862643040000311", "89883030000000000213", "901288000000021", None)),
    "cdma": (CDMA, False, (None, None, None, "A10000009296F2")),
}
_RSSI_STORM = (("^RSSI: 20", 0.02), ("+CREG: 1", 0.05))
_DIGIT_STORM = (("352656100000010", 0.003),)
WIRES = {
    "plain": Wire(),
    "no echo": Wire(echo=False),
    "echo stays": Wire(echo_can_be_disabled=False),
    "one byte at a time": Wire(chunk=1),
    "three bytes, no echo": Wire(chunk=3, echo=False),
    "URC storm": Wire(urcs=_RSSI_STORM),
    "URC storm, no echo": Wire(urcs=_RSSI_STORM, echo=False),
    "digit storm": Wire(urcs=_DIGIT_STORM),
    "digit storm, no echo": Wire(urcs=_DIGIT_STORM, echo=False),
    "first byte lost": Wire(drop_first=1),
    "three bytes lost, no echo": Wire(drop_first=3, echo=False),
    "numeric": Wire(numeric=True),
    "numeric, no echo": Wire(numeric=True, echo=False),
    "LF": Wire(line_end="\n"),
    "CR, no echo": Wire(line_end="\r", echo=False),
    "slow": Wire(latency_s=0.2),
}
#: The same line before every response.
CONSTANT = [
    (),
    ("^RSSI: 20",),
    ("352656100000010",),
    ("+CCID: 8988303000000000010",),
    ("+CGSN: 352656100000010", "+XYZ: 5"),
    ("+CPIN: NOT READY",),
    ("262010000000001",),
    ("HELLO WORLD",),
]
#: Lines that look like the response to each command, or differ each time.
VARYING = [
    ("{prefix}: 352656100000010",),
    ("{prefix}: 8988303000000000010",),
    ("35265610000{count:04d}",),
    ("Foreign {count}",),
]


def read(modem: str, wire: Wire) -> Snapshot | ModemAgentError:
    commands, joins, _ = MODEMS[modem]
    return run(lambda: identify("port"), ByteModem(commands, wire, joins=joins))


def numbers(snapshot: Snapshot) -> tuple[str | None, ...]:
    sim = snapshot.sims[0]
    return snapshot.modem.imei, sim.iccid, sim.imsi, snapshot.modem.meid


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("modem", MODEMS)
def test_lines_before_every_response_change_nothing(modem: str, wire: str) -> None:
    for before in CONSTANT:
        outcome = read(modem, WIRES[wire]._replace(before=before))
        assert isinstance(outcome, Snapshot), (before, outcome)
        assert numbers(outcome) == MODEMS[modem][2], before
        state = SimState.UNKNOWN if modem == "cdma" else SimState.READY
        assert outcome.sims[0].state is state, before


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("modem", MODEMS)
def test_varying_lines_leave_a_field_in_doubt(modem: str, wire: str) -> None:
    right = MODEMS[modem][2]
    for before in VARYING:
        outcome = read(modem, WIRES[wire]._replace(before=before))
        if not isinstance(outcome, Snapshot):
            assert "do not match the commands" in outcome.message, before
            continue
        found = numbers(outcome)
        assert all(value in (None, known) for value, known in zip(found, right, strict=True)), (
            before
        )
        if found != right:
            assert outcome.verdict is Verdict.ERROR, before
            states = {**outcome.modem.read, **outcome.sims[0].read}
            assert ReadState.FAILED in states.values(), before


@pytest.mark.parametrize("echo", [True, False])
def test_cdma_modem_without_sim_commands_is_identified(echo: bool) -> None:
    for identifiers in (
        {"AT+GSN": ("A10000009296F2", "OK"), "AT+CGSN": ("0x80ABCDEF", "OK")},
        {"AT+CGSN": ("MEID: A10000009296F2", "ESN: 80ABCDEF", "OK")},
        {"AT+GSN": ("270113177609606898", "OK")},
        {"AT+GSN": ("+GSN: 0x00A10000009296F2", "OK"), "AT+CSQ": ("20, 99", "OK")},
    ):
        names = {command: CDMA[command] for command in ("AT+GMI", "AT+GMM")}
        modem = ByteModem({**names, **identifiers}, Wire(echo=echo))
        outcome = run(lambda modem=modem: identify("port"), modem)
        assert isinstance(outcome, Snapshot), (identifiers, outcome)
        assert outcome.modem.meid == "A10000009296F2", identifiers
        assert outcome.modem.imei is outcome.modem.imei_raw is None
        assert "imei.missing" not in [problem.code for problem in outcome.problems]


def test_healthy_modem_gets_one_at() -> None:
    for wire in (Wire(), Wire(echo=False)):
        modem = ByteModem(QUECTEL, wire, joins=True)
        assert isinstance(run(lambda modem=modem: identify("port"), modem), Snapshot)
        assert modem.received.count("AT") == 1


def test_port_that_is_never_clean_is_resynchronized() -> None:
    """A command without a response is followed by a resynchronization."""
    commands = {**SIMCOM, "AT+CGMM": ()}
    for before in (("HELLO WORLD",), ("Foreign {count}",)):
        modem = ByteModem(commands, Wire(before=before))
        outcome = run(lambda modem=modem: identify("port"), modem)
        assert isinstance(outcome, Snapshot), (before, outcome)
        assert outcome.modem.imei == "862643040000311"


def test_port_that_sends_only_foreign_lines_is_refused() -> None:
    modem = ByteModem({"AT": ()}, Wire(before=("HELLO WORLD",)), fallback=())
    assert isinstance(run(lambda: identify("port"), modem), NoAnswer)
