"""Modems on a recall or warranty list: by TAC, model, firmware, or range of serial numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from modemagent.registry.rules.inputs import ModemFacts, ReportMoment, RuleFinding


class RecallNotice(NamedTuple):
    """What a recall or a warranty notice concerns; all criteria that are not empty must fit.

    :param kind: ``recall`` or ``warranty``
    :param model: pattern without regard to case, such as ``EG25*``; also manufacturer, firmware
    :param serial_first: first of a range of serial numbers of one length and with one beginning
    """

    id: int
    kind: str
    tac: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial_first: str = ""
    serial_last: str = ""

    def concerns(self, imei: str, facts: ModemFacts | None) -> bool:
        """Return True if a modem is concerned.

        :param facts: what it stated last; None: nothing
        """
        stated = (facts.manufacturer, facts.model, facts.firmware) if facts else ("", "", "")
        if not self.concerns_type(imei[:8], *stated):
            return False
        if not self.serial_first:
            return True
        return in_serial_range(
            (facts.serial_number if facts else None) or "", self.serial_first, self.serial_last
        )

    def concerns_type(self, tac: str, manufacturer: str, model: str, firmware: str) -> bool:
        """Return True if a modem with this TAC that states this may be concerned."""
        if self.tac and tac != self.tac:
            return False
        patterns = (self.manufacturer, self.model, self.firmware)
        return all(
            not pattern or (text and fnmatchcase(text.casefold(), pattern.casefold()))
            for pattern, text in zip(patterns, (manufacturer, model, firmware), strict=True)
        )


def in_serial_range(text: str, first: str, last: str) -> bool:
    """Return True if a serial number is in a range, compared at the same length.

    >>> in_serial_range("AB0150", "AB0100", "AB0199"), in_serial_range("AB150", "AB0100", "AB0199")
    (True, False)
    """
    folded = text.casefold()
    return len(text) == len(first) and first.casefold() <= folded <= last.casefold()


def recalled(
    imei: str, facts: ModemFacts | None, notices: Iterable[RecallNotice], first: ReportMoment
) -> Iterator[RuleFinding]:
    """Yield ``recall.matched`` for each notice that concerns a modem."""
    at = first if facts is None else facts.at
    for one in notices:
        if one.concerns(imei, facts):
            severity = "note" if one.kind == "warranty" else None
            yield RuleFinding("recall.matched", at, f"recall:{one.id}", severity=severity)
