"""Numbering plans: the country, network or reporting body of a prefix.

Sources: ITU-T E.212 (MCC, MNC), ITU-T E.164 (calling codes), GSMA TS.06 (reporting bodies); each
data file names its own.
"""

from functools import lru_cache
from typing import NamedTuple

from modemagent.identity.lookup_tables import row


class Plmn(NamedTuple):
    """A home network. ``certain`` is False if the length of the MNC is a guess."""

    mcc: str
    mnc: str
    certain: bool


class Country(NamedTuple):
    """The country or international service of a prefix.

    :param codes: ISO 3166 alpha-2, the main one first; empty for an international service
    """

    prefix: str
    codes: tuple[str, ...]
    name: str

    @property
    def label(self) -> str:
        """The main ISO code, or the name of an international service."""
        return self.codes[0] if self.codes else self.name


@lru_cache(maxsize=2048)
def _country(table: str, key: str) -> Country | None:
    found = row(table, key)
    return None if found is None else Country(found[0], tuple(found[1].split()), found[2])


def country_of_mcc(mcc: str) -> Country | None:
    """Return the country of a mobile country code.

    >>> country_of_mcc("315").label, country_of_mcc("901").label
    ('US', 'International shared networks')
    """
    return _country("mcc.txt", mcc)


def country_of_iccid(iccid: str) -> Country | None:
    """Return the country whose E.164 code follows the 89; North America also writes 01.

    >>> country_of_iccid("8949210000000001111").label
    'DE'
    >>> country_of_iccid("8901260000000000000").prefix
    '01'
    """
    # E.164 codes are prefix-free: at most one of the three widths matches
    for end in (3, 4, 5):
        if (found := _country("calling_codes.txt", iccid[2:end])) is not None:
            return found
    return None


def reporting_body(tac: str) -> str | None:
    """Return the body that allocated a TAC, by its first two digits.

    >>> reporting_body("86769804")
    'TAF, China'
    """
    found = row("reporting_bodies.txt", tac[:2])
    return None if found is None else found[1]


@lru_cache(maxsize=512)
def mncs_of(mcc: str) -> tuple[str, ...]:
    """Return the known network codes of a country code, two or three digits each."""
    found = row("plmn.txt", mcc)
    return () if found is None else tuple(found[1].split(" "))


def split_imsi(imsi: str, *, mnc_length: int | None = None) -> Plmn:
    """Return the home network of an IMSI; the first rule with a result applies.

    :param imsi: digits, at least five of them
    :param mnc_length: byte 4 of EF_AD (3GPP TS 31.102 clause 4.2.18), if it was read; values
        other than 2 and 3 are ignored

    >>> split_imsi("310260000000001")
    Plmn(mcc='310', mnc='260', certain=True)
    >>> split_imsi("722070000000001").certain, split_imsi("722070000000001", mnc_length=2).mnc
    (False, '07')
    """
    mcc, rest = imsi[:3], imsi[3:]
    if mnc_length in (2, 3):
        return Plmn(mcc, rest[:mnc_length], True)
    return _home_network(mcc, rest[:3])


@lru_cache(maxsize=4096)
def _home_network(mcc: str, rest: str) -> Plmn:
    """Return the home network by the three digits after the country code, which hold the MNC."""
    _, length, mixed = row("mnc_lengths.txt", mcc) or (mcc, "2", "")
    fitting = [mnc for mnc in mncs_of(mcc) if rest.startswith(mnc)]
    if len(fitting) == 1:
        return Plmn(mcc, fitting[0], not mixed)
    known = not fitting and country_of_mcc(mcc) is not None
    return Plmn(mcc, rest[: int(length)], known and not mixed)
