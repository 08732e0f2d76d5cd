"""Loading the daemon without TLS where nothing needs it.

asyncio and urllib3 load ``ssl`` whenever they find it: 2.4 MiB of the 35 that the daemon may
take, for a registry on the same machine or behind a tunnel. Both go on without it, as they do on a
Python that was built without OpenSSL.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from modemagent.settings import Settings

_NAME = "ssl"


def needs_tls(settings: Settings) -> bool:
    """Tell whether a connection of the settings is encrypted."""
    return any((url or "").startswith("https:") for url in (settings.registry, settings.proxy))


def load_daemon(settings: Settings) -> ModuleType:
    """Import and return :mod:`modemagent.agent.daemon`, without TLS if the settings need none."""
    hidden = not needs_tls(settings) and _NAME not in sys.modules
    if hidden:
        sys.modules[_NAME] = None  # type: ignore[assignment]
    try:
        from modemagent.agent import daemon

        if settings.registry and settings.registry.startswith("http:"):
            import_module("modemagent.report.sinks.http")
    finally:
        if hidden:
            del sys.modules[_NAME]
    return daemon
