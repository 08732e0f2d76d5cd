"""Addresses of objects that were deleted: what was there, who deleted it, and its audit entries."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.registry.pages.figures import moment
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.people.tokens import Scope
from modemagent.registry.store.policies import policies
from modemagent.registry.store.privacy import audit

#: Addresses of objects, by the first part of their names in the audit.
ADDRESSES = {
    "asset": "/assets/A",
    "case": "/cases/K",
    "check": "/check/C",
    "finding": "/findings/",
    "gateway": "/gateways/",
    "import": "/imports/I",
    "modem": "/modems/",
    "order": "/orders/O",
    "policy": "/policies/P",
    "sim": "/sims/",
}
_NUMBERED = {address: kind for kind, address in ADDRESSES.items() if address[-1].isupper()}
_ADDRESS = re.compile(r"(/[a-z]+/[A-Z])([0-9]{1,18})(/.*)?")


def deleted(connection: Connection, path: str, viewer: Viewer) -> PageError | None:
    """Return the error of the address of a deleted object; None: nothing was deleted there."""
    found = _ADDRESS.fullmatch(path)
    kind = _NUMBERED.get(found[1]) if found else None
    if found is None or kind is None:
        return None
    name = f"{kind}:{found[2]}"
    last = audit.last_act(connection, name)
    if last is None or not last.kind.endswith(".delete"):
        return None  # or an object that is not shown to this person
    now = datetime.now(UTC)
    at = moment(datetime.fromtimestamp(last.made_ms / 1000, UTC).isoformat(), now)
    named = _name(connection, kind, int(found[2]))
    detail = (
        f"The {kind} {found[1][-1]}{found[2]}{f', {viewer.text(named)},' if named else ''} was "
        f"deleted by {actor_text(last.actor)} at {at.text if at else ''}."
    )
    record = f"/audit?{urlencode({'object': name})}" if viewer.person.may(Scope.AUDIT) else ""
    remedy = "" if record else "An auditor can see what was done with it."
    return PageError(410, f"This {kind} was deleted", detail, remedy, record)


def _name(connection: Connection, kind: str, key: int) -> str:
    """Return the name that a policy had; the revisions of a deleted one are kept."""
    if kind != "policy":
        return ""
    names = [one.content.name for one in policies.versions(connection, key) if one.content]
    return names[-1] if names else ""
