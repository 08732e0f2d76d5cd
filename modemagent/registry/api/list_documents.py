"""Models of the requests and responses about lists."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.documents import Document
from modemagent.registry.lists.new_entries import LONGEST_REASON, LONGEST_SOURCE

#: No control characters, which a database or a terminal may not accept.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
ListWord = Literal["prohibited", "tracked", "permitted"]
Target = Literal[
    "prohibited", "tracked", "permitted", "tacs", "assets", "orders", "registrations"
]  # fmt: skip
KindWord = Literal["imei", "iccid", "range", "tac", "imsi_prefix"]
NumberText = Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
TimeText = Annotated[str, Field(max_length=40, pattern=PRINTABLE)]


class NewEntryDocument(BaseModel):
    """An entry to be put on a list; ``last`` is the end of a range.

    Times are dates or RFC 3339 times. ``valid_to`` is not included, unless it is a date.
    """

    model_config = ConfigDict(extra="forbid")

    kind: KindWord
    value: NumberText
    last: NumberText | None = None
    valid_from: TimeText | None = None
    valid_to: TimeText | None = None
    source: Annotated[str, Field(max_length=LONGEST_SOURCE, pattern=PRINTABLE)] = ""
    reason: Annotated[str, Field(max_length=LONGEST_REASON, pattern=PRINTABLE)] = ""


class EntryDocument(Document):
    """An entry of a list, with who added it, and by which import."""

    id: str
    list: ListWord
    kind: KindWord
    value: str
    last: str | None
    valid_from: str | None
    valid_to: str | None
    source: str
    reason: str
    added_at: str
    added_by: str
    import_: Annotated[str | None, Field(alias="import")]


class EntryPage(Document):
    entries: list[EntryDocument]
    next: str | None


class ListDocument(Document):
    """A list; ``revision`` grows with every change."""

    list: ListWord
    entries: int
    revision: int
    changed_at: str | None


class ListPage(Document):
    lists: list[ListDocument]


class LineProblemDocument(Document):
    """What is wrong with a line of a file; line 0 is the file as a whole."""

    line: int
    column: str
    code: str
    severity: Literal["error", "warning"]
    message: str
    remedy: str


class ImportDocument(Document):
    """An import into a list, the TAC table, or a register."""

    id: str
    target: Target
    mode: Literal["add", "replace"]
    source: str
    imported_at: str
    imported_by: str
    rows: int
    added: int
    changed: int
    removed: int
    unchanged: int
    skipped: int
    undone_at: str | None
    undone_by: str | None


class ImportPage(Document):
    imports: list[ImportDocument]
    next: str | None


class ImportReport(BaseModel):
    """What an import has done, or would do (``id`` is null), and what is wrong with the file.

    ``before`` and ``after`` are the sizes of the list. ``more_problems`` are not listed.
    """

    id: str | None
    target: Target
    mode: Literal["add", "replace"]
    source: str
    accepted: bool
    before: int
    after: int
    rows: int
    added: int
    changed: int
    removed: int
    unchanged: int
    skipped: int
    problems: list[LineProblemDocument]
    more_problems: int
    imported_at: str | None
    imported_by: str | None
    undone_at: str | None
    undone_by: str | None


class Undo(Document):
    """Effect of the undoing of an import: numbers of entries; those changed since are kept."""

    removed: int
    restored: int
    kept: int


class UndoneImport(ImportDocument):
    undo: Undo


class RangeOfNumbers(BaseModel):
    """The IMEIs from ``first`` to ``last``, at most 1000, all of one TAC."""

    model_config = ConfigDict(extra="forbid")

    first: NumberText
    last: NumberText


class NewCheck(BaseModel):
    """Numbers to be checked, or a range of IMEIs; ``auto``: the kind of each by its length."""

    model_config = ConfigDict(extra="forbid")

    numbers: Annotated[list[NumberText], Field(min_length=1, max_length=100_000)] | None = None
    range: RangeOfNumbers | None = None
    kind: Literal["auto", "imei", "imeisv", "iccid", "imsi", "eid"] = "auto"


class HitDocument(Document):
    """A valid entry that covers a number; the first of several decides."""

    id: str
    list: ListWord
    kind: KindWord
    value: str
    last: str | None
    valid_from: str | None
    valid_to: str | None
    source: str
    reason: str


class ModelDocument(Document):
    """Maker and model of a TAC.

    ``basis``: C for the imported table, M for published by the maker, L for found in a device log.
    """

    tac: str
    manufacturer: str
    model: str
    basis: str


class LastPlace(Document):
    """Where a modem or SIM is, or was last if ``present`` is false; ``imei``: that of the modem."""

    gateway_id: str | None
    port: str | None
    present: bool
    last_seen: str
    last_report: str
    imei: str | None


class CheckedAsset(Document):
    """The asset that has a modem."""

    id: str
    tag: str | None
    serial_number: str | None
    owner: str | None
    site: str | None
    lifecycle: str
    order_number: str | None


class CheckResultDocument(Document):
    """Result of one number.

    ``status`` is the list that decides, or null. ``repeats`` is the position of the same number
    before it. ``known``: it was reported; ``individuals``: how many modems or SIMs have it.
    """

    position: int
    input: str
    kind: str
    valid: bool
    normalized: str | None
    codes: list[str]
    status: ListWord | None
    hits: list[HitDocument]
    repeats: int | None
    model: ModelDocument | None
    known: bool
    ref: str | None
    individuals: int
    last_place: LastPlace | None
    asset: CheckedAsset | None = None


class ChangedResult(BaseModel):
    """A number whose result differs from that of the previous check: values before and after."""

    position: int
    input: str
    kind: str
    normalized: str | None
    ref: str | None
    changes: dict[str, list[Any]]


class CheckRunDocument(Document):
    """A check; ``done`` of its ``total`` numbers have results."""

    id: str
    state: Literal["waiting", "done"]
    kind: str
    total: int
    done: int
    checked_by: str
    created_at: str
    finished_at: str | None
    previous: str | None


class CheckDocument(CheckRunDocument):
    """A check with a page of its results.

    ``changes``, on the first page, are the differences from the check ``previous``.
    """

    changes: list[ChangedResult] | None
    results: list[CheckResultDocument]
    next: str | None


class CheckPage(Document):
    checks: list[CheckRunDocument]
    next: str | None
