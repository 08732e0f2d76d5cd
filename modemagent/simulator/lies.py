"""Answers that no honest modem gives: what a reader must survive without believing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from modemagent.errors import UsageError
from modemagent.simulator.identities import luhn_digit, luhn_fits
from modemagent.simulator.script import Script

_ASKS_MODEL = re.compile(r"AT(\+C?GMM\??|I)$")
_FIFTEEN = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")


def _wrong_check_digit(imei: str) -> str:
    right = int(luhn_digit(imei[:14]))
    return imei[:14] + str(right % 9 + 1 if right else 5)


_IMEI_LIES: Mapping[str, Callable[[str], str]] = {
    "imei-5000": lambda imei: (imei * 334)[:5000],
    "imei-zeros": lambda imei: "0" * 15,
    "imei-check-digit": _wrong_check_digit,
}
_MODEL_LIES: Mapping[str, str] = {
    "model-ansi": "\x1b[2J\x1b]0;owned\x07\x1b[31mEG25\x1b[0m",
    "model-sql": "EG25'); DROP TABLE modems;--",
    "model-html": "<script>alert(1)</script>",
    "model-bytes": "EG25\xff\xfe\x80\x00\xc3(",
}
LIES = (*_IMEI_LIES, *_MODEL_LIES)


def check(name: str) -> None:
    """Refuse a lie that nobody knows how to tell.

    :raises UsageError: it is not in the table
    """
    if name not in LIES:
        raise UsageError(f"there is no lie {name!r}", hint=f"Known: {', '.join(LIES)}")


def tell(name: str, script: Script, key: str, answer: str) -> str:
    """Return the answer to one command with the lie in it."""
    if twist := _IMEI_LIES.get(name):
        if "CIMI" in key:  # an IMSI may pass the check of an IMEI by chance
            return answer
        return _FIFTEEN.sub(lambda m: twist(m[0]) if luhn_fits(m[0]) else m[0], answer)
    if _ASKS_MODEL.match(key):
        lie = _MODEL_LIES[name]
        return re.sub(rf"(?<![\w-]){re.escape(_own_model(script))}(?![\w-])", lambda _: lie, answer)
    return answer


def _own_model(script: Script) -> str:
    for line in ("AT+CGMM", "AT+GMM"):
        for exchange in script.by_line.get(line, ()):
            words = exchange.reply.body.decode("latin-1").strip().split("\r\n")
            if words[0] not in ("", "OK", "ERROR"):
                return words[0].strip()
    return script.model
