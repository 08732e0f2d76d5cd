"""One reading of the modems a user named: ask, fall back, pick, gather failures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from modemagent.at.steps import Plan
from modemagent.channel.blocking import run_plans
from modemagent.cli.agent import AgentLocator, busy_with_hint
from modemagent.cli.ports import (
    BY_NUMBER,
    NONE_FOUND_HINT,
    ModemTarget,
    discover_targets,
    resolve_target,
)
from modemagent.errors import (
    AgentNotRunning,
    DeadlinePassed,
    ModemAgentError,
    NoAnswer,
    PortBusy,
    PortError,
    PortNotFound,
    UsageError,
)
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import NO_EXTRAS, Extras, identify

#: After these another port of the same modem may do better; busy or denied would stay so.
_TRY_NEXT = ("no_answer", "not_a_modem")
_LEAST_S = 0.5
#: Modems that are slow to wake say something within this time, if only an echo.
_MUTE_AFTER_S = 5.0


@dataclass(slots=True)
class AccessResult:
    """What one call found.

    :param failed: a failure for every port that gave no snapshot
    :param by_name: the user named the ports, so that a failure is the call's failure
    :param stopped: ports of snapshots that miss something because the time was up
    """

    snapshots: list[Snapshot] = field(default_factory=list)
    failed: list[tuple[str, ModemAgentError]] = field(default_factory=list)
    by_name: bool = True
    stopped: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """How to ask.

    :param timeout_s: what the user gave the whole call
    :param deadline: monotonic seconds by which it must have ended
    :param baud: speed of a UART
    :param root: the tree that holds ``sys`` and ``dev``
    :param agent: the agent that may hold the ports
    :param extras: what is read besides; an agent that holds the port goes by its own settings
    :param via: ``port``, ``modemmanager``, or ``auto``: the port, and ModemManager for one it holds
    """

    timeout_s: float
    deadline: float
    baud: int
    root: str
    agent: AgentLocator
    extras: Extras = NO_EXTRAS
    via: str = "auto"

    @property
    def left_s(self) -> float:
        return max(_LEAST_S, self.deadline - time.monotonic())


def read(words: Sequence[str], how: AccessOptions) -> AccessResult:
    """Identify the modems behind the words, all side by side.

    :param words: PORT words as in the interface; none means every modem that is plugged in
    :raises PortNotFound: nothing to ask, or no one modem fits ``auto``, ``imei:``, ``iccid:``
    """
    picks = [word for word in words if word == "auto" or word.startswith(BY_NUMBER)]
    if not words or picks:
        everything = _everything(how)
        if not words:
            everything.by_name = False
            return everything
        reading = AccessResult([_pick(word, everything) for word in dict.fromkeys(picks)])
    else:
        reading = AccessResult()
    targets: dict[str, ModemTarget] = {}
    for word in dict.fromkeys(words):
        if word in picks:
            continue
        try:
            target = resolve_target(word, how.root)
        except PortError as refused:
            reading.failed.append((word, refused))
        else:
            targets.setdefault(target.path, target)
    ask_all = list(targets.values())
    more = _ask_modemmanager(ask_all, how) if how.via == "modemmanager" else _ask(ask_all, how)
    reading.snapshots += more.snapshots
    reading.failed += more.failed
    reading.stopped |= more.stopped
    return reading


def _everything(how: AccessOptions) -> AccessResult:
    if how.via == "modemmanager":
        from modemagent.cli import managed

        return AccessResult([_only_asked(snapshot, how) for snapshot in managed.everything()])
    found = discover_targets(how.root)
    if not found:
        raise PortNotFound("no modem found", port="auto", hint=NONE_FOUND_HINT)
    return _ask(found, how)


def _ask_modemmanager(targets: Sequence[ModemTarget], how: AccessOptions) -> AccessResult:
    from modemagent.cli import managed

    reading = AccessResult()
    for target in targets:
        try:
            found = managed.one(target.path, target.ids[0])
            reading.snapshots.append(_only_asked(found, how))
        except ModemAgentError as error:
            reading.failed.append((target.path, error))
    return reading


def _ask(targets: Sequence[ModemTarget], how: AccessOptions) -> AccessResult:
    """Ask the first port of each target, then the next port of those that stayed silent."""
    reading = AccessResult()
    results: dict[str, Snapshot] = {}
    waiting = [(target, 0) for target in targets]
    while waiting:
        late: set[str] = set()
        plans = {
            target.paths[turn]: _plan(target, turn, how.extras, late) for target, turn in waiting
        }
        answers = run_plans(plans, timeout_s=how.left_s, baud=how.baud)
        again = []
        for target, turn in waiting:
            path = target.paths[turn]
            answer = answers[path]
            if isinstance(answer, PortBusy):
                answer = _from_agent(path, how, answer)
            if isinstance(answer, PortBusy) and how.via == "auto":
                from modemagent.cli import managed

                answer = managed.fallback(path, target.ids[turn], answer)
            if isinstance(answer, DeadlinePassed) or path in late:
                from modemagent.cli.late import partial_result

                answer, is_whole = partial_result(path, answer, how.timeout_s)
                if not is_whole:
                    reading.stopped.add(path)
            if isinstance(answer, Snapshot):
                results[target.path] = _only_asked(answer, how)
                continue
            reading.failed.append((path, answer))
            more = turn + 1 < len(target.paths) and how.left_s > _LEAST_S
            if more and reason_of(answer) in _TRY_NEXT:
                again.append((target, turn + 1))
        waiting = again
    reading.snapshots = [results[t.path] for t in targets if t.path in results]
    # A silent port of a modem that answered on another is no failure.
    solved = {path for target in targets if target.path in results for path in target.paths}
    reading.failed = [(path, error) for path, error in reading.failed if path not in solved]
    return reading


def _plan(target: ModemTarget, turn: int, extras: Extras, late: set[str]) -> Plan[Snapshot]:
    port = target.paths[turn]
    plan = identify(port, port_id=target.ids[turn], extras=extras)
    return _attended(plan, port, late, has_another=turn + 1 < len(target.paths))


def _attended(
    plan: Plan[Snapshot], port: str, late: set[str], *, has_another: bool
) -> Plan[Snapshot]:
    """Note when the time is up; give a mute port up early when the modem has another one."""
    until, heard = time.monotonic() + _MUTE_AFTER_S, False
    try:
        step = next(plan)
        while True:
            try:
                outcome = yield step
            except ModemAgentError as error:
                if isinstance(error, DeadlinePassed):
                    late.add(port)
                step = plan.throw(error)
                continue
            heard = heard or bool(outcome.raw)
            if has_another and not heard and time.monotonic() > until:
                raise NoAnswer(f"{port} is mute", port=port)
            step = plan.send(outcome)
    except StopIteration as done:
        snapshot: Snapshot = done.value
        return snapshot
    finally:
        plan.close()


def _from_agent(path: str, how: AccessOptions, busy: PortBusy) -> Snapshot | ModemAgentError:
    """Ask the agent of this machine, which may be who holds the port; ``busy`` when it is not."""
    from modemagent.control.client import AgentError, ask

    request: dict[str, object] = {"do": "identify", "port": path, **how.extras._asdict()}
    try:
        answer = ask(how.agent.state_dir, request, timeout_s=how.left_s)
    except AgentError as error:
        return busy_with_hint(busy, error) if error.reason == PortNotFound.reason else error
    except ModemAgentError as error:
        if isinstance(error, AgentNotRunning) and time.monotonic() >= how.deadline:
            return DeadlinePassed("", port=path)  # its words come later
        return busy_with_hint(busy, error)
    snapshot = answer.get("snapshot")
    if not isinstance(snapshot, dict):
        return busy
    return Snapshot.from_json(snapshot)


def _only_asked(found: Snapshot, how: AccessOptions) -> Snapshot:
    """Leave out what was not asked for: an agent or ModemManager may tell more."""
    if found.network is None or how.extras.network:
        return found
    from dataclasses import replace

    return replace(found, network=None)


def _pick(word: str, everything: AccessResult) -> Snapshot:
    fitting = [snapshot for snapshot in everything.snapshots if _fits(word, snapshot)]
    if len(fitting) == 1:
        return fitting[0]
    seen = ", ".join(
        f"{s.port_id or s.port} (imei:{s.modem.imei or '?'})"
        for s in (fitting or everything.snapshots)
    )
    what = "modem" if word == "auto" else f"modem that fits {word}"
    if fitting:
        raise PortNotFound(
            f"{len(fitting)} modems fit {word}: {seen}", port=word, hint="Name one of them."
        )
    silent = ", ".join(f"{path}: {error.message}" for path, error in everything.failed)
    raise PortNotFound(
        f"no {what}" + (f" among {seen}" if seen else "") + (f"; {silent}" if silent else ""),
        port=word,
        hint=NONE_FOUND_HINT,
    )


def _fits(word: str, snapshot: Snapshot) -> bool:
    if word == "auto":
        return True
    kind, _, prefix = word.partition(":")
    if not prefix:
        raise UsageError(f"{word} says no number", hint=f"As in: {kind}:8676980400")
    if kind == "imei":
        numbers = [snapshot.modem.imei, snapshot.modem.imei_raw]
    else:
        numbers = [number for sim in snapshot.sims for number in (sim.iccid, sim.iccid_raw)]
    return any(number is not None and number.startswith(prefix.upper()) for number in numbers)


def reason_of(error: ModemAgentError) -> str:
    """Return the failure's word for ``failed[].reason``."""
    if isinstance(error, PortError):
        return error.reason
    # An agent says what its port's error was. Else limits were passed: what came was no dialogue
    # (a flood without line ends).
    return getattr(error, "reason", None) or "not_a_modem"
