"""Profile switches of an eUICC, from the chip to the events of the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.modem.euicc_module import Manner, module
from tests.process.conftest import Agent, Registry, until

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
Start = Callable[..., Any]
OTHER_PROFILE = "8988303000000000069"
OTHER_EID = "89049032000000000000000000000260"


@pytest.mark.parametrize(
    ("eid", "event"), [("", "sim.profile_switched"), (OTHER_EID, "sim.swapped")]
)
def test_profile_switch_is_distinguished_from_a_swap(
    eid: str, event: str, started: Start, tmp_path: Path
) -> None:
    registry: Registry = started(Registry)
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    with module(Manner("consumer")) as modem:
        agent: Agent = started(
            Agent, "--port", modem.path, "--poll-interval", "0.3", "--eid-by-apdu",
            "--registry", registry.url, "--token-file", str(token),
        )  # fmt: skip
        until(lambda: agent.is_watching(modem.path) and agent.is_empty())
        (first,) = agent.ports()[modem.path]["sims"]
        assert (first["eid"], first["euicc"]) == (modem.eid, "consumer")
        modem.eid = eid or modem.eid
        modem.iccid = OTHER_PROFILE
        until(lambda: event in registry.events())
        assert len({"sim.profile_switched", "sim.swapped"} & set(registry.events())) == 1
        agent.stop()
        assert modem.open == {}
