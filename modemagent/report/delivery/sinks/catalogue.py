"""The table of sinks: the scheme of ``--registry URL`` chooses one.

A new sink is a module with ``open_sink(SinkOptions) -> Sink`` and a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from modemagent.errors import SettingsError

if TYPE_CHECKING:
    from modemagent.report.delivery.sinks.contract import Sink

SINKS = (
    ("http", "modemagent.report.delivery.sinks.http"),
    ("https", "modemagent.report.delivery.sinks.http"),
    ("file", "modemagent.report.delivery.sinks.file"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """Everything a sink may want to know.

    :param token_file: read anew for every delivery, so a token can be changed while running
    :param ca_file: certificates to trust instead of the system's
    :param client_cert_file: certificate (and key, unless apart) this gateway shows of itself
    :param proxy: URL of an HTTP proxy
    """

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    proxy: str | None = None
    compress: bool = True


def open_sink(options: SinkOptions) -> Sink:
    """Return the sink the URL's scheme stands for; nothing is sent yet.

    :raises SettingsError: no sink has this scheme, or its options can not be used
    """
    scheme = options.url.partition("://")[0].lower()
    for name, module in SINKS:
        if name == scheme:
            sink: Sink = import_module(module).open_sink(options)
            return sink
    known = ", ".join(f"{name}://" for name, _ in SINKS)
    raise SettingsError(
        f"no way to send reports to {options.url!r}", hint=f"A registry URL starts with {known}."
    )
