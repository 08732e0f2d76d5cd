"""The client side of the control socket: requests, plans and events, without asyncio."""

from __future__ import annotations

import contextlib
import grp
import json
import pwd
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from modemagent.at.steps import Command, Listen, Plan, Received, Response, throw_into_plan
from modemagent.control.protocol import from_json as response_from_json
from modemagent.control.protocol import short_name, socket_path
from modemagent.errors import (
    AgentDenied,
    AgentError,
    AgentNotRunning,
    ModemAgentError,
    ReportError,
)

_START = "Start it with: modemagent run (and pass the same --state-dir here)."
_CONNECT_S = 5.0
_LARGEST_REPLY = 16 * 1024 * 1024
#: Longest wait for the port, in seconds: the daemon may be in the middle of an identification.
_TURN_S = 90.0

T = TypeVar("T")


class ControlClient:
    """A connection to the daemon for requests, one after another, and for events.

    :raises AgentNotRunning: no process listens on the socket
    :raises AgentDenied: this user may not connect
    """

    def __init__(self, state_dir: Path, *, timeout_s: float = _CONNECT_S) -> None:
        self._path = socket_path(state_dir)
        self._connect(timeout_s)

    def _connect(self, timeout_s: float) -> None:
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            with short_name(self._path) as name:
                self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise self._failure(error) from None

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(
        self, request: dict[str, object], *, timeout_s: float | None = None
    ) -> dict[str, object]:
        """Send a request and return the reply.

        :raises AgentError: the daemon could not fulfil the request
        :raises AgentDenied: the daemon refuses this user
        :raises AgentNotRunning: the daemon closed the connection or exceeded the timeout
        """
        if timeout_s is not None:
            self._socket.settimeout(timeout_s)
        try:
            # A daemon that refuses a client sends the reason and closes: the reason counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._socket.sendall(json.dumps({"schema": 1, **request}).encode() + b"\n")
            reply = self._next()
        except OSError as error:
            raise self._failure(error) from None
        if reply is None:
            raise AgentNotRunning("the agent closed the connection without answering", hint=_START)
        error_object = reply.get("error")
        if not isinstance(error_object, dict):
            return reply
        if error_object.get("code") == AgentDenied.code:
            message = str(error_object.get("message", ""))
            raise AgentDenied(message, hint=str(error_object.get("hint", "")))
        raise AgentError(error_object)

    def run(self, port: str, plan: Plan[T]) -> T:
        """Run a plan on a port that the daemon has open, and return its result.

        Raw bytes stay in the daemon, so the plan must work with lines only.

        :param port: path or stable id of the port
        :raises ModemAgentError: the daemon's error, unless the plan handles it
        """
        try:
            step = next(plan)
            while True:
                try:
                    outcome = self._perform(port, step)
                except ModemAgentError as error:
                    return throw_into_plan(plan, error)
                step = plan.send(outcome)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            plan.close()

    def _perform(self, port: str, step: Command | Listen) -> Response | Received:
        if isinstance(step, Listen):
            reply = self.ask({"do": "unsolicited", "port": port}, timeout_s=_TURN_S)
            lines = reply.get("lines")
            return Received(tuple(map(str, lines)) if isinstance(lines, list) else (), b"")
        request: dict[str, object] = {"do": "at", "port": port, "line": step.line}
        request["timeout_s"] = step.timeout_s
        started = time.monotonic()
        try:
            reply = self.ask(request, timeout_s=step.timeout_s + _TURN_S)
        except KeyboardInterrupt:
            if not step.interruptible:
                raise
            # the daemon reads the response to its end, and discards it with this connection
            self._socket.close()
            self._connect(_CONNECT_S)
            return Response(step.line, (), None, elapsed_s=time.monotonic() - started)
        try:
            return response_from_json(reply.get("answer"))
        except ReportError:
            raise AgentNotRunning(
                "the reply of the agent cannot be parsed",
                hint="Make sure that the agent and this command have the same version: "
                "modemagent status",
            ) from None

    def events(self, idle_s: float | None = None) -> Iterator[dict[str, object] | None]:
        """Yield the events that follow a ``watch`` request, until the daemon ends.

        :param idle_s: longest wait for an event; after it, None is yielded
        """
        self._socket.settimeout(idle_s)
        while True:
            try:
                event = self._next()
            except TimeoutError:
                yield None
                continue
            except OSError:
                return
            if event is None:
                return
            yield event

    def _next(self) -> dict[str, object] | None:
        """Return the next object; None at the end and for anything that is not an object."""
        while b"\n" not in self._received and len(self._received) < _LARGEST_REPLY:
            chunk = self._socket.recv(65536)
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
                f"this user may not connect to the agent at {self._path}",
                hint=_permission_hint(self._path),
            )
        if isinstance(error, TimeoutError):
            return AgentNotRunning(
                f"the agent at {self._path} does not answer",
                hint="Look at its log, or restart it.",
            )
        return AgentNotRunning(f"no agent is running on {self._path.parent}", hint=_START)


def _permission_hint(path: Path) -> str:
    """Name the users that may connect, by the modes of the socket and its directory."""
    try:
        status = path.parent.stat()
    except OSError:
        return "Run this as the user of the agent."
    is_open = status.st_mode & (stat.S_IXGRP | stat.S_IXOTH)
    with contextlib.suppress(OSError):  # visible only if this user may enter the directory
        status = path.stat()
    owner = f"run this as {_name(status.st_uid, pwd.getpwuid)}"
    if not is_open:
        return f"Only the owner may enter its directory: {owner}."
    return f"Join the group {_name(status.st_gid, grp.getgrgid)} and log in again, or {owner}."


def _name(number: int, look_up: Callable[[int], tuple[object, ...]]) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def ask(
    state_dir: Path, request: dict[str, object], *, timeout_s: float = 5.0
) -> dict[str, object]:
    """Send one request to the daemon of a state directory; see :meth:`ControlClient.ask`."""
    with ControlClient(state_dir, timeout_s=timeout_s) as client:
        return client.ask(request)
