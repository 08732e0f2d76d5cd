"""Models of the requests and responses about cases and recalls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.asset_documents import DateText, FieldText, NoteText
from modemagent.registry.api.documents import Document
from modemagent.registry.api.list_documents import PRINTABLE, NumberText

CaseKind = Literal["lost", "stolen", "wrongly_listed"]
Outcome = Literal["recovered", "not_stolen", "delisted"]
Numbers = Annotated[list[NumberText], Field(max_length=100)]
ShortText = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]


class CaseFieldsRequest(BaseModel):
    """Fields of a case; a field that is missing is not changed, null empties it.

    ``place`` and ``happened_on``: where and when it was lost; ``proof``: of ownership; ``text`` is
    added to the journal. ``cell``: note the serving cell with each sighting.
    """

    model_config = ConfigDict(extra="forbid")

    place: FieldText = None
    happened_on: DateText = None
    proof: NoteText = None
    police_reference: FieldText = None
    operator: FieldText = None
    assignee: FieldText = None
    note: NoteText = None
    cell: bool | None = None
    text: NoteText = None


class NewCase(CaseFieldsRequest):
    """A case to be opened, about IMEIs, ICCIDs, and assets by their ids or tags.

    ``with_sims``: also about the SIMs that the modems hold now.
    """

    kind: CaseKind
    imeis: Numbers = []
    iccids: Numbers = []
    assets: Annotated[list[ShortText], Field(max_length=100)] = []
    with_sims: Annotated[bool, Field(strict=True)] = False


class TaskRequest(BaseModel):
    """State of a task; ``reference`` is that of a letter or a call."""

    model_config = ConfigDict(extra="forbid")

    done: bool = True
    reference: ShortText = ""


class ClosingRequest(BaseModel):
    """End of a case; ``text`` is added to the journal."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    text: NoteText = None


class HeldSimDocument(Document):
    slot: int
    iccid: str


class LastPlaceDocument(Document):
    """Where a device was last; a modem with its SIMs, a SIM with the modem that holds it."""

    present: bool
    gateway_id: str | None
    port: str | None
    last_seen: str
    last_report: str
    imei: str | None
    sims: list[HeldSimDocument]


class CaseThingDocument(Document):
    """A device of a case; ``tracked``: the case has put it on the tracked list.

    ``last``: of one case, where the device was last; null if it was never reported.
    """

    kind: Literal["imei", "iccid"]
    number: str
    asset: str | None
    tag: str | None
    serial_number: str | None
    model: str | None
    tracked: bool
    last: LastPlaceDocument | None = None


class CellDocument(Document):
    """A cell of a network: with these four numbers, its position can be looked up."""

    mcc: str | None
    mnc: str | None
    area_code: int | None
    cell_id: int


class SightingDocument(Document):
    """First and last report of a device of a case from a place; ``mcc`` is the country's code.

    ``cell`` is the serving cell in the last report, if the case requests it and the gateway
    reports it.
    """

    kind: Literal["imei", "iccid"]
    number: str
    ref: str
    gateway_id: str
    port: str
    mcc: str | None
    cell: CellDocument | None
    first_seen: str
    first_report: str
    last_seen: str
    last_report: str


class CaseDocument(Document):
    """A case; ``sighted``: it is open, and one of its devices has reported."""

    id: str
    kind: CaseKind
    state: Literal["open", "sighted", "closed"]
    outcome: Outcome | None
    place: str | None
    happened_on: str | None
    proof: str | None
    police_reference: str | None
    operator: str | None
    assignee: str | None
    note: str | None
    cell: bool
    revision: int
    opened_at: str
    opened_by: str
    changed_at: str
    closed_at: str | None
    things: list[CaseThingDocument]
    sightings: list[SightingDocument]


class CasePage(Document):
    cases: list[CaseDocument]
    next: str | None


class CaseTask(Document):
    position: int
    text: str
    done_at: str | None
    done_by: str | None
    reference: str | None


class JournalEntry(Document):
    """What changed a case."""

    revision: int
    time: str
    actor: str
    action: str
    text: str


class WholeCase(CaseDocument):
    """A case with its checklist and its journal, oldest first."""

    tasks: list[CaseTask]
    journal: list[JournalEntry]


class NewRecall(BaseModel):
    """A recall or warranty notice; it concerns the modems that fit all criteria.

    Manufacturer, model and firmware are patterns, such as ``EG25*``. The serial numbers are a range
    of one length.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["recall", "warranty"]
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
    tac: Annotated[str | None, Field(pattern="^[0-9]{8}$")] = None
    manufacturer: FieldText = None
    model: FieldText = None
    firmware: FieldText = None
    serial_first: FieldText = None
    serial_last: FieldText = None
    source: FieldText = None
    reference: FieldText = None


class RecallDocument(Document):
    """A recall or warranty notice."""

    id: str
    kind: Literal["recall", "warranty"]
    title: str
    tac: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    serial_first: str | None
    serial_last: str | None
    source: str | None
    reference: str | None
    added_at: str
    added_by: str


class RecallPage(Document):
    recalls: list[RecallDocument]
    next: str | None
