"""The calling side of the control socket: questions, answers and events, no asyncio."""

from __future__ import annotations

import contextlib
import grp
import json
import pwd
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from modemagent.control.address import short_name, socket_path
from modemagent.errors import (
    AgentDenied,
    AgentNotRunning,
    DeadlinePassed,
    ModemAgentError,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortError,
    PortNotFound,
    PortVanished,
)

_REMEDY = "Start it with: modemagent run (and give the same --state-dir here)."
_LARGEST_ANSWER = 16 * 1024 * 1024


#: The word for ``failed[].reason`` of ``identify`` by the code of a port's error.
_REASONS = {
    kind.code: kind.reason
    for kind in (
        PortNotFound, PortDenied, PortVanished, PortBusy, NoAnswer, NotAModem, DeadlinePassed,
        PortError,
    )
}  # fmt: skip


class AgentError(ModemAgentError):
    """The daemon answered with an error; its code, exit status and remedy are the daemon's."""

    def __init__(self, error: dict[str, object]) -> None:
        super().__init__(str(error.get("message", "failed")), hint=str(error.get("hint", "")))
        self.error = error
        self.reason = _REASONS.get(str(error.get("code")))
        status = error.get("exit")
        self.exit_status = status if isinstance(status, int) else 1  # type: ignore[misc]

    def to_json(self) -> dict[str, object]:
        return self.error


class ControlClient:
    """A connection to the daemon: requests one after another, and events.

    :raises AgentNotRunning: nobody listens
    :raises AgentDenied: this user may not talk to it
    """

    def __init__(self, state_dir: Path, *, timeout_s: float = 5.0) -> None:
        self._path = socket_path(state_dir)
        self._received = bytearray()
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.settimeout(timeout_s)
        try:
            with short_name(self._path) as name:
                self._line.connect(name)
        except OSError as error:
            self._line.close()
            raise self._failure(error) from None

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def ask(
        self, request: dict[str, object], *, timeout_s: float | None = None
    ) -> dict[str, object]:
        """Ask, and return the answer.

        :raises AgentSaysNo: the daemon could not do it
        :raises AgentNotRunning: it went away, or takes longer than the time given
        """
        if timeout_s is not None:
            self._line.settimeout(timeout_s)
        try:
            # a daemon that refuses says why and closes: its word counts more than the error
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._line.sendall(json.dumps({"schema": 1, **request}).encode() + b"\n")
            answer = self._next()
        except OSError as error:
            raise self._failure(error) from None
        if answer is None:
            raise AgentNotRunning("the agent went away in mid-sentence", hint=_REMEDY)
        error_object = answer.get("error")
        if not isinstance(error_object, dict):
            return answer
        if error_object.get("code") == AgentDenied.code:
            said = str(error_object.get("message", ""))
            raise AgentDenied(said, hint=str(error_object.get("hint", "")))
        raise AgentError(error_object)

    def events(self) -> Iterator[dict[str, object]]:
        """Yield what the daemon tells after ``watch``, until it ends."""
        self._line.settimeout(None)
        try:
            while (event := self._next()) is not None:
                yield event
        except OSError:
            return

    def _next(self) -> dict[str, object] | None:
        """Return the next object, None at the end or for what is none."""
        while b"\n" not in self._received and len(self._received) < _LARGEST_ANSWER:
            chunk = self._line.recv(65536)
            if not chunk:
                break
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _failure(self, error: OSError) -> ModemAgentError:
        if isinstance(error, PermissionError):
            return AgentDenied(
                f"this user may not talk to the agent at {self._path}",
                hint=_way_in(self._path),
            )
        if isinstance(error, TimeoutError):
            return AgentNotRunning(
                f"the agent at {self._path} does not answer", hint="Look at its log, or restart it."
            )
        return AgentNotRunning(f"no agent is running on {self._path.parent}", hint=_REMEDY)


def _way_in(path: Path) -> str:
    """Say who may talk to an agent, by the directory of its socket and the socket itself."""
    try:
        seen = path.parent.stat()
    except OSError:
        return "Run this as the agent's user."
    is_open = seen.st_mode & (stat.S_IXGRP | stat.S_IXOTH)
    with contextlib.suppress(OSError):  # only who may enter the directory sees the socket
        seen = path.stat()
    who = f"run this as {_name(seen.st_uid, pwd.getpwuid)}"
    if not is_open:
        return f"Its directory is open to its owner alone: {who}."
    return f"Join the group {_name(seen.st_gid, grp.getgrgid)} and log in again, or {who}."


def _name(number: int, look_up: Callable[[int], tuple[object, ...]]) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def ask(
    state_dir: Path, request: dict[str, object], *, timeout_s: float = 5.0
) -> dict[str, object]:
    """Send one request to the daemon of a state directory.

    :raises AgentNotRunning, AgentDenied, AgentSaysNo: see :class:`ControlClient`
    """
    with ControlClient(state_dir, timeout_s=timeout_s) as call:
        return call.ask(request)
