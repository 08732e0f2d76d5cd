"""Explanations of error numbers, in final results and named alone, such as ``EMM 15``."""

from __future__ import annotations

from math import inf

from modemagent.at.error_codes import error_codes
from modemagent.at.fields import is_hex
from modemagent.at.results import code_of
from modemagent.at.steps import FinalResult
from modemagent.explain.explanation import TS_27005, TS_27007, Explanation
from modemagent.explain.meanings import FAMILIES, meaning, remedy
from modemagent.explain.sim import status_word

_RESULTS: dict[str, tuple[str, str]] = {
    "ok": ("done", ""),
    "error": ("failed, no reason given", "After AT+CMEE=1 the modem reports a reason."),
    "refused": ("the modem does not have this command", ""),
    "call": ("a call ended, or the command was aborted", ""),
}
#: Kind of an error to its subject and the clause of numbers that no table contains.
_ERRORS: dict[str, tuple[str, str]] = {
    "cme": ("equipment error", f"{TS_27007} clause 9.2"),
    "cms": ("message service error", f"{TS_27005} clause 3.2.5"),
}
#: Kind of an error to the defining clauses, each with the highest number in it.
_CLAUSES: dict[str, tuple[tuple[float, str], ...]] = {
    "cme": (
        (100, f"{TS_27007} clause 9.2.1"),
        (150, f"{TS_27007} clause 9.2.2"),
        (165, f"{TS_27007} clause 9.2.3"),
        (inf, f"{TS_27007} clause 9.2.2"),
    ),
    "cms": (
        (127, "3GPP TS 24.011 annex E"),
        (255, "3GPP TS 23.040 clause 9.2.3.22"),
        (inf, f"{TS_27005} clause 3.2.5"),
    ),
}
_FILLERS = frozenset(("ERROR", "ERR", "CAUSE", "CODE", "REJECT"))


def explain_result(final: FinalResult) -> Explanation:
    """Explain a final result code."""
    if final.kind not in _ERRORS:
        text, advice = _RESULTS[final.kind]
        return Explanation("result", text, "ITU-T V.250 clause 5.7", {}, advice)
    known = _error(final.kind, final.code)
    if known is not None:
        return known
    text = "error text specific to the maker" if final.code is None else "unknown to the standard"
    about, source = _ERRORS[final.kind]
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
    codes, (about, _) = error_codes()[kind], _ERRORS[kind]
    advice = remedy(kind.upper(), code)
    if code in codes.texts:
        source = next(clause for highest, clause in _CLAUSES[kind] if code <= highest)
        return Explanation(about, codes.texts[code], source, {"code": code}, advice)
    if code not in codes.makers:
        return None
    makers, meanings, sources = zip(*codes.makers[code], strict=True)
    text = "; ".join(f"{maker}: {each}" for maker, each in zip(makers, meanings, strict=True))
    fields = {"code": code, "makers": list(makers)}
    return Explanation(about, text, "; ".join(sources), fields, advice)


def _cause(family: str, rest: list[str]) -> Explanation | None:
    digits = rest[-1]
    if family not in FAMILIES or len(rest) > 2 or len(digits) > 6 or not digits.isascii():
        return None
    if digits.startswith("0X") and is_hex(digits[2:]):
        cause = int(digits, 16)
    elif digits.isdecimal():
        cause = int(digits)
    else:
        return None
    text = meaning(family, cause)
    if text is None:
        return None
    about, source = FAMILIES[family]
    fields = {"family": family, "cause": cause}
    return Explanation(about, text, source, fields, remedy(family, cause))
