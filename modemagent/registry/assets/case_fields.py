"""Cases: kinds, outcomes, checklists, and the letter to an operator.

>>> OUTCOMES["wrongly_listed"]
('delisted', 'not_stolen')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.registry.assets.asset_fields import LONGEST_NOTE, parse_date

_MISSING = ("recovered", "not_stolen", "delisted")
#: Kinds of cases, and the outcomes with which each can be closed.
OUTCOMES: dict[str, tuple[str, ...]] = {
    "lost": _MISSING,
    "stolen": _MISSING,
    "wrongly_listed": ("delisted", "not_stolen"),
}
#: Kinds whose numbers are tracked while the case is open.
TRACKED = frozenset({"lost", "stolen"})

_OF_MISSING = (
    "Have the operator suspend the SIM.",
    "Look for the device at its last place.",
    "Inform the owner and the site.",
)
#: Tasks with which a case begins.
CHECKLISTS: dict[str, tuple[str, ...]] = {
    "lost": _OF_MISSING,
    "stolen": (
        *_OF_MISSING,
        "Report it to the police, and note the reference.",
        "Inform the insurance.",
        "Send the letter to the operator, so that the IMEI is blocked.",
    ),
    "wrongly_listed": (
        "Find out which list has the number, and since when.",
        "Collect the proof of ownership: invoice, delivery note, photograph of the label.",
        "Send the letter to the operator.",
        "Check the number again after the operator has answered.",
    ),
}

#: Texts of a case that people write.
CASE_TEXTS = ("place", "proof", "police_reference", "operator", "assignee", "note")
CASE_FIELDS = (*CASE_TEXTS, "happened_on")

_SUBJECTS = {
    "lost": "Request to block lost devices",
    "stolen": "Request to block stolen devices",
    "wrongly_listed": "Request to remove devices from the list of blocked equipment",
}
_REQUESTS = {
    "lost": "The devices below were lost. Please block them in your network and in the shared "
    "register, and suspend the SIMs below.",
    "stolen": "The devices below were stolen. Please block them in your network and in the shared "
    "register, and suspend the SIMs below.",
    "wrongly_listed": "The devices below are ours and are blocked by mistake. Please remove them "
    "from your list and from the shared register.",
}


def parse_case_field(name: str, text: str | None) -> str | None:
    """Return a value as it is stored, None if it is empty.

    :raises UsageError: it is not valid
    """
    value = clean_text(name, text or "", LONGEST_NOTE if name in ("proof", "note") else LONGEST)
    if not value:
        return None
    return parse_date(value) if name == "happened_on" else value


def shown_cell(network: Mapping[str, Any]) -> dict[str, str | int | None] | None:
    """Return the serving cell in the network of a report, None if it has none.

    >>> shown_cell({"mcc": "262", "mnc": "01", "cell": {"cell_id": 27447297, "area_code": 21665}})
    {'mcc': '262', 'mnc': '01', 'area_code': 21665, 'cell_id': 27447297}
    """
    cell = network.get("cell")
    if not isinstance(cell, Mapping) or not _is_code(cell.get("cell_id")):
        return None
    area = cell.get("area_code")
    found: dict[str, str | int | None] = {
        name: text if _is_digits(text := cell.get(name) or network.get(name)) else None
        for name in ("mcc", "mnc")
    }
    found["area_code"] = area if _is_code(area) else None
    return {**found, "cell_id": cell["cell_id"]}


def _is_code(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**36  # an NR cell identity has 36 bits


def _is_digits(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 3


def letter(case: Mapping[str, Any]) -> str:
    """Return a letter to the operator about a case, made from the case as it is shown.

    Numbers in it are as the case has them: masked for those who may not see them.
    """
    things: Sequence[Mapping[str, Any]] = case["things"]
    lines = [
        f"To: {case['operator'] or 'the operator'}",
        f"Date: {case['opened_at'][:10]}",
        f"Subject: {_SUBJECTS[case['kind']]} (case {case['id']})",
        "",
        _REQUESTS[case["kind"]],
        "",
        *(_thing(one) for one in things),
        "",
    ]
    facts = (
        ("Date of the event", case["happened_on"]),
        ("Place", case["place"]),
        ("Reference of the police", case["police_reference"]),
        ("Proof of ownership", case["proof"]),
    )
    lines += [f"{name}: {value}" for name, value in facts if value]
    lines += ["", "Please confirm in writing, with the date.", ""]
    return "\n".join(lines)


def _thing(one: Mapping[str, Any]) -> str:
    kind = "IMEI" if one["kind"] == "imei" else "ICCID"
    details = [one["model"]] if one["model"] else []
    details += [f"serial number {one['serial_number']}"] if one["serial_number"] else []
    return f"{kind} {one['number']}" + (f" ({', '.join(details)})" if details else "")
