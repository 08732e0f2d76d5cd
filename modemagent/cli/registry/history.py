"""One modem, SIM or gateway: now, at a time, or with its history; stored reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click

from modemagent.cli.options import flag_option, value_option
from modemagent.cli.output import cell, heading, plain, print_json, table
from modemagent.errors import UsageError
from modemagent.registry_client.client import Document, Source

#: The field whose change an event is about; for any other event, the place.
_CHANGED = {
    "sim.swapped": ("iccid",),
    "sim.profile_switched": ("iccid",),
    "sim.imsi_switched": ("imsi",),
    "sim.removed": ("iccid",),
    "modem.swapped": ("imei",),
    "sim.moved": ("imei",),
    "pairing.linked": ("iccid",),
}
_SLOT = ("slot", "state", "iccid", "imsi", "eid", "link_state", "since")
_MODEM = ("imei", "manufacturer", "model", "present", "port", "link_state", "last_seen")
_PAST = ("certainty", "imei", "iccid", "slot", "gateway_id", "port", "before", "after", "agreeing")
_PAIRING = ("first_seen", "last_seen", "closed_at", "imei", "slot", "iccid", "gateway_id", "port",
            "cause", "opened_by", "closed_by")  # fmt: skip
_PLACE = ("first_seen", "last_seen", "closed_at", "gateway_id", "port", "cause", "opened_by",
          "closed_by")  # fmt: skip
_TABLES = {"sims": _SLOT, "modems": _MODEM, "places": _PLACE, "pairings": _PAIRING}
_TITLES = {"sims": "Slots", "modems": "Modems", "places": "Places", "pairings": "Pairs"}
_TIMES = {"as_of": "at", "known_at": "as known at"}
_EVENT = ("time", "type", "subject", "change", "report")

as_of_option = value_option(
    "--as-of", "TIME", "State at this time, such as 2026-03-03T12:00Z; needs an identifier."
)
known_at_option = value_option(
    "--known-at", "TIME", "As the registry knew it at this time; needs an identifier."
)
timeline_option = flag_option("--timeline", "All places, pairs and events; needs an identifier.")


def change_text(kind: str, data: object) -> str:
    """Return the values before and after an event, of the fields that the event is about."""
    fields = _CHANGED.get(kind, ("gateway_id", "port"))

    if isinstance(data, dict) and "case" in data:
        return " ".join(str(data[name]) for name in ("kind", "outcome") if data.get(name))

    def side(name: str) -> str:
        values = data.get(name) if isinstance(data, dict) else None
        if not isinstance(values, dict):
            return "-"
        return " ".join(str(values[field]) for field in fields if values.get(field))

    return f"{side('previous')} -> {side('new')}"


def refuse_without_identifier(as_of: str | None, known_at: str | None, timeline: bool) -> None:
    """Refuse the options that are about one modem, SIM or gateway alone."""
    given = {"--as-of": as_of, "--known-at": known_at, "--timeline": timeline or None}
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} needs an identifier", hint="Name one modem, SIM or gateway."
            )


def refuse_filters(names: Sequence[str]) -> None:
    """Refuse the options of a list, if one object is named."""
    for name in names:
        option = f"--{name.replace('_', '-')}"
        raise UsageError(f"{option} is for lists", hint="Omit it, or omit the identifier.")


class ShownState(NamedTuple):
    """Which state of an object is shown: now, at a time, or all of them."""

    as_of: str | None
    known_at: str | None
    timeline: bool


def show_one(registry: Source, name: str, identifier: str, past: ShownState, as_json: bool) -> int:
    """Print one modem, SIM or gateway; return the exit status, 4 if it was never reported.

    :param name: of the collection
    """
    as_of, known_at, timeline = past
    if known_at is not None and as_of is None and not timeline:
        raise UsageError("--known-at needs --as-of or --timeline", hint="Add --as-of TIME.")
    if timeline and name == "gateways":
        raise UsageError("a gateway has no timeline", hint="Use --timeline with modems and sims.")
    at = {"as_of": _time("--as-of", as_of), "known_at": _time("--known-at", known_at)}
    chosen: dict[str, str] = {key: value for key, value in at.items() if value is not None}
    path = f"{name}/{identifier}" + ("/timeline" if timeline else "")
    found = registry.get(path, **chosen)
    if found is None:
        known = f"No match: not known at {chosen['known_at']}." if known_at else "No match."
        click.echo(known, err=True)
        return 4
    if as_json:
        print_json(found)
        return 0
    if chosen:
        shown = ", ".join(f"{_TIMES[key]} {value}" for key, value in chosen.items())
        click.echo(f"{shown[:1].upper()}{shown[1:]}:{' ' if as_of else ''}", nl=not as_of)
    for paragraph in _past(found["past"]) if as_of else _present(found):
        click.echo(paragraph)
    return 0


def _present(found: Document) -> list[str]:
    facts = [
        [key, cell(value)]
        for key, value in found.items()
        if value is not None and not isinstance(value, list | dict)
    ]
    paragraphs = [table(facts)]
    for key, columns in _TABLES.items():
        rows = found.get(key)
        if rows:
            paragraphs.append(f"\n{heading(_TITLES[key])}\n{_rows(rows, columns)}")
    if found.get("events"):
        events = [
            {
                **one,
                "change": change_text(str(one["type"]), one["data"]),
                "report": one["data"]["report"],
            }
            for one in found["events"]
        ]
        paragraphs.append(f"\n{heading('Events')}\n{_rows(events, _EVENT)}")
    return paragraphs


def _past(past: Document | list[Document]) -> list[str]:
    """Return the sentence, and what it rests on: the reports before and after.

    :param past: of a modem or SIM; or the modems of a gateway
    """
    found = past if isinstance(past, list) else past["states"]
    if isinstance(past, list):
        sentence = f"modems in the gateway: {len(past)}."
    else:
        sentence = str(past["sentence"])
    if not found:
        return [sentence]
    states = [
        {**one, "before": _reading(one["before"]), "after": _reading(one["after"])} for one in found
    ]
    hint = "\nThe reports before and after it: modemagent registry report KEY"
    return [sentence, "\n" + _rows(states, _PAST), hint]


def _reading(reading: object) -> str | None:
    if not isinstance(reading, dict):
        return None
    return f"{reading['latest']} {reading['report']}"


def _rows(rows: Sequence[Document], columns: Sequence[str]) -> str:
    used = [name for name in columns if any(row.get(name) is not None for row in rows)]
    lines: list[list[str]] = [[name.upper() for name in used]]
    lines += [[cell(row.get(name)) for name in used] for row in rows]
    return table(lines)


def show_report(registry: Source, key: str, as_json: bool) -> int:
    """Print a stored report; return the exit status, 4 if there is none with this key."""
    if key.count("/") != 2:
        raise UsageError(
            f"{key!r} is not the key of a report", hint="A key is GATEWAY/STREAM/SEQUENCE."
        )
    found = registry.get(f"reports/{key}")
    if found is None:
        click.echo("No match.", err=True)
        return 4
    if as_json:
        print_json(found)
        return 0
    click.echo(table(_report_lines(found)))
    for one in _exchanges(found):
        click.echo(one)
    return 0


def _report_lines(found: Document) -> list[list[str]]:
    lines = [["key", cell(found["key"])], ["received", cell(found.get("received"))]]
    if not found["kept"]:
        return [*lines, ["same as", cell(found["same_as"])]]
    report: dict[str, Any] = found["report"]
    for name in ("observed_at", "clock_synchronized", "boot_id", "uptime_ms", "reason", "reader"):
        if report.get(name) is not None:
            lines.append([name, cell(report[name])])
    modem = report.get("modem") or {}
    lines += [
        [f"modem {name}", cell(value)]
        for name, value in modem.items()
        if value is not None and name != "read"
    ]
    for sim in report.get("sims") or ():
        values = [
            f"{name} {sim[name]}" for name in ("state", "iccid", "imsi", "eid") if sim.get(name)
        ]
        lines.append([f"sim {sim.get('slot')}", ", ".join(values)])
    lines += [["problem", cell(one.get("code"))] for one in report.get("problems") or ()]
    return lines


def _exchanges(found: Document) -> list[str]:
    """Return the commands of the evidence with the responses, and the fields read from them."""
    evidence = (found.get("report") or {}).get("evidence") or ()
    fields: dict[tuple[str, str], list[str]] = {}
    for one in evidence:
        exchange = str(one.get("command")), str(one.get("answer"))
        fields.setdefault(exchange, []).append(str(one.get("field")))
    lines = []
    for (command, answer), read in fields.items():
        lines += [plain(f"\n{command}  ({', '.join(read)})".strip("\n"))]
        lines += [f"  {plain(line)}" for line in answer.splitlines() if line.strip()]
    return lines


def _time(option: str, text: str | None) -> str | None:
    """Return a time in RFC 3339; a date alone is its beginning, and UTC is the default zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a time",
            hint=f"Examples: {option} 2026-03-03, {option} 2026-03-03T12:00:00Z",
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
