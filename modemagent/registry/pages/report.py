"""The page of a report: what exactly did the modem answer, when, and how was it dated?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from modemagent.registry.api.auth import redact_report
from modemagent.registry.pages.evidence import AtAnswer, answers_of
from modemagent.registry.pages.figures import ShownTime, duration, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.pages.words import Word, read_state, sim_state, word
from modemagent.registry.received import SEQUENCE_LIMIT
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.tables import schema
from modemagent.report.message import canonical_body

_NUMBERS = frozenset(
    {"imei", "imeisv", "meid", "serial_number", "iccid", "imsi", "eid", "imei_raw"}
)
_MODEM = ("manufacturer", "model", "firmware", "imei", "imeisv", "meid", "serial_number")
_SIM = ("iccid", "imsi", "eid")
_LABELS = {name: name.upper() for name in ("imei", "imeisv", "meid", "iccid", "imsi", "eid")}
_MOST_SLOTS = 16
_READERS = {"at": "AT commands", "modemmanager": "ModemManager"}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field with its value, or why there is none."""

    name: str
    value: str
    state: Word


@dataclass(frozen=True, slots=True)
class SlotPart:
    """A SIM slot in a report."""

    name: str
    state: Word
    fields: list[FieldRow]


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem that the gateway has found."""

    word: Word
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """A stored report; without a body, the reports that state the same.

    :param reader: by what the gateway has read the modem
    :param digest: SHA-256 of the body, as on an evidence sheet
    :param raw: the whole body as JSON
    """

    key: str
    gateway: Link | None
    is_kept: bool
    same: list[Link]
    observed: ShownTime | None
    received: ShownTime | None
    dating: str
    reason: str
    port: str
    version: str
    modem: list[FieldRow]
    slots: list[SlotPart]
    problems: list[ProblemRow]
    answers: list[AtAnswer]
    conflicts: int
    reader: str
    digest: str
    raw: str


def show(ask: Ask) -> Answer:
    """Return the page of a report by the reference of its gateway."""
    stream, sequence = ask.path["stream"], ask.path["sequence"]
    if not 0 < int(sequence) < SEQUENCE_LIMIT:
        raise not_found("report")
    with ask.reading() as connection:
        row = gateway_row(connection, ask.path["gateway"])
        c = schema.gateway.c
        gateway_id = connection.execute(
            schema.gateway.select().with_only_columns(c.gateway_id).where(c.id == row)
        ).scalar()
        if gateway_id is None:
            raise not_found("report")
        found = reader.stored_report(connection, gateway_id, stream, int(sequence))
        links = Links(connection, ask.who)
        if found is None:
            raise not_found("report")
        if isinstance(found, reader.Gone):
            raise PageError(
                410,
                "Body deleted",
                f"The body of this report was deleted after its time of retention. "
                f"It was received {found.dates['received']}.",
            )
        model = _model(ask, found, links, gateway_id)
    return Page("report.html", model)


def _model(ask: Ask, found: dict[str, Any], links: Links, gateway_id: str) -> ReportPage:
    viewer, now = ask.who, ask.now
    body = found.get("report") or {}
    key = links.report(found["key"])
    sims = [one for one in body.get("sims") or () if isinstance(one, dict)][:_MOST_SLOTS]
    port = body.get("port") or {}
    observed = body.get("observed_at")
    shown = redact_report(body, viewer)
    return ReportPage(
        key=key.text if key else "",
        gateway=links.gateway(gateway_id),
        is_kept=found["kept"],
        same=[link for one in found.get("one_of") or () if (link := links.report(one))],
        observed=_observed(observed, now),
        received=moment(found.get("received"), now),
        dating=_dating(body),
        reason=str(body.get("reason", "")).replace("_", " "),
        port=viewer.text(str(port.get("id") or port.get("path") or "")),
        version=viewer.text(str(body.get("agent_version", ""))),
        modem=_fields(body.get("modem") or {}, _MODEM, viewer),
        slots=[
            SlotPart(
                f"slot {one.get('slot', '?')}",
                sim_state(str(one.get("state", "unknown"))),
                _fields(one, _SIM, viewer),
            )
            for one in sims
        ],
        problems=[
            ProblemRow(word(str(one.get("code"))), str(one.get("field", "")))
            for one in body.get("problems") or ()
            if isinstance(one, dict)
        ],
        answers=answers_of(body, links),
        conflicts=len(found["conflicts"]),
        reader=_READERS.get(str(body.get("reader")), ""),
        digest=hashlib.sha256(canonical_body(body)).hexdigest() if found["kept"] else "",
        raw=viewer.text(json.dumps(shown, indent=2)) if body else "",
    )


def _observed(text: object, now: Any) -> ShownTime | None:
    try:
        return moment(text, now) if isinstance(text, str) else None
    except ValueError:
        return None


def _dating(body: dict[str, Any]) -> str:
    """Return how the report can be dated, from what its gateway states."""
    uptime_ms = body.get("uptime_ms")
    parts = []
    if isinstance(uptime_ms, int):
        parts.append(f"{duration(uptime_ms / 1000)} after the start of the gateway")
    if isinstance(body.get("boot_count"), int):
        parts.append(f"boot {body['boot_count']}")
    synchronized = body.get("clock_synchronized")
    parts.append("clock synchronized" if synchronized else "clock not synchronized")
    return ", ".join(parts)


def _fields(part: dict[str, Any], names: tuple[str, ...], viewer: Viewer) -> list[FieldRow]:
    states = part.get("read") or {}
    rows = []
    for name in names:
        value = part.get(name)
        if value is None and name not in states:
            continue
        state = str(states.get(name, "ok" if value is not None else "unsupported"))
        shown = viewer.digits(str(value)) if name in _NUMBERS else viewer.text(str(value))
        rows.append(
            FieldRow(
                _LABELS.get(name, name.replace("_", " ")),
                shown if value is not None else "",
                read_state(state),
            )
        )
    return rows
