"""Models of the requests and responses about lists."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemagent.registry.api.documents import Document
from modemagent.registry.lists.new_entries import LONGEST_REASON, LONGEST_SOURCE

#: No control characters, which a database or a terminal may not accept.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
ListWord = Literal["prohibited", "tracked", "permitted"]
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
    """An import into a list, or into the TAC table."""

    id: str
    target: Literal["prohibited", "tracked", "permitted", "tacs"]
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
    target: Literal["prohibited", "tracked", "permitted", "tacs"]
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
