"""From a recording to a transcript that may be shown to anybody.

Every number is replaced (:mod:`modemagent.privacy.pseudonyms`); framing stays to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modemagent.at.transcript import Exchange, Transcript, Unsolicited, framed
from modemagent.errors import TranscriptError
from modemagent.modem.capture import PRIVATE, Kept, Recording
from modemagent.privacy.pseudonyms import Pseudonyms

#: Answers that are the same with any card, and with none.
_OF_THE_EQUIPMENT = re.compile(
    r"AT|ATI\d?|(AT)?[+#]C?G(M[IMR]|SN)\b.*|AT\+(GCAP|CLAC|SIMCOMATI|GTPKGVER\?|MYGMR)", re.I
)
_FORMAT = re.compile(r"AT\+CMEE(\?|=[012])", re.I)
_SAYS_FORMAT = re.compile(rb"\+CMEE ?: ?([012])")
TRACE = "trace"


class Written(NamedTuple):
    """What a recording has become.

    :param transcript: header, exchanges and unsolicited lines, all of them new
    :param replaced: how many different originals were replaced, by kind
    """

    transcript: Transcript
    replaced: Mapping[str, int]


def transcribe(
    recording: Recording, header: Mapping[str, object], *, earlier: Transcript | None = None
) -> Written:
    """Turn a recording into a transcript.

    :param header: what is known of the module besides its answers: ``usb_vid``, ``source`` ...
    :param earlier: what was recorded before; only what it does not hold is written, and numbers
        that stood in the same place get the same pseudonyms
    :raises TranscriptError: an original would still be readable; nothing may be written then
    """
    before = [(each.send, _text(each.wire())) for each in earlier.exchanges] if earlier else []
    before += [("", _text(urc.wire())) for urc in earlier.urcs] if earlier else []
    answers = [(kept.answer.line, _text(wire_of(kept))) for kept in recording.answers]
    unasked = [("", line) for line in recording.urcs]
    book = Pseudonyms([*answers, *unasked], like=before)
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
            f"a real number would still be readable ({', '.join(sorted(left))}): nothing written",
            hint="this is a fault of modemagent, please report it without the transcript",
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
    if (number := _format_found(recording)) is not None:
        out["cmee_default"] = number
    return out


def _format_found(recording: Recording) -> int | None:
    """Return the error format the modem was found in."""
    for kept in recording.answers:
        if kept.answer.line.upper() == "AT+CMEE?" and kept.cmee is None:
            match = _SAYS_FORMAT.search(kept.answer.raw)
            return int(match[1]) if match else None
    return None


def _exchanges(
    recording: Recording, book: Pseudonyms, earlier: Transcript | None
) -> Iterator[Exchange]:
    told_apart = {kept.answer.line for kept in recording.answers if kept.cmee is not None}
    found = _format_found(recording)
    for kept in recording.answers:
        line = kept.answer.line
        if _FORMAT.fullmatch(line) and kept.answer.ok:
            continue  # played from the header
        state = recording.state
        if kept.cmee is not None and not state:
            continue  # chosen to learn about the card; this one needs no explaining
        if state and line in told_apart:
            state += f", CMEE={(found or 0) if kept.cmee is None else kept.cmee}"
        raw = book.rewrite(_text(wire_of(kept))).encode("latin-1")
        of_the_equipment = all(_OF_THE_EQUIPMENT.fullmatch(part) for part in line.split(";"))
        known = [] if earlier is None else earlier.answers(line)
        same = [
            each for each in known if each.wire(echo=earlier is not None and earlier.echoes) == raw
        ]
        if any(each.state in ("", state) for each in same):
            continue
        stateless = [each for each in known if not each.state]
        if of_the_equipment and not stateless:
            state = ""
        if any(each.state == state for each in known):
            continue  # signal and time differ whenever they are asked for
        lines = _standard(line, raw, echoes=recording.echoes)
        yield Exchange(
            send=line,
            lines=lines or (),
            raw=raw if lines is None else None,
            state=state,
            evidence=TRACE,
        )


def wire_of(kept: Kept) -> bytes:
    """Return the bytes of an answer, whole, and without other people's messages."""
    answer = kept.answer
    if any(line.upper().startswith(PRIVATE) for line in answer.foreign):
        end = (answer.final.text,) if answer.final is not None else ()
        echo = answer.line.encode() + b"\r" if answer.echoed else b""
        return echo + framed((*answer.lines, *end))
    raw = answer.raw
    if answer.final is not None and raw.endswith(b"\r") and b"\r\n" in raw:
        raw += b"\n"  # it was still on the way when the carriage return closed the answer
    return raw


def _standard(line: str, raw: bytes, *, echoes: bool) -> tuple[str, ...] | None:
    """Return the lines of an answer in the usual framing, () for silence, None for any other."""
    if not raw:
        return ()
    echo = line.encode() + b"\r" if echoes else b""
    body = raw.removeprefix(echo)
    lines = tuple(_text(body[2:-2]).split("\r\n"))
    is_usual = len(body) + len(echo) == len(raw) and framed(lines) == body
    return lines if is_usual and not any(c in part for part in lines for c in "\r\n") else None


def _text(data: bytes) -> str:
    return data.decode("latin-1")
