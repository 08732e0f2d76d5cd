"""A recorded or hand-written dialogue of one module, as a TOML file.

Header keys describe the module. ``[[exchange]]``: ``send``, then ``lines`` (the answer's lines) or
``raw`` (its exact bytes; a character stands for one byte), ``state`` (the condition under which
this answer is given; without it card present and ready), ``evidence`` (``trace``, ``manual`` or
``inferred``), ``ref``, ``note``. ``[[urc]]``: ``line`` and/or ``raw``, ``when``, ``evidence``.
Identifiers in such a file are synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modemagent.errors import TranscriptError


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command line and what the module answers.

    :param lines: the answer's lines, blank ones as ``""``; () and no ``raw``: no byte comes back
    :param raw: the exact bytes when framing matters, else None
    :param state: when the answer is given; ``""``: card present and ready
    """

    send: str
    lines: tuple[str, ...] = ()
    raw: bytes | None = None
    state: str = ""
    evidence: str = ""
    ref: str = ""
    note: str = ""

    def wire(self, *, echo: bool = False) -> bytes:
        """Return the bytes of the answer; ``raw`` wins and holds its own echo.

        >>> Exchange("AT", ("OK",)).wire(echo=True)
        b'AT\\r\\r\\nOK\\r\\n'
        """
        if self.raw is not None:
            return self.raw
        if not self.lines:
            return b""
        return (to_bytes(self.send) + b"\r" if echo else b"") + framed(self.lines)


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """One unsolicited line of the module."""

    line: str = ""
    raw: bytes | None = None
    when: str = ""
    evidence: str = ""
    ref: str = ""
    note: str = ""

    def wire(self) -> bytes:
        """Return its bytes.

        >>> Unsolicited("RDY").wire()
        b'\\r\\nRDY\\r\\n'
        """
        return framed((self.line,)) if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Transcript:
    """One module's transcript.

    :param header: the keys above the first table, in the file's order
    :param name: the file's name without its suffix, as ``quectel-eg25-g``
    """

    name: str
    header: Mapping[str, object] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    urcs: tuple[Unsolicited, ...] = ()

    @property
    def vendor(self) -> str:
        return str(self.header.get("vendor", ""))

    @property
    def model(self) -> str:
        return str(self.header.get("model", ""))

    @property
    def echoes(self) -> bool:
        """The module echoes commands in the recorded state."""
        return self.header.get("echo_default") is True

    def answers(self, line: str) -> tuple[Exchange, ...]:
        """Return the exchanges of a command line, case ignored, in the file's order."""
        wanted = line.strip().upper()
        return tuple(each for each in self.exchanges if each.send.strip().upper() == wanted)


def to_bytes(text: str) -> bytes:
    """Return the bytes a TOML string stands for: one a character.

    U+FFFD, which sources print for a byte they could not, gives 0xFE; other characters beyond
    one byte give their UTF-8.
    """
    if text.isascii():
        return text.encode("ascii")
    return b"".join(
        b"\xfe" if char == "\ufffd" else char.encode("latin-1" if char <= "\xff" else "utf-8")
        for char in text
    )


def framed(lines: tuple[str, ...]) -> bytes:
    """Return an answer's lines as most modules frame them: CR LF before, between and behind."""
    return b"\r\n" + b"\r\n".join(to_bytes(line) for line in lines) + b"\r\n"


def load(path: str | Path) -> Transcript:
    """Read a transcript file.

    :raises TranscriptError: no such file, no TOML, or a key of the wrong kind
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TranscriptError(
            f"{file} can not be read", hint="name a transcript file, as those in fixtures"
        ) from error
    # fixtures/transcripts/<vendor>-<model>/transcript.toml
    return loads(text, name=file.parent.name if file.stem == "transcript" else file.stem)


def loads(text: str, *, name: str = "transcript") -> Transcript:
    """Read a transcript from TOML text.

    :raises TranscriptError: no TOML, or a key of the wrong kind
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # beside its own error: a number of thousands of digits, brackets thousands deep
        raise TranscriptError(f"{name} is no TOML: {error}") from error
    header = {key: value for key, value in document.items() if key not in ("exchange", "urc")}
    exchanges = []
    for row in _rows(document, "exchange", name):
        if "send" not in row:
            raise TranscriptError(f"{name}: an [[exchange]] has no send")
        exchanges.append(
            Exchange(
                send=_text(row, "send", name),
                lines=_lines(row, name),
                raw=_raw(row, name),
                state=_text(row, "state", name),
                evidence=_text(row, "evidence", name),
                ref=_text(row, "ref", name),
                note=_text(row, "note", name),
            )
        )
    urcs = []
    for row in _rows(document, "urc", name):
        if "line" not in row and "raw" not in row:
            raise TranscriptError(f"{name}: a [[urc]] has neither line nor raw")
        urcs.append(
            Unsolicited(
                line=_text(row, "line", name),
                raw=_raw(row, name),
                when=_text(row, "when", name),
                evidence=_text(row, "evidence", name),
                ref=_text(row, "ref", name),
                note=_text(row, "note", name),
            )
        )
    return Transcript(name=name, header=header, exchanges=tuple(exchanges), urcs=tuple(urcs))


def dumps(transcript: Transcript) -> str:
    """Return a transcript as TOML; :func:`loads` gives the same transcript back."""
    out = [f"{key} = {_value(value)}\n" for key, value in transcript.header.items()]
    for each in transcript.exchanges:
        out.append("\n[[exchange]]\n")
        out.append(f"send = {_value(each.send)}\n")
        if each.lines or each.raw is None:
            out.append(f"lines = {_value(list(each.lines))}\n")
        out += _rest(each.raw, state=each.state, evidence=each.evidence)
        out += _rest(None, ref=each.ref, note=each.note)
    for urc in transcript.urcs:
        out.append("\n[[urc]]\n")
        if urc.line or urc.raw is None:
            out.append(f"line = {_value(urc.line)}\n")
        out += _rest(urc.raw, when=urc.when, evidence=urc.evidence, ref=urc.ref, note=urc.note)
    return "".join(out)


def _rest(raw: bytes | None, **texts: str) -> list[str]:
    out = [] if raw is None else [f"raw = {_value(raw.decode('latin-1'))}\n"]
    out += [f"{key} = {_value(text)}\n" for key, text in texts.items() if text]
    return out


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t"}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_value(str(key))} = {_value(each)}" for key, each in value.items())
        return "{" + pairs + "}"
    return '"' + "".join(_escaped(char) for char in str(value)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char < " " or "\x7f" <= char <= "\xff":
        return f"\\u{ord(char):04x}"
    return char


def _rows(document: Mapping[str, object], key: str, name: str) -> list[dict[str, object]]:
    rows = document.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TranscriptError(f"{name}: {key} is no list of tables, write [[{key}]]")
    return rows


def _text(row: Mapping[str, object], key: str, name: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise TranscriptError(f"{name}: {key} is no text")
    return value


def _lines(row: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = row.get("lines", [])
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise TranscriptError(f"{name}: lines is no list of texts")
    return tuple(value)


def _raw(row: Mapping[str, object], name: str) -> bytes | None:
    return to_bytes(_text(row, "raw", name)) if "raw" in row else None
