"""What goes into a decoder and what comes out: one line taken apart, one thing said about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.at.fields import parse_integer

TS_27007 = "3GPP TS 27.007"
TS_27005 = "3GPP TS 27.005"
LONGEST_TEXT = 2000
"""Characters of a text; a list of forty networks fits."""


class Line(NamedTuple):
    """One line as a decoder sees it.

    :param asked: the command line that was sent, in upper case; ``""`` when it is not known
    :param prefix: upper case, without its colon
    :param fields: comma fields, quotes taken off; never empty
    :param rest: the text behind the prefix, as it came
    """

    asked: str
    prefix: str
    fields: tuple[str, ...]
    rest: str

    def number(self, at: int) -> int | None:
        """Return a field as a number; None when it is missing or none."""
        try:
            return parse_integer(self.fields[at])
        except IndexError:
            return None

    def text(self, at: int) -> str:
        """Return a field without surrounding blanks; ``""`` when it is missing."""
        try:
            return self.fields[at].strip()
        except IndexError:
            return ""


class Said(NamedTuple):
    """One thing said about a line.

    :param about: the subject, as ``registration (LTE)``
    :param text: the meaning, one line
    :param source: where that is written: standard and clause, or the maker's manual
    :param fields: name to value; a quantity's name carries its unit
    :param remedy: what to do about it, ``""`` when nothing need be done
    """

    about: str
    text: str
    source: str
    fields: Mapping[str, object] = {}
    remedy: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the entry as it is printed and sent: without control characters, no empty parts.

        >>> Said("SIM", "the card\\x1b[2J is busy", "a manual").to_dict()["text"]
        'the card\\ufffd[2J is busy'
        """
        found: dict[str, object] = {
            "about": clean(self.about),
            "text": clean(self.text[:LONGEST_TEXT]),
            "source": self.source,
        }
        if self.fields:
            found["fields"] = {name: _cleaned(value) for name, value in self.fields.items()}
        if self.remedy:
            found["remedy"] = self.remedy
        return found


Decoder = Callable[[Line], Said | None]


def clean(text: str) -> str:
    """Return text with everything that is not printable replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {name: _cleaned(each) for name, each in value.items()}
    return value
