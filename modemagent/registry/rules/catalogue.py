"""Names, severities, sentences and remedies of all findings.

A sentence and a remedy never contain an identifier: they are shown to readers without full ids.

>>> CATALOGUE["sim.swapped"].severity
'warning'
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.identity.problems import CODES, Severity


class CatalogueRow(NamedTuple):
    """A kind of finding.

    :param sentence: what has happened
    :param remedy: what to do next
    :param lasting: a condition that holds from its first report until its cause is gone; False: an
        occurrence, found each time that it is reported
    """

    severity: str
    sentence: str
    remedy: str
    lasting: bool = False


_ERROR, _WARNING, _NOTE = "error", "warning", "note"
_COPY = "Find both devices, and have the copied one withdrawn by its supplier."
_EXPECTED = "Authorise the change if it was planned; otherwise find out who was at the device."
_KNOW = "No action is necessary."
_LISTED = "Take it out of service, and report to the source of the entry where it is."
_TRACKED = "Report to the source of the entry where it is."

CATALOGUE: dict[str, CatalogueRow] = {
    "imei.duplicate": CatalogueRow(
        _ERROR,
        "Several modems report this IMEI.",
        f"{_COPY} Three or more gateways point to a batch of one vendor.",
        lasting=True,
    ),
    "imei.cloned": CatalogueRow(
        _ERROR, "Modems of different makers or models report this IMEI.", _COPY, lasting=True
    ),
    "sim.cloned": CatalogueRow(
        _ERROR,
        "Several SIMs report this ICCID.",
        "Have the operator block the SIM and replace it.",
        lasting=True,
    ),
    "imei.altered": CatalogueRow(
        _ERROR,
        "A modem reports another IMEI than before, with the same serial number or eUICC.",
        "Take the modem out of service, and compare the label with what it reports.",
    ),
    "imei.prohibited": CatalogueRow(
        _ERROR, "The IMEI of the modem is on the list of prohibited numbers.", _LISTED, lasting=True
    ),
    "imei.tracked": CatalogueRow(
        _WARNING, "The IMEI of the modem is on the list of tracked numbers.", _TRACKED, lasting=True
    ),
    "sim.prohibited": CatalogueRow(
        _ERROR, "The SIM is on the list of prohibited numbers.", _LISTED, lasting=True
    ),
    "sim.tracked": CatalogueRow(
        _WARNING, "The SIM is on the list of tracked numbers.", _TRACKED, lasting=True
    ),
    "tac.model_mismatch": CatalogueRow(
        _WARNING,
        "Maker and model that the modem reports do not belong to the TAC of its IMEI.",
        "Compare the label and the order, and correct the TAC table if its record is wrong.",
        lasting=True,
    ),
    "pairing.violation": CatalogueRow(
        _ERROR,
        "The modem holds a SIM that its policy does not allow.",
        _EXPECTED,
        lasting=True,
    ),
    "modem.swapped": CatalogueRow(
        _WARNING, "Another modem is in the place of the one before.", _EXPECTED
    ),
    "modem.moved": CatalogueRow(_NOTE, "The modem was moved to another place.", _KNOW),
    "modem.firmware_changed": CatalogueRow(
        _NOTE, "The modem reports another firmware or software version than before.", _KNOW
    ),
    "modem.flapping": CatalogueRow(
        _WARNING,
        "The modem was disconnected five times or more within 10 minutes.",
        "Check the power supply, the cable and the USB hub of the modem.",
        lasting=True,
    ),
    "sim.swapped": CatalogueRow(_WARNING, "Another SIM is in this slot of the modem.", _EXPECTED),
    "sim.profile_switched": CatalogueRow(
        _NOTE, "The eUICC in this slot has another profile enabled.", _KNOW
    ),
    "sim.imsi_switched": CatalogueRow(_NOTE, "The SIM in this slot has another IMSI.", _KNOW),
    "sim.moved": CatalogueRow(_NOTE, "The SIM was moved to another modem.", _KNOW),
    "sim.churn": CatalogueRow(
        _WARNING,
        "Four or more SIMs were in one slot within 24 hours.",
        "Find out who changes the SIMs; a modem that serves as a SIM box does this.",
    ),
    "network.denied": CatalogueRow(
        _WARNING,
        "The network has refused the registration of the modem for 24 hours.",
        "Check the contract of the SIM, and whether the operator accepts this modem.",
        lasting=True,
    ),
    "case.sighted": CatalogueRow(
        _ERROR,
        "A modem or SIM of an open case has reported.",
        "Find the device at the place of the report, and add what was done to the case.",
        lasting=True,
    ),
    "modem.not_in_inventory": CatalogueRow(
        _WARNING,
        "The modem has reported for 24 hours, and no asset and no order has its IMEI.",
        "Add the modem to an asset, or find out who installed it.",
        lasting=True,
    ),
    "imei.label_mismatch": CatalogueRow(
        _WARNING,
        "The label has another IMEI than the modem reports.",
        "Compare the label with the modem; labels may be exchanged within a lot.",
        lasting=True,
    ),
    "recall.matched": CatalogueRow(
        _WARNING,
        "A recall or warranty notice concerns the modem, or a bench has passed it although another "
        "modem has its IMEI.",
        "Do what the notice requires, or bring the modem back to the bench; resolve the finding.",
        lasting=True,
    ),
    "lot.failures": CatalogueRow(
        _WARNING,
        "Three units or more of a lot, and 5 percent of it, have failed the same step of a bench.",
        "Stop the lot, and send the report of the order to the supplier.",
        lasting=True,
    ),
    "roaming.deadline": CatalogueRow(
        _WARNING,
        "The modem has used up half or more of the days that a country allows.",
        "See the deadlines of the modem; move it, change its SIM, or register its IMEI in time.",
        lasting=True,
    ),
    "registration.due": CatalogueRow(
        _WARNING,
        "The IMEI of the modem must be registered with the authority of a country.",
        "Register the IMEI, and import the registrations of the authority to settle this.",
        lasting=True,
    ),
    "eir.changed": CatalogueRow(
        _WARNING,
        "An outside EIR lists the modem, or does not know it any longer.",
        "Ask the operator of the EIR for the reason, and open a case if the entry is wrong.",
        lasting=True,
    ),
    "operator.contradicts": CatalogueRow(
        _WARNING,
        "The operator has seen the SIM in another modem than the one that reports it.",
        "Find out where the SIM is: the modem or the record of the operator is wrong.",
        lasting=True,
    ),
    "gateway.identity_forked": CatalogueRow(
        _ERROR,
        "Copies of the disk of this gateway report under its identity.",
        "Delete the state directory of the copies, so that each enrolls as itself.",
        lasting=True,
    ),
    "gateway.clock_suspect": CatalogueRow(
        _WARNING,
        "A clock of this gateway that counts as synchronized is wrong.",
        "Check the time servers of the gateway.",
        lasting=True,
    ),
    "gateway.silent": CatalogueRow(
        _WARNING,
        "The gateway has not reported for three times its promised interval.",
        "Check the power and the uplink of the gateway.",
        lasting=True,
    ),
}

_VALUES = {
    Severity.ERROR: "Read the number again with modemagent identify; the modem or SIM is faulty, "
    "or was set up with a filler.",
    Severity.WARNING: "Compare the number with the label and the order.",
}
#: Findings about numbers: the problem codes of identities above note.
PROBLEMS = frozenset(
    code
    for code, (severity, _) in CODES.items()
    if severity is not Severity.NOTE
    and (code.partition(".")[0] not in ("cross", "sim"))
    and not code.endswith(".missing")
) | {"cross.imei_imeisv_differ", "cross.meid_imei_differ"}
CATALOGUE |= {
    code: CatalogueRow(
        str(CODES[code][0]),
        f"A number is not as the standards require: {CODES[code][1]}.",
        _VALUES[CODES[code][0]],
        lasting=True,
    )
    for code in sorted(PROBLEMS)
}

#: Derived together with the individuals of a number and the boots of a gateway.
OF_INDIVIDUALS = frozenset({"imei.duplicate", "imei.cloned", "sim.cloned"})
OF_BOOTS = frozenset({"gateway.identity_forked", "gateway.clock_suspect"})
#: By the lists, the TAC table and the other modems: what a first sight can show.
OF_LISTS = frozenset({"imei.prohibited", "imei.tracked", "sim.prohibited", "sim.tracked"})
OF_TACS = frozenset({"tac.model_mismatch"})
OF_POLICIES = frozenset({"pairing.violation"})
OF_DEADLINES = frozenset({"roaming.deadline", "registration.due"})
OF_UNITS = PROBLEMS | OF_LISTS | OF_TACS | OF_POLICIES | {
    "imei.altered", "modem.swapped", "modem.moved", "modem.firmware_changed", "sim.swapped",
    "sim.profile_switched", "sim.imsi_switched", "sim.moved", "sim.churn",
}  # fmt: skip
#: Of one place, by its newest reading.
OF_PLACES = PROBLEMS | {"network.denied"}


def severity_of(rule: str, grade: str | None) -> str:
    """Return the severity of a finding; one of grade possible may be a coincidence."""
    return _WARNING if grade == "possible" else CATALOGUE[rule].severity
