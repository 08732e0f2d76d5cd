"""Unsolicited result codes (URCs): lines that a module sends without a command.

They are received between command and response, in the middle of an echo, and a dozen at a time
while a module boots. Many have the prefix of a response (``+CPIN:``, ``+CREG:``, ``#QSS:``), so
the table lists only what *may* be unsolicited; the attribution considers the pending command.
"""

from __future__ import annotations

from modemagent.at.data_rows import data_rows
from modemagent.at.fields import command_name, split_prefix

_ROWS = tuple(data_rows(__file__, "urcs.txt"))
#: Prefix to the subject of the line.
PREFIXES = {text: subject[0] for kind, text, *subject in _ROWS if kind == "prefix"}
#: Complete lines, in upper case.
WORDS = frozenset(text for kind, text, *_ in _ROWS if kind == "line")
#: Beginnings of lines without a colon, such as ``^SYSSTART AIRPLANE MODE`` and ``+PACSP0``.
STARTS = ("^SYSSTART", "+PACSP", "RING ", "*PSUTTZ", "*ISIM")


def prefix_of(line: str) -> str:
    """Return the prefix of a line in upper case without its colon, ``""`` if it has none.

    >>> prefix_of("+QSIMSTAT : 1,0"), prefix_of("865284040000014")
    ('+QSIMSTAT', '')
    """
    return split_prefix(line)[0].upper()


def is_urc(line: str) -> bool:
    """Return True if a line is a known unsolicited result code.

    The line *may* be unsolicited: ``+CPIN: READY`` is also a response.

    >>> is_urc("+CMTI: \\"SM\\",1"), is_urc("Call Ready"), is_urc("+ICCID: 8986")
    (True, True, False)
    """
    upper = line.strip().upper()
    return upper in WORDS or upper.startswith(STARTS) or prefix_of(upper) in PREFIXES


#: Commands whose response has the prefix of another command.
RESPONSE_PREFIXES: dict[str, str] = {
    "+CICCID": "+ICCID",  # SIMCom
    "+ZPAS": "+BEARTYPE",  # ZTE
    "+ZGETICCID": "+ICCID",
    "#TEMPMON": "#TEMPMEAS",  # Telit
}


def response_prefixes(line: str) -> frozenset[str]:
    """Return the prefixes that the response to a command line may have.

    >>> sorted(response_prefixes("AT+COPS=3,0;+CPIN?")), response_prefixes("ATI")
    (['+COPS', '+CPIN'], frozenset())
    """
    found: set[str] = set()
    for command in line.strip().upper().removeprefix("AT").split(";"):
        if name := command_name(command):
            found |= {name, RESPONSE_PREFIXES.get(name, name)}
    return frozenset(found)
