"""IMSI: the number of the subscription on the SIM (ITU-T E.212, 3GPP TS 23.003 clause 2).

>>> Imsi.check("+CIMI: 262010000000001").details["country"]
'DE'
>>> Imsi.check("082926100000000010").codes
('imsi.ef_encoded',)
>>> Imsi.parse("901288000000001").grouped()
'901-28-8000000001'
"""

from __future__ import annotations

from modemagent.identity.cleaning import is_decimal, is_filler, is_hexadecimal, swap_nibbles
from modemagent.identity.identifier import Identifier, Rejected
from modemagent.identity.lookup_tables import listed
from modemagent.identity.numbering import Country, Plmn, country_of_mcc, split_imsi

_SHARED = frozenset(("901", "902", "991"))


class Imsi(Identifier):
    """A normalized IMSI: 6 to 15 digits."""

    __slots__ = ()
    kind = "imsi"
    lengths = range(6, 16)

    @property
    def mcc(self) -> str:
        """The mobile country code, 3 digits."""
        return self[:3]

    def plmn(self, mnc_length: int | None = None) -> Plmn:
        """Return the home network.

        :param mnc_length: byte 4 of EF_AD, if it was read; see
            :func:`modemagent.identity.numbering.split_imsi`
        """
        return split_imsi(self, mnc_length=mnc_length)

    def grouped(self) -> str:
        """Return the number as MCC, MNC and MSIN."""
        plmn = self.plmn()
        return f"{plmn.mcc}-{plmn.mnc}-{self[3 + len(plmn.mnc) :]}"

    @classmethod
    def _judge(cls, digits: str, codes: list[str], details: dict[str, object]) -> str:
        if (decoded := _from_ef(digits)) is not None:
            digits = decoded
            codes.append("imsi.ef_encoded")
        if not is_decimal(digits):
            raise Rejected("charset")
        if len(digits) not in cls.lengths:
            raise Rejected("length", digits=len(digits))
        if is_filler(digits) or listed("placeholders.txt", "imsi", digits):
            raise Rejected("placeholder")
        if len(digits) < 14:
            codes.append("imsi.short")
        plmn = split_imsi(digits)
        country = country_of_mcc(plmn.mcc)
        if (network := _network_code(digits, country)) is not None:
            codes.append(network)
        details |= {
            "mcc": plmn.mcc,
            "mnc": plmn.mnc,
            "msin": digits[3 + len(plmn.mnc) :],
            "mnc_certain": plmn.certain,
            "country": country and country.label,
            "country_name": country and country.name,
        }
        return digits


def _from_ef(digits: str) -> str | None:
    """Decode EF_IMSI content (3GPP TS 31.102 clause 4.2.2): length, parity nibble, digits."""
    encoded = len(digits) == 18 and digits.startswith("08") and digits[3] in "91"
    if not encoded or not is_hexadecimal(digits):
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
