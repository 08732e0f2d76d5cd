"""The pairs of a policy: those that it states, and those that it has learned."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.imei import Imei
from modemagent.registry.policies.policy_content import PolicyContent
from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.tables.policy_tables import link

_IMSIS = (
    "SELECT u.key, i.value FROM unit u JOIN stay s ON s.unit = u.id"
    " JOIN identifier i ON i.id = s.imsi WHERE u.id IN {keys} AND s.recorded_to IS NULL"
)


def linked_pairs(connection: Connection, key: int, content: PolicyContent) -> list[Document]:
    """Return IMEI, ICCID and, if known, IMSI of the pairs of a policy."""
    c = link.c
    query = select(c.modem, c.sim).where(c.policy == key, c.state == int(LinkState.LINKED))
    rows = [(row.modem, row.sim) for row in connection.execute(query) if row.sim is not None]
    view = View(connection)
    view.units([one for pair in rows for one in pair])
    numbers: dict[tuple[str, str], str] = {pair: pair[1] for pair in content.pairs}
    for modem, sim in rows:
        units = view.units([modem, sim])
        numbers[units[modem].key, units[sim].key] = units[sim].number
    found: list[Any] = dialect.query_keys(connection, _IMSIS, [sim for _, sim in rows])
    imsis: dict[str, str] = dict(found)
    return [
        {"imei": str(Imei.from_digits(imei)), "iccid": number, "imsi": imsis.get(sim)}
        for (imei, sim), number in sorted(numbers.items())
    ]
