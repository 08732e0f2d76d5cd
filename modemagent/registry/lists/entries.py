"""Entries of the lists: what each covers, and its normalized form.

An entry is an IMEI, a range of IMEIs in one TAC, a TAC, an ICCID, or the first digits of IMSIs.
IMEIs are compared on 14 digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from modemagent.errors import UsageError
from modemagent.identity.cleaning import is_decimal, without_separators
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi

_IMEI_DIGITS = 14
_TAC_DIGITS = 8
_PREFIX_LENGTHS = range(3, 16)
#: Numbers that share a prefix by which a range is found, from the widest block to one number.
BLOCK_SIZES = tuple(10**digits for digits in range(_IMEI_DIGITS - _TAC_DIGITS, -1, -1))

ListedNumber = Imei | Iccid | Imsi


class ListName(IntEnum):
    """The lists, in the order of their precedence; the value is stored."""

    PROHIBITED = 1
    TRACKED = 2
    PERMITTED = 3

    @property
    def shown(self) -> str:
        return self.name.lower()


class EntryKind(IntEnum):
    """Kinds of entries, from the narrowest to the widest; the value is stored."""

    IMEI = 1
    ICCID = 2
    RANGE = 3
    TAC = 4
    IMSI_PREFIX = 5

    @property
    def shown(self) -> str:
        return self.name.lower()


class EntryValue(NamedTuple):
    """The numbers that an entry covers.

    :param first: 14 digits of an IMEI, a TAC, an ICCID, the digits of an IMSI prefix, or the first
        14 digits of a range
    :param last: end of a range, else empty
    """

    kind: EntryKind
    first: str
    last: str = ""

    def covers(self, number: ListedNumber) -> bool:
        """Return True if a number is covered.

        >>> EntryValue(EntryKind.TAC, "86769804").covers(Imei("867698040000013"))
        True
        """
        if isinstance(number, Imei):
            if self.kind == EntryKind.RANGE:
                return self.first <= number[:_IMEI_DIGITS] <= self.last
            if self.kind == EntryKind.TAC:
                return number.tac == self.first
            return self.kind == EntryKind.IMEI and number[:_IMEI_DIGITS] == self.first
        if isinstance(number, Iccid):
            return self.kind == EntryKind.ICCID and number.same_sim(self.first)
        return self.kind == EntryKind.IMSI_PREFIX and number.startswith(self.first)

    @property
    def width(self) -> int:
        """How many numbers are covered, for comparing the widths of two entries."""
        if self.kind == EntryKind.RANGE:
            return int(self.last) - int(self.first) + 1
        if self.kind == EntryKind.TAC:
            return int(10 ** (_IMEI_DIGITS - _TAC_DIGITS))
        if self.kind == EntryKind.IMSI_PREFIX:
            return int(10 ** (_PREFIX_LENGTHS[-1] - len(self.first)))
        return 1

    @property
    def shown(self) -> tuple[str, str | None]:
        """First and last number as they are shown: IMEIs with their check digits."""
        if self.kind in (EntryKind.IMEI, EntryKind.RANGE):
            last = str(Imei.from_digits(self.last)) if self.last else None
            return str(Imei.from_digits(self.first)), last
        return self.first, None


class ListEntry(NamedTuple):
    """A stored entry of a list.

    :param valid_from_ms: None: without a beginning
    :param valid_to_ms: end of validity, which is not included; None: without an end
    :param source: who supplied it, such as an operator or a police report
    """

    id: int
    list: ListName
    value: EntryValue
    valid_from_ms: int | None
    valid_to_ms: int | None
    source: str
    reason: str

    def is_valid(self, at_ms: int) -> bool:
        """Return True if the entry is valid at a time."""
        begun = self.valid_from_ms is None or self.valid_from_ms <= at_ms
        return begun and (self.valid_to_ms is None or at_ms < self.valid_to_ms)


def parse_value(kind: EntryKind, first: str, last: str = "") -> EntryValue:
    """Return the value of an entry as typed or imported.

    :param last: end of a range
    :raises IdentityError: a number is not valid
    :raises UsageError: the numbers cannot be an entry of this kind

    >>> parse_value(EntryKind.RANGE, "86769804000001", "86769804000099").width
    99
    """
    if last and kind != EntryKind.RANGE:
        raise UsageError(
            f"an entry of kind {kind.shown} has one number", hint="Use the kind range for two."
        )
    if kind == EntryKind.RANGE:
        return _range(_equipment(first), _equipment(last))
    if kind == EntryKind.IMEI:
        return EntryValue(kind, str(Imei.parse(first))[:_IMEI_DIGITS])
    if kind == EntryKind.ICCID:
        return EntryValue(kind, str(Iccid.parse(first)))
    digits = without_separators(first)
    if kind == EntryKind.TAC:
        if len(digits) != _TAC_DIGITS or not is_decimal(digits) or not digits.strip("0"):
            raise UsageError(
                "a TAC has 8 digits",
                hint="Use the first 8 digits of the IMEI, with leading zeros.",
            )
    elif len(digits) not in _PREFIX_LENGTHS or not is_decimal(digits):
        raise UsageError(
            "an IMSI prefix has 3 to 15 digits",
            hint="Use the country and network code, such as 90128, or a whole IMSI.",
        )
    return EntryValue(kind, digits)


def _range(first: str, last: str) -> EntryValue:
    if first[:_TAC_DIGITS] != last[:_TAC_DIGITS]:
        raise UsageError(
            "the ends of the range have different TACs",
            hint="Add a range for each TAC, or the TAC itself if all of its numbers are meant.",
        )
    if last < first:
        raise UsageError("the range ends before it begins", hint="Exchange its ends.")
    return EntryValue(EntryKind.RANGE, first, last)


def _equipment(text: str) -> str:
    """Return 14 digits of an end of a range, which may be a number that no modem has."""
    digits = without_separators(text)
    if len(digits) == _IMEI_DIGITS and is_decimal(digits):
        return digits
    return str(Imei.parse(text))[:_IMEI_DIGITS]


def blocks(value: EntryValue) -> Iterator[str]:
    """Yield the fewest decimal prefixes that together are a range, at most some hundred.

    A range is found by the prefixes of a number, each with one look-up in an index, whatever other
    ranges there are.

    >>> list(blocks(parse_value(EntryKind.RANGE, "86769804000098", "86769804000211")))[:4]
    ['86769804000098', '86769804000099', '867698040001', '8676980400020']
    """
    low, high = int(value.first), int(value.last)
    while low <= high:
        zeros = 0
        while (
            zeros < _IMEI_DIGITS - _TAC_DIGITS
            and low % 10 ** (zeros + 1) == 0
            and low + 10 ** (zeros + 1) - 1 <= high
        ):
            zeros += 1
        yield f"{low:014d}"[: _IMEI_DIGITS - zeros]
        low += 10**zeros


def block_number(prefix: str) -> int:
    """Return a prefix as it is stored: with a 1 in front of its zeros."""
    return int(f"1{prefix}")


def block_numbers(imei: str, sizes: Iterable[int] = BLOCK_SIZES) -> list[int]:
    """Return the prefixes of an IMEI that a range can have as a block, as they are stored."""
    number = block_number(imei[:_IMEI_DIGITS])
    return [number // size for size in sizes]


def candidates(number: ListedNumber) -> list[tuple[EntryKind, str]]:
    """Return kind and first value of all entries that can cover a number, except ranges."""
    if isinstance(number, Imei):
        return [(EntryKind.IMEI, number[:_IMEI_DIGITS]), (EntryKind.TAC, number.tac)]
    if isinstance(number, Iccid):
        texts = [str(number)]
        if len(number) == 20:
            texts.append(number[:19])
        elif len(number) == 19:  # the 20th digit of an entry may be any
            texts += [f"{number}{digit:X}" for digit in range(16)]
        return [(EntryKind.ICCID, text) for text in texts]
    lengths = range(_PREFIX_LENGTHS[0], len(number) + 1)
    return [(EntryKind.IMSI_PREFIX, number[:length]) for length in lengths]
