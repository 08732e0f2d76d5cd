"""Authorised swaps: the SIM of a change is allowed in its slot, once or from now on."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from modemagent.registry.rules.catalogue import OF_POLICIES
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import standing
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.recheck_runs import RecheckOptions, create
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies import policies
from modemagent.registry.store.policies.links import links_of, slot_readings, stored_links
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.policy_tables import authorisation, link

#: Findings about a slot of a modem, whose authorisation allows the pair.
OF_PAIRS = OF_POLICIES | {"sim.swapped", "sim.profile_switched"}
_COLUMNS = (
    "finding", "revision", "modem", "sim", "slot", "once", "policy", "learned", "ended_ms",
)  # fmt: skip


class Authorisation(NamedTuple):
    """What the authorisation of a finding has allowed.

    :param finding: row of the finding
    :param revision: of the finding, made by the decision
    :param once: until another SIM is read in the slot
    :param policy: the one that has changed instead, if any
    :param learned: SIM that it had learned before
    :param ended_ms: when the SIM was no longer allowed by it
    """

    finding: int
    revision: int
    modem: int
    sim: int
    slot: int
    once: bool
    policy: int | None
    learned: int | None
    ended_ms: int | None


def authorise_pair(batch: Batch, finding: Row[Any], *, once: bool, actor: str, reason: str) -> None:
    """Allow the SIM that a finding is about, if it is still in the slot.

    Once: as long as it stays there. Otherwise a policy that learns takes the SIM as learned, and
    any other one gets the pair in a new revision. Nothing is done if no policy covers the modem.

    :param finding: its row, before the decision
    """
    connection, modem = batch.connection, finding.unit
    units = standing.units_of(connection, [modem])
    if modem not in units or not finding.part.isdecimal():
        return
    slot, imei = int(finding.part), units[modem].key
    policy = links_of(connection, {modem: imei}, batch.now_ms).policies.get(modem)
    sims = {
        one.sim: one.iccid
        for one in slot_readings(connection, [modem]).get(modem, ())
        if one.slot == slot
    }
    sim = _sim_of(connection, finding) or next(iter(sims), None)
    if policy is None or sim not in sims:
        return
    made = Authorisation(
        finding.id, finding.revision + 1, modem, sim, slot, once, None, None, None
    )  # fmt: skip
    target = Target("modem", imei, imei)
    if once:
        create(batch, "policy", policy.name, actor, [target])
    elif policy.learns:
        before = stored_links(connection, [modem]).get((modem, slot))
        made = made._replace(policy=policy.key, learned=before and before.learned)
        dialect.update_rows(connection, link, ("modem", "slot"), ("learned",), [(sim, modem, slot)])
        create(batch, "policy", policy.name, actor, [target])
    else:
        pair = imei, sims[sim]
        content = _content(connection, policy.key)
        if content is None or pair in content.pairs:
            return
        made = made._replace(policy=policy.key)
        _change_pairs(batch, policy.key, (*content.pairs, pair), actor, reason)
    dialect.insert_rows(connection, authorisation, _COLUMNS, [made])


def withdraw_pairs(batch: Batch, finding: int, actor: str, reason: str) -> None:
    """End what the authorisations of a finding still allow."""
    connection = batch.connection
    for one in _authorisations(connection, finding):
        if one.ended_ms is not None:
            continue
        ended = (batch.now_ms, one.finding, one.revision)
        keys = ("finding", "revision")
        dialect.update_rows(connection, authorisation, keys, ("ended_ms",), [ended])
        view = View(connection)
        units = view.units([one.modem, one.sim])
        imei, iccid = units[one.modem].key, units[one.sim].key
        content = None if one.policy is None else _content(connection, one.policy)
        if one.policy is not None and content is not None and (imei, iccid) in content.pairs:
            pairs = tuple(pair for pair in content.pairs if pair != (imei, iccid))
            _change_pairs(batch, one.policy, pairs, actor, reason)
            continue
        before = stored_links(connection, [one.modem]).get((one.modem, one.slot))
        if before is not None and (before.policy, before.learned) == (one.policy, one.sim):
            rows = [(one.learned, one.modem, one.slot)]
            dialect.update_rows(connection, link, ("modem", "slot"), ("learned",), rows)
        create(batch, "policy", "withdrawn", actor, [Target("modem", imei, imei)])


def is_allowing(connection: Connection, finding: int) -> bool:
    """Return True if the authorisation of a finding allows a SIM."""
    return any(one.ended_ms is None for one in _authorisations(connection, finding))


def authorised_document(connection: Connection, finding: int) -> Document | None:
    """Return what the last authorisation of a finding has allowed; None: nothing."""
    made = _authorisations(connection, finding)
    if not made:
        return None
    return {"once": bool(made[-1].once), "ended_at": to_rfc3339(made[-1].ended_ms)}


def _authorisations(connection: Connection, finding: int) -> list[Authorisation]:
    rows: list[Any] = dialect.select_rows(
        connection, authorisation, ("finding",), _COLUMNS, [(finding,)]
    )
    return [Authorisation(*row) for row in sorted(rows, key=lambda row: row[1])]


def _sim_of(connection: Connection, finding: Row[Any]) -> int | None:
    """Return the SIM of the change that a finding is about; None: it is not about a change."""
    c = schema.event.c
    query = select(c.new_sim).where(
        c.unit == finding.unit,
        c.type == finding.type,
        c.stream == finding.stream,
        c.sequence == finding.sequence,
        ~c.superseded,
        ~c.withdrawn,
    )
    return connection.execute(query.order_by(c.id).limit(1)).scalar()


def _content(connection: Connection, policy: int) -> Any:
    found = policies.version(connection, policy)
    return None if found is None else found.content


def _change_pairs(
    batch: Batch, policy: int, pairs: tuple[tuple[str, str], ...], actor: str, reason: str
) -> None:
    """Give a policy other pairs in a new revision."""
    found = policies.version(batch.connection, policy)
    if found is not None and found.content is not None:
        content = msgspec.structs.replace(found.content, pairs=pairs)
        options = RecheckOptions()
        policies.change_policy(batch, policy, found.revision, content, actor, reason, options)
