"""A transcript made ready to be played: what is answered to which line under which condition."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modemagent.errors import TranscriptError
from modemagent.simulator.numbers import imsis_in

_OWN_OR_OTHER_ECHO = re.compile(rb"AT[^\r\n]*\r", re.IGNORECASE)
_CMEE_IN_STATE = re.compile(r",?\s*CMEE=([0-2])")
_REFUSAL = re.compile(r"COMMAND NOT SUPPORT|\+CME ERROR: ?[34]")
_UNKNOWN_BYTE = b"\xfe"


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back for one line.

    :param body: the bytes behind the echo, as recorded
    :param echo: the modem's echo, if on, goes before it; False where nothing comes back at
        all, or where the recorded bytes hold an echo of their own (of an earlier command, or
        spliced by a URC)
    """

    body: bytes
    echo: bool = True

    def without_echo(self) -> bytes:
        """Return the bytes for a modem whose echo is off."""
        return self.body if self.echo else _OWN_OR_OTHER_ECHO.sub(b"", self.body, count=1)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded answer.

    :param state: the condition it was recorded under, "" for card present and ready
    :param cmee: the error format (``AT+CMEE``) it belongs to, None when it is not told apart
    """

    send: str
    reply: Reply
    state: str = ""

    @property
    def cmee(self) -> int | None:
        match = _CMEE_IN_STATE.search(self.state)
        return int(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class Urc:
    """A line the module sends unasked: its bytes, its text, and when it was seen."""

    raw: bytes
    text: str
    when: str


@dataclass(frozen=True)
class Script:
    """A whole transcript, ready to be played.

    :param name: the folder's name, as ``quectel-eg25-g``, or the file's without its ending
    """

    name: str
    vendor: str
    model: str
    echo_default: bool
    exchanges: tuple[Exchange, ...]
    urcs: tuple[Urc, ...]

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The recorded conditions, in the order of the file, without the default one."""
        return tuple(dict.fromkeys(e.state for e in self.exchanges if e.state))

    @cached_property
    def by_line(self) -> Mapping[str, Sequence[Exchange]]:
        table: dict[str, list[Exchange]] = {}
        for exchange in self.exchanges:
            table.setdefault(line_key(exchange.send), []).append(exchange)
        return table

    @cached_property
    def imsis(self) -> frozenset[str]:
        return imsis_in((e.send, e.reply.body.decode("latin-1")) for e in self.exchanges)

    @cached_property
    def refusal(self) -> str:
        """What this family says to a command it does not know."""
        for exchange in self.exchanges:
            text = exchange.reply.body.decode("latin-1").strip()
            if not exchange.state and _REFUSAL.fullmatch(text):
                return text
        return "ERROR"

    @cached_property
    def fixed_cmee(self) -> int | None:
        """The error format of a firmware that takes ``AT+CMEE=n`` and changes nothing."""
        for exchange in self.by_line.get("AT+CMEE?", ()):
            if match := re.search(rb"\+CMEE: ?([0-2])", exchange.reply.body):
                return int(match[1])
        return None

    @cached_property
    def default_cmee(self) -> int:
        """The error format after power-up, as far as the recorded errors show it."""
        if self.fixed_cmee is not None:
            return self.fixed_cmee
        for exchange in self.exchanges:
            match = re.search(rb"\+CME ERROR: ?(\w)", exchange.reply.body)
            if match and exchange.cmee is None:
                return 1 if match[1].isdigit() else 2
        return 0


def line_key(line: str) -> str:
    """Return the form in which command lines are compared: modems ignore case and blanks."""
    return "".join(line.split()).upper()


def load(path: Path) -> Script:
    """Read a transcript file, or the ``transcript.toml`` of a folder.

    :raises TranscriptError: the file is missing, is no TOML, or an entry can not be played
    """
    file = path / "transcript.toml" if path.is_dir() else path
    name = file.parent.name if file.name == "transcript.toml" else file.stem
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TranscriptError(
            f"{file}: {error.strerror}", hint="See: modemagent simulate --list"
        ) from error
    except ValueError as error:
        raise TranscriptError(f"{file}: {error}", hint="A transcript is a TOML file") from error
    try:
        return _script(name, table)
    except (KeyError, TypeError, AttributeError) as error:
        raise TranscriptError(
            f"{file}: entry can not be played ({type(error).__name__}: {error})",
            hint="See fixtures/transcripts/README.md for the format",
        ) from error


def _script(name: str, table: Mapping[str, Any]) -> Script:
    echo = bool(table.get("echo_default", True))
    return Script(
        name=name,
        vendor=str(table.get("vendor", "")),
        model=str(table.get("model", "")),
        echo_default=echo,
        exchanges=tuple(_exchange(row, echo) for row in table.get("exchange", ())),
        urcs=tuple(_urc(row) for row in table.get("urc", ())),
    )


def _exchange(row: Mapping[str, Any], echo_default: bool) -> Exchange:
    send = str(row["send"])
    return Exchange(send=send, reply=_reply(row, send, echo_default), state=row.get("state", ""))


def _reply(row: Mapping[str, Any], send: str, echo_default: bool) -> Reply:
    if "raw" not in row:
        lines: list[str] = row["lines"]
        if not lines:
            return Reply(b"", echo=False)
        return Reply(wire("\r\n" + "\r\n".join(lines) + "\r\n"))
    raw = wire(row["raw"])
    own = wire(send) + b"\r"
    if raw[: len(own)].upper() == own.upper():
        return Reply(raw[len(own) :])
    # Behind an echo of its own every answer starts with CR LF. What starts otherwise, on a
    # modem that echoes, is an older answer, a spliced echo or noise: played as it is.
    return Reply(raw, echo=not echo_default or raw.startswith(b"\r"))


def _urc(row: Mapping[str, Any]) -> Urc:
    raw = wire(row["raw"]) if "raw" in row else wire("\r\n" + row["line"] + "\r\n")
    text = row.get("line", raw.decode("latin-1").strip())
    return Urc(raw=raw, text=text, when=row.get("when", ""))


def wire(text: str) -> bytes:
    """Return a transcript's text as bytes; what the source could not show becomes 0xFE."""
    return (
        text.encode("latin-1", errors="replace")
        if "\ufffd" not in text
        else b"".join(
            _UNKNOWN_BYTE if character == "\ufffd" else character.encode("latin-1", "replace")
            for character in text
        )
    )
