"""Options of every command that reaches modems."""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from modemagent.channel.trace import Direction
from modemagent.errors import ModemAgentError

#: The route to a modem; ``auto`` takes the first one that applies.
Via = Literal["auto", "port", "modemmanager"]


class AgentLocator(NamedTuple):
    """What identifies the agent that a command means; :mod:`modemagent.access.agent` resolves it.

    :param given: value of ``--state-dir``, or None
    :param config: settings file of the global option ``--config``, or None for the default
    """

    given: str | None = None
    config: str | None = None


LEAST_S = 0.5
"""Shortest time that is still given to a route, in seconds."""


class RouteTrace:
    """A trace of the bytes of every port that is opened, and of the routes without such bytes."""

    def __call__(self, port: str, direction: Direction, data: bytes) -> None:
        raise NotImplementedError

    def note_route(self, port: str, text: str) -> None:
        """Note how a port is reached, or why its bytes are not in this trace."""
        raise NotImplementedError


class AccessOptions(NamedTuple):
    """How modems are reached.

    :param timeout_s: seconds for the whole command
    :param baud: speed of a UART
    :param root: directory that holds ``sys`` and ``dev``
    :param agent: the agent that may hold the ports
    :param started: monotonic time from which the timeout counts
    :param via: the only route that is taken, or ``auto``
    :param trace: called with the bytes that are sent and received
    :param speeds: port to the speed that was found, filled as ports are opened; None to use
        ``baud`` for each port
    :param ignore_role: open ports that are named even if they are known to take no AT commands
    :param notify: called with a line about a speed that was found
    :param find_speeds: :func:`modemagent.access.automatic_baud.find_speeds` with ``--baud auto``
    """

    timeout_s: float
    baud: int
    root: str
    agent: AgentLocator
    started: float
    via: Via = "auto"
    trace: RouteTrace | None = None
    speeds: dict[str, int] | None = None
    notify: Callable[[str], None] | None = None
    ignore_role: bool = False
    find_speeds: Callable[..., dict[str, ModemAgentError]] | None = None

    @property
    def left_s(self) -> float:
        """Seconds left, at least :data:`LEAST_S`."""
        return max(LEAST_S, self.started + self.timeout_s - time.monotonic())

    def speed_json(self, port: str) -> dict[str, int]:
        """Return ``{"baud": 9600}`` for a port whose speed was found, else nothing."""
        found = (self.speeds or {}).get(port)
        return {} if found is None else {"baud": found}

    @property
    def is_over(self) -> bool:
        """True if no time is left for another attempt."""
        return self.left_s <= LEAST_S
