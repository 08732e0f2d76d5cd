"""Entries of the ledger: one turn of a unit in a bay, and one unit with its last verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modemagent.provisioning.attempt import RunVerdict


@dataclass(slots=True)
class RunEntry:
    """One turn of a unit in a bay.

    :ivar unit: 14 digits of its IMEI, "" if none was read
    :ivar packed_reading: the last reading of the module as JSON, empty before the first, and after
        the unit has left its bay
    :ivar failed: names of the failed steps, in the order of the catalogue
    :ivar blame: of the first of them
    :ivar reason: of the verdict
    :ivar registry: check of its IMEI at the registry, ``checked`` or ``unchecked``; "" for none
    :ivar known: place in the registry where the unit was before, "" for none
    :ivar revoked: why a verdict given before no longer holds
    """

    number: int
    bay: str
    began_at: str
    began_ms: int = 0
    person: str = ""
    unit: str = ""
    row: str = ""
    packed_reading: bytes = b""
    scans: list[Mapping[str, Any]] = field(default_factory=list)
    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    waivers: list[Mapping[str, str]] = field(default_factory=list)
    verdict: RunVerdict | None = None
    failed: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    blame: str = ""
    reason: str = ""
    ended_at: str = ""
    ended_ms: int = 0
    person_ms: int = 0
    module_ms: int = 0
    is_registered: bool = False
    registry: str = ""
    known: str = ""
    is_reported: bool = False
    label: int = 0
    copies: int = 0
    is_label_sent: bool = False
    revoked: str = ""
    is_golden: bool = False

    @property
    def reading(self) -> Mapping[str, Any] | None:
        """The last reading of the module, as the journal has it; None before the first."""
        return json.loads(self.packed_reading) if self.packed_reading else None

    def forget_reading(self) -> None:
        """Leave the reading to the journal: of a long order, readings are most of the memory."""
        self.packed_reading = b""

    def keep_reading(self, reading: Mapping[str, Any]) -> None:
        """Keep a reading as text, which takes a tenth of its memory as objects."""
        self.packed_reading = json.dumps(reading, separators=(",", ":")).encode()


@dataclass(slots=True)
class UnitEntry:
    """One unit with the verdict of its last turn.

    :ivar failures: since the last rework
    :ivar first: verdict of its first turn that has one
    :ivar reworks: reasons of the reworks
    """

    unit: str
    run: int = 0
    verdict: RunVerdict | None = None
    first: RunVerdict | None = None
    failures: int = 0
    row: str = ""
    iccid: str = ""
    serial_number: str = ""
    eid: str = ""
    at: str = ""
    reworks: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
