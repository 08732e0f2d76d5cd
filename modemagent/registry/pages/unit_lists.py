"""Lists of modems and SIMs in the order of their first report."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import LINK_STATES, Word
from modemagent.registry.store import reader

_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """A modem or SIM in a list.

    :param other: the modem of a SIM
    :param about: maker and model of a modem, IMSI of a SIM
    :param is_present: it is in a gateway, or in a modem
    """

    link: Link
    other: Link | None
    about: str
    is_present: bool
    gateway: Link | None
    port: str
    link_state: Word
    seen: ShownTime | None


@dataclass(frozen=True, slots=True)
class UnitsPage:
    """A page of a list.

    :param following: address of the next page
    """

    rows: list[UnitRow]
    following: str | None


def modems(ask: Ask) -> Answer:
    """Return a page of modems."""
    with ask.reading() as connection:
        found = reader.modems(connection, limit=_ROWS, after=_after(ask))
        links = Links(connection, ask.who)
        rows = [
            UnitRow(
                link=links.modem(one["imei"]) or Link("-"),
                other=None,
                about=links.text(" ".join(filter(None, (one["manufacturer"], one["model"])))),
                is_present=one["present"],
                gateway=links.gateway(one["gateway_id"]),
                port=links.text(one["port"] or ""),
                link_state=LINK_STATES[one["link_state"]],
                seen=moment(one["last_seen"], ask.now),
            )
            for one in found["modems"]
        ]
    return Page("modems.html", UnitsPage(rows, _following("/modems", found["next"])))


def sims(ask: Ask) -> Answer:
    """Return a page of SIMs."""
    with ask.reading() as connection:
        found = reader.sims(connection, limit=_ROWS, after=_after(ask))
        links = Links(connection, ask.who)
        rows = [
            UnitRow(
                link=links.sim(one["iccid"]) or Link("-"),
                other=links.modem(one["imei"]),
                about=ask.who.digits(one["imsi"]) if one["imsi"] else "not read",
                is_present=one["present"],
                gateway=links.gateway(one["gateway_id"]),
                port=links.text(one["port"] or ""),
                link_state=LINK_STATES[one["link_state"]],
                seen=moment(one["last_seen"], ask.now),
            )
            for one in found["sims"]
        ]
    return Page("sims.html", UnitsPage(rows, _following("/sims", found["next"])))


def _after(ask: Ask) -> int:
    text = ask.query("after")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _following(url: str, after: str | None) -> str | None:
    return after and f"{url}?after={after}"
