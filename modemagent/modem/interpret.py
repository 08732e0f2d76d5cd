"""Interpretation of a whole response: candidate values, and whether one of them is certain.

The rule is "right or silent, never wrong". A value after a prefix of the wanted thing is accepted
if it is the only one. A bare value is accepted if exactly one line fits and nothing else was
received; otherwise a second reading has to agree.
"""

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.at.fields import split_prefix
from modemagent.at.steps import Response
from modemagent.dialects.ati_block import read_block
from modemagent.dialects.parsers import parse_value
from modemagent.dialects.table_types import Attempt

#: Keys of an ``ATI`` block; the parser of each is named ``ati_`` and the key.
_BLOCK_KEYS = ("manufacturer", "model", "revision", "imei", "imeisv", "serial")
BLOCK_PARSERS = tuple(f"ati_{key}" for key in _BLOCK_KEYS)
#: Keys whose value the parser of the same name checks.
_CHECKED_KEYS = ("imei", "imeisv", "serial")


class Interpretation(NamedTuple):
    """The values of one response for one attempt.

    :param values: distinct fitting values, in the order received
    :param certain: there is exactly one value, and it needs no second reading
    :param malformed: a value in the right place that does not have the expected form
    :param labelled: the value has its own prefix, which proves that the response belongs to the
        command
    :param astray: OK, but the lines are about something else: the response may belong to another
        command
    """

    values: tuple[str, ...] = ()
    certain: bool = False
    malformed: str | None = None
    labelled: bool = False
    astray: bool = False


def interpret(attempt: Attempt, response: Response) -> Interpretation:
    """Return the values of a response for one attempt."""
    if response.final is not None and not response.ok:
        return Interpretation()  # A refusal has no value; a line that looks like one is a URC.
    if attempt.parser in BLOCK_PARSERS:
        return _read_block(attempt.parser.removeprefix("ati_"), response)
    labelled: list[str] = []
    bare: list[str] = []
    malformed: list[tuple[str, bool]] = []
    odd = len(response.foreign)
    for line in response.lines:
        found = parse_value(attempt.parser, line, command=attempt.command, prefix=attempt.prefix)
        if found.value is None:
            odd += not found.labelled
        elif not found.fits:
            malformed.append((found.value, found.labelled))
            odd += 1
        else:
            (labelled if found.labelled else bare).append(found.value)
    if labelled:
        # A URC can have the prefix of the command, so a bare value beside a labelled one may be
        # the response.
        values = tuple(dict.fromkeys((*labelled, *bare)))
        certain = len(values) == 1 and not response.timed_out
        return Interpretation(values, certain, labelled=True)
    values = tuple(dict.fromkeys(bare))
    if attempt.parser == "revision" and len(bare) > 1 and _is_one_text(bare, response):
        values = (" ".join(bare),)
        odd += 1
    believed = next((value for value, is_labelled in malformed if is_labelled), None)
    if believed is None and len(malformed) == 1 and odd == 1 and not values:
        believed = malformed[0][0]
    return Interpretation(
        values,
        len(values) == 1 and not odd and response.ok,
        believed,
        labelled=any(is_labelled for _, is_labelled in malformed),
        astray=response.ok and not values and believed is None and bool(response.lines),
    )


def parts_of(response: Response, commands: Sequence[str]) -> list[Response]:
    """Split the response to a joined line, one line for each command; [] if that is impossible."""
    if not response.ok or response.foreign or len(response.lines) != len(commands):
        return []
    return [
        response._replace(line=command, lines=(line,))
        for command, line in zip(commands, response.lines, strict=True)
    ]


def _is_one_text(values: list[str], response: Response) -> bool:
    """Return True if each line has a value and no empty line separates them, as around a URC.

    Empty lines may separate versions of several parts, each with its name (Iridium 9522 and 9523).
    """
    if len(values) == len(response.lines) and all(map(_is_part_version, response.lines)):
        return True
    raw = response.raw.replace(b"\r\n", b"\n").replace(b"\r", b"")
    lines = [line.encode() for line in response.lines]
    return len(values) == len(lines) and b"\n".join(lines) in raw


def _is_part_version(line: str) -> bool:
    """Return True for the version of one part of a modem.

    >>> _is_part_version("Modem DSP Version: 1.7 svn: 2358"), _is_part_version("+QIND: VERSION")
    (True, False)
    """
    label, value = split_prefix(line)
    words = label.lower().split()
    return bool(value) and len(words) > 1 and words[-1] in ("version", "revision")


def _read_block(key: str, response: Response) -> Interpretation:
    block = read_block(response.lines)
    if key == "imeisv" and (svn := block.get("svn", "")).isdigit() and len(svn) <= 2:
        # "IMEI SV" is the software version number alone. It follows TAC and serial number in
        # place of the check digit (TS 23.003 clause 6.2.2).
        imei = block.get("imei", "")
        if len(imei) == 15 and imei.isdigit():
            return Interpretation((f"{imei[:14]}{svn:0>2}",), certain=True, labelled=True)
        return Interpretation()
    value = block.get(key)
    if value is None:
        return Interpretation()
    if key not in _CHECKED_KEYS:
        keyed = any(split_prefix(line)[0] for line in response.lines)
        certain = response.ok and (keyed or (len(response.lines) != 2 and not response.foreign))
        return Interpretation((value,), certain=certain, labelled=keyed)
    found = parse_value(key, value, command="")
    if found.fits and found.value is not None:
        return Interpretation((found.value,), certain=True, labelled=True)
    return Interpretation(malformed=found.value or value, labelled=True)
