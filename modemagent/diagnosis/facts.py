"""What is known before anything is judged: of the port, of the modem behind it, of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from modemagent.at.steps import Response
    from modemagent.channel.lock import Holder
    from modemagent.discovery.candidate import Candidate
    from modemagent.errors import ModemAgentError
    from modemagent.identity.snapshot import Snapshot

#: How the modem was reached: its port, the agent that holds the port, or ModemManager.
Way = Literal["port", "agent", "modemmanager"]


class Facts(NamedTuple):
    """All that the checks of one modem may look at.

    :param port: as it was opened
    :param candidate: what sysfs says of the port; None for a PTY, a network address, or nothing
    :param siblings: the other ports of the same device
    :param holder: who has the port open, None for nobody
    :param failure: why there is no reading
    :param mute: ports of the same modem that were tried before and did not answer
    :param answers: command line -> its answer, for the lines of
        :data:`modemagent.diagnosis.collect.LINES` that were asked
    """

    port: str
    candidate: Candidate | None = None
    siblings: tuple[Candidate, ...] = ()
    holder: Holder | None = None
    way: Way = "port"
    failure: ModemAgentError | None = None
    mute: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    answers: Mapping[str, Response] = {}


class HostFacts(NamedTuple):
    """What the checks of this machine may look at.

    :param status: what the agent's ``status`` answered, None when there is no agent to ask
    :param why_no_agent: why not
    :param clock_s: the wall clock, seconds since 1970
    """

    status: Mapping[str, Any] | None
    why_no_agent: str
    clock_s: float
    clock_synchronized: bool
