"""The whole error tree: a class per different *reaction*, never per message.

    ModemAgentError                 an expected failure: one line, a remedy, an exit status
    ├── UsageError            (2)   the call's words are off
    │   └── LineRefused       (2)   an AT line that is not on the read-only allow-list
    ├── SettingsError         (2)   a settings file or value that can not be used
    ├── IdentityError         (3)   a number that can not identify anything
    ├── PortError                   no way to the bytes; carries the port
    │   ├── PortNotFound      (4)   no such device or host
    │   ├── PortDenied        (4)   the device is there, this user may not open it
    │   ├── PortVanished      (4)   it was open and is gone (unplugged, hung up, reset)
    │   ├── PortBusy          (5)   somebody else holds it; carries the holder
    │   ├── NoAnswer          (4)   open, and nothing that could be an AT answer came
    │   ├── NotAModem         (4)   open, and what came is no AT dialogue (NMEA, binary)
    │   └── DeadlinePassed    (4)   the time given to the whole call is over
    ├── ProtocolError         (1)   the AT dialogue was used wrongly, or its limits were passed
    ├── TranscriptError       (1)   a transcript file that can not be played
    ├── ReportError           (1)   a report body that can not be read; carries the key
    ├── OutboxError           (1)   the local queue can not be read or written
    ├── AgentNotRunning       (4)   nobody listens on the control socket
    ├── NeighbourAway         (4)   a program that holds modems can not be asked about them
    ├── AgentDenied           (4)   the agent is there, and this user may not talk to it
    ├── RegistryStoreError    (1)   the registry's own database can not be used
    └── RegistryError         (6)   the registry did not take what it was sent
        ├── RegistryUnreachable (6) no connection or no answer in time: try again later
        │   └── ClockNotSet   (6)   a certificate's dates, by a clock that is not set: wait for it
        └── RegistryRefused   (6)   it answered, and said no (wrong token, bad request)

``code`` is the stable name in JSON, ``exit_status`` the process's exit code, ``hint`` the
remedy in words. The command line prints ``message`` and ``hint`` and nothing else.
"""

from __future__ import annotations

from typing import ClassVar


class ModemAgentError(Exception):
    """An expected failure.

    :param message: what happened, one line, no trailing full stop
    :param hint: what to do next, or "" when there is nothing to advise
    """

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def to_json(self) -> dict[str, object]:
        """Return the object that stands under ``error`` in a machine's answer."""
        return {
            "code": self.code,
            "exit": self.exit_status,
            "message": self.message,
            "hint": self.hint,
        }


class UsageError(ModemAgentError):
    """The call's words are off; calling again with the same words can not help."""

    code = "usage"
    exit_status = 2


class LineRefused(UsageError):
    """An AT command line that is not on the read-only allow-list; it was not sent."""

    code = "line_refused"


class SettingsError(ModemAgentError):
    """A settings file, option or environment value that can not be used."""

    code = "settings"
    exit_status = 2


class IdentityError(ModemAgentError):
    """A number that can not be used as an identity key.

    :param problem: the problem code of identity rules, as ``imei.check_digit``
    """

    code = "identity"
    exit_status = 3

    def __init__(self, message: str, *, problem: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problem = problem


class PortError(ModemAgentError):
    """No way to the bytes of a port.

    :param port: the port as the user named it
    """

    code = "port"
    exit_status = 4
    reason: ClassVar[str] = "no_answer"

    def __init__(self, message: str, *, port: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.port = port


class PortNotFound(PortError):
    """No such device, host or modem."""

    code = "port_not_found"
    reason = "not_found"


class PortDenied(PortError):
    """The device exists, but this user may not open it."""

    code = "port_permission"
    reason = "permission"


class PortVanished(PortError):
    """The port was open and is gone: EOF, EIO, ENODEV, hang-up."""

    code = "port_vanished"
    reason = "vanished"


class PortBusy(PortError):
    """Somebody else holds the port.

    :param holder_pid: process id of the holder, None when it can not be found out
    :param holder_name: command name of the holder, None when it can not be found out
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
    """The port is open and nothing that could be an AT answer came."""

    code = "no_answer"
    reason = "no_answer"


class NotAModem(PortError):
    """What comes out of the port is no AT dialogue: NMEA sentences, binary."""

    code = "not_a_modem"
    reason = "not_a_modem"


class DeadlinePassed(PortError):
    """The time given to the whole call is over."""

    code = "timeout"
    reason = "timeout"


class ProtocolError(ModemAgentError):
    """The AT dialogue was used wrongly (two commands at once) or a limit was passed."""

    code = "protocol"


class TranscriptError(ModemAgentError):
    """A transcript file that can not be read or played."""

    code = "transcript"


class ReportError(ModemAgentError):
    """A report body that can not be read.

    :param key: the key that is missing or off, as ``port.path``; "" for the body as a whole
    """

    code = "report"

    def __init__(self, message: str, *, key: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "key": self.key}


class OutboxError(ModemAgentError):
    """The local queue can not be read or written."""

    code = "outbox"


class AgentNotRunning(ModemAgentError):
    """Nobody listens on the control socket."""

    code = "agent_not_running"
    exit_status = 4


class ModemManagerUnavailable(ModemAgentError):
    """A program that may hold modems (ModemManager) can not be asked about them."""

    code = "neighbour_away"
    exit_status = 4


class AgentDenied(ModemAgentError):
    """The agent is there, and this user may not talk to it."""

    code = "agent_denied"
    exit_status = 4


class RegistryStoreError(ModemAgentError):
    """The registry's own database can not be opened, read or brought to today's schema."""

    code = "registry_store"


class RegistryError(ModemAgentError):
    """The registry did not take what it was sent."""

    code = "registry"
    exit_status = 6


class RegistryUnreachable(RegistryError):
    """No connection, or no answer in time: try again later.

    :param retry_after_s: seconds the registry asked to wait (``Retry-After``), or None
    """

    code = "registry_unreachable"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class ClockNotSet(RegistryUnreachable):
    """A certificate can not be judged while this machine's clock is not set: wait for the time."""

    code = "clock_not_set"


class RegistryRefused(RegistryError):
    """The registry answered and said no.

    :param status: the HTTP status it said it with
    """

    code = "registry_refused"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
