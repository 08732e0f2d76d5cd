"""Synthetic identities: one transcript plays many modems with different numbers.

The numbers of a transcript are found by their form in every response, and replaced in the same
form: prefix, quotes, nibble swap, filler and letter case stay, check digits are recomputed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from modemagent.identity.checkdigits import luhn_digit, luhn_fits, mod97_digits
from modemagent.identity.cleaning import swap_nibbles

#: Distance of clones: transcripts whose serials differ by less than this never collide.
STRIDE = 1000

_EID = re.compile(r"(?<![0-9])[0-9]{32}(?![0-9])|(?<=5A10)[0-9]{32}(?=9000)")
_ICCID = re.compile(r"(?<![0-9A-Za-z])(?:89[0-9A-Fa-f]{16,18}|98[0-9A-Fa-f]{18})(?![0-9A-Za-z])")
_FIFTEEN = re.compile(r"(?<![0-9A-Za-z])[0-9]{15,16}(?![0-9A-Za-z])")
_TAIL = re.compile(r"[0-9]{1,9}$")


def shifted_imei(imei: str, offset: int) -> str:
    """Return the IMEI of the same TAC whose serial number is higher by ``offset``.

    >>> shifted_imei("867698040000013", 1000)
    '867698040010012'
    """
    body = imei[:8] + f"{(int(imei[8:14]) + offset) % 10**6:06d}"
    return body + luhn_digit(body)


def shifted_iccid(iccid: str, clone: int, sim: int) -> str:
    """Return the ICCID of another SIM of the same issuer, with a check digit if the first has one.

    >>> shifted_iccid("8988303000000000010", 1, 0)
    '8988303000000010001'
    """
    decimal = iccid.isdigit()
    if decimal and luhn_fits(iccid):
        return _with_luhn(_shifted(iccid[:-1], clone, sim))
    if decimal and len(iccid) == 20 and luhn_fits(iccid[:19]):
        return _with_luhn(_shifted(iccid[:18], clone, sim)) + iccid[19]
    return _shifted(iccid, clone, sim)


def shifted_eid(eid: str, clone: int, sim: int) -> str:
    """Return the EID of another eUICC with valid check digits (modulo 97 is 1, SGP.29)."""
    body = _shifted(eid[:30], clone, sim)
    return body + mod97_digits(body)


def _with_luhn(body: str) -> str:
    return body + luhn_digit(body)


def _shifted(text: str, clone: int, sim: int) -> str:
    match = _TAIL.search(text)
    if match is None:
        return text
    width = len(match[0])
    number = int(match[0]) + clone * STRIDE + sim * 10 ** (width - 1)
    return text[: match.start()] + f"{number % 10**width:0{width}d}"


@dataclass(frozen=True, slots=True)
class SyntheticIdentities:
    """The numbers of a simulated modem and its SIM.

    :param imsis: the IMSIs of the transcript; other 15 digits with a valid check digit are an IMEI
    :param clone: 0 for the transcript's own numbers, n for a modem and SIM that differ
    :param sim: number of SIM swaps so far
    :param imei: replaces the IMEI; likewise ``iccid``, ``imsi`` and ``eid``
    :param texts: other texts and what replaces them, such as a model or firmware
    """

    imsis: frozenset[str] = frozenset()
    clone: int = 0
    sim: int = 0
    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    texts: tuple[tuple[str, str], ...] = ()

    @property
    def as_recorded(self) -> bool:
        numbers = self.imei or self.iccid or self.imsi or self.eid
        return not (self.clone or self.sim or numbers or self.texts)

    def other_sim(
        self, iccid: str | None = None, imsi: str | None = None, eid: str | None = None
    ) -> SyntheticIdentities:
        """Return the identities after a SIM swap; numbers not given differ as well."""
        return replace(self, sim=self.sim + 1, iccid=iccid, imsi=imsi, eid=eid)

    def rewrite(self, text: str) -> str:
        """Return a response with this modem's numbers instead of the transcript's."""
        if self.as_recorded:
            return text
        for old, new in self.texts:
            text = text.replace(old, new)
        text = _EID.sub(lambda m: self.eid or shifted_eid(m[0], self.clone, self.sim), text)
        text = _ICCID.sub(lambda m: self._iccid(m[0]), text)
        return _FIFTEEN.sub(lambda m: self._imei_or_imsi(m[0]), text)

    def _iccid(self, shown: str) -> str:
        is_swapped = shown.startswith("98") and len(shown) == 20
        plain = swap_nibbles(shown) if is_swapped else shown
        bare = plain.rstrip("Ff")
        new = self.iccid or shifted_iccid(bare, self.clone, self.sim)
        if len(shown) == 20 and len(new) == 19:
            new += "F"
        if any(character in "abcdef" for character in shown):
            new = new.lower()
        return swap_nibbles(new) if is_swapped and len(new) == 20 else new

    def _imei_or_imsi(self, shown: str) -> str:
        if shown in self.imsis:
            return self.imsi or _shifted(shown, self.clone, self.sim)
        if len(shown) == 16:  # IMEISV: the IMEI's fourteen digits and the software version
            imei = self.imei or shifted_imei(shown[:14] + "0", self.clone * STRIDE)
            return imei[:14] + shown[14:]
        if luhn_fits(shown):
            return self.imei or shifted_imei(shown, self.clone * STRIDE)
        return shown


def imsis_in(responses: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Collect the IMSIs of a transcript from its (command, response) pairs."""
    return frozenset(
        match[0]
        for command, response in responses
        if "CIMI" in command.upper()
        for match in _FIFTEEN.finditer(response)
        if len(match[0]) == 15
    )
