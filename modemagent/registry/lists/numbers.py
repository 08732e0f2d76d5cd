"""Numbers to be checked: what kind each is, whether it is valid, and which are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from modemagent.errors import UsageError
from modemagent.identity.check import validate
from modemagent.identity.cleaning import clean
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import CheckResult, Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.registry.lists.entries import EntryKind, ListedNumber, parse_value

AUTO = "auto"
CHECK_KINDS = (AUTO, "imei", "imeisv", "iccid", "imsi", "eid")
MOST_IN_RANGE = 1000
_USUAL_BODIES = ("01", "35", "86", "99")  # that allocate TACs today


class CheckedNumber(NamedTuple):
    """A number with the verdict of the identity rules.

    :param listed: the number in the form that lists have, for an IMEISV its IMEI; None: it is not
        valid, or lists have no numbers of its kind
    """

    verdict: CheckResult[Identifier]
    listed: ListedNumber | None

    @property
    def key(self) -> str:
        """Text that two spellings of one number have in common."""
        if isinstance(self.listed, Imei):
            return f"imei {self.listed[:14]}"
        if isinstance(self.listed, Iccid):
            return f"iccid {self.listed.sim_key}"
        return f"{self.verdict.kind} {self.verdict.normalized or self.verdict.input.strip()}"


@lru_cache(maxsize=4096)
def read_number(text: str, kind: str = AUTO) -> CheckedNumber:
    """Return the verdict on a number as typed or imported.

    >>> read_number("901288000000001").verdict.kind
    'imsi'
    """
    verdict = validate(_kind(text) if kind == AUTO else kind, text)
    number = verdict.normalized
    if isinstance(number, Imeisv):
        return CheckedNumber(verdict, Imei.from_digits(number[:14]))
    listed = number if isinstance(number, Imei | Iccid | Imsi) else None
    return CheckedNumber(verdict, listed)


def _kind(text: str) -> str:
    """Return the kind of a number by its length; of 15 digits by check digit and first digits."""
    digits = clean(text) or ""
    if len(digits) in (18, 19, 20):
        return "iccid"
    if len(digits) == 16:
        return "imeisv"
    if len(digits) >= 30:
        return "eid"
    if len(digits) == 15 and not _is_likely_imei(digits):
        found = Imsi.check(digits)
        if found.valid and "imsi.unknown_mcc" not in found.codes:
            return "imsi"
    return "imei"


def _is_likely_imei(digits: str) -> bool:
    """Return True if the check digit fits; many IMSIs end in 0, which could be a spare digit."""
    found = Imei.check(digits)
    if "imei.spare_digit" in found.codes:
        return digits.startswith(_USUAL_BODIES)
    return found.valid and "imei.unknown_rbi" not in found.codes


def first_positions(texts: Iterable[str], kind: str) -> Iterator[int | None]:
    """Yield for each number the position, from 1, of the same number before it, or None."""
    seen: dict[str, int] = {}
    for position, text in enumerate(texts, 1):
        first = seen.setdefault(read_number(text, kind).key, position)
        yield first if first != position else None


def numbers_of_range(first: str, last: str) -> Sequence[str]:
    """Return the IMEIs of a range with their check digits.

    :raises IdentityError: an end is not valid
    :raises UsageError: the ends have different TACs, or the range is too long
    """
    value = parse_value(EntryKind.RANGE, first, last)
    if value.width > MOST_IN_RANGE:
        raise UsageError(
            f"the range has more than {MOST_IN_RANGE} numbers", hint="Check it in parts."
        )
    numbers = range(int(value.first), int(value.last) + 1)
    return [str(Imei.from_digits(f"{one:014d}")) for one in numbers]
