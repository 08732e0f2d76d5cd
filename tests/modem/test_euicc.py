"""The EID from the SIM itself: right or unread, and no channel stays open."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from modemagent.channel.channel import open_channel
from modemagent.channel.runner import run_plans
from modemagent.dialects.allowlist import is_allowed
from modemagent.errors import LineRefused, PortVanished
from modemagent.identity.snapshot import ReadState, Sim, Snapshot
from modemagent.modem.identify import Extras, identify
from tests.modem.euicc_module import EID, ISD_R, Manner, Module, module

APDU = Extras(eid_by_apdu=True)

TOLD = [
    Manner("consumer"),
    Manner("iot"),
    Manner("m2m"),
    Manner("consumer", bare=True),
    Manner("consumer", lower=True),
    Manner("consumer", session="101", channel=1),
    Manner("consumer", session="00000000038aa32f"),
    Manner("consumer", session="00000000038aa32f", channel=2),
    Manner("iot", chained=16),
    Manner("iot", chained=16, response_class="8"),
    Manner("m2m", chained=8),
    Manner("consumer", on_apdu="urc"),
]
NOT_TOLD = [
    (Manner("plain"), ReadState.ABSENT),
    (Manner("none"), ReadState.UNSUPPORTED),
    (Manner("m2m", on_apdu="error"), ReadState.OK),
    (Manner("consumer", on_apdu="error"), ReadState.FAILED),
]


def name_of(manner: Manner) -> str:
    return " ".join(str(value) for value in manner if value and value != "{}")


def read(modem: Module, timeout_s: float = 40) -> Sim:
    outcome = run_plans({modem.path: identify(modem.path, extras=APDU)}, timeout_s=timeout_s)
    snapshot = outcome[modem.path]
    assert isinstance(snapshot, Snapshot), snapshot
    assert snapshot.modem.imei == "865284040000014"
    (sim,) = snapshot.sims
    assert (sim.iccid, sim.imsi) == ("8901260000000000014", "310260000000011")
    assert all(is_allowed(line) for line in modem.lines)
    return sim


@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no echo"])
@pytest.mark.parametrize("manner", TOLD, ids=name_of)
def test_euicc_reports_eid_and_kind(manner: Manner, echo: bool) -> None:
    with module(manner, echo=echo) as modem:
        sim = read(modem)
        assert (sim.eid, sim.euicc, sim.read["eid"]) == (EID, manner.kind, ReadState.OK)
        assert modem.open == {}


@pytest.mark.parametrize(("manner", "state"), NOT_TOLD, ids=[name_of(m) for m, _ in NOT_TOLD])
def test_unread_eid_has_a_reason(manner: Manner, state: ReadState) -> None:
    with module(manner) as modem:
        sim = read(modem)
        assert sim.read["eid"] is state
        assert (sim.eid is None) == (state is not ReadState.OK)
        assert modem.open == {}


def test_eid_by_apdu_is_read_only_on_request() -> None:
    with module(Manner()) as modem:
        run_plans({modem.path: identify(modem.path)}, timeout_s=20)
        assert not [line for line in modem.lines if "CCHO" in line]


def test_deadline_closes_the_channel_and_keeps_values() -> None:
    with module(Manner(on_apdu="silence")) as modem:
        sim = read(modem, timeout_s=2)
        assert sim.eid is None
        assert modem.lines[-1] == "AT+CCHC=1"
        assert modem.open == {}


def test_unplugged_modem_ends_the_reading() -> None:
    with module(Manner(on_apdu="vanish")) as modem:
        outcome = run_plans({modem.path: identify(modem.path, extras=APDU)}, timeout_s=20)
        assert isinstance(outcome[modem.path], PortVanished)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_closes_the_channel(sent: signal.Signals) -> None:
    with module(Manner(on_apdu="silence")) as modem:
        words = [sys.executable, "-m", "modemagent", "identify", modem.path, "--eid-by-apdu"]
        command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert modem.asked.wait(120)
        command.send_signal(sent)
        assert command.wait(120) == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent]
        assert modem.open == {}


async def test_cancelled_task_closes_the_channel() -> None:
    with module(Manner(on_apdu="silence")) as modem:
        channel = await open_channel(modem.path)
        task = asyncio.create_task(channel.run(identify(modem.path, extras=APDU)))
        await asyncio.to_thread(modem.asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await channel.close()
        assert modem.open == {}


async def test_foreign_channel_is_refused() -> None:
    from modemagent.at.steps import Command

    with module(Manner()) as modem:
        channel = await open_channel(modem.path)
        try:
            for line in ("AT+CCHC=1", 'AT+CGLA=1,22,"81E2910006BF3E035C015A"'):
                with pytest.raises(LineRefused):
                    await channel.perform(Command(line, 1.0))
            answer = await channel.perform(Command(f'AT+CCHO="{ISD_R}"', 5.0))
            assert answer.ok and len(modem.open) == 1
        finally:
            await channel.close()
        assert modem.open == {}
        assert modem.lines == [f'AT+CCHO="{ISD_R}"', "AT+CCHC=1"]


def test_invalid_eid_is_kept_as_evidence_only() -> None:
    class Liar(Module):
        def _piece(self, data: str) -> str:
            return super()._piece(data.replace(EID, EID[:-1] + "4"))

    modem = Liar(Manner())
    try:
        outcome = run_plans({modem.path: identify(modem.path, extras=APDU)}, timeout_s=20)
        snapshot = outcome[modem.path]
        assert isinstance(snapshot, Snapshot)
        assert snapshot.sims[0].eid is None
        assert snapshot.sims[0].eid_raw is not None
        assert "eid.check_digits" in {problem.code for problem in snapshot.problems}
    finally:
        modem.close()
