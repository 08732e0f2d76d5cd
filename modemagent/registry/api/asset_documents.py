"""Models of the requests and responses about assets and orders, and their masking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.identity.csv_cells import LONGEST
from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.api.documents import Document
from modemagent.registry.api.list_documents import PRINTABLE
from modemagent.registry.assets.asset_fields import LONGEST_NOTE
from modemagent.registry.store.people.tokens import Beholder
from modemagent.registry.store.privacy import acts

Lifecycle = Literal["ordered", "in_stock", "installed", "in_repair", "lost", "retired"]
FieldText = Annotated[str | None, Field(max_length=LONGEST, pattern=PRINTABLE)]
NoteText = Annotated[str | None, Field(max_length=LONGEST_NOTE, pattern=PRINTABLE)]
DateText = Annotated[
    str | None, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", examples=["2026-11-30"])
]
ImeiText = Annotated[str | None, Field(max_length=40, pattern=PRINTABLE)]
#: Fields whose values are numbers.
_NUMBERS = frozenset({"imei", "label_imei", "serial_number", "iccid", "imsi", "eid"})
_TEXTS = frozenset({
    "tag", "category", "manufacturer", "model", "owner", "site", "supplier", "order_number",
    "repair", "note", "reason", "number", "lot", "firmware", "label", "label_template", "sim",
    "asset_tag", "old", "new", "text", "proof", "police_reference", "operator", "what", "title",
    "source", "reference",
})  # fmt: skip


class AssetFields(BaseModel):
    """Fields of an asset; a field that is missing is not changed, null empties it."""

    model_config = ConfigDict(extra="forbid")

    tag: FieldText = None
    serial_number: FieldText = None
    category: FieldText = None
    manufacturer: FieldText = None
    model: FieldText = None
    imei: ImeiText = None
    label_imei: ImeiText = None
    owner: FieldText = None
    site: FieldText = None
    lifecycle: Lifecycle | None = None
    supplier: FieldText = None
    order_number: FieldText = None
    purchased: DateText = None
    warranty_end: DateText = None
    repair: FieldText = None
    note: NoteText = None
    reason: NoteText = None


class AssetDocument(Document):
    """An asset; ``label_imei`` is the IMEI on its label."""

    id: str
    revision: int
    tag: str | None
    serial_number: str | None
    category: str | None
    manufacturer: str | None
    model: str | None
    imei: str | None
    label_imei: str | None
    owner: str | None
    site: str | None
    lifecycle: Lifecycle
    supplier: str | None
    order_number: str | None
    purchased: str | None
    warranty_end: str | None
    repair: str | None
    note: str | None
    next_steps: list[Lifecycle]
    added_at: str
    changed_at: str


class AssetPage(Document):
    assets: list[AssetDocument]
    next: str | None


class AssetModem(Document):
    """Where the modem of an asset is, or was last."""

    ref: str
    present: bool
    gateway_id: str | None
    port: str | None
    last_seen: str
    last_report: str


class FieldChange(Document):
    field: str
    old: str | None
    new: str | None


class AssetRevision(Document):
    """What changed an asset, who made the change, and by which import."""

    revision: int
    time: str
    actor: str
    reason: str
    import_: Annotated[str | None, Field(alias="import")]
    changes: list[FieldChange]


class WholeAsset(AssetDocument):
    """An asset with its history; ``modem`` is null until the modem has reported."""

    modem: AssetModem | None
    history: list[AssetRevision]


class OrderFields(BaseModel):
    """What can be changed of an order; ``closed``: the rest of it is no longer expected."""

    model_config = ConfigDict(extra="forbid")

    supplier: FieldText = None
    note: NoteText = None
    closed: bool | None = None


class ReceivedUnits(BaseModel):
    """How many units of a row without a number were received in all."""

    model_config = ConfigDict(extra="forbid")

    received: Annotated[int, Field(ge=0, le=10_000_000)]


class OrderDocument(Document):
    """An order: units expected, and units received."""

    id: str
    number: str
    supplier: str | None
    note: str | None
    state: Literal["expected", "partly_received", "received", "closed"]
    expected: int
    received: int
    revision: int
    created_at: str
    created_by: str
    changed_at: str


class OrderPage(Document):
    orders: list[OrderDocument]
    next: str | None


class LotModel(Document):
    manufacturer: str | None
    model: str | None
    expected: int
    received: int


class LotDocument(Document):
    """What the supplier delivers together."""

    lot: str | None
    expected: int
    received: int
    models: list[LotModel]


class OrderRowDocument(Document):
    """A unit that is expected, or several without numbers; ``line`` is that of the file."""

    id: str
    line: int
    quantity: int
    received: int
    lot: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    tac: str | None
    imei: str | None
    iccid: str | None
    eid: str | None
    imsi: str | None
    serial_number: str | None
    sim: str | None
    label: str | None
    label_template: str | None
    asset_tag: str | None
    site: str | None
    owner: str | None
    note: str | None


class WholeOrder(OrderDocument):
    """An order with its lots and a page of its rows."""

    lots: list[LotDocument]
    rows: list[OrderRowDocument]
    next: str | None


def shown_register(value: Any, token: Beholder) -> Any:
    """Return a document about assets, orders or cases, masked unless the token has full ids."""
    return acts.show_in_full(value) if token.full_ids else _masked(value)


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    hidden = value.get("field") in _NUMBERS  # of a history
    return {name: _member(name, one, hidden) for name, one in value.items()}


def _member(name: str, value: Any, hidden: bool) -> Any:
    if not isinstance(value, str):
        return _masked(value)
    if name in _NUMBERS or (hidden and name in ("old", "new")):
        return mask(value)
    return mask_text(value) if name in _TEXTS else value
