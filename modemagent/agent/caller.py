"""The calling side of the control socket: one question, one answer, no asyncio."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from modemagent.agent.address import short_name, socket_path
from modemagent.errors import AgentNotRunning, ModemAgentError

_REMEDY = "Start it with: modemagent run (and give the same --state-dir here)."
_LARGEST_ANSWER = 16 * 1024 * 1024


class AgentSaysNo(ModemAgentError):
    """The daemon answered with an error; its code, exit status and remedy are the daemon's."""

    def __init__(self, error: dict[str, object]) -> None:
        super().__init__(str(error.get("message", "failed")), hint=str(error.get("hint", "")))
        self.error = error
        status = error.get("exit")
        self.exit_status = status if isinstance(status, int) else 1  # type: ignore[misc]

    def to_json(self) -> dict[str, object]:
        return self.error


def ask(
    state_dir: Path, request: dict[str, object], *, timeout_s: float = 5.0
) -> dict[str, object]:
    """Ask the daemon of a state directory; the answer is a JSON object.

    Requests: ``{"do": "status"}``; ``{"do": "outbox.list", "limit": N}``;
    ``{"do": "outbox.flush", "timeout_s": S}``; ``{"do": "identify", "port": PORT}``.

    :raises AgentNotRunning: nobody listens
    :raises AgentSaysNo: the daemon could not do it
    """
    path = socket_path(state_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            with short_name(path) as name:
                line.connect(name)
            line.sendall(json.dumps(request).encode() + b"\n")
            answer = _read_line(line)
        except PermissionError:
            raise AgentNotRunning(
                f"this user may not talk to the agent at {path}",
                hint="Join the group modemagent, or run this as the agent's user.",
            ) from None
        except TimeoutError:
            raise AgentNotRunning(
                f"the agent at {path} does not answer", hint="Look at its log, or restart it."
            ) from None
        except OSError:
            raise AgentNotRunning(f"no agent is running on {state_dir}", hint=_REMEDY) from None
    error = answer.get("error")
    if isinstance(error, dict):
        raise AgentSaysNo(error)
    return answer


def _read_line(line: socket.socket) -> dict[str, object]:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) < _LARGEST_ANSWER:
        chunk = line.recv(65536)
        if not chunk:
            break
        received += chunk
    try:
        answer = json.loads(received)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise AgentNotRunning("the agent went away in mid-sentence", hint=_REMEDY)
    return answer
