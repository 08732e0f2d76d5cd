"""What would happen if a policy were enforced: which modems would be armed, linked or differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.policies.policy_content import CoverKind, PolicyContent
from modemagent.registry.rules.pairing import LinkState, link_state
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation.affected import Target, next_units
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.policies.links import authorised_once, slot_readings, stored_links
from modemagent.registry.store.policies.policies import target_of
from modemagent.registry.store.tables import policy_tables, schema

_MOST = 20_000  # modems that are counted
_AT_ONCE = 1000


def try_policy(
    connection: Connection, content: PolicyContent, key: int | None, limit: int
) -> Document:
    """Return what would happen if a policy were enforced now.

    :param key: of the policy as stored; None: it is not
    :param limit: modems to list, those that differ first
    """
    counts: Counter[str] = Counter()
    listed: dict[LinkState, list[Document]] = {state: [] for state in LinkState}
    seen: set[int] = set()
    is_complete = True
    own = set(content.covers)
    for units in _covered(connection, [target_of(one) for one in content.covers]):
        keys: dict[int, str] = dict(
            dialect.select_rows(
                connection, schema.unit, ("id",), ("id", "key"), [(one,) for one in units - seen]
            )
        )
        seen |= units
        for modem, state, slots in _states(connection, content, key, own, keys):
            counts[state.shown] += 1
            if len(listed[state]) < limit:
                listed[state].append({"modem": modem, "slots": slots})
        if len(seen) >= _MOST:
            is_complete = False
            break
    view = View(connection)
    shown = [
        _document(view, state, one)
        for state in (LinkState.DIFFERED, LinkState.ARMED, LinkState.LINKED)
        for one in listed[state]
    ]
    states = (LinkState.ARMED, LinkState.LINKED, LinkState.DIFFERED)
    return {
        "name": content.name,
        "counts": {state.shown: counts[state.shown] for state in states},
        "unknown": _unknown(connection, content),
        "complete": is_complete,
        "modems": shown[:limit],
    }


def _covered(connection: Connection, targets: list[Target]) -> Iterator[set[int]]:
    left = targets
    while left:
        units, left = next_units(connection, left, _AT_ONCE)
        for at in range(0, len(units), _AT_ONCE):
            yield set(units[at : at + _AT_ONCE])


def _states(
    connection: Connection,
    content: PolicyContent,
    key: int | None,
    own: set[tuple[int, str]],
    modems: dict[int, str],
) -> Iterator[tuple[int, LinkState, list[Document]]]:
    """Yield each modem that the policy would decide about, its state, and its slots."""
    covers = coverage.covers_of(connection, modems)
    wanted = sorted({one for some in covers.values() for one in some})
    rows: list[Any] = dialect.select_rows(
        connection,
        policy_tables.policy_cover,
        ("kind", "value"),
        ("kind", "value", "policy"),
        wanted,
    )
    others = {(kind, value) for kind, value, policy in rows if policy != key}
    readings = slot_readings(connection, modems)
    once = authorised_once(connection, modems)
    stored = stored_links(connection, modems)
    for modem, imei in modems.items():
        first = next((one for one in covers[modem] if one in own or one in others), None)
        if first not in own:
            continue  # another policy has a narrower cover
        policy = coverage.as_pair_policy(content, imei)
        slots: list[Document] = []
        worst = LinkState.LINKED if modem in readings else LinkState.ARMED
        for reading in readings.get(modem, ()):
            link = stored.get((modem, reading.slot))
            learned = link.learned if link is not None and link.policy == key else None
            is_once = (modem, reading.slot, reading.sim) in once
            state = LinkState.LINKED if is_once else link_state(policy, reading, learned)
            worst = max(worst, state)
            slots.append({"slot": reading.slot, "sim": reading.sim, "state": state.shown})
        yield modem, worst, slots


def _document(view: View, state: LinkState, found: Document) -> Document:
    name = view.units([found["modem"]])[found["modem"]]
    sims = view.units([one["sim"] for one in found["slots"]])
    return {
        "imei": name.number,
        "ref": name.ref,
        "link_state": state.shown,
        "slots": [
            {"slot": one["slot"], "iccid": sims[one["sim"]].number, "link_state": one["state"]}
            for one in found["slots"]
        ],
    }


def _unknown(connection: Connection, content: PolicyContent) -> int:
    """Return how many of the IMEIs that are covered were never reported."""
    imeis = [value for kind, value in content.covers if kind == CoverKind.IMEI]
    keys = [(int(UnitKind.MODEM), one) for one in imeis]
    known = dialect.select_rows(connection, schema.unit, ("kind", "key"), ("id",), keys)
    return len(imeis) - len(known)
