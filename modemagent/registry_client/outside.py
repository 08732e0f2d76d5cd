"""What others state, of a registry over HTTP: an outside EIR, and operators' APIs."""

from __future__ import annotations

from typing import Protocol

from modemagent.registry_client.client import Document, HttpSource


class OutsideSource(Protocol):
    """Calls about what others state: over HTTP, or beside the database."""

    def eir(self) -> Document:
        """Return the outside EIR and the state of the checks."""

    def answers(self, limit: int, after: str | None, status: str | None = None) -> Document:
        """Return a page of its answers about modems."""

    def connectors(self) -> Document:
        """Return the last run of each connector."""

    def contradictions(self, connector: str, limit: int, after: str | None) -> Document:
        """Return a page of the SIMs that an operator has seen in another modem."""


class HttpOutside:
    """What others state, of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def eir(self) -> Document:
        return self._source.get("eir") or {"url": None, "statuses": {}}

    def answers(self, limit: int, after: str | None, status: str | None = None) -> Document:
        given = {name: value for name, value in (("after", after), ("status", status)) if value}
        return self._source.get("eir/answers", limit=limit, **given) or {}

    def connectors(self) -> Document:
        return self._source.get("connectors") or {"connectors": []}

    def contradictions(self, connector: str, limit: int, after: str | None) -> Document:
        given = {} if after is None else {"after": after}
        path = f"connectors/{connector}/contradictions"
        return self._source.get(path, limit=limit, **given) or {}
