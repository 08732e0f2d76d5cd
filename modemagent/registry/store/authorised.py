"""Authorised swaps: the policy of a modem allows the SIM that it holds now."""

from __future__ import annotations

import msgspec

from modemagent.registry.rules.catalogue import OF_POLICIES
from modemagent.registry.store import dialect, policies, standing
from modemagent.registry.store.affected import Target
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.links import links_of, slot_readings
from modemagent.registry.store.policy_tables import link
from modemagent.registry.store.recheck_runs import RecheckOptions, create

#: Findings about a slot of a modem, whose authorisation allows the pair.
OF_PAIRS = OF_POLICIES | {"sim.swapped", "sim.profile_switched"}


def authorise_pair(batch: Batch, modem: int, slot: str, actor: str, reason: str) -> None:
    """Allow the SIM in a slot of a modem; if no policy covers the modem, nothing is done.

    A policy that learns takes the SIM as learned; any other one gets the pair in a new revision.
    """
    connection = batch.connection
    units = standing.units_of(connection, [modem])
    if modem not in units or not slot.isdecimal():
        return
    imei = units[modem].key
    found = links_of(connection, {modem: imei}, batch.now_ms)
    reading = next(
        (one for one in slot_readings(connection, [modem]).get(modem, ()) if str(one.slot) == slot),
        None,
    )
    policy = found.policies.get(modem)
    if policy is None or reading is None:
        return
    if policy.learns:
        rows = [(reading.sim, modem, reading.slot)]
        dialect.update_rows(connection, link, ("modem", "slot"), ("learned",), rows)
        create(batch, "policy", policy.name, actor, [Target("modem", imei, imei)])
        return
    version = policies.version(connection, policy.key)
    if version is None or version.content is None:
        return
    pair = (imei, reading.iccid)
    if pair not in version.content.pairs:
        content = msgspec.structs.replace(version.content, pairs=(*version.content.pairs, pair))
        policies.change_policy(
            batch, policy.key, version.revision, content, actor, reason, RecheckOptions()
        )
