"""What is fuzzed, as one table: a name, what takes the bytes, and what must be true of it.

Every target lets only declared errors pass (:class:`~modemagent.errors.ModemAgentError`); all
else that is raised, and every broken promise, is a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from fuzz.engine import Target, Work
from fuzz.interference import modems, right_or_silent
from fuzz.wire import Said, driven, transcripts, true_answer
from modemagent import settings
from modemagent.agent.control.server import ControlSocket
from modemagent.at import attribution, commands, fields, lines, results, urcs
from modemagent.at import transcript as transcript_file
from modemagent.at.connection import AtConnection
from modemagent.at.line_splitter import ANSWER_LIMIT, LINE_LIMIT, LineEvent, LineSplitter
from modemagent.at.steps import Command, FinalResult, Response, Step
from modemagent.cli.output import plain
from modemagent.dialects import ati_block, parsers
from modemagent.dialects.table_types import Attempt
from modemagent.errors import ModemAgentError
from modemagent.explain import explain, explain_code
from modemagent.explain.identities import explain_identity
from modemagent.identity.check import validate
from modemagent.identity.problems import KINDS
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import Extras, identify
from modemagent.modem.interpret import BLOCK_PARSERS, interpret
from modemagent.privacy import masking
from modemagent.report.message import Report, canonical_body

SEPARATOR = b"\x1e"
COMMANDS = (
    "AT", "ATI", "AT+CGSN", "AT+CGSN=1", "AT+CIMI", "AT+QCCID", "AT+CPIN?", "AT+COPS?", "AT+CEREG?",
    "ATE0", "ATV1", "AT+CGMR", "AT+CLAC", "AT+CRSM=176,12258,0,0,10", "AT+CGSN;+CIMI", "AT^ICCID?",
)  # fmt: skip
DOCUMENTS = Path(__file__).parents[2] / "fixtures"


# -- seeds


@cache
def _wires() -> tuple[bytes, ...]:
    return tuple(
        dict.fromkeys(
            wire
            for each in transcripts()
            for row in each.exchanges
            if (wire := row.wire(echo=True))
        )
    )


def some_wires() -> list[bytes]:
    return list(_wires()[::9])


def some_lines() -> list[bytes]:
    found = {line for wire in _wires() for line in wire.replace(b"\r", b"\n").split(b"\n") if line}
    return sorted(found)[::9]


def some_talks() -> list[bytes]:
    """Numbers of commands and what came back, for the dialogue."""
    wires = _wires()
    return [
        SEPARATOR.join(bytes((at % len(COMMANDS),)) + wires[at + i] for i in range(4))
        for at in range(0, len(wires) - 4, 40)
    ]


def some_documents(pattern: str, folder: Path = DOCUMENTS) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob(pattern))]


# -- what is always true


def is_clean(text: str) -> bool:
    return text.isprintable()


def _events(chunks: Sequence[bytes]) -> list[LineEvent]:
    stream = LineSplitter()
    events: list[LineEvent] = []
    for chunk in chunks:
        stream.receive_data(chunk)
        while (event := stream.next_event()) is not None:
            events.append(event)
        assert len(stream._line) <= LINE_LIMIT, "a line is kept beyond its limit"
        assert not stream._input, "input is kept unread"
    last = stream.flush()
    return [*events, last] if last is not None else events


def cuts(data: bytes) -> list[list[bytes]]:
    """The same bytes in other pieces; the pieces depend on the bytes alone."""
    random = Random(len(data))
    pieces, at = [], 0
    while at < len(data):
        size = random.randint(1, 40)
        pieces.append(data[at : at + size])
        at += size
    return [[data[at : at + 1] for at in range(len(data))], pieces]


def fuzz_line_splitter(data: bytes) -> None:
    events = _events([data])
    for event in events:
        assert is_clean(event.line), "a control character in an event"
        assert len(event.line) <= LINE_LIMIT, "a line beyond its limit"
        assert (event.kind == "final") == (event.final is not None), "kind and final differ"
    for chunks in cuts(data):
        assert _events(chunks) == events, "the events depend on the cuts"


Come = list[Response | LineEvent]


def _talked(data: bytes, pieces: bool) -> tuple[Come, AtConnection]:
    talk = AtConnection()
    out: Come = []
    for part in data.split(SEPARATOR):
        if part and not talk.in_flight:
            command = COMMANDS[part[0] % len(COMMANDS)]
            assert talk.send(command) == command.encode() + b"\r"
        wire = part[1:]
        for chunk in cuts(wire)[len(wire) % 2] if pieces else [wire]:
            out += talk.receive_data(chunk)
        # a command that is still open at the end of its part has met its deadline, or has not
        if talk.in_flight and len(part) % 3:
            out.append(talk.expire())
    return out, talk


def _comparable(come: Come) -> list[object]:
    """Raw bytes end before the last line feed when that came in a read of its own."""
    return [each._replace(raw=b"") if isinstance(each, Response) else each for each in come]


def fuzz_dialogue(data: bytes) -> None:
    come, talk = _talked(data, pieces=False)
    for each in come:
        if isinstance(each, Response):
            said = (*each.lines, *each.foreign)
            assert all(map(is_clean, said)), "a control character in an answer"
            size = sum(len(line) + 8 for line in said)
            assert size <= ANSWER_LIMIT + LINE_LIMIT, "an answer beyond its limit"
            assert len(each.raw) <= ANSWER_LIMIT, "evidence beyond its limit"
        else:
            assert is_clean(each.line), "a control character in an unsolicited line"
    heard = talk.take_unsolicited()
    assert all(map(is_clean, heard.lines))
    assert len(heard.raw) <= ANSWER_LIMIT
    again, other = _talked(data, pieces=True)
    assert _comparable(again) == _comparable(come), "the answers depend on the cuts"
    assert talk.echoes == other.echoes


FLOOD = 16 * 1024


def fuzz_flood(data: bytes) -> None:
    """The same bytes over and over while one command waits: work grows as the bytes do."""
    if not data:
        return
    for echoes in (False, True):
        talk = AtConnection()
        talk.echoes = echoes
        talk.send(COMMANDS[data[0] % len(COMMANDS)])
        piece = data * (1 + 512 // len(data))
        fed = 0
        while fed < FLOOD and talk.in_flight:
            talk.receive_data(piece)
            fed += len(piece)
        if talk.in_flight:
            talk.expire()
        talk.take_unsolicited()


# -- single lines


def text_of(data: bytes) -> str:
    """A line as the line splitter classifies it."""
    return lines.clean_line(data[:LINE_LIMIT])[0]


def fuzz_lines(data: bytes) -> None:
    text, noise = lines.clean_line(data)
    assert is_clean(text)
    assert 0 <= noise <= len(data)
    assert lines.stream_kind(data) in ("silence", "text", "nmea", "ppp", "binary")
    lines.is_noise(text)
    lines.is_nmea(text)


def fuzz_results(data: bytes) -> None:
    for text in (text_of(data), data.decode("latin-1")):
        for numeric in (False, True):
            final = results.parse_final(text, numeric=numeric)
            assert final is None or final.text == text.strip()
            if final is not None and final.kind in ("cme", "cms"):
                assert final.code is None or 0 <= final.code < 10**6


def fuzz_values(data: bytes) -> None:
    text = text_of(data)
    label, rest = fields.split_prefix(text)
    assert len(label) + len(rest) <= len(text)
    fields.parse_information(text)
    for field in fields.split_fields(text):
        fields.parse_integer(field)
        fields.parse_hex_integer(field)
        fields.parse_hex_bytes(field)


def fuzz_grammar(data: bytes) -> None:
    text = text_of(data)
    commands.looks_like_command(text)
    commands.is_basic(text)
    commands.setting_value(text, "E")
    for command in COMMANDS:
        commands.is_truncated_echo(text.upper(), command)
    urcs.is_urc(text)
    urcs.prefix_of(text)
    urcs.response_prefixes(text)


def fuzz_attribution(data: bytes) -> None:
    """Events in any order, late commands and all."""
    rows = [text_of(line) for line in data.split(b"\n")]
    for command in COMMANDS[:: 1 + len(data) % 3]:
        late = ["AT+CGSN", "AT+CIMI"]
        flight = attribution.Attribution(command, echoes=bool(len(rows) % 2), late=late)
        for text in rows:
            if flight.take(LineEvent("text", text, results.parse_final(text))) is not None:
                break
        flight.release()
        assert len(flight.lines) + len(flight.foreign) <= len(rows) * 2


def fuzz_words(data: bytes) -> None:
    text = text_of(data)
    for command in ("", *COMMANDS):
        said = explain(command, text) or explain_identity(command, text)
        if said is not None:
            json.dumps(said)
            assert is_clean(str(said["text"])), "a control character in an explanation"
    explain_code(text)


PARSERS = tuple(parsers.PARSERS)


def fuzz_shapes(data: bytes) -> None:
    text = text_of(data)
    for name in PARSERS:
        for command in ("AT+CGSN", "AT+QUIMSLOT?"):
            found = parsers.parse_value(name, text, command=command)
            if found.value is not None:
                assert is_clean(found.value)
                assert len(found.value) <= max(3 * len(text), 64)  # upper case may be longer


def fuzz_ati(data: bytes) -> None:
    ati_block.read_block(text_of(line) for line in data.split(b"\n"))


def fuzz_reading(data: bytes) -> None:
    rows = tuple(text for line in data.split(b"\n") if (text := text_of(line)))
    for final in (FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR"), None):
        answer = Response("AT+CGSN", rows, final, raw=data)
        for shape in (*PARSERS, *BLOCK_PARSERS):
            reading = interpret(Attempt("AT+CGSN", shape, "fuzz"), answer)
            assert not reading.certain or len(reading.values) == 1
            assert all(map(is_clean, reading.values))


# -- identities, masking, what people see


def fuzz_identity(data: bytes) -> None:
    for text in (text_of(data), data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        for kind in KINDS:
            check = validate(kind, text)
            if check.valid:
                assert check.normalized is not None
                assert check.normalized.isascii()
                assert check.normalized.isalnum()
                assert validate(kind, check.normalized).normalized == check.normalized
            json.dumps([problem.to_json() for problem in check.problems()])


def fuzz_masking(data: bytes) -> None:
    for text in (text_of(data), data.decode("utf-8", "surrogateescape")):
        once = masking.mask_text(text)
        masking.mask_text(once)
        assert not re.search(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])", once), "a whole number"
        masking.mask(text)


def fuzz_render(data: bytes) -> None:
    for text in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
        assert plain(text).isprintable()
        plain(text).encode("utf-8")


# -- documents


def fuzz_transcript(data: bytes) -> None:
    with contextlib.suppress(ModemAgentError):
        script = transcript_file.loads(data.decode("utf-8", "replace"))
        for each in script.exchanges:
            each.wire(echo=True)


def fuzz_settings(data: bytes) -> None:
    settings.check(data.decode("utf-8", "replace"))


def fuzz_report(data: bytes) -> None:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(ModemAgentError):
        report = Report.from_json(body)
        assert Report.from_json(report.to_json()) == report
        canonical_body(report.to_json())
    if isinstance(body, Mapping):
        with contextlib.suppress(ModemAgentError):
            Snapshot.from_json(body).to_json(evidence=True)


def fuzz_control(data: bytes) -> None:
    async def echo(request: Mapping[str, object], _: object) -> dict[str, object]:
        return {"port": request.get("port")}

    socket = ControlSocket(Path("nowhere"), {"identify": echo}, logging.getLogger("fuzz"))
    json.dumps(asyncio.run(socket._answer(data, None)))


# -- a whole identification


def _next_chunk(chunks: list[bytes]) -> bytes:
    return chunks.pop(0) if chunks else b"\x01"


def _played(chunk: bytes, answer: bytes) -> Said:
    """Return the bytes of one chunk: 01 is the modem's own response, 02 is 1 s, 03 is 6 s."""
    said: Said = []
    after = 0.01
    for piece in chunk.replace(b"\x03", b"\x02" * 6).split(b"\x02"):
        said.append((after, piece.replace(b"\x01", answer)))
        after += 1.0
    return said[:60]


def fuzz_identify(data: bytes) -> None:
    """Any modem at all: an end, a snapshot or a declared error, and nothing that steers."""
    known = transcripts_known()
    modem = known[data[0] % len(known)] if data else known[0]
    flags = data[1] if len(data) > 1 else 0
    chunks = data[2:].split(SEPARATOR)

    def react(step: Step) -> Said:
        chunk = _next_chunk(chunks)
        answer = true_answer(modem, step.line) if isinstance(step, Command) else b""
        return _played(chunk, answer)

    extras = Extras(eid_by_apdu=bool(flags & 1), network=bool(flags & 2))
    outcome = driven(identify("wire", extras=extras), react)
    if isinstance(outcome, ModemAgentError):
        json.dumps(outcome.to_json())
        assert is_clean(outcome.message), "a control character in an error"
        return
    document = outcome.to_json(evidence=True)
    evidence: Any = document.pop("evidence")
    again: Any = json.loads(json.dumps(document))
    assert Snapshot.from_json(again).to_json() == document, "a reading does not survive JSON"
    assert all(map(is_clean, _texts(document))), "a control character in a reading"
    assert sum(len(each["answer"]) for each in evidence) <= 4 * ANSWER_LIMIT * len(evidence)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    return []


@cache
def transcripts_known() -> tuple[Any, ...]:
    return tuple(transcripts())


def some_identifications() -> list[bytes]:
    head = [bytes((number, number % 4)) for number in range(len(transcripts_known()))]
    return [start + SEPARATOR.join([b"\x01"] * 24) for start in head] + [
        b"\x06\x03" + SEPARATOR.join([b"\x01"] * 6 + [wire] + [b"\x01"] * 6)
        for wire in some_wires()[::8]
    ]


def some_interference() -> list[bytes]:
    random = Random(1)
    return [bytes((number, *random.randbytes(60))) for number in range(len(modems()))]


def fuzz_log(data: bytes) -> None:
    """What the daemon logs, on a terminal and to a file."""
    from modemagent.logs import open_log

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    for text in (text_of(data), data.decode("utf-8", "surrogateescape"), data.decode("latin-1")):
        for stream in (StringIO(), Terminal()):
            open_log(stream=stream, color=False).info("heard", line=text, raw=data)
            said = stream.getvalue()
            assert said.endswith("\n")
            assert said[:-1].replace("\n", "").isprintable(), "a control character in a log"
            said.encode("utf-8")


_LINE = Work(60_000, 600)
_PLAN = Work(6_000_000, 40_000)

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "line_splitter": Target(fuzz_line_splitter, some_wires, Work(20_000, 400)),
        "dialogue": Target(fuzz_dialogue, some_talks, Work(50_000, 1000)),
        "flood": Target(fuzz_flood, some_wires, Work(4_000_000, 0)),
        "attribution": Target(fuzz_attribution, some_wires, Work(50_000, 6000)),
        "lines": Target(fuzz_lines, some_lines, _LINE),
        "results": Target(fuzz_results, some_lines, _LINE),
        "values": Target(fuzz_values, some_lines, _LINE),
        "grammar": Target(fuzz_grammar, some_lines, _LINE),
        "words": Target(fuzz_words, some_lines, Work(300_000, 3000)),
        "shapes": Target(fuzz_shapes, some_lines, Work(100_000, 1000)),
        "ati": Target(fuzz_ati, some_wires, _LINE),
        "reading": Target(fuzz_reading, some_wires, Work(300_000, 4000)),
        "identity": Target(fuzz_identity, some_lines, Work(300_000, 3000)),
        "masking": Target(fuzz_masking, some_lines, _LINE),
        "render": Target(fuzz_render, some_lines, _LINE),
        "transcript": Target(
            fuzz_transcript, lambda: some_documents("transcripts/*/transcript.toml")[::6]
        ),
        "settings": Target(fuzz_settings, lambda: [b'baud = 9600\nport = ["/dev/ttyS0"]\n']),
        "report": Target(fuzz_report, lambda: some_documents("reports/v1/*.json")),
        "control": Target(fuzz_control, lambda: [b'{"do": "identify", "port": "/dev/ttyUSB2"}']),
        "log": Target(fuzz_log, some_lines, _LINE),
        "identify": Target(fuzz_identify, some_identifications, _PLAN),
        "interference": Target(right_or_silent, some_interference, _PLAN),
    }
)
