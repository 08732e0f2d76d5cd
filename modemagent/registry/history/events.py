"""Events and findings that follow from individuals and their stays."""

from __future__ import annotations

from typing import Any

import msgspec

from modemagent.registry.history.readings import Key, Moment


class Occurrence(msgspec.Struct, frozen=True):
    """An event, identified by kind, subject and the report that first shows it.

    :param kind: such as ``modem.moved``
    :param subject: unit of the modem or SIM; for slots ``(unit, individual, slot)``; for places
        the place
    :param at: report that first shows the new state
    :param previous: unit, slot, IMSI, place before, by name
    :param new: the same after
    """

    kind: str
    subject: Key
    at: Moment
    previous: dict[str, Any] | None
    new: dict[str, Any] | None


class Verdict(msgspec.Struct, frozen=True):
    """A finding: kind, subject, and the reports that are the evidence.

    :param kind: ``imei.duplicate``, ``imei.cloned``, ``sim.cloned``, ``gateway.identity_forked`` or
        ``gateway.clock_suspect``
    :param grade: ``certain``, ``probable`` or ``possible``; None for findings about gateways
    :param at: report that first shows it
    """

    kind: str
    subject: Key
    grade: str | None
    at: Moment | None
    evidence: tuple[Moment, ...] = ()
