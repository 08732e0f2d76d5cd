"""Catalogue of sinks: the scheme of ``--registry URL`` selects one.

A new sink is a module with a class that takes :class:`SinkOptions`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable

from modemagent.errors import SettingsError
from modemagent.report.delivery.sinks.contract import Sink, SinkOptions
from modemagent.report.delivery.sinks.file import FileSink
from modemagent.report.delivery.sinks.http import HttpSink

__all__ = ["SINKS", "SinkOptions", "open_sink"]

SINKS: dict[str, Callable[[SinkOptions], Sink]] = {
    "http": HttpSink,
    "https": HttpSink,
    "file": FileSink,
}


def open_sink(options: SinkOptions) -> Sink:
    """Return the sink for the scheme of the URL; nothing is sent yet.

    :raises SettingsError: no sink has this scheme, or its options cannot be used
    """
    sink = SINKS.get(options.url.partition("://")[0].lower())
    if sink is None:
        known = ", ".join(f"{name}://" for name in SINKS)
        raise SettingsError(
            f"unsupported registry address {options.url!r}",
            hint=f"A registry URL starts with {known}.",
        )
    return sink(options)
