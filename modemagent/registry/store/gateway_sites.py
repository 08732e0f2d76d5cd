"""Sites of gateways, which people set: policies, announced work and deadlines are about sites."""

from __future__ import annotations

from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.registry.store import acts, coverage, dialect, recheck_runs, schema
from modemagent.registry.store.affected import Target
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.fleet import gateway_row
from modemagent.registry.store.refs import format_ref


def set_site(batch: Batch, name: str, site: str | None, actor: str) -> str | None:
    """Set the site of a gateway; return the id of the gateway, or None if it is not known.

    The policies about its modems are re-checked.

    :param name: its id or its reference
    :param site: None: it has none
    """
    connection = batch.connection
    text = clean_text("site", site or "", LONGEST) or None
    columns = ("id", "gateway_id", "ref", "site")
    key = [(gateway_row(connection, name),)]
    rows = dialect.select_rows(connection, schema.gateway, ("id",), columns, key, lock=True)
    if not rows:
        return None
    row, gateway_id, ref, before = rows[0]
    if text != before:
        dialect.update_rows(connection, schema.gateway, ("id",), ("site",), [(text, row)])
        acts.note(connection, "gateway.site", f"gateway:{format_ref(ref)}")
        if coverage.any_policies(connection):
            targets = [Target("gateway", gateway_id, "")]
            recheck_runs.create(batch, "policy", "sites", actor, targets)
    return str(gateway_id)
