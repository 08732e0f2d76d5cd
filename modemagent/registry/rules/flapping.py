"""Modems that disconnect and reconnect, by the health in the last heartbeat of their gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: Drops within 10 minutes that are a finding.
FEWEST_DROPS = 5


def flapping(health: Mapping[str, Any], at: ReportMoment) -> Iterator[RuleFinding]:
    """Yield ``modem.flapping`` for each port with too many drops since the heartbeat before."""
    for one in health.get("modems") or ():
        if one.get("drops", 0) >= FEWEST_DROPS:
            yield RuleFinding("modem.flapping", at, one["port_id"])
