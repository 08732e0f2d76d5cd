"""How a modem is reached: through its port, else the running agent, else ModemManager.

Every command that reaches modems uses a :class:`Reader` to describe what it reads over each route,
and :func:`read_modems` decides which route is taken:

1. the port itself, and the next port of the same modem if the first one stays silent;
2. the agent, if the port is busy and the agent watches it;
3. ModemManager over D-Bus, if it holds the port.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from modemagent.access.options import AccessOptions
from modemagent.access.target import (
    ModemTarget,
    TargetPort,
    discover_targets,
    no_modem_found,
)
from modemagent.at.steps import Plan
from modemagent.channel.runner import run_plans
from modemagent.discovery.sysfs import is_uart
from modemagent.errors import (
    AgentError,
    AgentNotRunning,
    DeadlinePassed,
    ModemAgentError,
    NoAnswer,
    PortBusy,
    PortNotFound,
)
from modemagent.modem.speed_scan import name_scan

if TYPE_CHECKING:
    from modemagent.access.modemmanager import ManagedReading
    from modemagent.control.client import ControlClient

T = TypeVar("T")

Route = Literal["port", "agent", "modemmanager"]

#: After a failure for one of these reasons, another port is tried. ``busy`` and ``permission`` are
#: reported at once, for the user to fix; the daemon tries another port after these as well.
_TRY_NEXT = ("no_answer", "not_a_modem")
#: A modem that is slow to wake sends something within this time, if only an echo.
_SILENT_AFTER_S = 5.0
#: The agent names a modem known only to ModemManager by its D-Bus path.
_DBUS_PATH = "/org/freedesktop/"
_MODEMMANAGER = "ModemManager"
_AGENT_HAS_TRACE = (
    "the agent holds the port, so the bytes are only in the log of the agent at level debug "
    "(modemagent --log-level debug run)"
)
_NO_TRACE = "read from ModemManager, without AT commands"


class Reader(Generic[T]):
    """What a command reads from a modem, by route.

    :param plan: the plan to run on a port
    :param agent: what to request from the agent; None if the agent cannot provide it
    :param from_modemmanager: converts a reading from ModemManager; None if it cannot be used
    """

    def __init__(
        self,
        plan: Callable[[TargetPort], Plan[T]],
        agent: Callable[["ControlClient", str], T] | None = None,
        from_modemmanager: Callable[["ManagedReading"], T] | None = None,
    ) -> None:
        self.plan = plan
        self.agent = agent
        self.from_modemmanager = from_modemmanager


class RouteAttempt(NamedTuple, Generic[T]):
    """The result of trying one port.

    :param is_partial: the time ran out, so that the result may lack values
    """

    port: TargetPort
    route: Route
    result: T | ModemAgentError
    is_partial: bool = False

    @property
    def is_failed(self) -> bool:
        return isinstance(self.result, ModemAgentError)


class Reached(NamedTuple, Generic[T]):
    """Every attempt to read_modems one modem; only the last one can be successful."""

    target: ModemTarget
    attempts: tuple[RouteAttempt[T], ...]

    @property
    def best(self) -> RouteAttempt[T]:
        """The successful attempt, else the first."""
        return self.attempts[0] if self.attempts[-1].is_failed else self.attempts[-1]


def read_modems(
    targets: Sequence[ModemTarget] | None, reader: Reader[T], options: AccessOptions
) -> list[Reached[T]]:
    """Read modems side by side, each by the first route that applies.

    :param targets: None for every modem that is found
    :raises PortNotFound: no modem is found
    :raises ModemManagerUnavailable: no targets are given, and ModemManager does not answer
    """
    if options.via == "modemmanager":
        ports = None if targets is None else [target.ports[0] for target in targets]
        managed = _by_modemmanager(ports, reader, options)
        return [Reached(ModemTarget((each.port,)), (each,)) for each in managed]
    if targets is None:
        targets = discover_targets(options.root)
        if not targets:
            raise no_modem_found(options.root)
    attempts: list[list[RouteAttempt[T]]] = [[] for _ in targets]
    waiting = list(range(len(targets)))
    while waiting:
        ports = [targets[index].ports[len(attempts[index])] for index in waiting]
        has_others = [len(targets[i].ports) > len(attempts[i]) + 1 for i in waiting]
        timed_out: set[str] = set()
        results: dict[str, T | ModemAgentError] = {}
        if options.find_speeds is not None and options.speeds is not None:
            results.update(options.find_speeds(ports, options.speeds, options))
        plans = {
            port.path: _give_up_if_silent(
                reader.plan(port), port.path, timed_out, has_other=has_other
            )
            for port, has_other in zip(ports, has_others, strict=True)
            if port.path not in results
        }
        results |= run_plans(
            plans,
            timeout_s=options.left_s,
            baud=options.baud,
            speeds=options.speeds,
            trace=options.trace,
        )
        again = []
        for index, port, has_other in zip(waiting, ports, has_others, strict=True):
            result = results[port.path]
            if isinstance(result, ModemAgentError):
                _name_scan(result, port.path, options)
            attempt = RouteAttempt[T](port, "port", result, port.path in timed_out)
            attempt = _try_other_routes(attempt, reader, options)
            attempts[index].append(attempt)
            if has_other and not options.is_over and _reason(attempt) in _TRY_NEXT:
                again.append(index)
        waiting = again
    return [Reached(target, tuple(made)) for target, made in zip(targets, attempts, strict=True)]


def _name_scan(error: ModemAgentError, path: str, options: AccessOptions) -> None:
    """Name ``--baud auto`` in the hint of a UART whose speed may be wrong."""
    if options.speeds is None and is_uart(path, options.root):
        name_scan(error, options.baud, "--baud auto")


def _give_up_if_silent(
    plan: Plan[T], port: str, timed_out: set[str], *, has_other: bool
) -> Plan[T]:
    """Record a timeout; give up early on a silent port if the modem has another one."""
    until, is_silent = time.monotonic() + _SILENT_AFTER_S, has_other
    try:
        step = next(plan)
        while True:
            try:
                outcome = yield step
            except ModemAgentError as error:
                if isinstance(error, DeadlinePassed):
                    timed_out.add(port)
                step = plan.throw(error)
                continue
            is_silent = is_silent and not outcome.raw
            if is_silent and time.monotonic() > until:
                raise NoAnswer(
                    f"no answer on {port}",
                    port=port,
                    hint="Try another port of the modem: modemagent list",
                )
            step = plan.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        plan.close()


def _try_other_routes(
    attempt: RouteAttempt[T], reader: Reader[T], options: AccessOptions
) -> RouteAttempt[T]:
    """Take another route if another program has the modem."""
    port, error = attempt.port, attempt.result
    is_managed = isinstance(error, PortNotFound) and port.path.startswith(_DBUS_PATH)
    if reader.agent is not None and (isinstance(error, PortBusy) or is_managed):
        attempt = _by_agent(attempt, reader.agent, options)
        error = attempt.result
    if isinstance(error, DeadlinePassed):
        return attempt._replace(result=_timeout_error(port.path, options))
    if (
        reader.from_modemmanager is not None
        and options.via == "auto"
        and attempt.route == "port"
        and isinstance(error, PortBusy)
        and error.holder_name in (_MODEMMANAGER, None)
    ):
        found = _by_modemmanager([port], reader, options)[0]
        return attempt if found.is_failed else found
    return attempt


def _by_agent(
    attempt: RouteAttempt[T], read: Callable[["ControlClient", str], T], options: AccessOptions
) -> RouteAttempt[T]:
    """Read a modem through the agent; return the attempt with a better hint if this is impossible.

    The client is imported only when a port is busy: importing it and the settings takes a fifth of
    the start-up time.
    """
    from modemagent.access.agent import NotServed, agent_session, explain_busy

    port = attempt.port.path
    result: T | ModemAgentError
    try:
        with agent_session(options.agent) as client:
            if options.trace is not None:
                options.trace.note_route(port, _AGENT_HAS_TRACE)
            result = read(client, port)
    except NotServed as refusal:
        if isinstance(attempt.result, PortBusy):
            explain_busy(attempt.result, refusal.error)
        return attempt
    except (AgentNotRunning, AgentError) as error:
        is_late = isinstance(error, AgentNotRunning) and options.is_over
        result = _timeout_error(port, options) if is_late else error
    return attempt._replace(route="agent", result=result)


def _timeout_error(port: str, options: AccessOptions) -> DeadlinePassed:
    """Return the error with the time that the user gave, not with what was left for the port."""
    return DeadlinePassed(
        f"{port} could not be read within {options.timeout_s:g} s",
        port=port,
        hint="Increase --timeout. If the modem does not answer at all, check its power, cable and "
        "baud rate.",
    )


def _by_modemmanager(
    ports: Iterable[TargetPort] | None, reader: Reader[T], options: AccessOptions
) -> list[RouteAttempt[T]]:
    """Read modems from ModemManager, an optional part of the installation.

    :param ports: None for every modem that ModemManager has
    """

    from modemagent.access.modemmanager import read_managed

    assert reader.from_modemmanager is not None  # noqa: S101 - a command without it has no --via
    attempts = []
    for port, found in read_managed(ports):
        if options.trace is not None:
            options.trace.note_route(port.path, _NO_TRACE)
        result = found if isinstance(found, ModemAgentError) else reader.from_modemmanager(found)
        attempts.append(RouteAttempt[T](port, "modemmanager", result))
    return attempts


def _reason(attempt: RouteAttempt[T]) -> str | None:
    return reason_of(attempt.result) if isinstance(attempt.result, ModemAgentError) else None


def reason_of(error: ModemAgentError) -> str:
    """Return the word for ``failed[].reason``.

    An error without a reason means that a limit was exceeded by data that is not an AT dialogue,
    such as a flood without line ends.
    """
    return getattr(error, "reason", None) or "not_a_modem"
