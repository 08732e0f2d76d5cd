"""Final result codes: the line that closes an answer.

Numbers and texts of ``+CME ERROR:`` are those of 3GPP TS 27.007 clause 9.2, of ``+CMS ERROR:``
those of TS 27.005 clause 3.2.5. Firmware varies wording, case and spelling of the texts, so they
are compared in lower case without blanks and punctuation; an unknown text is still a failure.
"""

from __future__ import annotations

from modemagent.at.plan import Final

CME: dict[int, str] = {
    # clause 9.2.1, general errors
    0: "phone failure",
    1: "no connection to phone",
    2: "phone-adaptor link reserved",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    6: "PH-FSIM PIN required",
    7: "PH-FSIM PUK required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    40: "network personalization PIN required",
    41: "network personalization PUK required",
    42: "network subset personalization PIN required",
    43: "network subset personalization PUK required",
    44: "service provider personalization PIN required",
    45: "service provider personalization PUK required",
    46: "corporate personalization PIN required",
    47: "corporate personalization PUK required",
    48: "hidden key required",
    49: "EAP method not supported",
    50: "incorrect parameters",
    51: "command implemented but currently disabled",
    52: "command aborted by user",
    53: "not attached to network due to MT functionality restrictions",
    54: "modem not allowed - MT restricted to emergency calls only",
    55: "operation not allowed because of MT functionality restrictions",
    56: "fixed dial number only allowed - called number is not a fixed dial number",
    57: "temporarily out of service due to other MT usage",
    58: "language/alphabet not supported",
    59: "unexpected data value",
    60: "system failure",
    61: "data missing",
    62: "call barred",
    63: "message waiting indication subscription failure",
    100: "unknown",
    # clause 9.2.2, packet domain
    103: "illegal MS",
    106: "illegal ME",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    132: "service option not supported",
    133: "requested service option not subscribed",
    134: "service option temporarily out of order",
    148: "unspecified GPRS error",
    149: "PDP authentication failure",
    150: "invalid mobile class",
    # Wavecom: seen while it starts, in wavecom-multiband
    515: "please wait, initialization or command processing in progress",
}

CMS: dict[int, str] = {
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    312: "PH-SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    317: "SIM PIN2 required",
    318: "SIM PUK2 required",
    320: "memory failure",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
}

_OTHER_WORDS = {"cme": {"simnotinserted": 10, "nosim": 10, "simcardnotinserted": 10}, "cms": {}}

CALL = frozenset(("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "ABORTED"))
"""Results of calls (V.250 clause 5.7) and of an interrupted command (TS 27.007)."""

NUMERIC: dict[str, str] = {"0": "ok", "4": "error"}
"""Results after ATV0 (V.250 clause 6.2.6)."""

_texts: dict[str, dict[str, int]] = {}


def plain(text: str) -> str:
    """Return a text as it is compared: lower case, letters and digits only, ``(U)SIM`` as SIM.

    >>> plain("Network not allowed, emergency-calls only"), plain("(U)SIM not inserted")
    ('networknotallowedemergencycallsonly', 'simnotinserted')
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
        for name, table in (("cme", CME), ("cms", CMS)):
            _texts[name] = {plain(words): code for code, words in table.items()}
            _texts[name].update(_OTHER_WORDS[name])
    return _texts.get(kind, {}).get(plain(bare))


def parse_final(line: str, *, numeric: bool = False) -> Final | None:
    """Return the final result code a line is, or None when it is none.

    :param numeric: take ``0`` and ``4`` too. Off by default: blank hardware answers ``0`` to
        ``AT+CGSN``, so only who knows that ATV0 is in force may ask for it

    >>> parse_final("+CME ERROR: SIM not inserted")
    Final(kind='cme', code=10, text='+CME ERROR: SIM not inserted')
    >>> parse_final("+CME ERROR:") is None, parse_final("0") is None
    (True, True)
    """
    text = line.strip()
    if text == "OK":
        return Final("ok", None, text)
    if text == "ERROR":
        return Final("error", None, text)
    if text in CALL:
        return Final("call", None, text)
    if text == "NA" or text.startswith("COMMAND "):
        return Final("refused", None, text)
    if text in NUMERIC:
        if not numeric:
            return None
        return Final("ok" if NUMERIC[text] == "ok" else "error", None, text)
    upper = text.upper()
    if "ERROR" not in upper:
        return None
    for kind, head in (("cme", "CME ERROR"), ("cms", "CMS ERROR")):
        bare = upper.removeprefix("+")
        if bare.startswith(head):
            behind = text[len(text) - len(bare) + len(head) :]
            if behind[:1].isalnum():
                return None
            value = behind.lstrip(": \t")
            if not value:
                return None  # not complete
            return Final("cme" if kind == "cme" else "cms", code_of(kind, value), text)
    return Final("error", None, text) if _is_error(text) else None


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
