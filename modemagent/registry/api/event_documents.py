"""Models of the responses about events, and about the reports that show them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from modemagent.registry.api.documents import Document


class IdentityDocument(Document):
    """Identifiers of a modem, its SIM and its gateway, as far as they were read."""

    imei: str | None
    slot: int | None
    iccid: str | None
    imsi: str | None
    eid: str | None
    gateway_id: str | None
    port: str | None


class ChangeDocument(BaseModel):
    """Identities before and after a change. ``report`` is the first that shows the new state.

    A link has the ``imei``, ``slot``, ``iccid`` and ``policy``; a case its id, its kind, and the
    outcome of one that was closed.
    """

    previous: IdentityDocument | None
    new: IdentityDocument | None
    report: str | None
    tac_changed: bool | None = None
    imei: str | None = None
    slot: int | None = None
    iccid: str | None = None
    policy: str | None = None
    case: str | None = None
    kind: str | None = None
    outcome: str | None = None


class EventDocument(Document):
    """An event with the attributes of CloudEvents 1.0.

    ``id`` never changes; ``revision`` increases if a late report changes the event. An event that
    no longer follows is listed again as ``withdrawn``; ``replaces`` is the id of a withdrawn event
    whose place another one takes. ``held`` events wait for missing reports. Cases have no ``ref``.
    """

    specversion: Literal["1.0"]
    id: str
    type: str
    source: str
    subject: str
    ref: str | None
    time: str
    uncertainty_ms: int
    datacontenttype: Literal["application/json"]
    revision: int
    withdrawn: bool
    held: bool
    replaces: str | None
    recordedtime: str
    data: ChangeDocument


class ConflictDocument(Document):
    """Another body that was received under the same key."""

    received: str
    report: dict[str, Any]
    redacted: bool
    old_digest: str | None


class StoredReport(BaseModel):
    """A report. If ``kept`` is false, ``same_as`` is the kept report that states the same.

    ``same_as`` is null if several could be meant; ``one_of`` has all of them. ``redacted``: numbers
    of an erased SIM were cut out of the body, whose digest was ``old_digest``.
    """

    key: str
    kept: bool
    received: str | None = None
    report: dict[str, Any] | None = None
    redacted: bool = False
    old_digest: str | None = None
    same_as: str | None = None
    one_of: list[str] | None = None
    conflicts: list[ConflictDocument]


class EventPage(Document):
    events: list[EventDocument]
    next: str | None
