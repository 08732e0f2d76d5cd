"""Look-up of the decoder for a line, in a table of decoders by prefix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modemagent.at.fields import InformationLine, command_name
from modemagent.explain.explanation import Decoder, Explanation

#: Maximum length of a line in characters; no modem's response line is longer.
LONGEST = 4096


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
