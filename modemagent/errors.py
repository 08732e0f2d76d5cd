"""Error classes: one per reaction of the caller, never per message.

    ModemAgentError                 an expected failure with message, hint and exit status
    ├── UsageError            (2)   wrong command line or argument
    │   └── LineRefused       (2)   an AT line that is not on the read-only allow-list
    ├── SettingsError         (2)   an invalid settings file or value
    ├── LabelError            (2)   a label template, or a value that the label cannot hold
    ├── IdentityError         (3)   an invalid identifier
    ├── PortError                   a port that cannot be used; carries the port
    │   ├── PortNotFound      (4)   no such device, host or modem
    │   ├── PortDenied        (4)   no permission to open the device
    │   ├── PortVanished      (4)   disappeared while open (unplugged, hung up, reset)
    │   ├── PortBusy          (5)   held by another program; carries the holder
    │   ├── NoAnswer          (4)   open, but no answer to AT
    │   ├── NotAModem         (4)   open, but sends something other than AT (NMEA, binary)
    │   └── DeadlinePassed    (4)   the timeout of the whole call
    ├── ProtocolError         (1)   wrong use of an AT connection, or a limit exceeded
    ├── TranscriptError       (1)   a transcript file that cannot be played
    ├── ReportError           (1)   an invalid report body; carries the key
    ├── OutboxError           (1)   the outbox cannot be read or written
    ├── AgentNotRunning       (4)   no agent listens on the control socket
    ├── AgentError                  an error reply of the agent, with its code and exit status
    ├── ModemManagerUnavailable (4) ModemManager does not answer
    ├── AgentDenied           (4)   no permission to use the control socket
    ├── RegistryStoreError    (1)   the registry's database cannot be used
    ├── OperatorApiError      (6)   the API of an operator cannot be used
    └── RegistryError         (6)   the registry did not accept a request
        ├── RegistryUnreachable (6) no connection or no answer in time: retry later
        │   └── ClockNotSet   (6)   the clock is not set, so no certificate is valid: wait for it
        └── RegistryRefused   (6)   the registry rejected the request (wrong token, bad request)

``code`` is the stable name in JSON, ``exit_status`` the exit status of the process, ``hint`` the
remedy. The command line prints ``message`` and ``hint`` and nothing else.
"""

from __future__ import annotations

from typing import ClassVar


class ModemAgentError(Exception):
    """An expected failure.

    :param message: what happened, in one line without a final full stop
    :param hint: what to do next in full sentences, "" if there is nothing to advise
    """

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def to_json(self) -> dict[str, object]:
        """Return the object printed under the key ``error`` with ``--json``."""
        return {
            "code": self.code,
            "exit": self.exit_status,
            "message": self.message,
            "hint": self.hint,
        }


class UsageError(ModemAgentError):
    """A wrong command line or argument; the same call will fail again."""

    code = "usage"
    exit_status = 2


class LineRefused(UsageError):
    """An AT command line that is not on the read-only allow-list; it was not sent."""

    code = "line_refused"


class SettingsError(ModemAgentError):
    """An invalid settings file, option or environment variable."""

    code = "settings"
    exit_status = 2


class LabelError(ModemAgentError):
    """A label template that cannot be used, or a value that the label cannot hold."""

    code = "label"
    exit_status = 2


class IdentityError(ModemAgentError):
    """An identifier that cannot be used as a key.

    :param problem: the problem code, such as ``imei.check_digit``
    """

    code = "identity"
    exit_status = 3

    def __init__(self, message: str, *, problem: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problem = problem


class PortError(ModemAgentError):
    """A port that cannot be used.

    :param port: the port as the user named it
    """

    code = "port"
    exit_status = 4
    reason: ClassVar[str] = "no_answer"

    def __init__(self, message: str, *, port: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.port = port


class PortNotFound(PortError):
    """A device, host or modem that does not exist."""

    code = "port_not_found"
    reason = "not_found"


class PortDenied(PortError):
    """A device that this user has no permission to open."""

    code = "port_permission"
    reason = "permission"


class PortVanished(PortError):
    """A port that disappeared while it was open: end of file, EIO, ENODEV, hang-up."""

    code = "port_vanished"
    reason = "vanished"


class PortBusy(PortError):
    """A port held by another program.

    :param holder_pid: process id of the holder, None if it cannot be determined
    :param holder_name: command name of the holder, None if it cannot be determined
    """

    code = "port_busy"
    exit_status = 5
    reason = "busy"

    def __init__(
        self,
        message: str,
        *,
        port: str,
        holder_pid: int | None = None,
        holder_name: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, port=port, hint=hint)
        self.holder_pid = holder_pid
        self.holder_name = holder_name

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "holder": {"pid": self.holder_pid, "name": self.holder_name}}


class NoAnswer(PortError):
    """An open port without an answer to AT."""

    code = "no_answer"
    reason = "no_answer"


class NotAModem(PortError):
    """An open port that sends something other than AT: NMEA sentences, binary frames.

    :param is_binary: it sends bytes that are not text, perhaps at another speed
    """

    code = "not_a_modem"
    reason = "not_a_modem"

    def __init__(self, message: str, *, port: str, hint: str = "", is_binary: bool = False) -> None:
        super().__init__(message, port=port, hint=hint)
        self.is_binary = is_binary


class DeadlinePassed(PortError):
    """The timeout of the whole call has passed."""

    code = "timeout"
    reason = "timeout"


#: The errors of a port; ``reason`` is the word for each in ``failed[].reason`` and in metrics.
PORT_ERRORS: tuple[type[PortError], ...] = (PortError, *PortError.__subclasses__())
#: ``failed[].reason`` of ``identify`` by the code of a port's error.
_PORT_REASONS = {kind.code: kind.reason for kind in PORT_ERRORS}


class ProtocolError(ModemAgentError):
    """Wrong use of an AT connection (two commands at once), or a limit exceeded."""

    code = "protocol"


class TranscriptError(ModemAgentError):
    """A transcript file that cannot be read or played."""

    code = "transcript"


class ReportError(ModemAgentError):
    """An invalid report body.

    :param key: the missing or invalid key, such as ``port.path``; "" for the body as a whole
    """

    code = "report"

    def __init__(self, message: str, *, key: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "key": self.key}


class OutboxError(ModemAgentError):
    """An outbox that cannot be read or written."""

    code = "outbox"


class AgentNotRunning(ModemAgentError):
    """No agent listens on the control socket."""

    code = "agent_not_running"
    exit_status = 4


class AgentError(ModemAgentError):
    """An error reply of the daemon, with the daemon's code, exit status and hint.

    :ivar reason: the word for ``failed[].reason`` if the error is about a port, else None
    """

    def __init__(self, error: dict[str, object]) -> None:
        super().__init__(str(error.get("message", "failed")), hint=str(error.get("hint", "")))
        self.error = error
        self.reason = _PORT_REASONS.get(str(error.get("code")))
        status = error.get("exit")
        self.exit_status = status if isinstance(status, int) else 1  # type: ignore[misc]

    def to_json(self) -> dict[str, object]:
        return self.error


class ModemManagerUnavailable(ModemAgentError):
    """ModemManager, the D-Bus system bus or the D-Bus library does not answer or is missing."""

    code = "neighbour_away"
    exit_status = 4


class AgentDenied(ModemAgentError):
    """A control socket that this user has no permission to use."""

    code = "agent_denied"
    exit_status = 4


class RegistryStoreError(ModemAgentError):
    """A registry database that cannot be opened, read or migrated."""

    code = "registry_store"


class RegistryError(ModemAgentError):
    """A request that the registry did not accept."""

    code = "registry"
    exit_status = 6


class OperatorApiError(ModemAgentError):
    """The API of an operator cannot be used; the message has no number and no secret."""

    code = "operator_api"
    exit_status = 6


class RegistryUnreachable(RegistryError):
    """No connection, or no answer in time: retry later.

    :param retry_after_s: seconds to wait as requested by the registry (``Retry-After``), or None
    """

    code = "registry_unreachable"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ClockNotSet(RegistryUnreachable):
    """A certificate cannot be checked before the clock of this machine is set."""

    code = "clock_not_set"


class RegistryRefused(RegistryError):
    """The registry rejected the request.

    :param status: the HTTP status of its response
    """

    code = "registry_refused"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
