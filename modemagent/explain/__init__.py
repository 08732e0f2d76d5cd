"""Answers in plain words: what ``+CEREG: 2,5,"5B00"`` means, where that is written, what to do.

Kept apart from reading identities: nothing is decided by these words, people read them. Each
module holds tables and the decoders of one subject and lists them in its ``DECODERS``; the tables
of error numbers and reject causes are loaded when a number comes.
"""

from __future__ import annotations

from modemagent.at.fields import split_fields, split_prefix
from modemagent.at.results import parse_final
from modemagent.at.urcs import PREFIXES, asked_prefixes, is_urc, prefix_of
from modemagent.explain import cells, events, operators, registration, signal, sim, states
from modemagent.explain.codes import named, result
from modemagent.explain.decoder import Decoder, Line, Said

LONGEST = 4096
"""Characters of a line that are looked at; no module's answer is longer."""

DECODERS: dict[str, Decoder] = {
    **registration.DECODERS,
    **signal.DECODERS,
    **operators.DECODERS,
    **cells.DECODERS,
    **sim.DECODERS,
    **events.DECODERS,
    **states.DECODERS,
}
"""Prefix of an information line, in upper case, to what decodes it."""


def explain(line: str, answer_line: str) -> dict[str, object] | None:
    """Say in words what one line of an answer means.

    :param line: the command line that was asked, ``""`` when it is not known (a URC)
    :return: ``about`` (the subject), ``text`` (the meaning), ``source`` (where it is written),
        perhaps ``fields`` (name to value) and ``remedy`` (what to do); None when nothing is known
        about the line. No text holds a control character

    >>> explain("AT+CSQ", "+CSQ: 18,99")["text"]
    'signal -77 dBm, good'
    >>> explain("", "+CEREG: 3,3,,,,0,15")["text"]
    'registration denied: EMM cause 15, no suitable cells in tracking area'
    """
    said = _say(line[:LONGEST], answer_line[:LONGEST].strip())
    return None if said is None else said.to_dict()


def explain_code(text: str) -> dict[str, object] | None:
    """Say what a number with its family means, as ``CME 13``, ``EMM 15``, ``SW 6A82``.

    >>> explain_code("5GMM 27")["text"], explain_code("milk 3")
    ('N1 mode not allowed', None)
    """
    said = named(text)
    return None if said is None else said.to_dict()


def _say(asked: str, text: str) -> Said | None:
    final = parse_final(text)
    if final is not None:
        return result(final)
    prefix = prefix_of(text)
    decoder = DECODERS.get(prefix)
    fields = split_fields(text)
    if decoder is not None and fields:
        line = Line(asked.strip().upper(), prefix, fields, split_prefix(text)[1])
        said = decoder(line)
        if said is not None:
            return said
    if is_urc(text) and prefix not in asked_prefixes(asked):
        words = PREFIXES.get(prefix, "start-up, SIM or call event")
        return Said("unsolicited", words, "the modem's maker")
    return None
