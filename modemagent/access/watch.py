"""Events of modems: from the agent that watches them, else by watching the ports directly."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.access.agent import NotServed, agent_session, explain_busy
from modemagent.access.options import AccessOptions
from modemagent.at import AUTO_BAUD
from modemagent.at.steps import Plan
from modemagent.control.client import ControlClient
from modemagent.errors import AgentError, AgentNotRunning, ModemAgentError, PortBusy, PortNotFound
from modemagent.modem.link_poll import LinkPoll, LinkReading
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.places import is_there
from modemagent.watching.port_state import PortState
from modemagent.watching.supervisor import Supervisor, events_only

Show = Callable[[Mapping[str, Any]], None]

#: Longest delay of a reading that is due, in seconds: it waits for the next event.
_MOST_LATE_S = 0.5


class LinkWatch(NamedTuple):
    """Periodic readings of registration and signal.

    :param interval_s: seconds between two readings
    :param show: called with the entry of a port, as in ``status``, and its reading
    """

    interval_s: float
    show: Callable[[Mapping[str, Any], LinkReading], None]


_MISSING = {
    "state": "absent",
    "reason": PortNotFound.reason,
    "message": "the port does not exist",
    "hint": "Waiting for it. List all ports with modemagent list.",
}


def watch(
    paths: Sequence[str],
    options: AccessOptions,
    poll_interval: float,
    show: Show,
    note: Callable[[str], None],
    link: LinkWatch | None = None,
) -> None:
    """Pass events to ``show`` until interrupted.

    :param paths: ports to watch; empty for every modem
    :param poll_interval: seconds between polls of a SIM, if no agent watches the ports
    :param note: called with a message for the user
    :param link: also read registration and signal periodically
    :raises AgentNotRunning: the agent ended
    :raises AgentDenied, SettingsError: no ports are named, and the agent cannot be reached
    """
    try:
        with agent_session(options.agent) as client:
            started = client.ask({"do": "watch", "ports": list(paths)})
            show(started)
            _show_events(client, started, options, show, link)
        raise AgentNotRunning("the agent has ended", hint="Start it with: modemagent run")
    except NotServed as no:
        reason = no.error
    if not isinstance(reason, AgentNotRunning | AgentError):
        if not paths:
            raise reason
        note(f"{reason.message}. Watching the ports directly.")
    asyncio.run(_watch_ports(paths, options, poll_interval, show, reason, link))


def _show_events(
    client: ControlClient,
    started: Mapping[str, Any],
    options: AccessOptions,
    show: Show,
    link: LinkWatch | None,
) -> None:
    """Pass the events of the agent to ``show``; read the links over a connection of its own."""
    if link is None:
        for event in client.events():
            assert event is not None  # noqa: S101 - the wait has no limit
            show(event)
        return
    due = time.monotonic()
    polls = _LinkPolls()
    with agent_session(options.agent) as reader:
        for event in client.events(min(link.interval_s, _MOST_LATE_S)):
            if event is not None:
                show(event)
            if time.monotonic() < due:
                continue
            for entry in _entries(reader, started["data"]["ports"]):
                link.show(entry, _read_link(reader, entry, polls))
            due = time.monotonic() + link.interval_s


def _entries(reader: ControlClient, ports: Sequence[str]) -> list[Mapping[str, Any]]:
    modems: Any = reader.ask({"do": "status"})["modems"]
    return [entry for entry in modems if entry["port"] in ports]


class _LinkPolls:
    """The polls of all ports. A poll ends when its modem is no longer watched."""

    def __init__(self) -> None:
        self._polls: dict[str, LinkPoll] = {}

    def plan(self, entry: Mapping[str, Any]) -> Plan[LinkReading] | None:
        """Return the plan for the port of a status entry, None if its modem is not watched."""
        port = entry["port"]
        if entry["state"] != PortState.WATCHING:
            self._polls.pop(port, None)
            return None
        if port not in self._polls:
            self._polls[port] = LinkPoll(entry.get("dialect", ""))
        return self._polls[port].plan()


def _read_link(reader: ControlClient, entry: Mapping[str, Any], polls: _LinkPolls) -> LinkReading:
    plan = polls.plan(entry)
    if plan is None:
        return LinkReading()
    try:
        return reader.run(entry["port"], plan)
    except AgentError:
        return LinkReading()


async def _read_links(supervisor: Supervisor, link: LinkWatch) -> None:
    """Read the links of the ports that are watched directly, until cancelled."""
    polls = _LinkPolls()
    while True:
        for entry in supervisor.to_json():
            reading = LinkReading()
            if (plan := polls.plan(entry)) is not None:
                with contextlib.suppress(ModemAgentError):
                    channel = await supervisor.find(str(entry["port"])).channel()
                    reading = await channel.run(plan)
            link.show(entry, reading)
        await asyncio.sleep(link.interval_s)


async def _watch_ports(
    paths: Sequence[str],
    options: AccessOptions,
    poll_interval: float,
    show: Show,
    reason: ModemAgentError,
    link: LinkWatch | None,
) -> None:
    settings = Settings(
        state_dir=Path("/nonexistent"),
        port=tuple(paths),
        discovery=not paths,
        via=options.via,
        baud=options.baud if options.speeds is None else AUTO_BAUD,
        poll_interval=poll_interval,
    )
    events = EventBus()
    supervisor = events_only(settings, events)
    failed: list[Exception] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - raised again below; a listener must not raise
            failed.append(error)
            task.cancel()

    def forward(event: ModemEvent) -> None:
        guarded(lambda: show(_with_hint(event, reason)))

    if link is not None:
        show_link = link.show
        link = link._replace(show=lambda entry, it: guarded(lambda: show_link(entry, it)))
    task = asyncio.ensure_future(_run(supervisor, link))
    events.subscribe(forward)
    events.emit("watch.started", ports=list(paths))
    for path in paths:
        if not is_there(path):
            events.emit("port.state", PortPlace(path=path), **_MISSING)
    try:
        await task
    except asyncio.CancelledError:
        if not failed:
            raise
        raise failed[0] from None


async def _run(supervisor: Supervisor, link: LinkWatch | None) -> None:
    reader = asyncio.create_task(_read_links(supervisor, link)) if link is not None else None
    try:
        await supervisor.run()
    finally:
        if reader is not None:
            reader.cancel()


def _with_hint(event: ModemEvent, reason: ModemAgentError) -> dict[str, Any]:
    """Return an event; that of a busy port with a hint that fits the holder."""
    shown, data = event.to_json(), event.data
    holder: Any = data.get("holder")
    if data.get("reason") == PortBusy.reason and isinstance(holder, dict):
        busy = PortBusy(
            str(data["message"]),
            port=str(event.port),
            holder_pid=holder["pid"],
            holder_name=holder["name"],
            hint=str(data["hint"]),
        )
        shown["data"] = {**data, "hint": explain_busy(busy, reason).hint}
    return shown
