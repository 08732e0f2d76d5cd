"""Explanations of the attempts left for PIN and PUK, which every maker reports in its own order."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine
from modemagent.at.pin_state import lock_of
from modemagent.explain.explanation import HUAWEI, QUECTEL, TS_27007, Decoder, Explanation
from modemagent.explain.meanings import meaning, remedy

_MODEMMANAGER = "ModemManager's unlock retries"
#: Prefix to the codes in the order of the numbers, and the source.
ORDERS: Mapping[str, tuple[str, str]] = {
    "+UPINCNT": ("PIN PIN2 PUK PUK2", "u-blox AT commands manual, +UPINCNT"),
    "+XPINCNT": ("PIN PIN2 PUK PUK2", f"Intel-based modules, +XPINCNT; {_MODEMMANAGER}"),
    "+CPINC": ("PIN PIN2 PUK PUK2", f"Sierra AT command reference, +CPINC; {_MODEMMANAGER}"),
    "+EPINC": ("PIN PIN2 PUK PUK2", f"MediaTek-based modules, +EPINC; {_MODEMMANAGER}"),
    "+SPIC": ("PIN PUK PIN2 PUK2", f"SIMCom AT command manual, +SPIC; {_MODEMMANAGER}"),
    "%CPININFO": ("PIN PUK PIN2 PUK2", f"Altair manual, %CPININFO; {_MODEMMANAGER}"),
    "*EPIN": ("PIN PUK PIN2 PUK2", f"Ericsson MBM AT commands, *EPIN; {_MODEMMANAGER}"),
    "_OERCN": ("PIN PUK", f"Option AT commands, _OERCN; {_MODEMMANAGER}"),
}
#: Prefix of a line with one number, for the code that the SIM requires now.
CURRENT: Mapping[str, str] = {
    "^SPIC": "Cinterion EHS6 AT command set, ^SPIC",
    "#PCT": "Telit LE910 AT commands reference guide, #PCT",
}
_QUECTEL_CODES: Mapping[str, tuple[str, str]] = {"SC": ("PIN", "PUK"), "P2": ("PIN2", "PUK2")}


def left_for(code: str, left: int, of: int | None = None) -> tuple[str, str]:
    """Return the text and the remedy of the attempts left for a code, such as ``SIM PIN``.

    >>> left_for("SIM PIN", 3, 3)
    ('SIM PIN: 3 of 3 attempts left', '')
    >>> left_for("SIM PUK", 0)[0]
    'SIM PUK: 0 attempts left, blocked'
    """
    subject = "unlock" if lock_of(code) else code.upper().removeprefix("SIM ")
    tail = f" of {of}" if of is not None else ""
    noun = "attempt" if left == 1 and not tail else "attempts"
    state = f", {meaning('attempts', left)}" if left in (0, 1) else ""
    return f"{code}: {left}{tail} {noun} left{state}", remedy(subject, left)


def _listed(codes: list[str], numbers: list[int], source: str) -> Explanation | None:
    if len(numbers) < len(codes) or min(numbers) < 0:
        return None
    pairs = list(zip(codes, numbers, strict=False))
    found: dict[str, object] = {f"{code.lower()}_attempts_left": left for code, left in pairs}
    if len(codes) > 2 and not any(numbers):
        # Several modules send zeros without a SIM.
        text = "0 attempts left for every code"
        return Explanation("SIM", text, source, found, remedy("attempts", 0))
    results = {code: left_for(code, left) for code, left in pairs}
    text = "; ".join(text for text, _ in results.values())
    # A blocked PIN matters less than the last attempts for its PUK.
    advice = [results[code][1] for code in ("PUK", "PIN", "PUK2", "PIN2") if code in results]
    return Explanation("SIM", text, source, found, next(filter(None, advice), ""))


def ordered(line: InformationLine) -> Explanation | None:
    """Explain a line with one number for each code; a single number is for the first one."""
    order, source = ORDERS[line.name]
    codes = order.split()[: 1 if len(line.fields) == 1 else None]
    numbers = [line.integer(at) for at in range(len(codes))]
    known = [number for number in numbers if number is not None]
    return _listed(codes, known, source) if known else None


def current(line: InformationLine) -> Explanation | None:
    """Explain ``^SPIC: 3`` and ``#PCT: 3``; ``^SPIC: SIM PIN`` names the code."""
    left, source = line.integer(0), CURRENT[line.name]
    if left is None:
        code = line.text(0).upper()
        text = f"the numbers of attempts are for {code}"
        return Explanation("SIM", text, source, {"code": code}) if code[:1].isalpha() else None
    if left < 0:
        return None
    text, advice = left_for("required code", left)
    advice = advice or remedy("code", left)
    return Explanation("SIM", text, source, {"attempts_left": left}, advice)


def standard(line: InformationLine) -> Explanation | None:
    """Explain ``+CPINR: <code>,<left>[,<of>]`` (clause 8.65)."""
    code, left, of = line.text(0), line.integer(1), line.integer(2)
    if not code or left is None or left < 0:
        return None
    text, advice = left_for(code, left, of)
    found: dict[str, object] = {"code": code, "attempts_left": left}
    return Explanation("SIM", text, f"{TS_27007} clause 8.65", found, advice)


def quectel(line: InformationLine) -> Explanation | None:
    """Explain ``+QPINC: <facility>,<PIN attempts>,<PUK attempts>``."""
    codes = _QUECTEL_CODES.get(line.text(0).upper())
    pin, puk = line.integer(1), line.integer(2)
    if codes is None or pin is None or puk is None:
        return None
    found = _listed(list(codes), [pin, puk], f"{QUECTEL}, +QPINC")
    if found is None:
        return None
    fields = {"code": codes[0], "attempts_left": pin, "puk_attempts_left": puk}
    return found._replace(fields=fields)


def huawei(line: InformationLine) -> Explanation | None:
    """Explain the numbers of ``^CPIN: <code>,[<times>],<PUK>,<PIN>,<PUK2>,<PIN2>``."""
    numbers = [line.integer(at) for at in range(2, 6)]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    puk, pin, puk2, pin2 = known
    return _listed(["PIN", "PUK", "PIN2", "PUK2"], [pin, puk, pin2, puk2], f"{HUAWEI}, ^CPIN")


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(ORDERS, ordered),
    **dict.fromkeys(CURRENT, current),
    "+CPINR": standard,
    "+QPINC": quectel,
}
