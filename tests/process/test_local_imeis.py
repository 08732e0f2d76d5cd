"""One IMEI on two modems, and two IMEIs of one modem, as the daemon and its clients show them."""

from __future__ import annotations

import json
from typing import Any

from tests.process.conftest import Agent, call, until
from tests.process.conftest import started as started_fixture
from tests.simulated import simulated, unstable

started = started_fixture
EG25 = "quectel-eg25-g"
IMEI, OTHER_IMEI = "865284040000014", "865284040000022"
DUPLICATE, UNSTABLE = "cross.imei_duplicate", "cross.imei_unstable"


def codes(document: dict[str, Any]) -> list[str]:
    return [each["code"] for each in document["problems"] if each["severity"] == "error"]


def test_second_modem_with_an_imei_is_an_error_of_both(started: Any) -> None:
    with simulated(EG25) as one, simulated(EG25) as other:
        other.unplug()
        words = ("--port", one.path, "--port", other.path, "--poll-interval", "3600")
        agent = started(Agent, *words)
        until(lambda: agent.is_watching(one.path))
        assert DUPLICATE not in codes(agent.ports()[one.path])
        other.replug()
        until(lambda: agent.is_watching(other.path))
        # the first modem is read again, so that its report has the finding too
        until(lambda: len(agent.outbox()) == 3)
        found = [(each["port"]["path"], DUPLICATE in codes(each)) for each in agent.outbox()]
        assert found == [(one.path, False), (other.path, True), (one.path, True)]
        assert all(DUPLICATE in codes(each) for each in agent.ports().values())
        for path in (one.path, other.path):
            done = call("identify", path, "--json", "--state-dir", str(agent.state_dir))
            assert (done.returncode, codes(json.loads(done.stdout)["modems"][0])) == (
                3, [DUPLICATE],
            )  # fmt: skip
        text = call("status", "--state-dir", str(agent.state_dir)).stdout
        assert text.count(f"[{DUPLICATE}]") == 2


def test_free_modem_with_the_imei_of_a_watched_one_is_diagnosed(started: Any) -> None:
    with simulated(EG25) as one, simulated(EG25) as free:
        agent = started(Agent, "--port", one.path, "--poll-interval", "3600")
        until(lambda: agent.is_watching(one.path))
        done = call("diagnose", free.path, "--json", "--state-dir", str(agent.state_dir))
        (facts,) = json.loads(done.stdout)["modems"]
        assert (done.returncode, facts["through"], facts["first"]) == (3, "port", "identity")


def test_unstable_imei_is_an_error_of_every_client(started: Any) -> None:
    with unstable(EG25, IMEI, OTHER_IMEI) as modem:
        agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
        until(lambda: agent.is_watching(modem.path))
        place = ("--state-dir", str(agent.state_dir))
        done = call("identify", modem.path, "--json", *place)
        assert (done.returncode, codes(json.loads(done.stdout)["modems"][0])) == (3, [UNSTABLE])
        until(lambda: len(agent.outbox()) == 2)
        assert UNSTABLE in codes(agent.outbox()[-1])
        assert UNSTABLE in codes(agent.ports()[modem.path])
        assert f"[{UNSTABLE}]" in call("status", *place).stdout
        (facts,) = json.loads(call("diagnose", modem.path, "--json", *place).stdout)["modems"]
        assert (facts["through"], facts["first"]) == ("agent", "identity")
