"""New settings for a running agent: first everything is checked, then everything is taken over.

A file with a mistake, a token file that is not there, a registry no report can go to: the
settings from before stay in force, and the log and ``status`` say why. Certificates are read anew
at each reload: a renewed one mostly lies under the name of the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from modemagent.agent.delivery import sink_options
from modemagent.agent.lean import needs_tls
from modemagent.errors import ModemAgentError, SettingsError
from modemagent.logs import Log
from modemagent.report.delivery.sinks.catalogue import open_sink
from modemagent.report.delivery.sinks.contract import Sink
from modemagent.settings import KEYS, TABLE, FileRefused, Settings

#: Keys that say how reports leave.
_UPLINK = (
    "registry", "token_file", "ca_file", "client_cert_file", "client_key_file", "proxy", "compress",
)  # fmt: skip
_METRICS = ("metrics_listen", "metrics_file")


class SettingsChange(NamedTuple):
    """Settings to take over.

    :param keys: the keys whose values are others now
    :param sink: the new way to the registry, None when it stays or there is none any more
    """

    settings: Settings
    keys: frozenset[str]
    sink: Sink | None

    @property
    def concerns_uplink(self) -> bool:
        return self.sink is not None or not self.keys.isdisjoint(_UPLINK)

    @property
    def concerns_metrics(self) -> bool:
        return not self.keys.isdisjoint(_METRICS)


def change_from(old: Settings, again: Callable[[], Settings], log: Log) -> SettingsChange:
    """Read the settings anew and return what is to be taken over.

    :raises ModemAgentError: they can not be used; the mistakes have been logged
    """
    from modemagent.settings.preflight import check_machine  # not needed before a reload

    try:
        new = again()
        kept = {}
        for key in TABLE:
            if key.on_reload == "restart" and getattr(new, key.name) != getattr(old, key.name):
                kept[key.name] = getattr(old, key.name)
                log.warning(
                    "setting_needs_restart", key=key.name, hint="It is kept as it was until then."
                )
        new = replace(new, **kept)
        keys = frozenset(key for key in KEYS if getattr(new, key) != getattr(old, key))
        change = SettingsChange(new, keys, None)
        for mistake in check_machine(new):
            if mistake.key in keys:
                raise SettingsError(mistake.message, hint=mistake.remedy)
        if new.registry and (change.concerns_uplink or needs_tls(new)):
            change = change._replace(sink=open_sink(sink_options(new)))
    except FileRefused as refused:
        for mistake in refused.mistakes:
            log.error("settings_rejected", reason=str(mistake), hint=mistake.remedy, effect=_EFFECT)
        raise
    except ModemAgentError as error:
        log.error("settings_rejected", reason=error.message, hint=error.hint, effect=_EFFECT)
        raise
    return change


_EFFECT = "the settings from before stay in force"
