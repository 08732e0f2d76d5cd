"""From settings to the way reports leave."""

from __future__ import annotations

from modemagent.errors import SettingsError
from modemagent.report.delivery.sinks.catalogue import SinkOptions
from modemagent.settings import Settings


def sink_options(settings: Settings) -> SinkOptions:
    """Return what the settings say about the way to the registry.

    :raises SettingsError: no registry is set, or the token file is not there
    """
    if settings.registry is None:
        raise SettingsError("no registry is set", hint="Name it with --registry URL.")
    if settings.token_file is not None and not settings.token_file.exists():
        raise SettingsError(
            f"there is no token file {settings.token_file}",
            hint="On the registry's machine: modemagent registry token create --scope gateway "
            "--gateway-id ID; write there what it prints.",
        )
    return SinkOptions(
        url=settings.registry,
        token_file=settings.token_file,
        ca_file=settings.ca_file,
        client_cert_file=settings.client_cert_file,
        client_key_file=settings.client_key_file,
        proxy=settings.proxy,
        compress=settings.compress,
    )
