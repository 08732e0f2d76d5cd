"""Events of modems: from the agent that watches them, else by watching the ports directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modemagent.access.agent import NotServed, agent_session, explain_busy
from modemagent.access.options import AccessOptions
from modemagent.errors import AgentError, AgentNotRunning, ModemAgentError, PortBusy, PortNotFound
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.places import is_there
from modemagent.watching.supervisor import watch_only

Show = Callable[[Mapping[str, Any]], None]

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
) -> None:
    """Pass events to ``show`` until interrupted.

    :param paths: ports to watch; empty for every modem
    :param poll_interval: seconds between polls of a SIM, if no agent watches the ports
    :param note: called with a message for the user
    :raises AgentNotRunning: the agent ended
    :raises AgentDenied, SettingsError: no ports are named, and the agent cannot be reached
    """
    try:
        with agent_session(options.agent) as client:
            show(client.ask({"do": "watch", "ports": list(paths)}))
            for event in client.events():
                show(event)
        raise AgentNotRunning("the agent has ended", hint="Start it with: modemagent run")
    except NotServed as no:
        reason = no.error
    if not isinstance(reason, AgentNotRunning | AgentError):
        if not paths:
            raise reason
        note(f"{reason.message}. Watching the ports directly.")
    asyncio.run(_watch_ports(paths, options, poll_interval, show, reason))


async def _watch_ports(
    paths: Sequence[str],
    options: AccessOptions,
    poll_interval: float,
    show: Show,
    reason: ModemAgentError,
) -> None:
    settings = Settings(
        state_dir=Path("/nonexistent"),
        port=tuple(paths),
        discovery=not paths,
        via=options.via,
        baud=options.baud,
        poll_interval=poll_interval,
    )
    events = EventBus()
    task = asyncio.ensure_future(watch_only(settings, events))
    failed: list[Exception] = []

    def forward(event: ModemEvent) -> None:
        try:
            show(_with_hint(event, reason))
        except Exception as error:  # noqa: BLE001 - raised again below; a listener must not raise
            failed.append(error)
            task.cancel()

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
