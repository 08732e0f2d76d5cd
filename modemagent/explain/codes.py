"""Explanations of error numbers, in final results and named alone, as ``EMM 15``."""

from __future__ import annotations

from modemagent.at.error_codes import (
    CME,
    CME_REMEDIES,
    CMS,
    CMS_REMEDIES,
    MAKERS_CME,
    MAKERS_CMS,
    clause_of_cme,
    clause_of_cms,
)
from modemagent.at.fields import is_hex
from modemagent.at.results import code_of
from modemagent.at.steps import FinalResult
from modemagent.explain.explanation import TS_27005, TS_27007, Explanation
from modemagent.explain.reject_causes import FAMILIES
from modemagent.explain.sim import status_word

_RESULTS: dict[str, tuple[str, str]] = {
    "ok": ("done", ""),
    "error": ("failed, no reason given", "After AT+CMEE=1 the modem reports a reason."),
    "refused": ("the modem does not have this command", ""),
    "call": ("a call ended, or the command was aborted", ""),
}
_FILLERS = frozenset(("ERROR", "ERR", "CAUSE", "CODE", "REJECT"))


def explain_result(final: FinalResult) -> Explanation:
    """Explain a final result code."""
    if final.kind not in ("cme", "cms"):
        text, remedy = _RESULTS[final.kind]
        return Explanation("result", text, "ITU-T V.250 clause 5.7", {}, remedy)
    known = _error(final.kind, final.code)
    if known is not None:
        return known
    text = "error text specific to the maker" if final.code is None else "unknown to the standard"
    if final.kind == "cme":
        about, source = "equipment error", f"{TS_27007} clause 9.2"
    else:
        about, source = "message service error", f"{TS_27005} clause 3.2.5"
    return Explanation(about, text, source, {"code": final.code})


def explain_named(text: str) -> Explanation | None:
    """Explain a number with its family: ``CME 13``, ``emm cause #15``, ``SW 6A82``.

    >>> [explain_named(text).text for text in ("EMM 15", "5gmm #27", "SW 6A82")]
    ['no suitable cells in tracking area', 'N1 mode not allowed', 'file not found']
    >>> explain_named("EMM 250"), explain_named("13")
    (None, None)
    """
    spaced = "".join(letter if letter.isalnum() else " " for letter in text[:80].upper())
    words = [word for word in spaced.split() if word not in _FILLERS]
    if len(words) < 2:
        return None
    family, rest = words[0], words[1:]
    if family == "SW":
        digits = "".join(rest).removeprefix("0X")
        return status_word(int(digits, 16)) if len(digits) == 4 and is_hex(digits) else None
    if family in ("CME", "CMS"):
        return _error(family.lower(), code_of(family.lower(), " ".join(rest)))
    return _cause(family, rest)


def _error(kind: str, code: int | None) -> Explanation | None:
    if code is None:
        return None
    if kind == "cme":
        about, texts, makers = "equipment error", CME, MAKERS_CME
        remedy, clause_of = CME_REMEDIES.get(code, ""), clause_of_cme
    else:
        about, texts, makers = "message service error", CMS, MAKERS_CMS
        remedy, clause_of = CMS_REMEDIES.get(code, ""), clause_of_cms
    if code in texts:
        return Explanation(about, texts[code], clause_of(code), {"code": code}, remedy)
    rows = makers.get(code)
    if rows is None:
        return None
    text = "; ".join(f"{maker}: {meaning}" for maker, meaning, _ in rows)
    fields = {"code": code, "makers": [maker for maker, _, _ in rows]}
    return Explanation(about, text, "; ".join(source for _, _, source in rows), fields, remedy)


def _cause(name: str, rest: list[str]) -> Explanation | None:
    family, digits = FAMILIES.get(name), rest[-1]
    if family is None or len(rest) > 2 or len(digits) > 6 or not digits.isascii():
        return None
    if digits.startswith("0X") and is_hex(digits[2:]):
        cause = int(digits, 16)
    elif digits.isdecimal():
        cause = int(digits)
    else:
        return None
    if cause not in family.names:
        return None
    fields = {"family": name, "cause": cause}
    remedy = family.remedies.get(cause, "")
    return Explanation(family.about, family.names[cause], family.source, fields, remedy)
