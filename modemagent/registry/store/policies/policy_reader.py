"""Policies as documents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from modemagent.identity.imei import Imei
from modemagent.registry.policies.policy_content import PolicyContent, SimKind
from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.policies import policies
from modemagent.registry.store.policies.policies import PolicyVersion
from modemagent.registry.store.tables.policy_tables import link


def policy_page(connection: Connection, *, limit: int, after: int = 0) -> Document:
    """Return a page of policies in the order in which they were added, with counts of numbers."""
    found = policies.page(connection, limit=limit, after=after)
    following = str(found[limit - 1].policy) if len(found) > limit else None
    return {"policies": [_summary(one) for one in found[:limit]], "next": following}


def policy_document(connection: Connection, key: int) -> Document | None:
    """Return a policy with its history, and how many slots have each state."""
    found = policies.version(connection, key)
    if found is None or found.content is None:
        return None
    c = link.c
    query = select(c.state, func.count()).where(c.policy == key).group_by(c.state)
    counts = {row[0]: row[1] for row in connection.execute(query)}
    history = [
        {
            "revision": one.revision,
            "time": to_rfc3339(one.made_ms),
            "actor": one.actor,
            "reason": one.reason,
            "mode": one.content.mode if one.content is not None else None,
        }
        for one in policies.versions(connection, key)
    ]
    return {
        **version_document(found),
        "links": {
            state.shown: counts.get(int(state), 0)
            for state in (LinkState.ARMED, LinkState.LINKED, LinkState.DIFFERED)
        },
        "history": history,
    }


def version_document(found: PolicyVersion) -> Document:
    """Return what a policy states in a revision."""
    content = found.content or PolicyContent("", "observe")
    return {
        "ref": str(found.policy),
        "revision": found.revision,
        **content_document(content),
        "changed_at": to_rfc3339(found.made_ms),
        "changed_by": found.actor,
        "reason": found.reason,
    }


def content_document(content: PolicyContent) -> Document:
    """Return a policy as it is given."""
    return {
        "name": content.name,
        "mode": content.mode,
        "covers": {
            "imeis": [_imei(one) for one in content.imeis],
            "tacs": list(content.tacs),
            "site": content.site,
            "model": content.model,
            "order": content.order,
        },
        "iccids": list(content.iccids),
        "iccid_prefixes": list(content.iccid_prefixes),
        "imsis": list(content.imsis),
        "pairs": [{"imei": _imei(imei), "iccid": iccid} for imei, iccid in content.pairs],
        "exceptions": [
            {
                "imei": _imei(imei),
                "iccid": value if kind == SimKind.ICCID else None,
                "imsi": value if kind == SimKind.IMSI else None,
            }
            for imei, kind, value in content.exceptions
        ],
        "valid_from": to_rfc3339(content.valid_from_ms),
        "valid_to": to_rfc3339(content.valid_to_ms),
        "note": content.note,
    }


def _summary(found: PolicyVersion) -> Document:
    content = found.content or PolicyContent("", "observe")
    names: dict[str, Any] = {"site": content.site, "model": content.model, "order": content.order}
    return {
        "ref": str(found.policy),
        "name": content.name,
        "mode": content.mode,
        "revision": found.revision,
        "covers": {"imeis": len(content.imeis), "tacs": len(content.tacs), **names},
        "sims": len(content.sims),
        "pairs": len(content.pairs),
        "exceptions": len(content.exceptions),
        "valid_from": to_rfc3339(content.valid_from_ms),
        "valid_to": to_rfc3339(content.valid_to_ms),
        "changed_at": to_rfc3339(found.made_ms),
        "changed_by": found.actor,
    }


def _imei(digits: str) -> str:
    return str(Imei.from_digits(digits))
