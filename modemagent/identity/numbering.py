"""Numbering plans: whose country, network or reporting body a prefix belongs to.

Sources: ITU-T E.212 (MCC, MNC), ITU-T E.164 (calling codes), GSMA TS.06 (reporting bodies);
the data files name their own.
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.identity.datafiles import row


class Plmn(NamedTuple):
    """A home network. ``certain`` is False where the MNC's length is a guess."""

    mcc: str
    mnc: str
    certain: bool


class Country(NamedTuple):
    """What a prefix stands for.

    :param codes: ISO 3166 alpha-2, the main one first; empty for what belongs to no country
    """

    prefix: str
    codes: tuple[str, ...]
    name: str

    @property
    def label(self) -> str:
        """The main ISO code, or the name where there is none."""
        return self.codes[0] if self.codes else self.name


def _country(table: str, key: str) -> Country | None:
    found = row(table, key)
    return None if found is None else Country(found[0], tuple(found[1].split()), found[2])


def country_of_mcc(mcc: str) -> Country | None:
    """Return whose mobile country code this is.

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
    for width in (1, 2, 3):  # E.164 codes are prefix-free: one of the three fits, or none
        found = _country("calling_codes.txt", iccid[2 : 2 + width])
        if found is not None:
            return found
    return None


def reporting_body(tac: str) -> str | None:
    """Return the body that allocated a TAC, by its first two digits.

    >>> reporting_body("86769804")
    'TAF, China'
    """
    found = row("reporting_bodies.txt", tac[:2])
    return None if found is None else found[1]


def mncs_of(mcc: str) -> tuple[str, ...]:
    """Return the network codes known under a country code, two or three digits each."""
    found = row("plmn.txt", mcc)
    return () if found is None else tuple(found[1].split(" "))


def split_imsi(imsi: str, *, mnc_length: int | None = None) -> Plmn:
    """Split the home network off an IMSI; the first rule with an answer wins.

    :param imsi: digits, at least five of them
    :param mnc_length: byte 4 of EF_AD (TS 31.102 clause 4.2.18) where it was read; anything
        but 2 and 3 says nothing

    >>> split_imsi("310260000000001")
    Plmn(mcc='310', mnc='260', certain=True)
    >>> split_imsi("722070000000001").certain, split_imsi("722070000000001", mnc_length=2).mnc
    (False, '07')
    """
    mcc, rest = imsi[:3], imsi[3:]
    if mnc_length in (2, 3):
        return Plmn(mcc, rest[:mnc_length], True)
    _, length, mixed = row("mnc_lengths.txt", mcc) or (mcc, "2", "")
    fitting = [mnc for mnc in mncs_of(mcc) if rest.startswith(mnc)]
    if len(fitting) == 1:
        return Plmn(mcc, fitting[0], not mixed)
    known = not fitting and country_of_mcc(mcc) is not None
    return Plmn(mcc, rest[: int(length)], known and not mixed)
