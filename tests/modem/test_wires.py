"""Bad lines, late responses, other programs: the identity is right or refused, never wrong."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from modemagent.channel.runner import run_plans
from modemagent.dialects.allowlist import is_allowed
from modemagent.errors import ModemAgentError, NoAnswer, NotAModem, PortVanished
from modemagent.identity.problems import Verdict
from modemagent.identity.snapshot import SimState, Snapshot
from modemagent.modem.identify import identify
from tests.simulated import RunningModem, simulated

MODEM = "quectel-eg25-g"
RIGHT = ("865284040000014", "8901260000000000014", "310260000000011")

#: Right in spite of it. One line per mood of the wire; several faults may be combined.
RIGHT_ALL_THE_SAME = [
    ("echo-off",),
    ("echo-stays",),
    ("echo-crlf",),
    ("lf-only",),
    ("lf-only", "echo-off"),
    ("cr-only",),
    ("chunk=1",),
    ("chunk=1", "echo-off"),
    ("baud=9600",),
    ("latency-ms=150",),
    ("nul",),
    ("lose=1",),
    ("lose=2",),
    ("lose=3",),
    ("boot-silent=4",),
    ("boot-error=4",),
    ("boot-lag=1",),
    ("boot-urcs",),
    ("stale",),
    ("stale", "echo-off"),
    ("sim-busy=3",),
    ("sim-busy=3", "echo-off"),
    ('urc=+CMTI: "SM",1',),
    ("urc=^RSSI: 19", "echo-off"),
    ("urc=+QIND: SMS DONE",),
    ("urc-once=123456789012347",),
    ("urc-once=123456789012347", "echo-off"),
    ("urc-flood=5",),
    ("refuse=AT+CGMR",),
    ("silent=AT+CGMM",),
    ("late=3",),
    ("late=3", "echo-off"),
    ("late=5", "echo-off"),
    ("late=8", "echo-off"),
    ("late-after=4",),
    ("cmee-fixed=0",),
    ("lie=model-ansi",),
    ("lie=model-sql",),
    ("lie=model-html",),
]

#: Right or silent: a value may be missing, with a reason, but none may be another one.
RIGHT_OR_SILENT = [
    ("urc=123456789012347",),
    ("urc=352656100000010", "echo-off"),
    ("urc-prefix=352656100000010",),
    ("urc-prefix=8949000000000000001", "echo-off"),
    ("late-after=5", "echo-off"),
    ("garbage",),
    ("nmea-mixed",),
    ("cme-storm",),
    ("endless",),
    ("lie=imei-5000",),
    ("lie=imei-zeros",),
    ("lie=imei-check-digit",),
    ("lie=model-bytes",),
]

REFUSED: list[tuple[tuple[str, ...], type[ModemAgentError]]] = [
    (("mute",), NoAnswer),
    (("nmea",), NotAModem),
    (("binary",), NotAModem),
    (("vanish=3",), PortVanished),
    (("vanish-byte=100",), PortVanished),
]

CARD_STATES = [
    ("sim-out", SimState.ABSENT),
    ("sim-pin", SimState.PIN_REQUIRED),
    ("sim-puk", SimState.PUK_REQUIRED),
    ("sim-failure", SimState.FAILURE),
]

ALL = [*RIGHT_ALL_THE_SAME, *RIGHT_OR_SILENT, *(faults for faults, _ in REFUSED)]
ALL += [(name,) for name, _ in CARD_STATES]
Outcomes = dict[tuple[str, ...], tuple[object, RunningModem]]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    """All the wires side by side; the slowest decides how long it takes."""
    with ExitStack() as stack:
        players = {faults: stack.enter_context(simulated(MODEM, faults=faults)) for faults in ALL}
        read = run_plans(
            {player.path: identify(player.path) for player in players.values()}, timeout_s=50
        )
        yield {faults: (read[player.path], player) for faults, player in players.items()}


def numbers(snapshot: Snapshot) -> tuple[str | None, ...]:
    sim = snapshot.sims[0]
    return snapshot.modem.imei, sim.iccid, sim.imsi


@pytest.mark.parametrize("faults", RIGHT_ALL_THE_SAME, ids=", ".join)
def test_identity_is_right_despite_interference(
    faults: tuple[str, ...], outcomes: Outcomes
) -> None:
    snapshot, _ = outcomes[faults]
    assert isinstance(snapshot, Snapshot), snapshot
    assert numbers(snapshot) == RIGHT
    assert snapshot.modem.manufacturer == "Quectel"


@pytest.mark.parametrize("faults", RIGHT_OR_SILENT, ids=", ".join)
def test_identity_is_right_or_silent(faults: tuple[str, ...], outcomes: Outcomes) -> None:
    outcome, _ = outcomes[faults]
    if not isinstance(outcome, Snapshot):
        assert isinstance(outcome, ModemAgentError)
        return
    found = numbers(outcome)
    assert all(value in (None, right) for value, right in zip(found, RIGHT, strict=True))
    assert outcome.modem.manufacturer in (None, "Quectel")
    if None in found:
        assert outcome.verdict is Verdict.ERROR


@pytest.mark.parametrize(("faults", "error"), REFUSED, ids=[", ".join(f) for f, _ in REFUSED])
def test_port_is_refused(
    faults: tuple[str, ...], error: type[ModemAgentError], outcomes: Outcomes
) -> None:
    assert isinstance(outcomes[faults][0], error)


@pytest.mark.parametrize(("fault", "state"), CARD_STATES)
def test_sim_state(fault: str, state: SimState, outcomes: Outcomes) -> None:
    snapshot, _ = outcomes[(fault,)]
    assert isinstance(snapshot, Snapshot)
    assert snapshot.modem.imei == RIGHT[0]
    assert snapshot.sims[0].state is state
    assert snapshot.sims[0].imsi is None


@pytest.mark.parametrize("faults", ALL, ids=", ".join)
def test_only_allowed_lines_are_sent(faults: tuple[str, ...], outcomes: Outcomes) -> None:
    _, player = outcomes[faults]
    # A wire that loses the first bytes leaves the rest of a line.
    crippled = any(fault.startswith(("lose", "baud")) for fault in faults)
    lines = player.lines_received[crippled:]
    assert all(is_allowed(line) for line in lines if line), lines


def test_active_nmea_port_is_never_written_to(outcomes: Outcomes) -> None:
    with simulated(MODEM, faults=("nmea",)) as player:
        # Sentences wait once it has talked for a while; listening comes first.
        with Path(player.path).open("rb", buffering=0) as port:
            assert select.select([port], [], [], 5)[0]
        (outcome,) = run_plans({player.path: identify(player.path)}, timeout_s=20).values()
        assert isinstance(outcome, NotAModem)
        assert player.lines_received == []


def test_known_modem_takes_at_most_ten_lines(outcomes: Outcomes) -> None:
    with simulated(MODEM) as player:
        (snapshot,) = run_plans({player.path: identify(player.path)}, timeout_s=20).values()
    assert isinstance(snapshot, Snapshot)
    assert snapshot.commands == len(player.lines_received) <= 10
