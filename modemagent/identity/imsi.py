"""IMSI: the subscriber's number on the SIM (ITU-T E.212, TS 23.003 clause 2).

>>> check("+CIMI: 262010000000001").details["country"]
'DE'
>>> check("082926100000000010").codes
('imsi.ef_encoded',)
>>> format(parse("901288000000001"))
'901-28-8000000001'
"""

from __future__ import annotations

from modemagent.identity.check import CheckResult, accepted, refused
from modemagent.identity.cleaning import clean, is_decimal, is_filler, is_hexadecimal
from modemagent.identity.datafiles import listed
from modemagent.identity.numbering import Country, Plmn, country_of_mcc, split_imsi
from modemagent.identity.problems import Problem

_SHARED = frozenset(("901", "902", "991"))


class Imsi(str):
    """A normalized IMSI: 6 to 15 digits."""

    __slots__ = ()

    @property
    def mcc(self) -> str:
        return self[:3]

    @property
    def plmn(self) -> Plmn:
        """The home network, split without help from the card."""
        return split_imsi(self)


def swap_nibbles(digits: str) -> str:
    """Return the digits with every pair turned round, as cards store them.

    >>> swap_nibbles("9894")
    '8949'
    """
    return "".join([digits[at : at + 2][::-1] for at in range(0, len(digits), 2)])


def _from_ef(digits: str) -> str | None:
    """Decode EF_IMSI content (TS 31.102 clause 4.2.2): length, parity nibble, digits."""
    if not (
        len(digits) == 18
        and digits.startswith("08")
        and digits[3] in "91"
        and is_hexadecimal(digits)
    ):
        return None
    imsi = swap_nibbles(digits[2:])[1:].rstrip("F")
    odd = digits[3] == "9"
    return imsi if len(imsi) % 2 == odd else None


def _network_code(imsi: str, country: Country | None) -> str | None:
    if imsi.startswith("001"):
        return "imsi.test_network"
    if imsi.startswith(("999", "315010")):
        return "imsi.private_network"
    if imsi[:3] in _SHARED:
        return "imsi.shared_mcc"
    return "imsi.unknown_mcc" if country is None else None


def check(text: str, *, mnc_length: int | None = None) -> CheckResult:
    """Judge what a module answered to a question for the IMSI.

    :param mnc_length: byte 4 of EF_AD where it was read; decides how the network is split
    """
    digits = clean(text)
    if digits is None:
        return refused("imsi", text, "missing")
    if is_filler(digits):
        return refused("imsi", text, "placeholder")
    codes = []
    if (decoded := _from_ef(digits)) is not None:
        digits = decoded
        codes.append("imsi.ef_encoded")
    if not is_decimal(digits):
        return refused("imsi", text, "charset")
    if not 6 <= len(digits) <= 15:
        return refused("imsi", text, "length", digits=len(digits))
    if is_filler(digits) or listed("placeholders.txt", "imsi", digits):
        return refused("imsi", text, "placeholder")
    if len(digits) < 14:
        codes.append("imsi.short")
    plmn = split_imsi(digits, mnc_length=mnc_length)
    country = country_of_mcc(plmn.mcc)
    if (network := _network_code(digits, country)) is not None:
        codes.append(network)
    details: dict[str, object] = {
        "mcc": plmn.mcc,
        "mnc": plmn.mnc,
        "msin": digits[3 + len(plmn.mnc) :],
        "mnc_certain": plmn.certain,
        "country": None if country is None else country.label,
        "country_name": None if country is None else country.name,
    }
    return accepted("imsi", text, digits, codes, details)


def parse(text: str) -> Imsi:
    """Return the IMSI in a text.

    :raises IdentityError: there is none that identifies anything
    """
    return Imsi(check(text).key())


def problems(text: str) -> tuple[Problem, ...]:
    """Return what the rules find about a text."""
    return check(text).problems()


def format(value: Imsi) -> str:
    """Return the number in its groups: MCC, MNC, subscriber."""
    plmn = split_imsi(value)
    return f"{plmn.mcc}-{plmn.mnc}-{value[3 + len(plmn.mnc) :]}"
