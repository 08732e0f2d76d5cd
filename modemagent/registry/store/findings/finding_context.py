"""What a decision about a finding rests on: the change, and what was allowed at that time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from modemagent.registry.policies.policy_content import PolicyContent
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.rules.pairing import HeldSim, is_allowed
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.event_reader import event_documents, ids_about
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.policies.links import stored_links
from modemagent.registry.store.policies.policies import version, versions
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.policy_tables import work_window, work_window_cover


def context_of(view: View, row: Row[Any]) -> Document:
    """Return the change that a finding is about, and the policy and the work that cover it.

    ``change``: the event with the values before and after it, or None. ``policy``: the one that
    covers the modem now, or None. ``windows``: the work that was announced for the time of the
    change. ``allowed``: whether the SIM was allowed in the modem then, by the revision of this
    policy at that time; None if the change is not about a SIM in a modem. ``allowed_now``: the
    same by the policy as it is now.
    """
    event = _event(view.connection, row)
    change = None if event is None else event_documents(view, [event])[0]
    modem = _modem(view, row, event)
    if modem is None:
        return {"change": change, "policy": None, "windows": [], "allowed": None,
                "allowed_now": None}  # fmt: skip
    covers = coverage.covers_of(view.connection, modem)
    policy, decides = None, None
    for key in coverage.covering(view.connection, covers).values():
        found = version(view.connection, key)
        if found is not None and found.content is not None:
            decides = key
            policy = {"ref": str(key), "name": found.content.name, "mode": found.content.mode}
    windows = _windows(view.connection, covers, row.hi_ms)
    found_then = found_now = None
    if event is not None and event.new_sim is not None and event.new_slot is not None:
        found_then = "announced" if windows else _allowed(view, modem, decides, event, event.hi_ms)
        found_now = _allowed(view, modem, decides, event, now_ms())
    return {"change": change, "policy": policy, "windows": windows, "allowed": found_then,
            "allowed_now": found_now}  # fmt: skip


def _allowed(
    view: View, modem: dict[int, str], key: int | None, event: Row[Any], at_ms: int
) -> str:
    """Return whether a policy as it was at a time allows the SIM of an event in its modem."""
    past = [] if key is None else versions(view.connection, key)
    states = [one.content for one in past if one.made_ms <= at_ms]
    content = states[-1] if states else None
    if content is None or content.mode == "observe" or not _is_valid(content, at_ms):
        return "no_policy"
    ((unit, imei),) = modem.items()
    sim = view.units([event.new_sim])[event.new_sim]
    imsi = view.numbers([event.new_imsi]).get(event.new_imsi or 0)
    at = ReportMoment(event.stream, event.sequence, event.lo_ms, event.hi_ms)
    reading = HeldSim(event.new_slot, sim.id, sim.key, imsi, at)
    link = stored_links(view.connection, modem).get((unit, event.new_slot))
    learned = link.learned if link is not None and link.policy == key else None
    is_kept = is_allowed(coverage.as_pair_policy(content, imei), reading, learned)
    return "by_policy" if is_kept else "not_by_policy"


def _is_valid(content: PolicyContent, at_ms: int) -> bool:
    begin, end = content.valid_from_ms, content.valid_to_ms
    return (begin is None or begin <= at_ms) and (end is None or at_ms < end)


def _event(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    """Return the valid event of a finding about a change: it has the same name and report."""
    if row.unit is None or not row.stream:
        return None
    c = schema.event.c
    query = select(schema.event).where(
        c.id.in_(ids_about([row.unit])),
        c.type == row.type,
        c.stream == row.stream,
        c.sequence == row.sequence,
        ~c.superseded,
        ~c.withdrawn,
    )
    return min(connection.execute(query), key=lambda one: one.id, default=None)


def _modem(view: View, row: Row[Any], event: Row[Any] | None) -> dict[int, str] | None:
    """Return the modem that a finding is about, or that holds the SIM it is about."""
    if row.unit is None:
        return None
    if view.units([row.unit])[row.unit].kind == UnitKind.MODEM:
        key = row.unit
    else:
        key = None if event is None else event.new_modem
    if key is None:
        return None
    query = select(schema.unit.c.key).where(schema.unit.c.id == key)
    return {key: view.connection.execute(query).scalar_one()}


def _windows(
    connection: Connection, covers: dict[int, list[coverage.Cover]], at_ms: int
) -> list[Document]:
    """Return the work that was announced for a time and one of the covers."""
    w, c = work_window.c, work_window_cover.c
    query = (
        select(c.kind, c.value, *work_window.c)
        .join(work_window, w.id == c.work_window)
        .where(w.to_ms > at_ms, w.from_ms <= at_ms)
        .order_by(w.id)
    )
    wanted = {one for some in covers.values() for one in some}
    found = {
        row.id: {
            "id": str(row.id),
            "name": row.name,
            "reason": row.reason,
            "from": to_rfc3339(row.from_ms),
            "to": to_rfc3339(row.to_ms),
            "announced_by": row.created_by,
        }
        for row in connection.execute(query)
        if (row.kind, row.value) in wanted
    }
    return list(found.values())
