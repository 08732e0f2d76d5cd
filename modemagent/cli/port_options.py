"""Options of the commands that reach modems, as one :class:`AccessOptions`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from math import inf
from typing import Any

import click

from modemagent.access.options import AccessOptions, AgentLocator, Via
from modemagent.at import AUTO_BAUD, DEFAULT_BAUD
from modemagent.cli.options import (
    SPEED,
    F,
    flag_option,
    global_options,
    scan_root_option,
    state_dir_option,
    value_option,
)
from modemagent.cli.stdio import print_error
from modemagent.dialects.refusals import require_allowed
from modemagent.errors import UsageError

_scan_option = value_option(
    "--baud",
    "N",
    "Baud rate of a UART; auto tries the common ones.",
    type=SPEED,
    default=DEFAULT_BAUD,
)
_role_option = flag_option(
    "--ignore-role", "Open PORT even if it is known to be a GNSS or diagnostic port."
)
#: Adds the choice of the route to a command with :func:`access_options`.
via_option = value_option(
    "--via",
    None,
    "auto: read the port directly, or through the agent or ModemManager if one of them holds it; "
    "port: never use ModemManager; modemmanager: use only ModemManager.",
    type=click.Choice(("auto", "port", "modemmanager")),
    default="auto",
)


def locate_agent(state_dir: str | None) -> AgentLocator:
    """Return the agent that a command means."""
    return AgentLocator(state_dir, global_options().config)


def access_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--baud``, ``--root`` and ``--state-dir``, and pass them as ``options``.

    ``--timeout``, ``--via`` and ``--trace`` are included if the command has them.
    """

    @wraps(function)
    def with_options(
        *args: Any,
        baud: int | str,
        root: str,
        state_dir: str | None,
        timeout_s: float = inf,
        via: Via = "auto",
        trace: bool = False,
        full_ids: bool = False,
        ignore_role: bool = False,
        **rest: Any,
    ) -> Any:
        if full_ids and not trace:
            raise UsageError("--full-ids applies to --trace only", hint="Add --trace.")
        agent = locate_agent(state_dir)
        speed = baud if isinstance(baud, int) else DEFAULT_BAUD
        options = AccessOptions(timeout_s, speed, root, agent, time.monotonic(), via)
        options = options._replace(ignore_role=ignore_role)
        if baud == AUTO_BAUD:
            from modemagent.access.automatic_baud import find_speeds  # for auto only

            # the trace on stderr has the same note
            notify = None if trace else print_error
            options = options._replace(speeds={}, notify=notify, find_speeds=find_speeds)
        if not trace:
            return function(*args, options=options, **rest)
        from modemagent.cli.wire_trace import WireTrace  # masking, which only a trace needs

        wire = WireTrace(print_error, full_ids=full_ids)
        try:
            return function(*args, options=options._replace(trace=wire), **rest)
        finally:
            wire.close()

    return _scan_option(_role_option(scan_root_option(state_dir_option(with_options))))


def trace_options(function: F) -> F:
    """Add ``--trace`` and ``--full-ids`` to a command with :func:`access_options`."""
    add_trace = flag_option(
        "--trace", "Show on stderr what is sent and received, with identifiers masked."
    )
    return add_trace(flag_option("--full-ids", "Show identifiers in full in the trace.")(function))


def require_sendable(line: str, port: str, baud: int) -> None:
    """Check that a command line is on the allow-list; the hint names a program for this port.

    :raises LineRefused: it is too long, or might change a modem, a SIM card or a setting
    """
    scheme, _, address = port.rpartition("://")
    program = {
        "": f"picocom -b {baud} {port}",
        "socket": f"socat -,icanon=0,echo=0 TCP:{address}",
    }.get(scheme, f"pyserial-miniterm {port} {baud}")
    require_allowed(
        line,
        f"To send it anyway, use a terminal program: {program} (if the agent holds the port, stop "
        "it first: systemctl stop modemagent).",
    )
