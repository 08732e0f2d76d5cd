"""Snapshots as text, and the fields of a snapshot by name."""

from __future__ import annotations

from collections.abc import Mapping

import click

from modemagent.at.pin_state import REMEDY
from modemagent.cli.output import heading, paragraph, plain, verdict_word
from modemagent.identity.network import Network, RegistrationState
from modemagent.identity.sim_locks import describe_lock
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

_MODEM_FIELDS = (
    "imei", "imeisv", "meid", "tac", "manufacturer", "model", "firmware", "serial_number",
)  # fmt: skip
_SIM_FIELDS = ("iccid", "imsi", "eid", "mcc", "mnc", "state", "slot")
_READING_FIELDS = ("port", "port_id", "dialect", "verdict")
FIELDS = (*_MODEM_FIELDS, *_SIM_FIELDS, *_READING_FIELDS)

#: Fields that are a part of another field, and read together with it.
_PART_OF = {"tac": "imei", "mcc": "imsi", "mnc": "imsi"}

#: Every state but LOCKED, whose text depends on the kind of lock.
SIM_STATES: Mapping[SimState, str] = {
    SimState.READY: "ready",
    SimState.PIN_REQUIRED: "PIN required. Unlock the SIM with its PIN, or disable the PIN",
    SimState.PUK_REQUIRED: "PUK required: blocked by wrong PINs. Get the PUK from the operator",
    SimState.NO_PROFILE: "eUICC without a profile. Download a profile to its EID, or enable one",
    SimState.ABSENT: "no SIM card. Insert one, or check that it is seated correctly",
    SimState.BUSY: "still starting. Try again in a few seconds",
    SimState.FAILURE: "failure: reported by the modem. modemagent diagnose names the causes",
    SimState.OFF: "switched off with the radio (CFUN 0 or 4). Switch the radio on to read it",
    SimState.UNKNOWN: "unknown: not reported by the modem",
}

READ_STATES: Mapping[ReadState, str] = {
    ReadState.ABSENT: "none",
    ReadState.LOCKED: "locked",
    ReadState.FAILED: "not read: the modem rejected the command, or no value was certain",
    ReadState.UNSUPPORTED: "not supported by this modem",
    ReadState.TIMEOUT: "not read: no answer in time",
}

EUICC_KINDS: Mapping[str, str] = {
    "m2m": "M2M (GSMA SGP.02): profiles are managed over the air by its operator",
    "consumer": "consumer (GSMA SGP.22): profiles are managed by a local assistant",
    "iot": "IoT (GSMA SGP.32): profiles are managed by a remote manager",
}

_REGISTRATION: Mapping[bool | None, str] = {
    True: "registered",
    False: "not registered",
    None: "registration unknown",
}

# Many modems have none of these: a line about each would hide the lines that matter.
_ONLY_WITH_VALUE = ("imeisv", "meid", "serial_number", "eid")
_LABEL_WIDTH = 9
#: Labels of fields whose names are not the abbreviation in small letters.
_LABELS = {"serial_number": "Serial", "firmware": "Firmware"}


def value_of(snapshot: Snapshot, name: str) -> str | None:
    """Return one field as text, or None if it was not read. SIM fields are of the active slot."""
    holder = snapshot if name in _READING_FIELDS else _holder_of(snapshot, name)
    value = getattr(holder, name, None)
    return None if value is None else str(value)


def missing_reason(snapshot: Snapshot, name: str) -> str:
    """Return one line on why a field has no value, with a remedy if one is known."""
    holder, read_as = _holder_of(snapshot, name), _PART_OF.get(name, name)
    raw = getattr(holder, f"{read_as}_raw", None)
    if raw is not None:
        return f"{name}: failed ({plain(raw)} was read, which is not valid)."
    state = holder.read.get(read_as) if holder is not None else None
    by_command = state in (ReadState.UNSUPPORTED, ReadState.TIMEOUT)
    if isinstance(holder, Sim) and holder.state is not SimState.READY and not by_command:
        what, _, remedy = sim_text(holder).partition(". ")
        return f"{name}: {state or holder.state} ({what})." + (f" {remedy}." if remedy else "")
    if state is None or state is ReadState.OK:
        return f"{name}: absent (this modem or port has none)."
    return f"{name}: {state} ({READ_STATES[state]})."


def _holder_of(snapshot: Snapshot, name: str) -> Modem | Sim | None:
    if name in _MODEM_FIELDS:
        return snapshot.modem
    if name in _SIM_FIELDS:
        return snapshot.active_sim or next(iter(snapshot.sims), None)
    return None


def format_snapshot(snapshot: Snapshot) -> str:
    """Return a reading as aligned lines."""
    modem = snapshot.modem
    name = " ".join(plain(part) for part in (modem.manufacturer, modem.model) if part)
    title = heading(plain(snapshot.port)) + f"  {name or 'modem of unknown make'}"
    lines = [title + (f"  ({plain(snapshot.port_id)})" if snapshot.port_id else "")]
    for key in ("imei", "imeisv", "meid", "serial_number", "firmware"):
        lines += _field(key, modem)
    for sim in snapshot.sims:
        lines += _sim_lines(sim, "SIM" if len(snapshot.sims) == 1 else f"SIM {sim.slot}")
    if snapshot.network is not None:
        lines.append(_line("Network", _network(snapshot.network)))
    for problem in snapshot.problems:
        lines.append(_line(str(problem.severity), f"{plain(problem.message)} [{problem.code}]"))
    effort = f"{snapshot.commands} commands, {snapshot.elapsed_ms} ms"
    if snapshot.dialect == "modemmanager":
        effort = "read through ModemManager"
    lines.append(_line("Verdict", f"{verdict_word(str(snapshot.verdict))} ({effort})"))
    return "\n".join(lines)


def _sim_lines(sim: Sim, label: str) -> list[str]:
    is_absent = sim.state is SimState.ABSENT
    if not sim.active:
        return [_line(label, "not in use, no SIM card" if is_absent else "not in use")]
    lines = [_line(label, sim_text(sim))]
    if is_absent:
        return lines
    for key in ("iccid", "imsi", "eid"):
        lines += _field(key, sim)
    if sim.euicc is not None:
        lines.append(_line("eUICC", EUICC_KINDS.get(sim.euicc, plain(sim.euicc))))
    return lines


def sim_text(sim: Sim) -> str:
    """Return the state of a slot as text, followed by the remedy if there is one."""
    if sim.state is SimState.LOCKED:
        remedy = REMEDY[0].upper() + REMEDY[1:].rstrip(".")
        return f"{describe_lock(sim.lock, sim.lock_code)}. {remedy}"
    if sim.failure == "blocked":
        return "failure: blocked for good by wrong PUKs. Replace the SIM"
    return SIM_STATES[sim.state]


def _network(network: Network) -> str:
    plmn = f"{network.mcc}-{network.mnc}" if network.mcc else ""
    parts = [plain(part) for part in (network.operator or plmn, network.rat) if part]
    is_denied = network.registration is RegistrationState.DENIED
    parts.append("registration denied" if is_denied else _REGISTRATION[network.registered])
    if network.reject_cause is not None:
        parts.append(f"cause {network.reject_cause}")
    if network.provider:
        parts.append(f"the provider of the SIM is {plain(network.provider)}")
    return ", ".join(parts)


def evidence_table(snapshot: Snapshot) -> str:
    """Return the source of each field: command, response as received, parser, time."""
    if not snapshot.evidence:
        return _line("Evidence", "none: not provided by the agent that holds the port")
    lines = ["  Evidence"]
    for each in snapshot.evidence:
        response = each.answer.encode("unicode_escape").decode("ascii")
        lines.append(f"    {each.field}: {plain(each.command)}  [{each.parser}, {each.at_ms} ms]")
        lines.append(f"        {response or 'no answer'}")
    return "\n".join(lines)


def _field(key: str, holder: Modem | Sim) -> list[str]:
    label = _LABELS.get(key, key.upper())
    value, raw = getattr(holder, key), getattr(holder, f"{key}_raw", None)
    state = holder.read.get(key)
    if value is not None:
        network = ""
        if key == "imsi" and isinstance(holder, Sim) and holder.mcc and holder.mnc:
            network = f"  (network {holder.mcc}-{holder.mnc})"
        return [_line(label, plain(value) + network)]
    if raw is not None:
        return [_line(label, click.style(f"{plain(raw)} (not valid)", fg="red"))]
    if state is None or state is ReadState.OK or key in _ONLY_WITH_VALUE:
        return []
    return [_line(label, READ_STATES[state])]


def _line(label: str, text: str) -> str:
    return paragraph(f"  {label:<{_LABEL_WIDTH}} ", text)
