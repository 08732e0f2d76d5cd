"""How an identifier may be shown where it is not the point: logs, wire trace, pages.

:func:`mask` shows one known value; :func:`mask_text` goes over any text, wire trace included, and
masks whatever could be an IMEI, IMSI, ICCID, EID or MEID, in the forms the cleaning accepts:
with separators, nibble-swapped, in hexadecimal, behind a label, as a dump of its characters, and in
pieces (:mod:`modemagent.privacy.fragments`).
Ends of a number stay so that people can tell two modems apart; dates, addresses, UUIDs and
firmware versions stay whole. A masked value looks the same after a second pass.

>>> mask("867698040000013")
'867698*****0013'
>>> mask_text('+CGSN: "867698040000013", EG25GGBR07A08M2G')
'+CGSN: "867698*****0013", EG25GGBR07A08M2G'
>>> mask_text("8988 3030 0000 0000 010 at 2026-11-20 19:00:00")
'898830*********0010 at 2026-11-20 19:00:00'
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from modemagent.identity.checkdigits import luhn_fits
from modemagent.identity.cleaning import is_decimal, is_hexadecimal, without_separators
from modemagent.privacy.fragments import join_fragments

if TYPE_CHECKING:
    import re

# what may stand between the digits of one number, as in cleaning
_GAP = "[-/._:\u2010-\u2015\u2212\u200b\ufeff \t\u00a0\u2000-\u200a\u202f]"
# a run of digits on its own is masked from 10 on; with gaps from 14 on, the shortest IMEI
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
# behind a label shorter numbers count too: an ESN, a short IMSI
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
    """Compile at the first use: most commands never mask anything.

    Returns what splits the text (kept as it is) and what is masked in between.
    """
    import re

    # in verbose mode a blank counts only inside brackets, where the gaps' blank stands
    flags = re.VERBOSE | re.IGNORECASE
    return re.compile(f"({_KEPT})", flags), re.compile(f"{_LABEL}|{_RUN}", flags)


def mask(value: str) -> str:
    """Return one identifier with its middle hidden; the length stays.

    Fourteen characters or more keep six in front (where they come from) and four at the end;
    from ten on four at the end stay, below that two.
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
    """Mask only the long runs inside: a version as 25.30.602.0000000001 is no number."""
    import re

    return re.sub(rf"\d{{{_PLAIN},}}", lambda run: mask(run.group()), text)


def mask_text(text: str) -> str:
    """Return the text with everything masked that could be an identifier."""
    kept, runs = _patterns()
    # every second piece is one to keep
    pieces = kept.split(text)
    pieces[::2] = [runs.sub(_masked, join_fragments(piece, mask)) for piece in pieces[::2]]
    return "".join(pieces)


def describe(value: str) -> str:
    """Say what a raw value looks like without showing it: length, kind of digits, Luhn.

    >>> describe("867698040000013")
    '15 digits, check digit right'
    >>> describe("898600f00A0000000051")
    '20 hexadecimal digits'
    """
    bare = without_separators(value).upper()
    if not bare:
        return "nothing"
    if is_decimal(bare):
        state = "right" if luhn_fits(bare) else "wrong"
        return f"{len(bare)} digits, check digit {state}"
    kind = "hexadecimal digits" if is_hexadecimal(bare) else "characters"
    return f"{len(bare)} {kind}"
