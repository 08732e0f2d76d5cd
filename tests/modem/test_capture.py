"""Each transcript played, recorded and played again: identification finds the same modem.

Every modem is recorded in each state of its SIM and over one kind of wire with faults, by a clock
that waits for nothing; then one modem is recorded in all ways, and at a port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from modemagent.at.transcript import Transcript, dumps, loads
from modemagent.channel.runner import run_plans
from modemagent.dialects.allowlist import is_allowed
from modemagent.identity.check import validate
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.capture import STATES, Recording, record
from modemagent.modem.identify import identify
from modemagent.modem.transcribe import Written, transcribe
from modemagent.simulator.catalogue import names
from tests.simulated import OfflineModem, simulated

HEADER = {"usb_vid": "2c7c", "usb_pid": "0125", "source": "a test"}
EG25 = "quectel-eg25-g"
NUMBERS = ("iccid", "imsi", "eid")


class Wire(NamedTuple):
    """One pass: the state of the SIM and the faults of the line that is recorded."""

    state: str
    faults: tuple[str, ...] = ()


WIRES = {
    "ready": Wire(""),
    "no sim": Wire("no sim"),
    "pin": Wire("pin"),
    "byte by byte": Wire("", ("chunk=1",)),
    "slow": Wire("", ("baud=9600", "latency-ms=5")),
    "urc between": Wire("", ('urc=+CMTI: "SM",1',)),
    "echo off": Wire("", ("echo-off",)),
    "no sim, bare errors": Wire("no sim", ("cmee-fixed=0",)),
}


FAULTY = [name for name, wire in WIRES.items() if wire.faults]
CASES = [
    *((wire, name) for wire in WIRES if wire not in FAULTY for name in names()),
    *((FAULTY[number % len(FAULTY)], name) for number, name in enumerate(names())),
]
EACH_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}: {case[0]}")

Case = tuple[str, str]


class Passes(NamedTuple):
    """Identified before, recorded, written, identified after; and the lines sent by recording."""

    before: object
    recording: object
    written: Written
    after: object
    lines: list[str]


@cache
def identified(name: str, state: str) -> object:
    return OfflineModem(name, state=state).run(identify("it"))


@cache
def passes(case: Case) -> Passes:
    """Record a modem, and identify it before and after; no time passes while the modem does."""
    name, (state, faults) = case[1], WIRES[case[0]]
    modem = OfflineModem(name, state=state, faults=faults)
    recording = modem.run(record("it"))
    assert isinstance(recording, Recording), recording
    written = transcribe(recording, HEADER)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "recorded.toml"
        file.write_text(dumps(written.transcript), encoding="utf-8")
        after = OfflineModem(file, state=state).run(identify("it"))
    lines = [each.line for each in modem.modem.received]
    return Passes(identified(name, state), recording, written, after, lines)


@EACH_CASE
def test_recording_identifies_as_the_same_modem(case: Case) -> None:
    before, after = passes(case).before, passes(case).after
    assert isinstance(before, Snapshot)
    assert isinstance(after, Snapshot)
    assert seen(after) == seen(before)
    for old, new in zip(numbers(before), numbers(after), strict=True):
        assert (old is None) == (new is None)
        assert old is None or (new is not None and old != new and len(old) == len(new))
    for old_sim, new_sim in zip(before.sims, after.sims, strict=True):
        if old_sim.iccid is not None and new_sim.iccid is not None:
            judged = [validate("iccid", sim.iccid or "").codes for sim in (old_sim, new_sim)]
            assert judged[0] == judged[1]


def seen(snapshot: Snapshot) -> object:
    """Return everything without identifiers."""
    modem = snapshot.modem
    return (
        (modem.manufacturer, modem.model, modem.firmware, modem.tac, snapshot.dialect),
        dict(modem.read),
        [(sim.slot, sim.active, sim.state, dict(sim.read), sim.mcc) for sim in snapshot.sims],
        sorted(problem.code for problem in snapshot.problems),
    )


def numbers(snapshot: Snapshot) -> Iterator[str | None]:
    yield snapshot.modem.imei
    yield snapshot.modem.serial_number
    for sim in snapshot.sims:
        for name in NUMBERS:
            yield getattr(sim, name)


@EACH_CASE
def test_only_lines_that_read_were_sent(case: Case) -> None:
    assert all(is_allowed(line) for line in passes(case).lines if line)
    recording = passes(case).recording
    assert isinstance(recording, Recording)
    assert not recording.reason
    assert not recording.missing


@EACH_CASE
def test_transcript_round_trips(case: Case) -> None:
    transcript = passes(case).written.transcript
    again = loads(dumps(transcript), name=transcript.name)
    assert again == transcript
    for each in again.exchanges:
        assert each.evidence == "trace"
        assert not (each.lines and each.raw)


# -- one modem at a time


def recorded(
    source: str | Path, state: str = "", faults: Sequence[str] = (), more: Sequence[str] = ()
) -> Recording:
    modem = OfflineModem(source, state=state, faults=faults)
    recording = modem.run(record("it", more=more))
    assert isinstance(recording, Recording), recording
    return recording


def rows(transcript: Transcript, send: str) -> list[tuple[str, tuple[str, ...], bytes | None]]:
    return [(each.state, each.lines, each.raw) for each in transcript.answers(send)]


def answers(recording: Recording) -> list[object]:
    kept = [each.response for each in recording.responses]
    return [(each.line, each.lines, each.final, each.raw) for each in kept]


@pytest.mark.parametrize("name", [EG25, "nordic-nrf9160"])
def test_recording_at_a_port_is_the_same(name: str) -> None:
    with simulated(name) as modem:
        (outcome,) = run_plans({modem.path: record(modem.path)}, timeout_s=120).values()
    assert isinstance(outcome, Recording), outcome
    assert answers(outcome) == answers(recorded(name))


def test_usual_framing_becomes_lines_other_framing_bytes() -> None:
    eg25 = transcribe(recorded(EG25), HEADER).transcript
    assert rows(eg25, "AT+CGMI") == [("", ("Quectel", "", "OK"), None)]
    nordic = transcribe(recorded("nordic-nrf9160"), HEADER).transcript
    assert rows(nordic, "AT+CGMM") == [("", (), b"nRF9160-SICA\r\nOK\r\n")]


def test_silence_is_recorded_and_sync_is_kept() -> None:
    recording = recorded(EG25, faults=["silent=AT+CSQ"])
    transcript = transcribe(recording, HEADER).transcript
    assert rows(transcript, "AT+CSQ") == [("", (), b"AT+CSQ\r")]
    assert rows(transcript, "AT+CEREG?") == rows(
        transcribe(recorded(EG25), HEADER).transcript, "AT+CEREG?"
    )


def test_silence_without_echo_has_no_lines() -> None:
    recording = recorded(EG25, faults=["silent=AT+CSQ", "echo-off"])
    assert rows(transcribe(recording, HEADER).transcript, "AT+CSQ") == [("", (), None)]


def test_urcs_are_recorded_separately() -> None:
    recording = recorded(EG25, faults=["urc-once=+QIND: SMS DONE"])
    transcript = transcribe(recording, HEADER).transcript
    assert [urc.line for urc in transcript.urcs] == ["+QIND: SMS DONE"]
    assert all(b"SMS DONE" not in each.wire() for each in transcript.exchanges)


def test_calls_are_not_recorded() -> None:
    recording = recorded(EG25, faults=['urc=+CLIP: "+491711234567",145'])
    transcript = transcribe(recording, HEADER).transcript
    assert not transcript.urcs
    assert "CLIP" not in dumps(transcript)


def test_further_lines_are_recorded() -> None:
    recording = recorded(EG25, more=["AT+GSN=0"])
    assert rows(transcribe(recording, HEADER).transcript, "AT+GSN=0")


def test_state_has_the_simulator_name() -> None:
    assert recorded(EG25).state == ""
    for state in ("no sim", "pin", "puk"):
        recording = recorded(EG25, state)
        assert recording.state == state
        transcript = transcribe(recording, HEADER).transcript
        assert {row[0] for row in rows(transcript, "AT+CPIN?")} == {state}
        assert {row[0] for row in rows(transcript, "AT+CGSN")} == {""}
    assert "after AT+CFUN=0" in STATES.values()


def test_error_format_of_the_modem_is_recorded() -> None:
    transcript = transcribe(recorded("simcom-sim868", "no sim, CMEE=0"), HEADER).transcript
    assert transcript.header["cmee_default"] == 0
    said = {state: lines for state, lines, _ in rows(transcript, "AT+CPIN?")}
    assert said["no sim, CMEE=0"] == ("ERROR",)
    assert said["no sim, CMEE=1"][0].startswith("+CME ERROR")


def test_added_state_keeps_the_pseudonyms(tmp_path: Path) -> None:
    first = transcribe(recorded(EG25), HEADER)
    earlier = loads(dumps(first.transcript))
    added = transcribe(recorded(EG25, "no sim"), HEADER, earlier=earlier)
    assert all(each.state == "no sim" for each in added.transcript.exchanges)
    assert not rows(added.transcript, "AT+CGSN")  # the same number stands there already
    file = tmp_path / "both.toml"
    both = Transcript(
        "both", earlier.header, (*earlier.exchanges, *added.transcript.exchanges), earlier.urcs
    )
    file.write_text(dumps(both), encoding="utf-8")
    for state, found in (("", "ready"), ("no sim", "absent")):
        outcome = OfflineModem(file, state=state).run(identify("it"))
        assert isinstance(outcome, Snapshot)
        assert outcome.sims[0].state == found
        assert outcome.modem.imei is not None


def test_same_state_again_adds_nothing() -> None:
    first = transcribe(recorded(EG25), HEADER)
    again = transcribe(recorded(EG25), HEADER, earlier=loads(dumps(first.transcript)))
    assert again.transcript.exchanges == ()


def test_deadline_keeps_the_responses_so_far() -> None:
    with simulated(EG25, faults=["silent=AT+CSQ", "silent=AT+CREG?", "silent=AT+COPS?"]) as sim:
        (outcome,) = run_plans({sim.path: record(sim.path)}, timeout_s=5).values()
    assert isinstance(outcome, Recording)
    assert outcome.reason
    assert "AT+CLAC" in outcome.missing
    assert rows(transcribe(outcome, HEADER).transcript, "AT+CGMI")


def test_removed_modem_keeps_the_responses_so_far() -> None:
    with simulated(EG25, faults=["vanish=AT+CEER"]) as sim:
        (outcome,) = run_plans({sim.path: record(sim.path)}, timeout_s=20).values()
    assert isinstance(outcome, Recording)
    assert outcome.missing[0] == "AT+CEER"
