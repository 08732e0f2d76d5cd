"""Error and cause numbers: behind ``+CME ERROR:``, and named alone as in ``EMM 15``."""

from __future__ import annotations

from modemagent.at.results import code_of
from modemagent.at.steps import FinalResult
from modemagent.explain.decoder import TS_27005, TS_27007, Said

_RESULTS: dict[str, tuple[str, str]] = {
    "ok": ("done", ""),
    "error": ("failed, no reason given", "AT+CMEE=1 makes the modem give a reason"),
    "refused": ("the modem does not know this command", ""),
    "call": ("a call ended, or the command was cut off", ""),
}
_FILLERS = frozenset(("ERROR", "ERR", "CAUSE", "CODE", "REJECT"))


def result(final: FinalResult) -> Said:
    """Say a final result code."""
    if final.kind == "cme":
        return _known_cme(final.code) or _unknown(
            final, "equipment error", f"{TS_27007} clause 9.2"
        )
    if final.kind == "cms":
        return _known_cms(final.code) or _unknown(
            final, "message service error", f"{TS_27005} clause 3.2.5"
        )
    text, remedy = _RESULTS[final.kind]
    return Said("result", text, "ITU-T V.250 clause 5.7", {}, remedy)


def named(text: str) -> Said | None:
    """Say a number with its family: ``CME 13``, ``emm cause #15``, ``SW 6A82``.

    >>> [said.text for said in map(named, ("EMM 15", "5gmm #27", "SW 6A82", "CMS 38")) if said]
    ['no suitable cells in tracking area', 'N1 mode not allowed', 'file not found', \
'network out of order']
    >>> named("EMM 250"), named("13")
    (None, None)
    """
    spaced = "".join(letter if letter.isalnum() else " " for letter in text[:80].upper())
    words = [word for word in spaced.split() if word not in _FILLERS]
    if len(words) < 2:
        return None
    family, rest = words[0], words[1:]
    if family == "SW":
        return _status_word("".join(rest))
    if family in ("CME", "CMS"):
        code = code_of(family.lower(), " ".join(rest))
        return _known_cme(code) if family == "CME" else _known_cms(code)
    return _cause(family, rest)


def _unknown(final: FinalResult, about: str, source: str) -> Said:
    words = "a maker's own text" if final.code is None else "unknown to the standard"
    return Said(about, words, source, {"code": final.code})


def _known_cme(code: int | None) -> Said | None:
    from modemagent.at.error_codes import CME, CME_REMEDIES, MAKERS_CME, clause_of_cme

    if code is None:
        return None
    remedy = CME_REMEDIES.get(code, "")
    if code in CME:
        found: dict[str, object] = {"code": code}
        return Said("equipment error", CME[code], clause_of_cme(code), found, remedy)
    if code in MAKERS_CME:
        return _of_makers("equipment error", code, MAKERS_CME[code], remedy)
    return None


def _known_cms(code: int | None) -> Said | None:
    from modemagent.at.error_codes import CMS, CMS_REMEDIES, MAKERS_CMS, clause_of_cms

    if code is None:
        return None
    if code in CMS:
        return Said(
            "message service error",
            CMS[code],
            clause_of_cms(code),
            {"code": code},
            CMS_REMEDIES.get(code, ""),
        )
    if code in MAKERS_CMS:
        return _of_makers("message service error", code, MAKERS_CMS[code], "")
    return None


def _of_makers(about: str, code: int, rows: tuple[tuple[str, str, str], ...], remedy: str) -> Said:
    text = "; ".join(f"{maker}: {words}" for maker, words, _ in rows)
    source = "; ".join(source for _, _, source in rows)
    return Said(about, text, source, {"code": code, "makers": [row[0] for row in rows]}, remedy)


def _cause(name: str, rest: list[str]) -> Said | None:
    from modemagent.explain.reject_causes import FAMILIES

    family = FAMILIES.get(name)
    digits = rest[-1]
    if family is None or len(rest) > 2 or len(digits) > 6 or not digits.isascii():
        return None
    if digits.startswith("0X") and len(digits) > 2 and not digits[2:].strip("0123456789ABCDEF"):
        cause = int(digits, 16)
    elif digits.isdecimal():
        cause = int(digits)
    else:
        return None
    if cause not in family.names:
        return None
    found: dict[str, object] = {"family": name, "cause": cause}
    remedy = family.remedies.get(cause, "")
    return Said(family.about, family.names[cause], family.source, found, remedy)


def _status_word(digits: str) -> Said | None:
    from modemagent.explain.sim import status_word

    digits = digits.removeprefix("0X")
    if len(digits) != 4 or digits.strip("0123456789ABCDEF"):
        return None
    return status_word(int(digits, 16))
