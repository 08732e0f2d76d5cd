"""Parser of final result codes: the line that ends a response.

Numbers and texts of ``+CME ERROR:`` are those of 3GPP TS 27.007 clause 9.2, of ``+CMS ERROR:``
those of TS 27.005 clause 3.2.5. Firmware varies wording, case and spelling of the texts, so they
are compared in lower case without spaces and punctuation. An unknown text is still an error.
"""

from __future__ import annotations

from functools import cache

from modemagent.at.error_codes import error_codes
from modemagent.at.steps import FinalKind, FinalResult

#: Results of calls (V.250 clause 5.7) and of an interrupted command (TS 27.007).
CALL = frozenset(("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "ABORTED"))
#: Results after ATV0 (V.250 clause 6.2.6).
NUMERIC: dict[str, FinalKind] = {"0": "ok", "4": "error"}
_HEADS: tuple[tuple[FinalKind, str], ...] = (("cme", "CME ERROR"), ("cms", "CMS ERROR"))


def fold_error_text(text: str) -> str:
    """Return a text as it is compared: lower case, letters and digits only, ``(U)SIM`` as SIM.

    >>> fold_error_text("Network not allowed, emergency-calls only")
    'networknotallowedemergencycallsonly'
    >>> fold_error_text("(U)SIM not inserted")
    'simnotinserted'
    """
    lower = text.lower().replace("(u)", "").replace("usim", "sim").replace("isation", "ization")
    return "".join(char for char in lower if char.isalnum())


@cache
def _codes() -> dict[str, dict[str, int]]:
    """Return the folded texts of each kind with their numbers; most commands need none."""
    return {
        kind: {
            **{fold_error_text(text): code for code, text in codes.texts.items()},
            **{fold_error_text(text): code for text, code in codes.others.items()},
        }
        for kind, codes in error_codes().items()
    }


def code_of(kind: str, text: str) -> int | None:
    """Return the number of a CME or CMS error sent as number or text, None if it is unknown.

    >>> code_of("cme", "sim not inserted"), code_of("cms", " 310"), code_of("cme", "out of milk")
    (10, 310, None)
    """
    bare = text.strip().strip('"').strip()
    if bare.isascii() and bare.isdecimal() and len(bare) < 7:
        return int(bare)
    return _codes().get(kind, {}).get(fold_error_text(bare))


def parse_final(line: str, *, numeric: bool = False) -> FinalResult | None:
    """Return the final result code in a line, None if the line is something else.

    :param numeric: accept ``0`` and ``4``. Off by default: unprogrammed hardware sends ``0`` in
        response to ``AT+CGSN``, so this is only for ports where ATV0 is known to be in force

    >>> parse_final("+CME ERROR: SIM not inserted")
    FinalResult(kind='cme', code=10, text='+CME ERROR: SIM not inserted')
    >>> parse_final("+CME ERROR:") is None, parse_final("0") is None
    (True, True)
    """
    text = line.strip()
    if text == "OK":
        return FinalResult("ok", None, text)
    if text == "ERROR":
        return FinalResult("error", None, text)
    if text in CALL:
        return FinalResult("call", None, text)
    if text == "NA" or text.startswith("COMMAND "):
        return FinalResult("refused", None, text)
    if text in NUMERIC:
        return FinalResult(NUMERIC[text], None, text) if numeric else None
    upper = text.upper()
    if "ERROR" not in upper:
        return None
    sign = upper.startswith("+")
    for kind, head in _HEADS:
        if upper.startswith(head, sign):
            # The position is counted from the front: upper case may be longer than the line.
            rest = text[sign + len(head) :]
            value = rest.lstrip(": \t")
            if rest[:1].isalnum() or not value:  # another word, or incomplete
                return None
            return FinalResult(kind, code_of(kind, value), text)
    return FinalResult("error", None, text) if _is_error(text) else None


def ends_a_command(line: str, *, numeric: bool = False) -> bool:
    """Return True for the final result of a command other than a call.

    :param numeric: as for :func:`parse_final`

    >>> ends_a_command("OK"), ends_a_command("NO CARRIER"), ends_a_command("+CSQ: 21,99")
    (True, False, False)
    """
    final = parse_final(line, numeric=numeric)
    return final is not None and final.kind != "call"


def _is_error(text: str) -> bool:
    """Return True for ERROR after words, or followed by a number, or by a colon and a text."""
    words, found, rest = text.rpartition("ERROR")
    if not found:
        return False
    if rest.strip():
        value = rest.lstrip(": \t")
        if rest[0] not in ": \t" or not (value.isdecimal() or (not words and rest[0] == ":")):
            return False
    if not words:
        return True
    # Words as in SIM ERROR or +CIS ERROR: 3; with a colon or field before ERROR the line is
    # information.
    letters = words.rstrip().lstrip("+^#*%$!").replace(" ", "").replace("-", "").replace("_", "")
    return words[-1].isspace() and letters.isascii() and letters.isalnum()
