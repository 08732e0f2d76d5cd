"""The list of assets: whose is it, and in which state?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.assets.asset_fields import FIELDS, NEXT_STEPS
from modemagent.registry.assets.asset_file import asset_csv
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import LIFECYCLES, Word
from modemagent.registry.store.fleet.documents import Document

_ROWS = 50
_FILTERS = ("site", "owner", "lifecycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAsset:
    """An asset in the list."""

    link: Link
    modem: Link | None
    about: str
    owner: str
    site: str
    state: Word
    warranty: str
    changed: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetsPage:
    """A page of assets."""

    rows: list[ListedAsset]
    sentence: str
    states: list[Choice]
    chips: list[Chip]
    values: dict[str, str]
    query: str
    following: str | None
    may_operate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssetPage:
    """The form for an asset."""

    values: dict[str, str]
    states: dict[str, Word]
    refusal: Refusal | None


def show_all(ask: Ask) -> Answer:
    """Return a page of assets in the order in which they were added."""
    chosen = _chosen(ask)
    calls = AssetCalls(ask.state.database, ask.who.actor)
    found = calls.assets(_ROWS, ask.query("after") or None, **chosen)
    with ask.reading() as connection:
        links = Links(connection, ask.who, found["assets"])
        rows = [_line(one, links, ask) for one in found["assets"]]
    given = {name: value for name, value in chosen.items() if value}
    model = AssetsPage(
        rows=rows,
        sentence=_sentence(given),
        states=[
            Choice(
                text="all" if state is None else LIFECYCLES[state].short,
                url=_url({**given, "lifecycle": state}),
                is_chosen=given.get("lifecycle") == state,
            )
            for state in (None, *NEXT_STEPS)
        ],
        chips=[
            Chip(
                text=f"{name}: {LIFECYCLES[value].short if name == 'lifecycle' else value}",
                without=_url({**given, name: None}),
            )
            for name, value in given.items()
        ],
        values={name: given.get(name) or "" for name in _FILTERS},
        query=urlencode(given),
        following=_url({**given, "after": found["next"]}) if found["next"] else None,
        may_operate=ask.who.may_operate,
    )
    return Page("assets.html", model)


def csv(ask: Ask) -> Answer:
    """Return the assets of the filters as CSV, which an import reads."""
    calls = AssetCalls(ask.state.database, ask.who.actor)

    def documents() -> Iterator[Document]:
        for one in calls.all_assets(**_chosen(ask)):
            yield shown_register(one, ask.who)

    lines = asset_csv(documents(), as_text=ask.query("numbers") == "text")
    return Download("assets.csv", lines)


def new(ask: Ask) -> Answer:
    """Return the form for a new asset."""
    return _form(ask)


def add(ask: Ask) -> Answer:
    """Add an asset."""
    given = {name: ask.given(name) for name in (*FIELDS, "reason") if ask.given(name)}
    calls = AssetCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: calls.add_asset(given), "asset")
    if isinstance(made, Refusal):
        return _form(ask, made)
    return SeeOther(f"/assets/A{made['id']}")


def _form(ask: Ask, refusal: Refusal | None = None) -> Page:
    values = {name: ask.given(name) for name in (*FIELDS, "reason")}
    model = NewAssetPage(values=values, states=LIFECYCLES, refusal=refusal)
    return Page("asset_new.html", model, status=refusal.status if refusal else 200)


def _chosen(ask: Ask) -> dict[str, str | None]:
    """Return the filters of the address; of site and owner, the site."""
    chosen: dict[str, str | None] = {name: ask.query(name) or None for name in _FILTERS}
    if chosen["lifecycle"] not in NEXT_STEPS:
        chosen["lifecycle"] = None
    if chosen["site"]:
        chosen["owner"] = None
    return chosen


def _url(values: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"/assets?{urlencode(given)}" if given else "/assets"


def _sentence(given: Mapping[str, str]) -> str:
    state = given.get("lifecycle")
    found = f"Assets that are {LIFECYCLES[state].short}" if state else "All assets"
    found += f" at {given['site']}" if given.get("site") else ""
    found += f" of {given['owner']}" if given.get("owner") else ""
    return f"{found}, in the order in which they were added."


def asset_name(shown: Document) -> str:
    """Return the tag of an asset as it is shown, or else its serial number or its id."""
    return str(shown["tag"] or shown["serial_number"] or f"A{shown['id']}")


def _line(one: Document, links: Links, ask: Ask) -> ListedAsset:
    shown = shown_register(one, ask.who)
    return ListedAsset(
        link=Link(asset_name(shown), f"/assets/A{one['id']}"),
        modem=links.modem(one["imei"]),
        about=" ".join(filter(None, (shown["manufacturer"], shown["model"]))),
        owner=shown["owner"] or "",
        site=shown["site"] or "",
        state=LIFECYCLES[one["lifecycle"]],
        warranty=one["warranty_end"] or "",
        changed=moment(one["changed_at"], ask.now),
    )
