"""The route to a modem: the next port, a busy port, the time limit."""

from __future__ import annotations

import time
from pathlib import Path

from modemagent.access.options import AccessOptions, AgentLocator
from modemagent.access.route import Reader, read_modems
from modemagent.access.target import ModemTarget, TargetPort, single
from modemagent.at.steps import Command, Plan, Response
from modemagent.channel.url import open_port
from modemagent.errors import DeadlinePassed, NoAnswer, PortBusy
from tests.simulated import simulated

EG25 = "quectel-eg25-g"


def options(folder: Path, timeout_s: float = 30.0) -> AccessOptions:
    return AccessOptions(timeout_s, 115200, "/", AgentLocator(str(folder)), time.monotonic())


def attention(port: TargetPort) -> Plan[Response]:
    """Send AT.

    :raises NoAnswer: from the plan, without a response within 0.5 s
    """
    response = yield Command("AT", 0.5)
    assert isinstance(response, Response)
    if response.timed_out:
        raise NoAnswer(f"no answer on {port.path}", port=port.path)
    return response


def test_silent_port_gives_way_to_the_next(tmp_path: Path) -> None:
    with simulated(EG25, faults=["mute"]) as silent, simulated(EG25) as sim:
        target = ModemTarget((TargetPort(silent.path), TargetPort(sim.path)))
        [reached] = read_modems([target], Reader(attention), options(tmp_path))
    assert [attempt.is_failed for attempt in reached.attempts] == [True, False]
    assert (reached.best.port.path, reached.best.route) == (sim.path, "port")


def test_first_failure_is_the_best_if_all_ports_fail(tmp_path: Path) -> None:
    with simulated(EG25, faults=["mute"]) as one, simulated(EG25, faults=["mute"]) as two:
        target = ModemTarget((TargetPort(one.path), TargetPort(two.path)))
        [reached] = read_modems([target], Reader(attention), options(tmp_path))
    assert len(reached.attempts) == 2
    assert reached.best.port.path == one.path


def test_busy_port_without_an_agent_stays_busy(tmp_path: Path) -> None:
    with simulated(EG25) as sim:
        port = open_port(sim.path, baud=115200)
        try:
            reader = Reader(attention, lambda client, path: Response(path, (), None))
            [reached] = read_modems([single(sim.path)], reader, options(tmp_path))
        finally:
            port.close()
    assert isinstance(reached.best.result, PortBusy)
    assert reached.best.route == "port"


def test_timeout_names_the_time_of_the_options(tmp_path: Path) -> None:
    def endless(port: TargetPort) -> Plan[Response]:
        while True:
            yield Command("AT", 60.0)

    with simulated(EG25, faults=["mute"]) as sim:
        [reached] = read_modems([single(sim.path)], Reader(endless), options(tmp_path, 1.0))
    assert isinstance(reached.best.result, DeadlinePassed)
    assert reached.best.result.message == f"{sim.path} could not be read within 1 s"
    assert reached.best.is_partial
