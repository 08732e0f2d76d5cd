"""Sites of gateways, which people set: policies, announced work and deadlines are about sites."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table

from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.asset_tables import asset

_COMPARED = 14  # digits of an IMEI

#: Each name is found by one look-up in the index.
_NAMES = (
    "WITH RECURSIVE s(site) AS (SELECT min(site) FROM {0} WHERE site IS NOT NULL UNION ALL"
    " SELECT (SELECT min(o.site) FROM {0} o WHERE o.site > s.site) FROM s WHERE s.site IS NOT NULL)"
    " SELECT site FROM s WHERE site IS NOT NULL LIMIT {1:d}"
)


class ShownSites:
    """Sites of modems, SIMs and gateways: that of the asset with the modem, or of the gateway.

    :param documents: those whose sites are looked up together
    """

    def __init__(self, connection: Connection, documents: Iterable[Document]) -> None:
        found = list(documents)
        gateways = sorted({one["gateway_id"] for one in found if one.get("gateway_id")})
        imeis = sorted({one["imei"][:_COMPARED] for one in found if one.get("imei")})
        self._of_gateway = _sites(connection, schema.gateway, "gateway_id", gateways)
        self._of_modem = _sites(connection, asset, "imei", imeis)

    def of(self, document: Document) -> str:
        """Return the site of what a document is about, empty if it has none."""
        imei, gateway = document.get("imei") or "", document.get("gateway_id")
        return self._of_modem.get(imei[:_COMPARED]) or self._of_gateway.get(gateway or "") or ""


def site_names(
    connection: Connection, most: int, tables: Iterable[str] = ("gateway", "asset")
) -> list[str]:
    """Return the first names of sites of gateways and assets, or of one of them."""
    found: set[str] = set()
    for table in tables:
        found.update(name for (name,) in dialect.query(connection, _NAMES.format(table, most)))
    return sorted(found)[:most]


def _sites(connection: Connection, table: Table, key: str, keys: Iterable[str]) -> dict[str, str]:
    rows = dialect.select_rows(connection, table, (key,), (key, "site"), [(one,) for one in keys])
    return dict(rows)


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
