"""The explanation of one line, and the sources it cites."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine

TS_27007 = "3GPP TS 27.007"
TS_27005 = "3GPP TS 27.005"
QUECTEL = "Quectel EC2x/EG9x/EG2x-G AT commands manual"
QUECTEL_5G = "Quectel RG50xQ/RM5xxQ AT commands manual"
SIMCOM = "SIMCom SIM7500/SIM7600 AT command manual"
HUAWEI = "Huawei ME909s AT command manual"
NORDIC = "nRF91 AT commands reference guide"

#: Maximum length of a text in characters; a list of forty networks fits.
LONGEST_TEXT = 2000


class Explanation(NamedTuple):
    """The meaning of one line.

    :param about: the subject, such as ``registration (LTE)``
    :param text: the meaning, one line
    :param source: standard and clause, or the maker's manual
    :param fields: name to value; the name of a quantity carries its unit
    :param remedy: what to do about it, ``""`` if nothing needs to be done
    """

    about: str
    text: str
    source: str
    fields: Mapping[str, object] = {}
    remedy: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the explanation as printed and sent: printable text, no empty parts.

        >>> Explanation("SIM", "the SIM\\x1b[2J is busy", "a manual").to_dict()["text"]
        'the SIM\\ufffd[2J is busy'
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


Decoder = Callable[[InformationLine], Explanation | None]


def clean(text: str) -> str:
    """Return a text with every unprintable character replaced by U+FFFD."""
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
