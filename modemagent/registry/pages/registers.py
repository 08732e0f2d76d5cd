"""What lists, assets, policies and cases state about a modem or SIM."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from modemagent.registry.pages.deadlines import due_text
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.pages.words import LIFECYCLES, LISTS, Word
from modemagent.registry.regulations.counting import date_of
from modemagent.registry.store.assets import cases
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.lists import checks
from modemagent.registry.store.policies import links, policies
from modemagent.registry.store.regulations.deadline_reader import deadlines_of
from modemagent.registry.store.tables.deadline_tables import NEVER

_IMEI_DIGITS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """What the registers state about one number.

    :param listed: the list that decides; None: it is on no list
    :param why: reason and source of the entry
    :param model: maker and model by the TAC
    :param asset: tag, with owner, site and state as words
    :param deadlines: countries whose limits it comes near, with the date
    :param case: the open case about it
    """

    listed: Word | None
    why: str
    model: str
    asset: Link | None
    about_asset: str
    policies: list[Link]
    deadlines: list[tuple[str, Word]]
    deadlines_url: str
    case: Link | None
    new_case: str


def registers_about(
    connection: Connection, kind: UnitKind, number: str, ref: str, viewer: Viewer, unit: int | None
) -> Registers:
    """Return what the registers state about a modem or a SIM."""
    is_modem = kind is UnitKind.MODEM
    (found,) = checks.judge(
        connection,
        [(number, None)],
        "imei" if is_modem else "iccid",
        now_ms(),
        with_places=False,
    )
    hit = found["hits"][0] if found["hits"] else None
    asset, model = found["asset"], found["model"]
    about = ""
    if asset:
        parts = (asset["owner"], asset["site"], LIFECYCLES[asset["lifecycle"]].short)
        about = viewer.text(", ".join(filter(None, parts)))
    return Registers(
        listed=LISTS[found["status"]] if found["status"] else None,
        why=viewer.text(", ".join(filter(None, (hit["reason"], hit["source"])))) if hit else "",
        model=f"{model['manufacturer']} {model['model']}" if model else "",
        asset=_asset_link(asset, viewer) if asset else None,
        about_asset=about,
        policies=_policies(connection, unit, viewer) if is_modem and unit is not None else [],
        deadlines=_deadlines(connection, unit) if is_modem and unit is not None else [],
        deadlines_url=f"/deadlines?modem={ref}",
        case=open_case(connection, kind, number),
        new_case=f"/cases/new?{'modem' if is_modem else 'sim'}={ref}",
    )


def open_case(connection: Connection, kind: UnitKind, number: str) -> Link | None:
    """Return the open case about a modem or a SIM."""
    key = number[:_IMEI_DIGITS] if kind is UnitKind.MODEM else number
    case = cases.open_case_of(connection, [cases.CaseThing(kind, key)])
    return None if case is None else Link(f"K{case}", f"/cases/K{case}")


def _asset_link(asset: dict[str, str], viewer: Viewer) -> Link:
    name = asset["tag"] or asset["serial_number"] or f"A{asset['id']}"
    return Link(viewer.text(name), f"/assets/A{asset['id']}")


def _policies(connection: Connection, modem: int, viewer: Viewer) -> list[Link]:
    """Return the policies that hold for the slots of a modem."""
    keys = {row.policy for row in links.stored_links(connection, [modem]).values() if row.policy}
    found = ((key, policies.version(connection, key)) for key in sorted(keys))
    return [
        Link(viewer.text(one.content.name), f"/policies/P{key}")
        for key, one in found
        if one is not None and one.content is not None
    ]


def _deadlines(connection: Connection, unit: int) -> list[tuple[str, Word]]:
    today = datetime.now(UTC).date()
    found = []
    for row in deadlines_of(connection, unit):
        due_on = None if row.due_day == NEVER else date_of(row.due_day).isoformat()
        due, _ = due_text(due_on, row.ratio, row.ratio >= 100, today)
        found.append((f"{row.country}, {row.days} of {row.limit_days} days", due))
    return found
