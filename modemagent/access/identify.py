"""Identification of the modems that a user names: by port, by number, or every modem found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from modemagent.access.options import AccessOptions
from modemagent.access.route import Reader, RouteAttempt, read_modems
from modemagent.access.target import (
    BY_NUMBER,
    ModemTarget,
    TargetPort,
    candidate_of,
    flashing_modules,
    no_modem_found,
    resolve_target,
    scan_ports,
    single,
)
from modemagent.at.steps import Plan
from modemagent.discovery.age import modem_age_s
from modemagent.errors import (
    AgentNotRunning,
    DeadlinePassed,
    ModemAgentError,
    NotAModem,
    PortError,
    PortNotFound,
    UsageError,
)
from modemagent.identity.crosscheck import compare_modems, duplicates
from modemagent.identity.snapshot import ReadState, Snapshot
from modemagent.modem.identify import NO_EXTRAS, Extras, identify
from modemagent.modem.imei_reread import reread_imei
from modemagent.real_path import real_path

if TYPE_CHECKING:
    from modemagent.control.client import ControlClient

_AUTO = "auto"


class AccessResult:
    """The result of one command.

    :ivar failed: path and error of every port without a snapshot
    :ivar by_name: ports were named, so that a failure of a port is a failure of the command
    :ivar stopped: ports whose snapshots lack values because the time ran out
    """

    def __init__(self, *, by_name: bool = True) -> None:
        self.by_name = by_name
        self.snapshots: list[Snapshot] = []
        self.failed: list[tuple[str, ModemAgentError]] = []
        self.stopped: set[str] = set()


def identify_modems(
    words: Sequence[str], options: AccessOptions, extras: Extras = NO_EXTRAS
) -> AccessResult:
    """Identify the modems that the words name, all side by side.

    :param words: PORT arguments; empty for every modem that is found; modules in flashing mode are
        then among the failures
    :raises PortNotFound: no modem is found, or not exactly one matches ``auto``, ``imei:``,
        ``iccid:``
    """
    if not words:
        flashing = [(each.path, error) for each, error in flashing_modules(options.root)]
        try:
            result = _identify(None, options, extras)
        except NotAModem:
            result = AccessResult()
        result.by_name = False
        result.failed += flashing
        return result
    result = AccessResult()
    words = list(dict.fromkeys(words))
    by_number = [word for word in words if is_by_number(word)]
    if by_number:
        everything = _identify(None, options, extras)
        result.snapshots = [_pick(word, everything, options) for word in by_number]
    targets: dict[str, ModemTarget] = {}
    for word in words:
        if word in by_number:
            continue
        try:
            target = resolve_target(word, options)
        except PortError as error:
            result.failed.append((word, error))
        else:
            targets.setdefault(target.path, target)
    if targets:
        named = _identify(list(targets.values()), options, extras)
        result.snapshots += named.snapshots
        result.failed += named.failed
        result.stopped |= named.stopped
    return result


def find_target(word: str, options: AccessOptions) -> ModemTarget:
    """Return the one port that a word names, for commands that open a single port.

    :raises PortNotFound, NotAModem: see :func:`identify_modems`
    """
    if not is_by_number(word):
        return ModemTarget(resolve_target(word, options).ports[:1])
    [snapshot] = identify_modems([word], options).snapshots
    return single(snapshot.port, snapshot.port_id)


def is_by_number(word: str) -> bool:
    """Return True if a PORT argument names a modem that has to be searched for."""
    return word == _AUTO or word.startswith(BY_NUMBER)


def _identify(
    targets: Sequence[ModemTarget] | None, options: AccessOptions, extras: Extras
) -> AccessResult:
    def plan(port: TargetPort) -> Plan[Snapshot]:
        reading = yield from identify(
            port.path,
            port_id=port.port_id,
            extras=extras,
            listen_s=port.listen_s,
            age=lambda: modem_age_s(port.path),
        )
        return (yield from reread_imei(reading))

    def agent(client: ControlClient, port: str) -> Snapshot:
        return read_by_agent(client, port, extras, options.left_s)

    result = AccessResult()
    reader = Reader(plan, agent, lambda reading: reading.snapshot)
    for reached in read_modems(targets, reader, options):
        failed: list[tuple[str, ModemAgentError]] = []
        for attempt in reached.attempts:
            reading, is_complete = partial_result(attempt, options.timeout_s)
            if isinstance(reading, Snapshot):
                failed = []  # an earlier port was silent, which is not an error now
                if not extras.network:
                    reading = reading._replace(network=None)
                result.snapshots.append(reading)
                if not is_complete:
                    result.stopped.add(attempt.port.path)
            else:
                failed.append((attempt.port.path, reading))
        result.failed += failed
    result.snapshots = compare_readings(result.snapshots, options.root)
    return result


def compare_readings(
    readings: Sequence[Snapshot], root: str, others: Sequence[tuple[str, str]] = ()
) -> list[Snapshot]:
    """Return readings with the findings that one modem has two IMEIs, or two modems have one.

    :param root: directory that holds ``sys`` and ``dev``
    :param others: ports of further modems, with their IMEIs
    """
    imeis = [(each.port, each.modem.imei) for each in readings]
    devices = [each.port_id.rpartition(":")[0] if each.port_id else each.port for each in readings]
    if len(set(devices)) == len(devices) and not duplicates([*imeis, *others]):
        return list(readings)
    candidates = scan_ports(root)

    def modem_at(port: str) -> str:
        # The ttys of a UART bridge lead to different modems.
        candidate = candidate_of(port, candidates)
        device = candidate.modem_id if candidate and candidate.cellular else None
        return device or real_path(port)

    return compare_modems(
        [(modem_at(each.port), each) for each in readings],
        [(modem_at(port), imei) for port, imei in others],
    )


def read_by_agent(client: ControlClient, port: str, extras: Extras, timeout_s: float) -> Snapshot:
    """Return a new reading of a modem that the agent watches."""
    request: dict[str, object] = {"do": "identify", "port": port, **extras._asdict()}
    snapshot = client.ask(request, timeout_s=timeout_s).get("snapshot")
    if not isinstance(snapshot, dict):
        raise AgentNotRunning("the agent answered without a reading", hint="Restart the agent.")
    return Snapshot.from_json(snapshot)


def partial_result(
    attempt: RouteAttempt[Snapshot], timeout_s: float
) -> tuple[Snapshot | ModemAgentError, bool]:
    """Return the result of an attempt, and False if values are missing for lack of time.

    A reading that ended before the IMEI is an error. Problems about values that were never
    requested are left out.
    """
    reading, port = attempt.result, attempt.port.path
    if not isinstance(reading, Snapshot) or not attempt.is_partial:
        return reading, True
    if reading.modem.read.get("imei") is ReadState.TIMEOUT:
        return DeadlinePassed(
            f"{port}: stopped after {timeout_s:g} s, before the IMEI was read",
            port=port,
            hint="Increase --timeout.",
        ), True
    states = [reading.modem.read, *(sim.read for sim in reading.sims)]
    unread = {name for each in states for name in each if each[name] is ReadState.TIMEOUT}
    missing = {f"{name}.missing" for name in unread}
    problems = tuple(each for each in reading.problems if each.code not in missing)
    return reading._replace(problems=problems), not unread


def _pick(word: str, everything: AccessResult, options: AccessOptions) -> Snapshot:
    matches = [snapshot for snapshot in everything.snapshots if _matches(word, snapshot)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise PortNotFound(
            f"{len(matches)} modems match {word}: {_listed(matches)}",
            port=word,
            hint="Name one of them.",
        )
    message = "no modem" if word == _AUTO else f"no modem that matches {word}"
    if everything.snapshots:
        message += f" among {_listed(everything.snapshots)}"
    if everything.failed:
        silent = ", ".join(f"{path}: {error.message}" for path, error in everything.failed)
        message += f"; {silent}"
    raise PortNotFound(message, port=word, hint=no_modem_found(options.root).hint)


def _listed(snapshots: Iterable[Snapshot]) -> str:
    return ", ".join(f"{s.port_id or s.port} (imei:{s.modem.imei or '?'})" for s in snapshots)


def _matches(word: str, snapshot: Snapshot) -> bool:
    if word == _AUTO:
        return True
    kind, _, prefix = word.partition(":")
    if not prefix:
        raise UsageError(f"no number in {word}", hint=f"Write it as {kind}:8676980400.")
    if kind == "imei":
        numbers = [snapshot.modem.imei, snapshot.modem.imei_raw]
    else:
        numbers = [number for sim in snapshot.sims for number in (sim.iccid, sim.iccid_raw)]
    return any(number is not None and number.startswith(prefix.upper()) for number in numbers)
