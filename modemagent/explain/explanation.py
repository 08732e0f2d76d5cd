"""The explanation of one line, its decoder in a table, and the sources that it cites."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from modemagent.at.fields import InformationLine, command_name

TS_27007 = "3GPP TS 27.007"
TS_27005 = "3GPP TS 27.005"
QUECTEL = "Quectel EC2x/EG9x/EG2x-G AT commands manual"
QUECTEL_5G = "Quectel RG50xQ/RM5xxQ AT commands manual"
SIMCOM = "SIMCom SIM7500/SIM7600 AT command manual"
HUAWEI = "Huawei ME909s AT command manual"
NORDIC = "nRF91 AT commands reference guide"

#: Maximum length of a line in characters; no modem's response line is longer.
LONGEST = 4096
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


def commands_of(line: str) -> list[str]:
    """Return the extended name of each command in a command line, ``""`` for any other command.

    >>> commands_of("AT+CGMM;+CGSN"), commands_of("ATI"), commands_of("")
    (['+CGMM', '+CGSN'], [''], [''])
    """
    return [command_name(each) for each in line.strip().upper()[2:].split(";")]


def decode(decoders: Mapping[str, Decoder], line: InformationLine) -> Explanation | None:
    """Explain a line by its prefix."""
    decoder = decoders.get(line.name)
    return decoder(line) if decoder is not None and line.fields else None


def decode_bare(
    decoders: Mapping[str, Decoder], line: InformationLine, commands: Sequence[str]
) -> Explanation | None:
    """Explain a line without a prefix by the only command that it can be the response to."""
    if line.prefix or len(commands) != 1:
        return None
    return decode(decoders, InformationLine(commands[0], line.body, line.fields))


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
