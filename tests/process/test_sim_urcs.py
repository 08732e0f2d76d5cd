"""A SIM that is pulled and inserted is read again at once when a URC reports it, in any words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import Agent, Process, until
from tests.process.conftest import started as started_fixture
from tests.simulated import simulated

started = started_fixture

#: Transcript, URC of a SIM that is pulled, URC of a SIM that is inserted.
URCS = [
    ("simcom-a7670", "+CPIN: SIM REMOVED", "+CPIN: READY"),
    ("simcom-a7670", "+CPIN: NOT READY", "*ISIMAID: 1"),
    ("simcom-sim868", "+CSMINS: 1,0", "+CSMINS: 1,1"),
    ("luat-air780e", "+CPIN: SIM REMOVED", "+CPIN: READY"),
    ("quectel-eg25-g", "+QSIMSTAT: 1,0", "+QSIMSTAT: 1,1"),
    ("quectel-eg25-g", "+CPIN: NOT READY", "+QUSIM: 1"),
    ("huawei-e3372", "^SIMST: 255,0", "^SIMST: 1"),
    ("fibocom-fm150", "+SIM: Removed", "+SIM: Inserted"),
    ("fibocom-l850-gl", "+XSIM: 0", "+XSIM: 3"),
    ("telit-ge910-quad", "#QSS: 0", "#QSS: 1"),
    ("cinterion-ehs6", "^SCKS: 0", "^SCKS: 1"),
    ("ublox-sara-g350", "+UUSIMSTAT: 0", "+UUSIMSTAT: 6"),
]


class Watch(Process):
    """``modemagent watch --json``, with its output in a file."""

    def __init__(self, folder: Path, *words: str) -> None:
        state_dir = folder / "state"
        state_dir.mkdir(exist_ok=True)
        self._output = folder / "events.jsonl"
        with self._output.open("wb") as output:
            super().__init__(
                "watch", "--json", "--state-dir", str(state_dir), *words,
                log=folder / "watch.log", stdout=output,
            )  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        whole = self._output.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def has(self, name: str, **data: str) -> bool:
        """Return True if there was such an event, with these values in its data."""
        return any(
            event["event"] == name and data.items() <= event["data"].items()
            for event in self.events()
        )

    def urcs(self) -> list[str]:
        return [each["data"]["line"] for each in self.events() if each["event"] == "port.urc"]


@pytest.mark.parametrize("through", ["port", "agent"])
@pytest.mark.parametrize(("transcript", "gone", "back"), URCS)
def test_urc_about_the_sim_is_followed_by_a_reading(
    started: Any, tmp_path: Path, transcript: str, gone: str, back: str, through: str
) -> None:
    with simulated(transcript) as modem:
        # no poll is due during the test
        words = ("--port", modem.path, "--poll-interval", "3600")
        agent = started(Agent, *words) if through == "agent" else None
        if agent:
            until(lambda: agent.is_watching(modem.path))
        watch = started(Watch, *words[1:])
        if agent:
            until(lambda: watch.has("watch.started"))
        else:
            until(lambda: watch.has("port.state", state="watching"))
        modem.remove_sim(silent=True)
        modem.urc(gone)
        until(lambda: watch.has("sim.removed"))
        modem.insert_sim(silent=True)
        modem.urc(back)
        until(lambda: watch.has("sim.inserted"))
        assert watch.urcs() == [gone, back]
        if agent:
            reasons = [report["reason"] for report in agent.outbox()]
            assert reasons == ["identified", "sim_changed", "sim_changed"]
