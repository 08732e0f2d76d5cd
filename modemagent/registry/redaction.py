"""Numbers cut out of stored reports, in all forms in which a modem writes them.

A report has a number as a field, and in its evidence: as it is, nibble-swapped, with
separators, or as codes of characters.

>>> body = b'{"sims":[{"iccid":"8988303000000000010","slot":1}]}'
>>> Redaction(["8988303000000000010"]).of_body(body)
b'{"sims":[{"iccid":null,"slot":1}]}'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from modemagent.report.message import canonical_body

ERASED = "[erased]"
_DIGITS = b"0123456789ABCDEFabcdef"
_OTHERS = bytes(sorted(set(range(256)) - set(_DIGITS)))
_UPPER = bytes(range(256)).upper()
_IMSI_DIGITS = 15
#: Between two digits of a number that people have written.
_SEPARATORS = r"[^0-9A-Za-z]{0,3}"
_FIELDS = frozenset(f"{name}{end}" for name in ("iccid", "imsi", "eid") for end in ("", "_raw"))


class Redaction:
    """The numbers that are to be cut out.

    :param numbers: their digits; the longest one is cut out first
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        self.numbers = sorted(set(numbers), key=len, reverse=True)
        forms = [form for number in self.numbers for form in _forms(number)]
        self._forms = sorted(set(forms), key=len, reverse=True)
        self._found = [form.encode("ascii", "replace") for form in self._forms]

    def is_in(self, text: str) -> bool:
        """Return True if a text may contain one of the numbers, in any form."""
        return self._is_in(text.encode("utf-8", "surrogatepass"))

    def _is_in(self, content: bytes) -> bool:
        bare = content.translate(_UPPER, _OTHERS)
        return any(form in bare for form in self._found)

    def of_body(self, body: bytes) -> bytes:
        """Return the body of a report without the numbers; unchanged if it has none."""
        if not self._is_in(body):
            return body
        document = json.loads(body)
        redacted = self.of_value(document)
        return body if redacted == document else canonical_body(redacted)

    def of_value(self, value: Any, name: str = "") -> Any:
        """Return a part of a document without the numbers.

        :param name: of the member; a field for one of the numbers becomes null
        """
        if isinstance(value, dict):
            return {one: self.of_value(member, one) for one, member in value.items()}
        if isinstance(value, list):
            return [self.of_value(one, name) for one in value]
        if not isinstance(value, str) or not self.is_in(value):
            return value
        return None if name in _FIELDS else self.of_text(value)

    def of_text(self, text: str) -> str:
        """Return a text without the numbers; as a whole, if they are written in another form."""
        for form in self._forms:
            text = re.sub(form, ERASED, text, flags=re.IGNORECASE)
        for number in self.numbers:
            text = re.sub(_SEPARATORS.join(map(re.escape, number)), ERASED, text)
        return ERASED if self.is_in(text) else text


def _forms(number: str) -> list[str]:
    forms = [number, _swapped(number)]
    if len(number) == _IMSI_DIGITS:
        forms.append(_swapped(f"9{number}"))  # with its parity, 3GPP TS 31.102 clause 4.2.2
    codes = number.encode("ascii", "replace")
    return [*forms, codes.hex().upper(), "".join(f"00{code:02X}" for code in codes)]


def _swapped(number: str) -> str:
    """Return digits as the files of a SIM hold them, two in each byte in reverse order.

    >>> _swapped("8988303000000000010")
    '988803030000000010F0'
    """
    digits = number + "F" * (len(number) % 2)
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2))
