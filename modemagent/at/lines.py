"""From the raw bytes of one line to its text, and what kind of talker sends such lines.

A wrong baud rate gives bytes with the high bit set, a diagnostic port gives binary frames, a GNSS
port gives NMEA sentences. None of them is an AT dialogue, and nothing should be written to such a
port; :func:`stream_kind` says so from what was heard before the first write.
"""

from __future__ import annotations

import re
from typing import Literal

Nature = Literal["silence", "text", "nmea", "binary"]

_TERMINAL_CODE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])?")
"""ECMA-48 control sequences: colours and cursor moves that a hostile modem may send."""

BROKEN = "\ufffd"
"""Stands for a byte that is no UTF-8, as in the transcripts."""

_NMEA_HEAD = range(4, 13)


def clean_line(raw: bytes) -> tuple[str, int]:
    """Return a line's text and how many of its bytes were noise.

    NUL and other control characters are taken out, tabs become blanks, surrounding blanks go.
    Broken bytes in front of text are dropped too: a level change or a break on the line makes
    them, and the line behind them is sound.

    >>> clean_line(b"\\x00\\xff\\xfeOK ")
    ('OK', 2)
    >>> clean_line(b" WAVECOM MODEM")
    ('WAVECOM MODEM', 0)
    """
    text = raw.decode("utf-8", "replace")
    if text.isprintable() and BROKEN not in text:
        return text.strip(), 0
    if "\x1b" in text:
        text = _TERMINAL_CODE.sub("", text)
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
    """Tell whether a tidied line is garbage: a quarter or more of it can not be read.

    A single damaged byte in a long line is no garbage; the value is wrong and the rules for
    values will say so.

    >>> is_noise("8\\ufffd\\ufffd"), is_noise('+COPS: 0,0,"M\\ufffdxico"')
    (True, False)
    """
    return text.count(BROKEN) * 4 >= max(len(text), 1)


def is_nmea(text: str) -> bool:
    """Tell whether a line is an NMEA 0183 sentence: ``$GPGGA,...`` or ``!AIVDM,...``.

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


def stream_kind(raw: bytes) -> Nature:
    """Judge what talks on a port from what was heard on it.

    ``nmea``: sentences and no word of an AT dialogue beside them; some modules mix both, and
    those still answer AT. ``binary``: a third or more of the bytes are no text.

    >>> stream_kind(b"$GPGSV,1,1,00*79\\r\\n$GPRMC,,V,,,*53\\r\\n")
    'nmea'
    >>> stream_kind(b"\\x7e\\x1c\\x8f\\xff\\x93\\x7e")
    'binary'
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
    # \x7e frames DIAG and HDLC packets
    if (noise + raw.count(0x7E)) * 3 >= size:
        return "binary"
    # the first sentence is often met in its middle
    return "nmea" if sentences > 0 and words <= 1 and sentences >= words else "text"
