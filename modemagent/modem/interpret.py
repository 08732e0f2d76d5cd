"""What an answer may be believed to say: candidates, and whether they are sure.

The rule (right or silent, never wrong): a value behind a label of the wanted thing counts when
it is the only such value. A bare value counts when exactly one line fits and nothing else came
in between; otherwise a second reading has to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.at.steps import Response
from modemagent.dialects.ati_block import read_block
from modemagent.dialects.model import Attempt
from modemagent.dialects.parsers import parse_line, split_label

_BLOCK_KEYS = {
    "ati_manufacturer": "manufacturer",
    "ati_model": "model",
    "ati_revision": "revision",
    "ati_imei": "imei",
    "ati_imeisv": "imeisv",
    "ati_serial": "serial",
}
_BLOCK_SHAPES = {"ati_imei": "imei", "ati_serial": "serial", "ati_imeisv": "imeisv"}


class Interpretation(NamedTuple):
    """One answer looked at for one want.

    :param values: distinct fitting values, in the order they came
    :param sure: exactly one value, and it needs no second reading
    :param offered: a value that does not fit but stood where the wanted one belongs: evidence
    :param labelled: the value said what it is, which proves that question and answer are in step
    :param astray: the answer was positive but about something else: question and answer may be
        out of step
    """

    values: tuple[str, ...] = ()
    sure: bool = False
    offered: str | None = None
    labelled: bool = False
    astray: bool = False


def interpret(attempt: Attempt, answer: Response) -> Interpretation:
    """Look at an answer with the eyes of one attempt."""
    if answer.final is not None and not answer.ok:
        return Interpretation()  # a refusal holds no value; what looks like one came unasked
    if attempt.shape in _BLOCK_KEYS:
        return _read_block(attempt.shape, answer)
    labelled: list[str] = []
    bare: list[str] = []
    offered: list[tuple[str, bool]] = []
    odd = len(answer.foreign)
    for line in answer.lines:
        found = parse_line(attempt.shape, line, command=attempt.command, prefix=attempt.prefix)
        if found.value is None:
            odd += not found.labelled
        elif not found.fits:
            offered.append((found.value, found.labelled))
            odd += 1
        else:
            (labelled if found.labelled else bare).append(found.value)
    if labelled:
        # A bare value beside a labelled one: either may be the unasked one (a URC can carry
        # the very prefix that is asked for).
        values = tuple(dict.fromkeys((*labelled, *bare)))
        return Interpretation(
            values, len(values) == 1 and not answer.timed_out, None, labelled=True
        )
    values = tuple(dict.fromkeys(bare))
    if attempt.shape == "revision" and len(bare) > 1 and _is_one_text(bare, answer):
        values = (" ".join(bare),)
        odd += 1
    believed = next((value for value, said in offered if said), None)
    if believed is None and len(offered) == 1 and odd == 1 and not values:
        believed = offered[0][0]
    return Interpretation(
        values,
        len(values) == 1 and not odd and answer.ok,
        believed,
        labelled=any(said for _, said in offered),
        astray=answer.ok and not values and believed is None and bool(answer.lines),
    )


def parts_of(answer: Response, commands: Sequence[str]) -> list[Response]:
    """Take the answer to a joined line apart, one line for each command; [] when it is not so."""
    if not answer.ok or answer.foreign or len(answer.lines) != len(commands):
        return []
    return [
        answer._replace(line=command, lines=(line,))
        for command, line in zip(commands, answer.lines, strict=True)
    ]


def _is_one_text(lines: list[str], answer: Response) -> bool:
    """Some revisions have several lines; a URC beside one has blank lines around it."""
    raw = answer.raw.replace(b"\r\n", b"\n").replace(b"\r", b"")
    return b"\n".join(line.encode() for line in lines) in raw


def _read_block(shape: str, answer: Response) -> Interpretation:
    block = read_block(answer.lines)
    if shape == "ati_imeisv" and (svn := block.get("svn", "")).isdigit() and len(svn) <= 2:
        # IMEI SV: the software version number alone; TS 23.003 clause 6.2.2 puts it behind TAC
        # and serial in place of the check digit
        imei = block.get("imei", "")
        if len(imei) == 15 and imei.isdigit():
            return Interpretation((f"{imei[:14]}{svn:0>2}",), sure=True, labelled=True)
        return Interpretation()
    value = block.get(_BLOCK_KEYS[shape])
    if value is None:
        return Interpretation()
    if shape not in _BLOCK_SHAPES:
        keyed = any(split_label(line)[0] for line in answer.lines)
        sure = answer.ok and (keyed or (len(answer.lines) != 2 and not answer.foreign))
        return Interpretation((value,), sure=sure, labelled=keyed)
    found = parse_line(_BLOCK_SHAPES[shape], value, command="", prefix="")
    if found.fits and found.value is not None:
        return Interpretation((found.value,), sure=True, labelled=True)
    return Interpretation(offered=found.value or value, labelled=True)
