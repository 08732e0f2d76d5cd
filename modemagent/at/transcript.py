"""Transcripts of modules: commands and responses, recorded or written by hand, as TOML.

Header keys describe the module. ``[[exchange]]``: ``send``, then ``lines`` (the lines of the
response) or ``raw`` (its exact bytes, one character per byte), ``state`` (the state in which the
module responds so; without it the SIM is present and ready), ``evidence`` (``trace``, ``manual``
or ``inferred``), ``ref``, ``note``. ``[[urc]]``: ``line`` or ``raw`` or both, ``when``,
``evidence``. Identifiers in a transcript are synthetic.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from modemagent.errors import TranscriptError


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command line and its response.

    :param lines: lines of the response, empty ones as ``""``; () without ``raw``: no response
    :param raw: the exact bytes if the framing matters, else None
    :param state: the state in which the module responds so; ``""``: SIM present and ready
    """

    send: str
    lines: tuple[str, ...] = ()
    raw: bytes | None = None
    state: str = ""
    evidence: str = ""
    ref: str = ""
    note: str = ""

    def wire(self, *, echo: bool = False) -> bytes:
        """Return the bytes of the response; ``raw`` takes precedence and contains its own echo.

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
    """One unsolicited line of a module."""

    line: str = ""
    raw: bytes | None = None
    when: str = ""
    evidence: str = ""
    ref: str = ""
    note: str = ""

    def wire(self) -> bytes:
        """Return the bytes of the line.

        >>> Unsolicited("RDY").wire()
        b'\\r\\nRDY\\r\\n'
        """
        return framed((self.line,)) if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of one module.

    :param header: the keys before the first table, in the order of the file
    :param name: name of the file without its suffix, such as ``quectel-eg25-g``
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
        """True if the module echoes commands."""
        return self.header.get("echo_default") is True

    def answers(self, line: str) -> tuple[Exchange, ...]:
        """Return the exchanges of a command line, case ignored, in the order of the file."""
        wanted = line.strip().upper()
        return tuple(each for each in self.exchanges if each.send.strip().upper() == wanted)


R = TypeVar("R", Exchange, Unsolicited)


def to_bytes(text: str) -> bytes:
    """Return the bytes of a TOML string, one per character.

    U+FFFD, which sources print for an unprintable byte, becomes 0xFE; other characters that do
    not fit into one byte become UTF-8.
    """
    if text.isascii():
        return text.encode("ascii")
    return b"".join(
        b"\xfe" if char == "\ufffd" else char.encode("latin-1" if char <= "\xff" else "utf-8")
        for char in text
    )


def framed(lines: tuple[str, ...]) -> bytes:
    """Return lines in the usual framing: CR LF before, between and after them."""
    return b"\r\n" + b"\r\n".join(to_bytes(line) for line in lines) + b"\r\n"


def load(path: str | Path) -> Transcript:
    """Read a transcript file.

    :raises TranscriptError: the file cannot be read or is not a transcript
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TranscriptError(
            f"{file} cannot be read",
            hint="Name a transcript file, as those in fixtures/transcripts.",
        ) from error
    # fixtures/transcripts/<vendor>-<model>/transcript.toml
    return loads(text, name=file.parent.name if file.stem == "transcript" else file.stem)


def loads(text: str, *, name: str = "transcript") -> Transcript:
    """Read a transcript from TOML text.

    :raises TranscriptError: the text is not TOML, or a key has the wrong type
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # RecursionError: thousands of nested brackets.
        raise TranscriptError(f"{name} is not valid TOML: {error}") from error
    header = {key: value for key, value in document.items() if key not in ("exchange", "urc")}
    exchanges = [_record(Exchange, row, name) for row in _rows(document, "exchange", name)]
    urcs = [_record(Unsolicited, row, name) for row in _rows(document, "urc", name)]
    return Transcript(name=name, header=header, exchanges=tuple(exchanges), urcs=tuple(urcs))


def dumps(transcript: Transcript) -> str:
    """Return a transcript as TOML; :func:`loads` gives the same transcript back."""
    out = [f"{key} = {_value(value)}\n" for key, value in transcript.header.items()]
    for each in transcript.exchanges:
        lines = each.lines if each.lines or each.raw is None else None
        out += _table("exchange", each, {"send": each.send, "lines": lines, "raw": each.raw})
    for urc in transcript.urcs:
        line = urc.line if urc.line or urc.raw is None else None
        out += _table("urc", urc, {"line": line, "raw": urc.raw, "when": urc.when or None})
    return "".join(out)


def _table(name: str, row: Exchange | Unsolicited, values: dict[str, object]) -> Iterator[str]:
    yield f"\n[[{name}]]\n"
    for key in ("state", "evidence", "ref", "note"):
        values[key] = getattr(row, key, "") or None
    for key, value in values.items():
        if value is not None:
            yield f"{key} = {_value(value)}\n"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t"}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
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


#: Keys of which a row needs one.
_NEEDED = {"exchange": ("send",), "urc": ("line", "raw")}


def _rows(document: Mapping[str, object], key: str, name: str) -> list[dict[str, object]]:
    rows = document.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TranscriptError(f"{name}: {key} must be a list of tables: write [[{key}]]")
    if not all(row.keys() & set(_NEEDED[key]) for row in rows):
        raise TranscriptError(f"{name}: every [[{key}]] needs {' or '.join(_NEEDED[key])}")
    return rows


def _record(kind: type[R], row: Mapping[str, object], name: str) -> R:
    values: dict[str, Any] = {}
    for key in (each.name for each in fields(kind) if each.name in row):
        value = row[key]
        if key == "lines":
            if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
                raise TranscriptError(f"{name}: lines must be a list of strings")
            values[key] = tuple(value)
        elif not isinstance(value, str):
            raise TranscriptError(f"{name}: {key} must be a string")
        else:
            values[key] = to_bytes(value) if key == "raw" else value
    return kind(**values)
