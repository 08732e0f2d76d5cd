"""Reload of the settings of a running agent: check everything first, then apply everything.

If the file has a mistake, a token file is missing or the registry cannot be used, the previous
settings stay in force, and the log and ``status`` show the reason. Certificates are read again at
each reload, because a renewed one usually has the name of the old one.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from modemagent.errors import ModemAgentError, SettingsError
from modemagent.extras import install_command
from modemagent.logs import Log
from modemagent.report.delivery.sinks import open_sink
from modemagent.report.delivery.sinks.contract import Sink, SinkOptions
from modemagent.settings import KEYS, TABLE, FileRefused, Settings
from modemagent.settings.preflight import check_machine, unencrypted_registry

if TYPE_CHECKING:
    from modemagent.agent.metrics_exporter import MetricsExporter

#: Options of the endpoint for reports, each a key of the settings; the key of its URL is registry.
_SINK_OPTIONS = tuple(option.name for option in fields(SinkOptions) if option.name != "url")
_UPLINK = ("registry", *_SINK_OPTIONS)
_METRICS = ("metrics_listen", "metrics_file")
_EFFECT = "the previous settings stay in force"


class SettingsChange(NamedTuple):
    """Settings to apply.

    :param keys: keys whose values have changed
    :param sink: the new endpoint for reports; None if it stays or is removed
    """

    settings: Settings
    keys: frozenset[str]
    sink: Sink | None

    @property
    def affects_uplink(self) -> bool:
        return self.sink is not None or not self.keys.isdisjoint(_UPLINK)

    @property
    def affects_metrics(self) -> bool:
        return not self.keys.isdisjoint(_METRICS)


def change_from(old: Settings, load_settings: Callable[[], Settings], log: Log) -> SettingsChange:
    """Load the settings again and return what to apply.

    :raises ModemAgentError: the settings cannot be used; the mistakes have been logged
    """
    try:
        return _change(old, load_settings(), log)
    except FileRefused as refused:
        for mistake in refused.mistakes:
            log.error("settings_rejected", reason=str(mistake), hint=mistake.remedy, effect=_EFFECT)
        raise
    except ModemAgentError as error:
        log.error("settings_rejected", reason=error.message, hint=error.hint, effect=_EFFECT)
        raise


def _change(old: Settings, new: Settings, log: Log) -> SettingsChange:
    kept = {}
    for key in TABLE:
        if key.on_reload == "restart" and getattr(new, key.name) != getattr(old, key.name):
            kept[key.name] = getattr(old, key.name)
            log.warning(
                "setting_needs_restart", key=key.name, hint="Restart the agent to apply the change."
            )
    new = new._replace(**kept)
    keys = frozenset(key for key in KEYS if getattr(new, key) != getattr(old, key))
    change = SettingsChange(new, keys, None)
    for mistake in check_machine(new):
        if mistake.key in keys:
            raise SettingsError(mistake.message, hint=mistake.remedy)
    if change.affects_metrics:
        load_metrics(new)
    uses_tls = any((url or "").startswith("https:") for url in (new.registry, new.proxy))
    if new.registry and (change.affects_uplink or uses_tls):
        change = change._replace(sink=open_sink(sink_options(new)))
    if "registry" in keys:
        for found in unencrypted_registry(new):
            log.warning("registry_unencrypted", reason=found.message, hint=found.remedy)
    return change


def sink_options(settings: Settings) -> SinkOptions:
    """Return the options of the endpoint for reports.

    :raises SettingsError: no registry is set, or the token file does not exist
    """
    if settings.registry is None:
        raise SettingsError("no registry is set", hint="Name it with --registry URL.")
    if settings.token_file is not None and not settings.token_file.exists():
        raise SettingsError(
            f"the token file {settings.token_file} does not exist",
            hint="On the registry's machine, run: modemagent registry token create --scope gateway "
            "--gateway-id ID; write the printed token to this file.",
        )
    options = {name: getattr(settings, name) for name in _SINK_OPTIONS}
    return SinkOptions(url=settings.registry, **options)


def load_metrics(settings: Settings) -> "type[MetricsExporter] | None":
    """Return the class of the exporter; None if the settings exclude metrics.

    :raises SettingsError: the extra is not installed
    """
    if not (settings.metrics_listen or settings.metrics_file):
        return None
    try:
        from modemagent.agent.metrics_exporter import MetricsExporter
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        raise SettingsError(
            "metrics require prometheus-client, which is not installed",
            hint=f"Install it with: {install_command('metrics')}",
        ) from None
    return MetricsExporter
