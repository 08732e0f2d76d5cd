"""Changes to a recorded response: the modem's own numbers, false values, and noise before it.

No correct modem sends the false values (fault ``lie``); a reader must survive and reject them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from modemagent.identity.checkdigits import luhn_digit, luhn_fits
from modemagent.simulator.faults import Faults
from modemagent.simulator.identities import SyntheticIdentities
from modemagent.simulator.script import Script

_READS_MODEL = re.compile(r"AT(\+C?GMM\??|I)$")
_FIFTEEN = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")


def _wrong_check_digit(imei: str) -> str:
    right = int(luhn_digit(imei[:14]))
    return imei[:14] + str(right % 9 + 1 if right else 5)


_FALSE_IMEIS: Mapping[str, Callable[[str], str]] = {
    "imei-5000": lambda imei: (imei * 334)[:5000],
    "imei-zeros": lambda imei: "0" * 15,
    "imei-check-digit": _wrong_check_digit,
}
_FALSE_MODELS: Mapping[str, str] = {
    "model-ansi": "\x1b[2J\x1b]0;owned\x07\x1b[31mEG25\x1b[0m",
    "model-sql": "EG25'); DROP TABLE modems;--",
    "model-html": "<script>alert(1)</script>",
    "model-bytes": "EG25\xff\xfe\x80\x00\xc3(",
}


def tamper(
    recorded: bytes, key: str, *, script: Script, identities: SyntheticIdentities, faults: Faults
) -> bytes:
    """Return the bytes to send instead of the recorded ones.

    :param key: the command's :func:`~modemagent.simulator.script.line_key`
    """
    if not recorded:
        return recorded
    text = identities.rewrite(recorded.decode("latin-1"))
    for name in faults.texts("lie"):
        text = _falsify(name, script, key, text)
    noise = bytes(random.randrange(0x80, 0x100) for _ in range(int(faults.number("garbage"))))
    return b"\0" * int(faults.number("nul")) + noise + text.encode("latin-1", "replace")


def _falsify(name: str, script: Script, key: str, text: str) -> str:
    if change := _FALSE_IMEIS.get(name):
        if "CIMI" in key:  # an IMSI may have the check digit of an IMEI by chance
            return text
        return _FIFTEEN.sub(lambda m: change(m[0]) if luhn_fits(m[0]) else m[0], text)
    if _READS_MODEL.match(key):
        model, false = re.escape(_recorded_model(script)), _FALSE_MODELS[name]
        return re.sub(rf"(?<![\w-]){model}(?![\w-])", lambda _: false, text)
    return text


def _recorded_model(script: Script) -> str:
    for line in ("AT+CGMM", "AT+GMM"):
        for exchange in script.by_line.get(line, ()):
            words = exchange.reply.body.decode("latin-1").strip().split("\r\n")
            if words[0] not in ("", "OK", "ERROR"):
                return words[0].strip()
    return script.model
