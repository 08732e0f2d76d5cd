"""Text of a raw line, and classification of a byte stream.

A wrong baud rate produces bytes with the high bit set, a diagnostic port sends binary frames, a
GNSS port NMEA sentences. Nothing should be written to such a port; :func:`stream_kind` recognizes
it by what was received before the first write.
"""

from __future__ import annotations

import re
from typing import Literal

StreamKind = Literal["silence", "text", "nmea", "ppp", "binary"]

#: ECMA-48 control sequences: colours and cursor moves that a hostile modem may send.
_TERMINAL_CODE = r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])?"
#: Replacement of a byte that is not UTF-8, as in the transcripts.
BROKEN = "\ufffd"

_NMEA_HEAD = range(4, 13)


def clean_line(raw: bytes) -> tuple[str, int]:
    """Return the text of a line and the number of noise bytes in it.

    NUL and other control characters are removed, tabs become spaces, surrounding spaces are
    stripped. Invalid bytes before the text are dropped too: a level change or a break on the line
    causes them, and the line after them is valid.

    >>> clean_line(b"\\x00\\xff\\xfeOK ")
    ('OK', 2)
    >>> clean_line(b" WAVECOM MODEM")
    ('WAVECOM MODEM', 0)
    """
    text = raw.decode("utf-8", "replace")
    if text.isprintable() and BROKEN not in text:
        return text.strip(), 0
    if "\x1b" in text:
        text = re.sub(_TERMINAL_CODE, "", text)
    noise = text.count(BROKEN)
    kept = []
    for char in text:
        if char.isprintable():
            kept.append(char)
        elif char.isspace():
            kept.append(" ")
        elif char != "\x00":
            noise += 1
    text = "".join(kept).strip()
    return text.lstrip(BROKEN).strip() or text, noise


def is_noise(text: str) -> bool:
    """Return True if a quarter or more of a cleaned line is not readable.

    A single invalid byte in a long line is not noise; the rules for values reject the value.

    >>> is_noise("8\\ufffd\\ufffd"), is_noise('+COPS: 0,0,"M\\ufffdxico"')
    (True, False)
    """
    return text.count(BROKEN) * 4 >= max(len(text), 1)


def is_nmea(text: str) -> bool:
    """Return True for an NMEA 0183 sentence: ``$GPGGA,...`` or ``!AIVDM,...``.

    >>> is_nmea("$GPGGA,123519,4807.038,N"), is_nmea('$MYCCID: "8986..."')
    (True, False)
    """
    if text[:1] not in ("$", "!"):
        return False
    head, comma, _ = text[1:].partition(",")
    return (
        bool(comma)
        and len(head) in _NMEA_HEAD
        and head.isascii()
        and head.isalnum()
        and head[:2].isalpha()
        and head.isupper()
    )


#: Fewer bytes of binary data may be glitches while a level settles.
BINARY_MINIMUM = 24
#: Flag, address and control of a PPP frame, with the control octet escaped or not.
_PPP = (b"\x7e\xff\x7d\x23", b"\x7e\xff\x03")


def stream_kind(raw: bytes) -> StreamKind:
    """Classify what was received on a port.

    ``nmea``: sentences without AT lines; a port with both still responds to AT. ``ppp``: frames
    of a data connection (RFC 1662 clause 3.1). ``binary``: a third or more of the bytes are not
    text.

    >>> stream_kind(b"$GPGSV,1,1,00*79\\r\\n$GPRMC,,V,,,*53\\r\\n")
    'nmea'
    >>> stream_kind(b"\\x7e\\x1c\\x8f\\xff\\x93\\x7e")
    'binary'
    >>> stream_kind(b"~\\xff}#\\xc0!}!}!} }8}!}$}%\\xdc}\\x22}&} } } }%~")
    'ppp'
    >>> stream_kind(b"\\r\\nRDY\\r\\n"), stream_kind(b"\\r\\n")
    ('text', 'silence')
    """
    lines = [raw_line for raw_line in raw.replace(b"\n", b"\r").split(b"\r") if raw_line]
    noise = 0
    sentences = 0
    words = 0
    for raw_line in lines:
        text, bad = clean_line(raw_line)
        noise += bad
        if is_nmea(text):
            sentences += 1
        elif text and not is_noise(text) and "*" not in text:
            words += 1
    size = sum(len(raw_line) for raw_line in lines) - raw.count(0)
    if size <= 0:
        return "silence"
    if any(start in raw for start in _PPP):
        return "ppp"
    # \x7e frames DIAG and HDLC packets
    if (noise + raw.count(0x7E)) * 3 >= size:
        return "binary"
    # The first sentence is often incomplete.
    return "nmea" if sentences > 0 and words <= 1 and sentences >= words else "text"
