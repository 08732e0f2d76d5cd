"""What every modem does and no transcript needs to hold: echo, error format, the card's states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from modemagent.simulator.script import ScriptedUrc


class Card(StrEnum):
    """What the card slot is in."""

    READY = "ready"
    ABSENT = "absent"
    PIN = "pin"
    PUK = "puk"
    FAILURE = "failure"
    BUSY = "busy"
    OFF = "off"


#: +CME ERROR number and text for a card that is not ready (3GPP TS 27.007 clause 9.2).
CARD_ERRORS = {
    Card.ABSENT: (10, "SIM not inserted"),
    Card.PIN: (11, "SIM PIN required"),
    Card.PUK: (12, "SIM PUK required"),
    Card.FAILURE: (13, "SIM failure"),
    Card.OFF: (13, "SIM failure"),
    Card.BUSY: (14, "SIM busy"),
}

#: Conditions that pass by themselves: how often each recorded answer is given before the normal
#: one. ``booting`` is absent here: its answers are given once each, in the recorded order.
PASSING = {
    "seconds after CFUN=1": 2,
    "sim not up yet": 2,
    "initialising": 2,
    "sim busy after unlock": 3,
}
#: Conditions in which any command at all gets the recorded answer.
FOR_ALL_COMMANDS = frozenset(("initialising", "port 02 (DIAG)", "wrong baud rate"))
BOOTING = "booting"

_CARD_STATES: Sequence[tuple[re.Pattern[str], Card]] = (
    (re.compile(r"^no sim\b", re.I), Card.ABSENT),
    (re.compile(r"\bpuk\b", re.I), Card.PUK),
    (re.compile(r"\bpin\b", re.I), Card.PIN),
    (re.compile(r"^(sim )?busy\b", re.I), Card.BUSY),
    (re.compile(r"^(sim )?failure\b", re.I), Card.FAILURE),
    (re.compile(r"\bCFUN=0\b", re.I), Card.OFF),
)

_READS_ICCID = re.compile(r"AT[+^#%!$*](\w*ICCID|\w*CCID|SCID)\b", re.I)
_NEEDS_CARD = re.compile(
    r"AT[+^#%!$*](CIMI|CRSM|CSIM|CCHO|CGLA|CCHC|QESIM|CPB[RWS]|CNUM|CSCA|CPMS|CMG[LRSW]|CPOL)\b",
    re.I,
)

_CARD_OUT = re.compile(
    r"NOT READY|NOT INSERTED|simstatus,0|SCKS ?: ?0|#QSS: 0|WIND: 0|XSIM: 0|QSIMSTAT ?: ?\d,0"
    r"|SIM: Removed|SIM DROP|SIMST: ?255|UUSIMSTAT: ?0",
)
_CARD_IN = re.compile(
    r"CPIN: READY|QUSIM: 1|simstatus,[15]|SCKS ?: ?1|#QSS: [13]|WIND: 1|XSIM: 1"
    r"|QSIMSTAT ?: ?\d,1|SIM: Inserted|SIM READY|SIMST: ?1|UUSIMSTAT: ?6|EMRDY: 1",
)
#: How a transcript says it of a line whose words are not among those above.
_WHEN_OUT = re.compile(r"^(card|sim) (pulled|removed)", re.I)
_WHEN_IN = re.compile(r"^(card|sim) inserted", re.I)
_AT_BOOT = re.compile(r"boot|power-up|after RDY|card has been read|initialis|seconds later", re.I)
_NOT_THIS_BOOT = re.compile(r"without card|airplane|factory|TOBY|SIMconfig", re.I)


def card_of(state: str) -> Card:
    """Say what a recorded or chosen condition means for the card.

    >>> card_of("no sim, CMEE=2"), card_of("other firmware")
    (<Card.ABSENT: 'absent'>, <Card.READY: 'ready'>)
    """
    for pattern, card in _CARD_STATES:
        if pattern.search(state):
            return card
    return Card.READY


def card_error(card: Card, cmee: int) -> str:
    """Return the final result a card that is not ready causes, in the chosen error format."""
    number, text = CARD_ERRORS[card]
    return ("ERROR", f"+CME ERROR: {number}", f"+CME ERROR: {text}")[cmee]


def card_answer(key: str, card: Card, cmee: int) -> str | None:
    """Return what is answered because of the card, or None when the card does not matter.

    The number of a locked card stays readable, as on most modules.
    """
    if card is Card.READY:
        return None
    if key == "AT+CPIN?":
        if card in (Card.PIN, Card.PUK):
            return f"+CPIN: SIM {card.value.upper()}\r\n\r\nOK"
        return card_error(card, cmee)
    locked = card in (Card.PIN, Card.PUK)
    if _NEEDS_CARD.match(key) or (_READS_ICCID.match(key) and not locked):
        return card_error(card, cmee)
    return None


def card_urcs(urcs: Sequence[ScriptedUrc], *, present: bool) -> list[ScriptedUrc]:
    """Return the lines this module sends when a card goes or comes, each wording once."""
    words, when = (_CARD_IN, _WHEN_IN) if present else (_CARD_OUT, _WHEN_OUT)
    said = [u for u in urcs if words.search(u.text)] or [u for u in urcs if when.search(u.when)]
    found = {u.text.replace(" ", ""): u for u in reversed(said)}
    return [u for u in urcs if u in found.values()]


def boot_urcs(urcs: Sequence[ScriptedUrc]) -> list[ScriptedUrc]:
    """Return the lines this module sends while it starts, in the recorded order."""
    return [u for u in urcs if _AT_BOOT.search(u.when) and not _NOT_THIS_BOOT.search(u.when)]
