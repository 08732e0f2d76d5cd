"""Wire trace in the log: every line that crosses a port, at level debug."""

from __future__ import annotations

from modemagent.channel.trace import Direction, Trace
from modemagent.channel.wire_lines import WireLines
from modemagent.logs import Log


def wire_log(log: Log) -> Trace:
    """Return a trace for any number of ports that logs every line."""

    def show(port: str, direction: Direction, line: str, _: float) -> None:
        log.debug("wire", port=port, direction=direction, line=line)

    return WireLines(show)
