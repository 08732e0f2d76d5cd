"""A file of IMEIs that are registered with the authority of a country, as its portal exports it."""

from __future__ import annotations

from typing import NamedTuple

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.csv_cells import LONGEST, clean_text, unguarded
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_table,
    unknown_columns,
)
from modemagent.identity.damage import repaired
from modemagent.registry.assets.asset_fields import parse_date, parse_field
from modemagent.registry.regulations.regulation import mccs_of

_NAMES = {
    "imei": ("imei", "imeinumber", "imeino", "imei1", "deviceimei", "imeisv"),
    "country": ("country", "countrycode", "iso"),
    "status": ("status", "state", "registrationstatus", "devicestatus", "compliancestatus"),
    "reference": ("reference", "certificate", "certificatenumber", "certificateno",
                  "applicationid", "registrationid", "requestid", "trackingid"),
    "registered_on": ("registeredon", "registrationdate", "date", "approvaldate", "validfrom"),
}  # fmt: skip
#: States of a device, lower case, that mean that it is registered.
_REGISTERED = frozenset({
    "", "registered", "approved", "compliant", "valid", "active", "accepted", "whitelisted",
    "white", "certificate issued", "kayitli", "kay\u0131tl\u0131",
})  # fmt: skip


class RegistrationLine(NamedTuple):
    """A registered modem as a line of a file states it.

    :param imei: 14 digits
    """

    line: int
    imei: str
    country: str
    reference: str | None
    registered_on: str | None


class RegistrationFile(NamedTuple):
    """The registrations of a file, of the lines without an error."""

    rows: int
    lines: list[RegistrationLine]
    problems: list[LineProblem]


def read_registrations(content: bytes, country: str) -> RegistrationFile:
    """Return the registrations of a file.

    :param country: of the lines that do not state it, ISO 3166; empty: they all must
    """
    try:
        table = read_table(content, _NAMES, ("imei",))
    except UnreadableFile as error:
        return RegistrationFile(0, [], [error.problem])
    problems = unknown_columns(table)
    known: dict[tuple[str, str], RegistrationLine] = {}
    for line, cells in table.rows:
        one = _read(line, cells, table, country, problems)
        if one is None:
            continue
        first = known.setdefault((one.imei, one.country), one)
        if first is not one:
            same = first[1:] == one[1:]
            problems.append(
                LineProblem(
                    line, "imei", "duplicate", "warning" if same else "error",
                    f"the IMEI of line {first.line} again", "Delete one of the two lines.",
                )
            )  # fmt: skip
    return RegistrationFile(len(table.rows), list(known.values()), problems)


def _read(
    line: int, cells: list[str], table: CsvTable, country: str, problems: list[LineProblem]
) -> RegistrationLine | None:
    values = {
        name: unguarded(cells[at]) if at < len(cells) else "" for name, at in table.columns.items()
    }

    def refuse(column: str, code: str, message: str, remedy: str, *, error: bool = True) -> None:
        severity = "error" if error else "warning"
        problems.append(LineProblem(line, column, code, severity, message, remedy))

    text, found = repaired(line, "imei", "imei", values["imei"])
    problems += found
    if text is None:
        return None
    where = (values.get("country") or country).upper()
    if not mccs_of(where):
        remedy = "Use a code of two letters such as TR, in the column country or for the file."
        refuse("country", "country", "the country is missing or unknown", remedy)
        return None
    if values.get("status", "").casefold() not in _REGISTERED:
        message = "the state of the device is not that of a registered one"
        refuse("status", "not_registered", message, "The line was left out.", error=False)
        return None
    try:
        imei = parse_field("imei", text)
        reference = clean_text("reference", values.get("reference", ""), LONGEST) or None
        day = values.get("registered_on", "")[:10]
        registered_on = parse_date(day) if day else None
    except IdentityError as error:
        refuse("imei", error.problem, error.message, error.hint)
        return None
    except UsageError as error:
        refuse("", "invalid", error.message, error.hint)
        return None
    if imei is None:
        refuse("imei", "missing", "the line has no IMEI", "Add it, or delete the line.")
        return None
    return RegistrationLine(line, imei, where, reference, registered_on)
