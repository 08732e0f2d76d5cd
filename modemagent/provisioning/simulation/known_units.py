"""A simulated registry that has some of the units, and is away for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from modemagent.errors import RegistryUnreachable
from modemagent.provisioning.simulation.planted import PlantedUnit

#: How long the registry is away.
_AWAY_S = 1.0


class SimulatedRegistry:
    """Answers checks of the bench as a registry does."""

    retry_s = 0.3

    def __init__(self, units: Sequence[PlantedUnit]) -> None:
        self._known = {unit.imei[:14] for unit in units if unit.is_in_registry}
        self._stopping = {unit.imei[:14] for unit in units if unit.stops_registry}
        self._back_at = 0.0

    def known(self, units: Sequence[str]) -> dict[str, str]:
        if stopping := self._stopping.intersection(units):
            self._stopping -= stopping
            self._back_at = time.monotonic() + _AWAY_S
        if time.monotonic() < self._back_at:
            raise RegistryUnreachable("no response from the simulated registry")
        return {unit: "gw-7, 2026-11-20" for unit in units if unit in self._known}
