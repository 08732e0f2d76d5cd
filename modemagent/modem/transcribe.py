"""Conversion of a recording to a transcript without real numbers.

Every number is replaced (:mod:`modemagent.privacy.pseudonyms`); the framing stays byte for byte.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modemagent.at.transcript import Exchange, Transcript, Unsolicited, framed
from modemagent.errors import TranscriptError
from modemagent.modem.capture import PRIVATE, RecordedResponse, Recording
from modemagent.privacy.pseudonyms import Pseudonyms

#: Commands whose response does not depend on the SIM.
_OF_THE_EQUIPMENT = re.compile(
    r"AT|ATI\d?|(AT)?[+#]C?G(M[IMR]|SN)\b.*|AT\+(GCAP|CLAC|SIMCOMATI|GTPKGVER\?|MYGMR)", re.I
)
_FORMAT = re.compile(r"AT\+CMEE(\?|=[012])", re.I)
_SAYS_FORMAT = re.compile(rb"\+CMEE ?: ?([012])")
TRACE = "trace"


class Written(NamedTuple):
    """The transcript of a recording.

    :param transcript: header, exchanges and URCs, only those that are new
    :param replaced: kind of number to how many different ones were replaced
    """

    transcript: Transcript
    replaced: Mapping[str, int]


def transcribe(
    recording: Recording, header: Mapping[str, object], *, earlier: Transcript | None = None
) -> Written:
    """Convert a recording to a transcript.

    :param header: keys of the module besides its responses: ``usb_vid``, ``source`` ...
    :param earlier: an earlier transcript; only what it does not contain is written, and a number
        in the same place gets the same pseudonym
    :raises TranscriptError: a real number would still be readable, so nothing may be written
    """
    before = [(each.send, _text(each.wire())) for each in earlier.exchanges] if earlier else []
    before += [("", _text(urc.wire())) for urc in earlier.urcs] if earlier else []
    responses = [(kept.response.line, _text(wire_of(kept))) for kept in recording.responses]
    urc_lines = [("", line) for line in recording.urcs]
    book = Pseudonyms([*responses, *urc_lines], like=before)
    exchanges = tuple(_exchanges(recording, book, earlier))
    known = {urc.line for urc in earlier.urcs} if earlier else set()
    urcs = tuple(
        Unsolicited(line, when="while recording", evidence=TRACE)
        for line in (book.rewrite(line) for line in recording.urcs)
        if line not in known
    )
    wires = [each.wire() for each in exchanges] + [each.wire() for each in urcs]
    left = book.survivors(_text(b"\0".join(wires)))
    if left:
        raise TranscriptError(
            f"a real number would remain readable ({', '.join(sorted(left))}), nothing was written",
            hint="Please report this error of modemagent without the transcript.",
        )
    name = earlier.name if earlier else "recording"
    transcript = Transcript(name, _header(recording, header), exchanges, urcs)
    return Written(transcript, book.counts)


def _header(recording: Recording, header: Mapping[str, object]) -> dict[str, object]:
    modem = recording.snapshot.modem
    out: dict[str, object] = {
        "vendor": modem.manufacturer or "unknown",
        "model": modem.model or "unknown",
        **header,
        "echo_default": recording.echoes,
    }
    if (number := _initial_format(recording)) is not None:
        out["cmee_default"] = number
    return out


def _initial_format(recording: Recording) -> int | None:
    """Return the error format that the modem was in."""
    for kept in recording.responses:
        if kept.response.line.upper() == "AT+CMEE?" and kept.cmee is None:
            match = _SAYS_FORMAT.search(kept.response.raw)
            return int(match[1]) if match else None
    return None


def _exchanges(
    recording: Recording, book: Pseudonyms, earlier: Transcript | None
) -> Iterator[Exchange]:
    of_both_formats = {kept.response.line for kept in recording.responses if kept.cmee is not None}
    initial = _initial_format(recording)
    echo = earlier is not None and earlier.echoes
    for kept in recording.responses:
        line = kept.response.line
        if _FORMAT.fullmatch(line) and kept.response.ok:
            continue  # The simulator plays it from the header.
        state = recording.state
        if kept.cmee is not None and not state:
            continue  # The format was changed for the state of the SIM only.
        if state and line in of_both_formats:
            state += f", CMEE={(initial or 0) if kept.cmee is None else kept.cmee}"
        raw = book.rewrite(_text(wire_of(kept))).encode("latin-1")
        of_the_equipment = all(_OF_THE_EQUIPMENT.fullmatch(part) for part in line.split(";"))
        known = [] if earlier is None else earlier.answers(line)
        if any(each.state in ("", state) and each.wire(echo=echo) == raw for each in known):
            continue
        if of_the_equipment and all(each.state for each in known):
            state = ""
        if any(each.state == state for each in known):
            continue  # Signal and time differ in every recording.
        lines = _standard(line, raw, echoes=recording.echoes)
        yield Exchange(
            send=line,
            lines=lines or (),
            raw=raw if lines is None else None,
            state=state,
            evidence=TRACE,
        )


def wire_of(kept: RecordedResponse) -> bytes:
    """Return all bytes of a response, without private messages and calls."""
    response = kept.response
    if any(line.upper().startswith(PRIVATE) for line in response.foreign):
        end = (response.final.text,) if response.final is not None else ()
        echo = response.line.encode() + b"\r" if response.echoed else b""
        return echo + framed((*response.lines, *end))
    raw = response.raw
    if response.final is not None and raw.endswith(b"\r") and b"\r\n" in raw:
        raw += b"\n"  # not yet received when the carriage return completed the response
    return raw


def _standard(line: str, raw: bytes, *, echoes: bool) -> tuple[str, ...] | None:
    """Return the lines of a response in the usual framing, () for silence, None for another."""
    if not raw:
        return ()
    echo = line.encode() + b"\r" if echoes else b""
    body = raw.removeprefix(echo)
    lines = tuple(_text(body[2:-2]).split("\r\n"))
    is_usual = len(body) + len(echo) == len(raw) and framed(lines) == body
    return lines if is_usual and not any(c in part for part in lines for c in "\r\n") else None


def _text(data: bytes) -> str:
    return data.decode("latin-1")
