"""The page of an asset: whose it is, where, its warranty, its state and what changed it."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.assets.asset_fields import FIELDS
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.pages.acts import Refusal, attempt, used_text
from modemagent.registry.pages.assets import asset_name
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import LIFECYCLES, Word
from modemagent.registry.store.assets.asset_changes import references_to
from modemagent.registry.store.fleet.documents import Document

#: Fields that are identifiers, which only those who see them can edit.
_NUMBERS = ("imei", "label_imei", "serial_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetChangeRow:
    """What changed an asset: fields with the values before and after."""

    time: ShownTime | None
    actor: str
    reason: str
    import_run: Link | None
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetView:
    """An asset.

    :param fields: names and values that the viewer may edit
    :param used: why it cannot be deleted; empty: it can be
    :param cases: those that are about it
    """

    url: str
    name: str
    revision: int
    state: Word
    next_steps: list[tuple[str, Word]]
    facts: list[tuple[str, str]]
    fields: list[tuple[str, str, str]]
    imei: Link | None
    modem: Link | None
    where: Link | None
    port: str
    is_present: bool
    seen: ShownTime | None
    history: list[AssetChangeRow]
    used: str
    cases: list[Link]
    may_operate: bool
    refusal: Refusal | None


def show(ask: Ask) -> Answer:
    """Return the page of an asset."""
    return _page(ask)


def change(ask: Ask) -> Answer:
    """Change fields of an asset, or its state."""
    given = {name: ask.given(name) for name in (*FIELDS, "reason") if name in ask.form.fields}
    key, calls = ask.key("A", "asset"), AssetCalls(ask.state.database, ask.who.actor)
    revision = ask.number("revision") or 0
    made = attempt(lambda: calls.change_asset(key, revision, given), "asset")
    if isinstance(made, Refusal):
        return _page(ask, made)
    return SeeOther(f"/assets/A{key}#history")


def delete(ask: Ask) -> Answer:
    """Delete an asset with its history, unless a case or a note is about it."""
    key, calls = ask.key("A", "asset"), AssetCalls(ask.state.database, ask.who.actor)
    revision = ask.number("revision") or 0
    made = attempt(lambda: calls.delete_asset(key, revision) or None, "asset")
    return _page(ask, made) if isinstance(made, Refusal) else SeeOther("/assets")


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    found = AssetCalls(ask.state.database, ask.who.actor).asset(ask.key("A", "asset"))
    if found is None:
        raise not_found("asset")
    with ask.reading() as connection:
        used = references_to(connection, [int(found["id"])]).get(int(found["id"]), [])
        model = _model(found, Links(connection, ask.who), used, ask, refusal)
    return Page("asset.html", model, status=refusal.status if refusal else 200)


def _model(
    found: Document, links: Links, used: list[str], ask: Ask, refusal: Refusal | None
) -> AssetView:
    shown, modem = shown_register(found, ask.who), found["modem"]
    names = [name for name in FIELDS if name != "lifecycle"]
    editable = [name for name in names if ask.who.full_ids or name not in _NUMBERS]
    return AssetView(
        url=f"/assets/A{found['id']}",
        name=asset_name(shown),
        revision=found["revision"],
        state=LIFECYCLES[found["lifecycle"]],
        next_steps=[(one, LIFECYCLES[one]) for one in found["next_steps"]],
        facts=[(label(name), shown[name]) for name in names if name != "imei" and shown[name]],
        fields=[(name, label(name), shown[name] or "") for name in editable],
        imei=links.modem(found["imei"]),
        modem=links.modem(found["imei"]) if modem else None,
        where=links.gateway(modem["gateway_id"]) if modem else None,
        port=links.text(modem["port"] or "") if modem else "",
        is_present=bool(modem and modem["present"]),
        seen=moment(modem["last_seen"], ask.now) if modem else None,
        history=[
            AssetChangeRow(
                time=moment(one["time"], ask.now),
                actor=actor_text(one["actor"]),
                reason=one["reason"] or "",
                import_run=Link(f"I{one['import']}", f"/imports/I{one['import']}")
                if one["import"]
                else None,
                changes=[
                    (label(each["field"]), each["old"] or "", each["new"] or "")
                    for each in one["changes"]
                ],
            )
            for one in shown["history"][::-1]
        ],
        used=used_text(used) if used else "",
        cases=[
            Link(name, f"/cases/{name}")
            for name in (one.replace("case:", "K") for one in used)
            if name.startswith("K")
        ],
        may_operate=ask.who.may_operate,
        refusal=refusal,
    )


def label(name: str) -> str:
    """Return the name of a field as it is shown.

    >>> label("label_imei"), label("warranty_end")
    ('IMEI on the label', 'warranty until')
    """
    return _LABELS.get(name, name.replace("_", " "))


_LABELS = {
    "imei": "IMEI", "label_imei": "IMEI on the label", "warranty_end": "warranty until",
    "purchased": "bought on", "order_number": "order", "manufacturer": "maker",
    "repair": "reference of the repair",
}  # fmt: skip
