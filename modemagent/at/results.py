"""Final result codes: the line that closes an answer.

Numbers and texts of ``+CME ERROR:`` are those of 3GPP TS 27.007 clause 9.2, of ``+CMS ERROR:``
those of TS 27.005 clause 3.2.5; ``error_codes`` holds them and is loaded when a text comes, which
is rare. Firmware varies wording, case and spelling of the texts, so they are compared in lower
case without blanks and punctuation; an unknown text is still a failure.
"""

from __future__ import annotations

from modemagent.at.steps import FinalResult

CALL = frozenset(("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "ABORTED"))
"""Results of calls (V.250 clause 5.7) and of an interrupted command (TS 27.007)."""

NUMERIC: dict[str, str] = {"0": "ok", "4": "error"}
"""Results after ATV0 (V.250 clause 6.2.6)."""

_texts: dict[str, dict[str, int]] = {}


def fold_error_text(text: str) -> str:
    """Return a text as it is compared: lower case, letters and digits only, ``(U)SIM`` as SIM.

    >>> fold_error_text("Network not allowed, emergency-calls only")
    'networknotallowedemergencycallsonly'
    >>> fold_error_text("(U)SIM not inserted")
    'simnotinserted'
    """
    lower = text.lower().replace("(u)", "").replace("usim", "sim").replace("isation", "ization")
    return "".join(char for char in lower if char.isalnum())


def code_of(kind: str, text: str) -> int | None:
    """Return the number of a CME or CMS error given as number or text, None when unknown.

    >>> code_of("cme", "sim not inserted"), code_of("cms", " 310"), code_of("cme", "out of milk")
    (10, 310, None)
    """
    bare = text.strip().strip('"').strip()
    if bare.isascii() and bare.isdecimal() and len(bare) < 7:
        return int(bare)
    if not _texts:
        from modemagent.at.error_codes import CME, CMS, OTHER_WORDS

        for name, table in (("cme", CME), ("cms", CMS)):
            _texts[name] = {fold_error_text(words): code for code, words in table.items()}
            _texts[name].update(OTHER_WORDS[name])
    return _texts.get(kind, {}).get(fold_error_text(bare))


def parse_final(line: str, *, numeric: bool = False) -> FinalResult | None:
    """Return the final result code a line is, or None when it is none.

    :param numeric: take ``0`` and ``4`` too. Off by default: blank hardware answers ``0`` to
        ``AT+CGSN``, so only who knows that ATV0 is in force may ask for it

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
        if not numeric:
            return None
        return FinalResult("ok" if NUMERIC[text] == "ok" else "error", None, text)
    upper = text.upper()
    if "ERROR" not in upper:
        return None
    for kind, head in (("cme", "CME ERROR"), ("cms", "CMS ERROR")):
        sign = upper.startswith("+")
        if upper.startswith(head, sign):
            # counted from the front: upper case may be longer than the line
            behind = text[sign + len(head) :]
            if behind[:1].isalnum():
                return None
            value = behind.lstrip(": \t")
            if not value:
                return None  # not complete
            return FinalResult("cme" if kind == "cme" else "cms", code_of(kind, value), text)
    return FinalResult("error", None, text) if _is_error(text) else None


def _is_error(text: str) -> bool:
    """ERROR with words before it, or a number or a text behind its colon."""
    words, found, behind = text.rpartition("ERROR")
    if not found:
        return False
    if behind.strip():
        value = behind.lstrip(": \t")
        if behind[:1] not in (":", " ", "\t"):
            return False
        if not value.isdecimal() and not (not words and behind[0] == ":" and value):
            return False
    if not words:
        return True
    # words, as SIM ERROR or +CIS ERROR: 3; a colon or a field before ERROR makes it information
    letters = words.rstrip().lstrip("+^#*%$!").replace(" ", "").replace("-", "").replace("_", "")
    return words[-1].isspace() and letters.isascii() and letters.isalnum()
