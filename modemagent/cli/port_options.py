"""Options of the commands that reach modems, as one :class:`AccessOptions`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from math import inf
from typing import Any

import click

from modemagent.access.options import AccessOptions, AgentLocator, Via
from modemagent.at import DEFAULT_BAUD
from modemagent.cli.options import global_options, scan_root_option, state_dir_option, value_option

_baud_option = value_option(
    "--baud", "N", "Speed of a UART.", type=click.IntRange(min=50), default=DEFAULT_BAUD
)


def locate_agent(state_dir: str | None) -> AgentLocator:
    """Return the agent that a command means."""
    return AgentLocator(state_dir, global_options().config)


def access_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--baud``, ``--root`` and ``--state-dir``, and pass them as ``options``.

    ``--timeout`` and ``--via`` are included if the command has them.
    """

    @wraps(function)
    def with_options(
        *args: Any,
        baud: int,
        root: str,
        state_dir: str | None,
        timeout_s: float = inf,
        via: Via = "auto",
        **rest: Any,
    ) -> Any:
        agent = locate_agent(state_dir)
        options = AccessOptions(timeout_s, baud, root, agent, time.monotonic(), via)
        return function(*args, options=options, **rest)

    return _baud_option(scan_root_option(state_dir_option(with_options)))
