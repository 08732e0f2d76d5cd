"""Modems that the inventory does not have, or that differ from their label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: How long a modem is observed before it counts as missing in the inventory.
LASTS_MS = 24 * 3_600_000
_IMEI_DIGITS = 14


def not_in_inventory(
    first: ReportMoment, now_ms: int, *, is_kept: bool, is_known: bool
) -> Iterator[RuleFinding]:
    """Yield ``modem.not_in_inventory`` for a modem without asset and order.

    :param first: its first report
    :param is_kept: there are assets or orders at all
    :param is_known: an asset or an order has its IMEI
    """
    if is_kept and not is_known and now_ms - first.hi_ms >= LASTS_MS:
        yield RuleFinding("modem.not_in_inventory", first)


def label_mismatch(
    number: str, labels: Iterable[str], first: ReportMoment
) -> Iterator[RuleFinding]:
    """Yield ``imei.label_mismatch`` if the label of its asset has another IMEI than the modem.

    :param number: IMEI of the modem
    :param labels: IMEIs on the labels of the assets with this modem
    """
    if any(one[:_IMEI_DIGITS] != number[:_IMEI_DIGITS] for one in labels):
        yield RuleFinding("imei.label_mismatch", first, "label")
