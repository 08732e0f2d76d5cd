"""Script of a simulated modem: the responses of a transcript by command and condition."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modemagent.at import transcript
from modemagent.at.transcript import Exchange, Transcript, Unsolicited
from modemagent.simulator.identities import imsis_in

_OWN_OR_OTHER_ECHO = re.compile(rb"AT[^\r\n]*\r", re.IGNORECASE)
_CMEE_IN_STATE = re.compile(r",?\s*CMEE=([0-2])")
_REFUSAL = re.compile(r"COMMAND NOT SUPPORT|\+CME ERROR: ?[34]")


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to one command line.

    :param body: the bytes after the echo, as recorded
    :param echo: the echo, if on, precedes the body; False for no response at all, and if
        the recorded bytes hold an echo of their own (of an earlier command, or split by a URC)
    """

    body: bytes
    echo: bool = True

    def without_echo(self) -> bytes:
        """Return the bytes sent if echo is off."""
        return self.body if self.echo else _OWN_OR_OTHER_ECHO.sub(b"", self.body, count=1)


@dataclass(frozen=True, slots=True)
class ScriptedExchange:
    """One recorded response.

    :param state: the condition in which it was recorded, "" for SIM present and ready
    :ivar cmee: the error format (``AT+CMEE``) it belongs to, None if it belongs to all
    """

    send: str
    reply: Reply
    state: str = ""

    @property
    def cmee(self) -> int | None:
        match = _CMEE_IN_STATE.search(self.state)
        return int(match[1]) if match else None


class Script:
    """A whole transcript, ready to be played."""

    def __init__(self, recorded: Transcript) -> None:
        self.name = recorded.name
        self.vendor = recorded.vendor
        self.model = recorded.model
        self.urcs = recorded.urcs
        self.echo_default = recorded.header.get("echo_default", True) is True
        cmee = recorded.header.get("cmee_default")
        self._cmee_default = cmee if isinstance(cmee, int) else None
        self.exchanges = tuple(
            ScriptedExchange(row.send, _reply(row, self.echo_default), row.state)
            for row in recorded.exchanges
        )

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The recorded conditions in the order of the file, without the default one."""
        return tuple(dict.fromkeys(e.state for e in self.exchanges if e.state))

    @cached_property
    def by_line(self) -> Mapping[str, Sequence[ScriptedExchange]]:
        table: dict[str, list[ScriptedExchange]] = {}
        for exchange in self.exchanges:
            table.setdefault(line_key(exchange.send), []).append(exchange)
        return table

    @cached_property
    def imsis(self) -> frozenset[str]:
        return imsis_in((e.send, e.reply.body.decode("latin-1")) for e in self.exchanges)

    @cached_property
    def refusal(self) -> str:
        """The response of this family to an unknown command."""
        for exchange in self.exchanges:
            text = exchange.reply.body.decode("latin-1").strip()
            if not exchange.state and _REFUSAL.fullmatch(text):
                return text
        return "ERROR"

    @cached_property
    def fixed_cmee(self) -> int | None:
        """The error format of a firmware that accepts ``AT+CMEE=n`` without effect."""
        for exchange in self.by_line.get("AT+CMEE?", ()):
            if match := re.search(rb"\+CMEE: ?([0-2])", exchange.reply.body):
                return int(match[1])
        return None

    @cached_property
    def default_cmee(self) -> int:
        """The error format after power-up, derived from the recorded errors if not given."""
        if self.fixed_cmee is not None:
            return self.fixed_cmee
        if self._cmee_default is not None:
            return self._cmee_default
        for exchange in self.exchanges:
            match = re.search(rb"\+CME ERROR: ?(\w)", exchange.reply.body)
            if match and exchange.cmee is None:
                return 1 if match[1].isdigit() else 2
        return 0


def line_key(line: str) -> str:
    """Return a command line normalized for comparison: modems ignore case and spaces."""
    return "".join(line.split()).upper()


def load(path: Path) -> Script:
    """Read a transcript file.

    :raises TranscriptError: the file is missing, is not TOML, or holds an invalid entry
    """
    return Script(transcript.load(path))


def urc_text(urc: Unsolicited) -> str:
    """Return the text of a URC, also of one that was recorded as bytes."""
    return urc.line or urc.wire().decode("latin-1").strip()


def _reply(row: Exchange, echo_default: bool) -> Reply:
    raw = row.wire()
    if row.raw is None:
        return Reply(raw, echo=bool(raw))
    own = transcript.to_bytes(row.send) + b"\r"
    if raw[: len(own)].upper() == own.upper():
        return Reply(raw[len(own) :])
    # After its own echo every response starts with CR LF. Bytes of a modem with echo that start
    # otherwise are an earlier response, a split echo or noise, and are sent as recorded.
    return Reply(raw, echo=not echo_default or raw.startswith(b"\r"))
