"""Look-up of the decoder for a line or a code.

Explanations are for people; no reading depends on them. Each module of this package lists the
decoders of one subject in its ``DECODERS``. The lines that a reading depends on too are parsed
in :mod:`modemagent.at`, so that `identify`, `diagnose` and `explain` agree. Numbers that the
identity rules check are in :mod:`modemagent.explain.identities`, apart from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from modemagent.at.fields import SIGILS, InformationLine, parse_information
from modemagent.at.results import parse_final
from modemagent.at.urcs import PREFIXES, is_urc, response_prefixes
from modemagent.explain import codes, operators, pin_attempts, registration, signal, sim, states
from modemagent.explain.explanation import (
    LONGEST,
    Decoder,
    Explanation,
    commands_of,
    decode,
    decode_bare,
)

#: Prefix of an information line, in upper case, and its decoder: the most frequent lines.
_FREQUENT: Mapping[str, Decoder] = {
    **registration.DECODERS,
    **signal.DECODERS,
    **operators.DECODERS,
    **sim.DECODERS,
    **pin_attempts.DECODERS,
    **states.DECODERS,
}


@cache
def decoders() -> Mapping[str, Decoder]:
    """Return the decoders of all lines. The import of the rarer ones takes 1.5 ms."""
    from modemagent.explain import (
        cell_lines,
        cells,
        connections,
        events,
        power,
        slots,
        technologies,
    )

    rare = (cell_lines, cells, connections, events, power, slots, technologies)
    return {**_FREQUENT, **{name: found for one in rare for name, found in one.DECODERS.items()}}


def explain(command: str, line: str) -> dict[str, object] | None:
    """Explain one line of a response.

    :param command: the command line that was sent, ``""`` if it is not known (a URC)
    :return: ``about`` (subject), ``text`` (meaning), ``source``, and if there are any ``fields``
        (name to value) and ``remedy``; None for an unknown line and for one that
        :func:`modemagent.explain.identities.explain_identity` explains. All text is printable

    >>> explain("AT+CSQ", "+CSQ: 18,99")["text"]
    'signal -77 dBm, good'
    >>> explain("", "+CEREG: 3,3,,,,0,15")["text"]
    'registration denied: EMM cause 15, no suitable cells in tracking area'
    """
    found = _explain(command[:LONGEST], line[:LONGEST].strip())
    return None if found is None else found.to_dict()


def explain_code(text: str) -> dict[str, object] | None:
    """Explain a number with its family, such as ``CME 13``, ``EMM 15``, ``SW 6A82``.

    >>> explain_code("5GMM 27")["text"], explain_code("milk 3")
    ('N1 mode not allowed', None)
    """
    found = codes.explain_named(text)
    return None if found is None else found.to_dict()


def _explain(command: str, text: str) -> Explanation | None:
    final = parse_final(text)
    if final is not None:
        return codes.explain_result(final)
    line = parse_information(text, command)
    found = decode(_FREQUENT, line) or decode(decoders(), line)
    if found is None and not is_urc(text):
        found = _without_prefix(command, line, text)
    if found is None and is_urc(text) and line.name not in response_prefixes(command):
        meaning = PREFIXES.get(line.name, "start-up, SIM or call event")
        return Explanation("unsolicited", meaning, "the modem's maker")
    return found


def _without_prefix(command: str, line: InformationLine, text: str) -> Explanation | None:
    """Explain a line whose subject only the command names, or the form of the line."""
    if line.prefix and line.prefix[0] in SIGILS:
        return None
    from modemagent.explain.cell_lines import fibocom_row
    from modemagent.explain.named_values import named_values

    commands = commands_of(command)
    found = decode_bare(decoders(), line, commands) or named_values(text)
    if found is None and (len(commands) > 1 or not commands[0]):
        found = fibocom_row(line)
    return found
