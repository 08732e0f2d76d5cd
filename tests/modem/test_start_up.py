"""The first seconds of a modem: bad states of the SIM and refusals that pass."""

from __future__ import annotations

import pytest

from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.modem.identify import identify
from modemagent.modem.start_up import is_start_up_urc
from tests.modem.timed_modem import HEALTHY, TimedModem

OLD, NEW, UNKNOWN = 3600.0, 2.0, None
ABSENT = {"AT+CPIN?": "+CME ERROR: 10"}
BAD = [
    ("+CME ERROR: 10", SimState.ABSENT),
    ("+CME ERROR: SIM not inserted", SimState.ABSENT),
    ("+CPIN: NOT INSERTED", SimState.ABSENT),
    ("+CME ERROR: SIM failure", SimState.FAILURE),
    ("+CME ERROR: 13", SimState.FAILURE),
    ("+CME ERROR: 15", SimState.FAILURE),
]
SIM = ("AT+CPIN?", "AT+CCID", "AT+CIMI")


def read(
    modem: TimedModem,
    age_s: float | None = UNKNOWN,
    *,
    timeout_s: float = 300.0,
    is_repeated: bool = False,
) -> Snapshot:
    plan = identify("wire", age=lambda: age_s, is_repeated=is_repeated)
    return modem.run(plan, timeout_s=timeout_s)


def state(snapshot: Snapshot) -> SimState:
    return snapshot.sims[0].state


# -- the state of the SIM


@pytest.mark.parametrize(("response", "bad"), BAD)
@pytest.mark.parametrize("age_s", [NEW, UNKNOWN])
def test_bad_state_that_passes_is_not_reported(
    response: str, bad: SimState, age_s: float | None
) -> None:
    snapshot = read(TimedModem(early={"AT+CPIN?": response}, ready_s=5.0), age_s)
    assert (state(snapshot), snapshot.verdict) == (SimState.READY, Verdict.OK)


@pytest.mark.parametrize(("response", "bad"), BAD)
@pytest.mark.parametrize(
    ("age_s", "least_s", "most_s"), [(OLD, 0.0, 1.0), (NEW, 8.0, 10.0), (UNKNOWN, 6.0, 8.0)]
)
def test_bad_state_is_believed_after_the_start_up(
    response: str, bad: SimState, age_s: float | None, least_s: float, most_s: float
) -> None:
    snapshot = read(TimedModem({**HEALTHY, "AT+CPIN?": response}), age_s)
    assert state(snapshot) is bad
    assert least_s <= snapshot.elapsed_ms / 1000 <= most_s


def test_absence_reported_by_a_number_is_doubted_too() -> None:
    early = dict.fromkeys(("AT+CCID", "AT+CIMI"), "+CME ERROR: 10")
    snapshot = read(TimedModem(early=early, ready_s=4.0))
    assert (state(snapshot), snapshot.sims[0].imsi) == (SimState.READY, "901288000000021")
    assert state(read(TimedModem({**HEALTHY, **early}))) is SimState.ABSENT


@pytest.mark.parametrize("urc", ["+CPIN: READY", "READY", "^SSIM READY", "SMS Ready"])
def test_ready_right_behind_a_bad_state_revises_it(urc: str) -> None:
    modem = TimedModem(early={"AT+CPIN?": "+CME ERROR: SIM failure"}, ready_s=0.3)
    assert state(read(modem, OLD)) is SimState.FAILURE
    modem = TimedModem(
        early={"AT+CPIN?": "+CME ERROR: SIM failure"}, ready_s=0.3, urcs=[(0.2, urc)]
    )
    assert state(read(modem, OLD)) is SimState.READY


def test_ready_in_one_piece_with_a_bad_state_revises_it() -> None:
    early = {"AT+CPIN?": "+CME ERROR: SIM failure\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE"}
    assert state(read(TimedModem(early=early, ready_s=0.3), OLD)) is SimState.READY


def test_start_up_urc_makes_an_old_port_new() -> None:
    modem = TimedModem(early=ABSENT, ready_s=7.0, urcs=[(0.05, "RDY")])
    assert state(read(modem, OLD)) is SimState.READY


def test_modem_that_restarts_for_ever_is_left_busy() -> None:
    urcs = [(at / 2, "RDY") for at in range(100)]
    snapshot = read(TimedModem({**HEALTHY, **ABSENT}, urcs=urcs))
    assert state(snapshot) is SimState.BUSY
    assert snapshot.elapsed_ms < 23_000


def test_timeout_ends_the_doubt_without_a_bad_state() -> None:
    snapshot = read(TimedModem({**HEALTHY, **ABSENT}), timeout_s=3.0)
    assert (state(snapshot), snapshot.modem.imei) == (SimState.BUSY, "358165070000178")
    assert snapshot.sims[0].read["iccid"] is ReadState.TIMEOUT


def test_early_reading_of_a_doubted_sim_is_busy() -> None:
    early: list[Snapshot] = []
    modem = TimedModem(early=ABSENT, ready_s=5.0)
    modem.run(identify("wire", early=early.append, is_repeated=True))
    assert [state(each) for each in early] == [SimState.BUSY]


def test_healthy_modem_is_read_as_before_at_any_age() -> None:
    lines = []
    for age_s in (OLD, NEW, UNKNOWN):
        modem = TimedModem()
        snapshot = read(modem, age_s)
        assert snapshot.verdict is Verdict.OK
        lines.append([line for _, line in modem.lines])
    assert lines[0] == lines[1] == lines[2]
    assert len(lines[0]) == len(set(lines[0]))


@pytest.mark.parametrize(
    ("line", "is_start"),
    [
        ("RDY", True), ("APP RDY", True), ("+CFUN: 1", True), ("^SYSSTART", True),
        ("^SYSSTART AIRPLANE MODE", True), ("*ATREADY: 1", True), ("MODEM:STARTUP", True),
        ("+AT: READY", True), ("+CPIN: READY", False), ("^BOOT:20442453,0,0,0,75", False),
        ("+CFUN: 0", False), ("SMS Ready", False),
    ],
)  # fmt: skip
def test_start_up_urcs(line: str, is_start: bool) -> None:
    assert is_start_up_urc(line) is is_start


# -- refusals


REFUSALS = ["3", "4", "14", "23", "100", "operation not allowed", "memory failure"]


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("line", ["AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN"])
def test_refused_value_is_read_after_the_start_up(line: str, code: str) -> None:
    modem = TimedModem(early={line: f"+CME ERROR: {code}"}, ready_s=9.0)
    snapshot = read(modem)
    assert snapshot.verdict is Verdict.OK
    assert (snapshot.modem.manufacturer, snapshot.modem.model) == ("u-blox", "SARA-U201")
    assert (snapshot.modem.firmware, snapshot.modem.imei) == ("23.60", "358165070000178")
    assert len(modem.times("AT+CPIN?")) == 1, "the SIM is not read again"


@pytest.mark.parametrize("line", ["AT+CCID", "AT+CIMI"])
def test_refused_number_of_the_sim_is_read_after_the_start_up(line: str) -> None:
    modem = TimedModem(early={line: "+CME ERROR: operation not allowed"}, ready_s=9.0)
    snapshot = read(modem)
    assert (state(snapshot), snapshot.verdict) == (SimState.READY, Verdict.OK)


@pytest.mark.parametrize("is_repeated", [False, True], ids=["command", "daemon"])
@pytest.mark.parametrize("age_s", [NEW, UNKNOWN])
@pytest.mark.parametrize(
    "lines", [("AT+CGMI",), ("AT+CGMM",), ("AT+CGMR",), ("AT+CGSN",), ("AT+CCID",), ("AT+CIMI",)]
)
def test_value_without_any_command_is_read_after_the_start_up(
    lines: tuple[str, ...], age_s: float | None, is_repeated: bool
) -> None:
    modem = TimedModem(early=dict.fromkeys(lines, "ERROR"), ready_s=7.0)
    snapshot = read(modem, age_s, is_repeated=is_repeated)
    assert snapshot.verdict is Verdict.OK
    assert {*snapshot.modem.read.values(), *snapshot.sims[0].read.values()} <= {
        ReadState.OK,
        ReadState.UNSUPPORTED,
    }
    assert (snapshot.modem.manufacturer, snapshot.modem.model) == ("u-blox", "SARA-U201")
    assert (snapshot.modem.firmware, snapshot.modem.imei) == ("23.60", "358165070000178")
    assert (snapshot.sims[0].iccid, snapshot.sims[0].imsi) == (
        "89883030000000000213",
        "901288000000021",
    )


def test_old_modem_without_a_command_is_believed_at_once() -> None:
    for is_repeated in (False, True):
        modem = TimedModem({**HEALTHY, "AT+CGSN": "ERROR"})
        snapshot = read(modem, OLD, is_repeated=is_repeated)
        assert snapshot.elapsed_ms < 1000
        assert len(modem.times("AT+CGSN")) == 1
        assert snapshot.modem.read["imei"] is ReadState.UNSUPPORTED


def test_identification_block_is_read_again_after_the_start_up() -> None:
    late = {**HEALTHY, "AT+CGSN": "ERROR", "ATI": "Manufacturer: u-blox\r\nIMEI: 358165070000178"}
    snapshot = read(TimedModem(late, early={"ATI": "ERROR"}, ready_s=7.0))
    assert snapshot.modem.imei == "358165070000178"


def test_timeout_keeps_what_the_first_climb_has_read() -> None:
    modem = TimedModem({**HEALTHY, "AT+CIMI": "+CME ERROR: 3"})
    for timeout_s in (8.0, 10.5):
        snapshot = read(modem, timeout_s=timeout_s)
        assert (state(snapshot), snapshot.sims[0].iccid) == (SimState.READY, "89883030000000000213")
        assert snapshot.sims[0].read["imsi"] is ReadState.FAILED


def test_lost_imei_is_read_again_only_after_a_start_up() -> None:
    lost = {**HEALTHY, "AT+CGSN": "+CME ERROR: 23"}
    for age_s, times in ((NEW, 2), (UNKNOWN, 2), (OLD, 1)):
        modem = TimedModem(lost)
        snapshot = read(modem, age_s)
        assert len(modem.times("AT+CGSN")) == times
        assert snapshot.modem.read["imei"] is ReadState.FAILED
        assert snapshot.verdict is Verdict.ERROR


def test_daemon_leaves_a_refused_value_to_its_next_reading() -> None:
    modem = TimedModem({**HEALTHY, "AT+CGSN": "+CME ERROR: 23"})
    assert read(modem, is_repeated=True).elapsed_ms < 1000
    assert len(modem.times("AT+CGSN")) == 1


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ({"AT+CGSN": "+CME ERROR: memory failure"}, "the module has no IMEI: memory failure"),
        (
            {"AT+CGSN": "ERROR", "AT+GSN": "+CME ERROR: 23"},
            "the module has no IMEI: memory failure",
        ),
        (
            {"AT+CGSN": "ERROR", "AT+SIMCOMATI": "Revision:1529B05SIM7000G\r\nIMEI:"},
            "the module has no IMEI: its answer is empty",
        ),
        ({"AT+CGSN": "OK"}, "the module has no IMEI: its answer is empty"),
        (
            {"AT+CGSN": "+CME ERROR: 3"},
            "the module refused to report its IMEI: operation not allowed",
        ),
        ({"AT+CGSN": "ERROR"}, "no value, or the module answered with an error"),
        ({"AT+CGSN": "+CME ERROR: 9876"}, "no value, or the module answered with an error"),
    ],
)
def test_missing_imei_says_how_the_module_refused_it(
    responses: dict[str, str], message: str
) -> None:
    snapshot = read(TimedModem({**HEALTHY, **responses}), OLD)
    assert [each.message for each in snapshot.problems if each.code == "imei.missing"] == [message]
    assert snapshot.verdict is Verdict.ERROR


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("ERROR", ReadState.UNSUPPORTED),
        ("+CME ERROR: 4", ReadState.FAILED),
        ("+CME ERROR: 50", ReadState.FAILED),
        ("OK", ReadState.FAILED),
    ],
)
@pytest.mark.parametrize(
    ("field", "line"), [("firmware", "AT+CGMR"), ("imei", "AT+CGSN"), ("iccid", "AT+CCID")]
)
def test_only_an_unknown_command_is_unsupported(
    field: str, line: str, refusal: str, expected: ReadState
) -> None:
    snapshot = read(TimedModem({**HEALTHY, line: refusal}), OLD)
    assert {**snapshot.modem.read, **snapshot.sims[0].read}[field] is expected


def test_optional_values_are_not_read_again() -> None:
    responses = {**HEALTHY, "AT+CGSN=2": "+CME ERROR: 4", "AT+CGSN=1": "358165070000178"}
    modem = TimedModem(responses)
    snapshot = read(modem)
    assert snapshot.modem.read["imeisv"] is ReadState.UNSUPPORTED
    assert snapshot.elapsed_ms < 1000
