"""Facts that checks judge: about a port, the modem on it, and this machine."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from modemagent.at.steps import Response
from modemagent.channel.port_lock import Holder
from modemagent.discovery.candidate import Candidate
from modemagent.errors import ModemAgentError
from modemagent.identity.snapshot import Snapshot
from modemagent.settings.toml_file import Mistake

#: How the modem was reached: by its port, by the agent that has it open, or by ModemManager.
Route = Literal["port", "agent", "modemmanager"]

#: States in which the agent leaves the modem to another port, or to nothing.
_IDLE_STATES = ("standby", "stopped")


class Decoded(NamedTuple):
    """A response line, or a property of ModemManager, in plain language.

    :param line: the line, or name and value of the property
    :param fields: name to value, as :func:`modemagent.explain.explain` returns them
    """

    line: str
    text: str
    remedy: str
    fields: Mapping[str, object]


#: What ModemManager reports, by the command whose response has the same meaning.
Managed = Mapping[str, tuple[Decoded, ...]]


class Facts(NamedTuple):
    """Everything that the checks of one modem may use.

    :param port: path or URL that was opened
    :param candidate: the port in sysfs; None for a PTY, a network address or a missing device
    :param siblings: the other ports of the same device
    :param holder: the program that has the port open, if any
    :param failure: the error that prevented a snapshot or further responses
    :param is_refused: the port is known to take no AT commands and was not opened
    :param silent_ports: other ports of the same modem that were tried and did not answer
    :param drops: what the agent has found out about many drops of the modem; "" for few or none
    :param responses: command line to response, for the :data:`~modemagent.diagnosis.collect.LINES`
        that were sent
    :param managed: what ModemManager reports in place of responses; None if it was not read
    """

    port: str
    candidate: Candidate | None = None
    siblings: tuple[Candidate, ...] = ()
    holder: Holder | None = None
    route: Route = "port"
    failure: ModemAgentError | None = None
    is_refused: bool = False
    silent_ports: tuple[str, ...] = ()
    drops: str = ""
    snapshot: Snapshot | None = None
    responses: Mapping[str, Response] = {}
    managed: Managed | None = None

    @property
    def is_flashing(self) -> bool:
        """True if the module waits to be flashed."""
        return self.candidate is not None and self.candidate.is_recovery


class HostFacts(NamedTuple):
    """Everything that the checks of this machine may use.

    :param status: the agent's reply to ``status``, or None
    :param no_agent: the error if the agent did not reply
    :param has_run: the agent has left an outbox in its state directory
    :param clock_s: system time, seconds since 1970
    :param exposed: files of the settings that other users may change or read
    """

    status: Mapping[str, Any] | None
    no_agent: str
    clock_s: float
    clock_synchronized: bool
    exposed: tuple[Mistake, ...] = ()
    has_run: bool = False

    @property
    def watched_ports(self) -> list[str]:
        """Ports that the agent watches, one for each modem, and those that dropped and are gone."""
        modems = self.status["modems"] if self.status else ()
        watched = [str(each["port"]) for each in modems if each["state"] not in _IDLE_STATES]
        idle = [str(each["port"]) for each in modems if each["state"] in _IDLE_STATES]
        dropped = [str(each["port"]) for each in self.dropped]
        return [*watched, *(port for port in dropped if port not in (*watched, *idle))]

    @property
    def imeis(self) -> list[tuple[str, str]]:
        """Port and IMEI of the modems that the agent watches."""
        modems = self.status["modems"] if self.status else ()
        found = [(each, each.get("modem") or {}) for each in modems if each["state"] == "watching"]
        return [(each["port"], modem["imei"]) for each, modem in found if modem.get("imei")]

    @property
    def dropped(self) -> list[Mapping[str, Any]]:
        """Modems with many drops, with ``port``, ``port_id`` and ``message``."""
        status = self.status or {}
        return [each for each in status.get("drops", ()) if each["message"]]
