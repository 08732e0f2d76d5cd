"""A network that has refused the registration of a modem for a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

LASTS_MS = 24 * 3_600_000


def is_denied(report: Mapping[str, Any]) -> bool:
    """Return True if a report states that the network refuses the registration."""
    network = report.get("network")
    return (
        report.get("reason") != "removed"
        and isinstance(network, Mapping)
        and network.get("registration") == "denied"
    )


def denied(since: ReportMoment, last_ms: int) -> Iterator[RuleFinding]:
    """Yield ``network.denied`` if no reading between two that are a day apart has shown otherwise.

    :param since: the first report of the denial
    :param last_ms: date of the newest reading of the place, which still shows it
    """
    if last_ms - since.hi_ms >= LASTS_MS:
        yield RuleFinding("network.denied", since)
