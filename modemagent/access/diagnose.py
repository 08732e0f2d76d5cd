"""Collection of the facts that ``diagnose`` judges: about ports, modems and this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modemagent.access.agent import state_dir_of
from modemagent.access.identify import compare_readings, read_by_agent
from modemagent.access.options import AccessOptions, AgentLocator
from modemagent.access.route import Reached, Reader, read_modems
from modemagent.access.target import (
    ModemTarget,
    TargetPort,
    candidate_of,
    discover_targets,
    flashing_modules,
    resolve_target,
    scan_ports,
    single,
)
from modemagent.at.steps import Plan
from modemagent.channel.port_lock import find_holder
from modemagent.control.client import ControlClient, ask
from modemagent.diagnosis.collect import Collected, collect, query_lines
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.diagnosis.managed import managed_answers
from modemagent.discovery.candidate import Candidate
from modemagent.discovery.modems import siblings_of
from modemagent.errors import (
    AgentNotRunning,
    ModemAgentError,
    NotAModem,
    PortNotFound,
    SettingsError,
)
from modemagent.modem.identify import Extras
from modemagent.real_path import real_path
from modemagent.report.origin import clock_synchronized
from modemagent.report.outbox.state_dir import DB_NAME
from modemagent.settings import DEFAULT_FILE, Mistake, check, read
from modemagent.settings.preflight import exposed_files

if TYPE_CHECKING:
    from modemagent.access.modemmanager import ManagedReading

_MANAGED: Final = "modemmanager"
_NETWORK = Extras(network=True)


def host_facts(agent: AgentLocator) -> HostFacts:
    """Collect the facts about this machine."""
    status, reason, has_run = None, "", False
    state_dir = state_dir_of(agent)
    try:
        status = ask(state_dir, {"do": "status"})
    except ModemAgentError as error:
        reason = error.message
        has_run = isinstance(error, AgentNotRunning) and os.access(state_dir / DB_NAME, os.F_OK)
    exposed = _exposed_files(agent, status)
    return HostFacts(status, reason, time.time(), clock_synchronized(), exposed, has_run)


def _exposed_files(agent: AgentLocator, status: Mapping[str, Any] | None) -> tuple[Mistake, ...]:
    """Return the exposed files of the running agent, else those that the settings file names."""
    file = Path(agent.config or DEFAULT_FILE)
    try:
        text = read(file, required=False)
    except SettingsError:
        text = ""  # the default file may be readable by the agent's user only
    settings, _ = check(text)
    if status is not None:
        token_file = status["settings"].get("token_file")
        settings = settings._replace(
            state_dir=Path(status["state_dir"]),
            token_file=Path(token_file) if token_file else settings.token_file,
        )
    return exposed_files(settings, file)


def diagnosed_targets(
    words: Sequence[str], options: AccessOptions, host: HostFacts
) -> tuple[list[ModemTarget] | None, list[Facts]]:
    """Return the modems that are named, else every modem that is found or watched.

    The facts are those about ports that are not opened: of modules in flashing mode, and ports that
    are known to take no AT commands. The targets are None for every modem that ModemManager has.
    """
    if options.via == "modemmanager" and not words:
        return None, []
    root = options.root
    targets = [] if words else discover_targets(root)
    flashing = [] if words else flashing_modules(root)
    closed = [Facts(each.path, candidate=each, failure=error) for each, error in flashing]
    found = {real_path(port.path) for target in targets for port in target.ports}
    watched = [port for port in host.watched_ports if real_path(port) not in found]
    if not words:
        options = options._replace(ignore_role=True)  # the settings of the agent name these ports
    for word in dict.fromkeys(words or watched):
        try:
            targets.append(resolve_target(word, options))
        except PortNotFound:
            targets.append(single(word))  # the first check reports that the port does not exist
        except NotAModem as error:
            closed.append(_closed_port(word, error, scan_ports(root)))
    return targets, closed


def _closed_port(word: str, error: NotAModem, candidates: Sequence[Candidate]) -> Facts:
    candidate = next((each for each in candidates if word in (each.port_id, each.modem_id)), None)
    candidate = candidate or candidate_of(word, candidates)
    if candidate is None or candidate.is_recovery:
        return Facts(word, candidate=candidate, failure=error)
    siblings = siblings_of(candidate, candidates)
    holder = find_holder(candidate.path)
    return Facts(word, candidate, siblings, holder, failure=error, is_refused=True)


def modem_facts(
    targets: Sequence[ModemTarget] | None, options: AccessOptions, host: HostFacts
) -> list[Facts]:
    """Collect the facts about modems, side by side."""

    def plan(port: TargetPort) -> Plan[Collected]:
        return collect(port.path, port.port_id, port.listen_s)

    def agent(client: ControlClient, port: str) -> Collected:
        snapshot = read_by_agent(client, port, _NETWORK, options.left_s)
        if snapshot.dialect == _MANAGED:
            return Collected(snapshot)
        try:
            return Collected(snapshot, client.run(port, query_lines(snapshot)))
        except ModemAgentError as error:
            return Collected(snapshot, failure=error)

    candidates = scan_ports(options.root)

    def managed(reading: ManagedReading) -> Collected:
        answers = managed_answers(reading.modem, reading.snapshot.network)
        return Collected(reading.snapshot, managed=answers)

    reader = Reader(plan, agent, managed)
    reached = [
        _with_details(each, reader, options) for each in read_modems(targets, reader, options)
    ]
    every = [_facts(each, candidates, host) for each in reached]
    read = [each.snapshot for each in every if each.snapshot is not None]
    compared = iter(compare_readings(read, options.root, host.imeis))
    return [each._replace(snapshot=next(compared)) if each.snapshot else each for each in every]


def _with_details(
    reached: Reached[Collected], reader: Reader[Collected], options: AccessOptions
) -> Reached[Collected]:
    """Return the reading of a modem; through ModemManager itself if the agent reads it there."""
    attempt = reached.best
    result = attempt.result
    if isinstance(result, ModemAgentError) or result.snapshot.dialect != _MANAGED:
        return reached
    if attempt.route != "agent":
        return reached
    target = single(attempt.port.path, result.snapshot.port_id)
    [managed] = read_modems([target], reader, options._replace(via="modemmanager"))
    return reached if managed.best.is_failed else managed


def _facts(reached: Reached[Collected], candidates: Sequence[Candidate], host: HostFacts) -> Facts:
    attempt = reached.best
    path, result = attempt.port.path, attempt.result
    candidate = candidate_of(path, candidates)
    facts = Facts(
        path,
        candidate=candidate,
        siblings=siblings_of(candidate, candidates) if candidate else (),
        holder=None if "://" in path or attempt.route == "agent" else find_holder(path),
        route=attempt.route,
        silent_ports=tuple(
            each.port.path for each in reached.attempts if each.is_failed and each is not attempt
        ),
        drops=_drops(path, candidate.modem_id if candidate else None, host),
    )
    if isinstance(result, ModemAgentError):
        return facts._replace(failure=result)
    facts = facts._replace(
        snapshot=result.snapshot,
        responses=result.responses,
        failure=result.failure,
        managed=result.managed,
    )
    return facts._replace(route=_MANAGED) if result.snapshot.dialect == _MANAGED else facts


def _drops(path: str, modem_id: str | None, host: HostFacts) -> str:
    """Return the agent's message about many drops of a modem, "" if it has none.

    A path may have passed to another modem since: it counts only without ids.
    """
    for each in host.dropped:
        device = str(each["port_id"] or "").rpartition(":")[0]
        same_path = real_path(str(each["port"])) == real_path(path)
        if device == modem_id if device and modem_id else same_path:
            return str(each["message"])
    return ""
