"""Settings that a reload accepts with a warning."""

from __future__ import annotations

import io

from modemagent.agent.reload import change_from
from modemagent.logs import open_log
from modemagent.settings import Settings


def test_unencrypted_registry_is_logged_once() -> None:
    out = io.StringIO()
    log = open_log("info", stream=out)
    old, new = Settings(), Settings(registry="http://registry.example")
    for before in (old, new):
        change = change_from(before, lambda: new, log)
        if change.sink:
            change.sink.close()
    assert out.getvalue().count("registry_unencrypted") == 1
    assert "sent unencrypted to http://registry.example" in out.getvalue()
