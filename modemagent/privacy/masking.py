"""Masking of identifiers in logs, wire traces and pages.

:func:`mask` masks one value; :func:`mask_text` masks everything in a text that could be an IMEI,
IMSI, ICCID, EID or MEID, in all forms that cleaning accepts: with separators, nibble-swapped,
hexadecimal, after a label, as a dump of its characters, and in pieces
(:mod:`modemagent.privacy.fragments`). The ends of a number stay, so that two modems can be
distinguished; dates, addresses, UUIDs and firmware versions stay whole. Masking is idempotent.

>>> mask("867698040000013")
'867698*****0013'
>>> mask_text('+CGSN: "867698040000013", EG25GGBR07A08M2G')
'+CGSN: "867698*****0013", EG25GGBR07A08M2G'
>>> mask_text("8988 3030 0000 0000 010 at 2026-11-20 19:00:00")
'898830*********0010 at 2026-11-20 19:00:00'
"""

from __future__ import annotations

import re
from functools import cache

from modemagent.identity.cleaning import without_separators
from modemagent.privacy.fragments import join_fragments

# separators between the digits of one number: those of cleaning, and the middle dot
_GAP = "[-/._:\u00b7\u2010-\u2015\u2212\u200b\ufeff \t\u00a0\u2000-\u200a\u202f]"
# least digits that are masked: 10 in a row; with separators 14, the shortest IMEI
_PLAIN = 10
_SPACED = 14
_HEXADECIMAL = 14

_KEPT = r"""
    (?<![0-9A-F])(?=[0-9-]*[A-F])[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}(?![0-9A-F])  # UUID
  | (?<!\d)(?:19|20)\d\d[-/.][01]\d[-/.][0-3]\d                              # date and time
    (?:[ T_,]+[0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?)?(?!\d)
  | (?<!\d)\d\d/[01]\d/[0-3]\d,[0-2]\d:[0-5]\d:[0-6]\d(?:[+-]\d\d)?(?!\d)   # AT+CCLK?
  | (?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\d.])                 # IPv4
"""
# after a label shorter numbers are masked too: an ESN, a short IMSI
_LABEL = rf"""
    (?P<label>(?:IMEI(?:[ _]?SV)?|MEID|ESN|IMSI|CCID|EID|SCID|CGSN|GSN|CIMI)
        (?:[ _]?RAW)?["']?[ ]*[:=][ ]*["']?)
    (?P<labelled>(?:0x)?[0-9A-F]{{2,}}+(?:{_GAP}{{1,2}}\d[0-9A-F]*+)*+)(?![*])
"""
_RUN = rf"""
    (?P<bytes>(?:\\x[0-9A-F]{{2}}){{7,}})
  | (?P<dump>(?<![0-9A-F])[0-9A-F]{{2}}(?:[ :-][0-9A-F]{{2}}){{6,}}(?![0-9A-F]))
  | (?P<grouped>(?<![0-9A-F])(?:[0-9A-F]{{4}}[-./ ]){{3,}}[0-9A-F]{{1,4}}(?![0-9A-F])
      | (?<![0-9A-F])[0-9A-F]{{2}}[-./ ][0-9A-F]{{6}}[-./ ][0-9A-F]{{6}}(?![0-9A-F]))
  | (?P<hexadecimal>[0-9A-F]{{{_HEXADECIMAL},}})
  | (?P<spaced>\d(?:{_GAP}{{0,2}}\d){{{_PLAIN - 1},}})
"""


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of text to keep and of text to mask.

    Compiled at the first use: most commands mask nothing.
    """
    # in verbose mode a space counts only inside brackets, as in _GAP
    flags = re.VERBOSE | re.IGNORECASE
    return re.compile(f"({_KEPT})", flags), re.compile(f"{_LABEL}|{_RUN}", flags)


def mask(value: str) -> str:
    """Return one identifier with asterisks in the middle; the length stays.

    Of 14 characters or more the first six (issuer or model) and the last four stay, of 10 or more
    the last four, below that at most two.
    """
    bare = without_separators(value)
    front = 6 if len(bare) >= _SPACED else 0
    back = 4 if len(bare) >= _PLAIN else min(2, len(bare) // 3)
    return f"{bare[:front]}{'*' * (len(bare) - front - back)}{bare[len(bare) - back :]}"


def _masked(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found.group()
    if kind == "labelled":
        value = found["labelled"]
        return f"{found['label']}{mask(value)}" if len(without_separators(value)) >= 6 else text
    if kind in ("bytes", "dump"):
        return "*" * len(text)
    digits = len(without_separators(text))
    if kind == "spaced" and digits < _SPACED and digits != len(text):
        return _parts_masked(text)
    return mask(text)


def _parts_masked(text: str) -> str:
    """Mask only the long runs of digits: 25.30.602.0000000001 is a version."""
    return re.sub(rf"\d{{{_PLAIN},}}", lambda run: mask(run.group()), text)


def mask_text(text: str) -> str:
    """Return the text with every possible identifier masked."""
    kept, runs = _patterns()
    # every second piece is kept
    pieces = kept.split(text)
    pieces[::2] = [runs.sub(_masked, join_fragments(piece, mask)) for piece in pieces[::2]]
    return "".join(pieces)
