"""Announced work: which work on site is expected, and until when?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemagent.registry.api.policy_documents import shown_policy
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, as_utc, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import WINDOW_STATES, Word
from modemagent.registry.store.fleet.documents import Document

_ROWS = 50
_FIELDS = ("name", "reason", "from", "to")
_LISTS = ("gateways", "sites", "imeis")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """Announced work."""

    key: str
    name: str
    reason: str
    state: Word
    is_over: bool
    begin: ShownTime | None
    end: ShownTime | None
    gateways: list[Link]
    sites: list[str]
    modems: list[Link]
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsPage:
    """A page of announced work, with the form that announces more."""

    rows: list[WindowRow]
    older: str | None
    may_operate: bool
    values: dict[str, str]
    refusal: Refusal | None


def show_all(ask: Ask) -> Answer:
    """Return a page of announced work, newest first."""
    return _page(ask)


def announce(ask: Ask) -> Answer:
    """Announce work; times without a zone are UTC."""
    given: dict[str, object] = {name: ask.given(name) for name in ("name", "reason")}
    given |= {name: as_utc(ask.given(name)) for name in ("from", "to")}
    given |= {name: [one.strip() for one in ask.given(name).split(",") if one.strip()]
              for name in _LISTS}  # fmt: skip
    made = attempt(lambda: PolicyCalls(ask.state.database, ask.who.actor).announce(given), "work")
    if isinstance(made, Refusal):
        return _page(ask, made)
    return SeeOther(f"/windows#W{made['id']}")


def end(ask: Ask) -> Answer:
    """End announced work now."""
    key = ask.key("W", "announced work")
    calls = PolicyCalls(ask.state.database, ask.who.actor)
    attempt(lambda: calls.close_window(key), "announced work")
    return SeeOther(f"/windows#W{key}")


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    calls = PolicyCalls(ask.state.database, ask.who.actor)
    found = calls.windows(_ROWS, ask.query("after") or None)
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        rows = [_row(one, links, ask) for one in found["windows"]]
    model = WindowsPage(
        rows=rows,
        older=found["next"] and f"/windows?after={found['next']}",
        may_operate=ask.who.may_operate,
        values={name: ask.given(name) for name in (*_FIELDS, *_LISTS)},
        refusal=refusal,
    )
    return Page("windows.html", model, status=refusal.status if refusal else 200)


def _row(one: Document, links: Links, ask: Ask) -> WindowRow:
    shown = shown_policy(one, ask.who)
    begin, end_at = (datetime.fromisoformat(one[name]) for name in ("from", "to"))
    is_over = end_at <= ask.now
    state = "over" if is_over else "announced" if begin > ask.now else "now"
    gateways = (links.gateway(name) for name in one["gateways"])
    modems = (links.modem(imei) for imei in one["imeis"])
    return WindowRow(
        key=f"W{one['id']}",
        name=shown["name"],
        reason=shown["reason"],
        state=WINDOW_STATES[state],
        is_over=is_over,
        begin=moment(one["from"], ask.now),
        end=moment(one["to"], ask.now),
        gateways=[link for link in gateways if link],
        sites=shown["sites"],
        modems=[link for link in modems if link],
        actor=actor_text(one["announced_by"]),
    )
