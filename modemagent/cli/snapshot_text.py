"""A snapshot in words for people: aligned, escaped, with a remedy where one is known."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click

from modemagent.at.locks import REMEDY
from modemagent.cli.fields import holder_of, read_as
from modemagent.cli.render import heading, plain, verdict_word
from modemagent.identity.locks import describe_lock
from modemagent.identity.network import Network
from modemagent.identity.snapshot import Modem, ReadState, ReadStates, Sim, SimState, Snapshot

#: Every state but LOCKED, whose words depend on the kind of lock.
SIM_WORDS: Mapping[SimState, str] = MappingProxyType(
    {
        SimState.READY: "ready",
        SimState.PIN_REQUIRED: "PIN required. Unlock the card with its PIN, or switch the PIN off",
        SimState.PUK_REQUIRED: "PUK required: blocked by wrong PINs. The card's issuer has the PUK",
        SimState.ABSENT: "no card. Insert one, or check that it sits right",
        SimState.BUSY: "still starting. Ask again in a few seconds",
        SimState.FAILURE: "failure: the card does not answer. Take it out and insert it again",
        SimState.OFF: "switched off with the radio (CFUN 0 or 4). Switch the radio on to read it",
        SimState.UNKNOWN: "unknown: the modem does not say",
    }
)

READ_WORDS: Mapping[ReadState, str] = MappingProxyType(
    {
        ReadState.ABSENT: "none",
        ReadState.LOCKED: "locked",
        ReadState.FAILED: "not read: the modem refused",
        ReadState.UNSUPPORTED: "not offered by this modem",
        ReadState.TIMEOUT: "not read: no answer in time",
    }
)

EUICC_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "m2m": "M2M (GSMA SGP.02): profiles are managed over the air by its operator",
        "consumer": "consumer (GSMA SGP.22): profiles are managed by a local assistant",
        "iot": "IoT (GSMA SGP.32): profiles are managed by a remote manager",
    }
)

_REGISTERED: Mapping[bool | None, str] = MappingProxyType(
    {True: "registered", False: "not registered", None: "registration not told"}
)

# Many modems have none of these: a line that says so each time hides the lines that matter.
_ONLY_WITH_VALUE = ("imeisv", "meid", "serial_number", "eid")
_LABEL_WIDTH = 9


def format_snapshot(snapshot: Snapshot) -> str:
    """Return one reading as lines for people."""
    modem = snapshot.modem
    name = " ".join(plain(part) for part in (modem.manufacturer, modem.model) if part)
    title = heading(plain(snapshot.port)) + f"  {name or 'modem of unknown make'}"
    place = f"  ({plain(snapshot.port_id)})" if snapshot.port_id else ""
    lines = [title + place]
    for key, label in (
        ("imei", "IMEI"),
        ("imeisv", "IMEISV"),
        ("meid", "MEID"),
        ("serial_number", "Serial"),
        ("firmware", "Firmware"),
    ):
        lines += _field(key, label, modem, modem.read)
    for sim in snapshot.sims:
        lines += _sim(sim, several=len(snapshot.sims) > 1)
    if snapshot.network is not None:
        lines.append(_line("Network", _network(snapshot.network)))
    for problem in snapshot.problems:
        lines.append(_line(str(problem.severity), f"{plain(problem.message)} [{problem.code}]"))
    effort = f"{snapshot.commands} commands, {snapshot.elapsed_ms} ms"
    if snapshot.dialect == "modemmanager":
        effort = "read through ModemManager"
    lines.append(_line("Verdict", f"{verdict_word(str(snapshot.verdict))} ({effort})"))
    return "\n".join(lines)


def _sim(sim: Sim, *, several: bool) -> list[str]:
    label = f"SIM {sim.slot}" if several else "SIM"
    words = sim_words(sim) if sim.active else _unused(sim)
    lines = [_line(label, words)]
    if sim.state is SimState.ABSENT:
        return lines
    if not sim.active:
        return lines
    for key, label in (("iccid", "ICCID"), ("imsi", "IMSI"), ("eid", "EID")):
        lines += _field(key, label, sim, sim.read)
    if sim.euicc is not None:
        lines.append(_line("eUICC", EUICC_WORDS.get(sim.euicc, plain(sim.euicc))))
    return lines


def sim_words(sim: Sim) -> str:
    """Return the state of a slot in words, followed by the remedy if there is one."""
    if sim.state is SimState.LOCKED:
        return f"{describe_lock(sim.lock, sim.lock_code)}. {REMEDY}"
    return SIM_WORDS[sim.state]


def _unused(sim: Sim) -> str:
    return "not in use, no card" if sim.state is SimState.ABSENT else "not in use"


def _network(network: Network) -> str:
    plmn = f"{network.mcc}-{network.mnc}" if network.mcc else ""
    parts = [plain(part) for part in (network.operator or plmn, network.rat) if part]
    parts.append(_REGISTERED[network.registered])
    if network.provider:
        parts.append(f"the card's provider is {plain(network.provider)}")
    return ", ".join(parts)


def evidence_table(snapshot: Snapshot) -> str:
    """Return what each field was read from: command, answer as it came, reader, moment."""
    if not snapshot.evidence:
        return _line("Evidence", "none: an agent that holds the port did not pass it on")
    lines = ["  Evidence"]
    for each in snapshot.evidence:
        answer = each.answer.encode("unicode_escape").decode("ascii")
        lines.append(f"    {each.field}: {plain(each.command)}  [{each.parser}, {each.at_ms} ms]")
        lines.append(f"        {answer or 'no answer'}")
    return "\n".join(lines)


def why_missing(snapshot: Snapshot, name: str) -> str:
    """Return one line on why a field has no value, with the remedy where one is known."""
    holder, asked = holder_of(snapshot, name), read_as(name)
    raw = getattr(holder, f"{asked}_raw", None)
    if raw is not None:
        return f"{name}: failed ({plain(raw)} was read, which is not valid)."
    state = holder.read.get(asked) if holder is not None else None
    of_itself = state in (ReadState.UNSUPPORTED, ReadState.TIMEOUT)
    if isinstance(holder, Sim) and holder.state is not SimState.READY and not of_itself:
        what, _, remedy = sim_words(holder).partition(". ")
        return f"{name}: {state or holder.state} ({what})." + (f" {remedy}." if remedy else "")
    if state is None or state is ReadState.OK:
        return f"{name}: absent (this modem or port has none)."
    return f"{name}: {state} ({READ_WORDS[state]})."


def _field(key: str, label: str, holder: Modem | Sim, read: ReadStates) -> list[str]:
    value = getattr(holder, key)
    raw = getattr(holder, f"{key}_raw", None)
    state = read.get(key)
    if value is not None:
        extra = ""
        if key == "imsi" and isinstance(holder, Sim) and holder.mcc and holder.mnc:
            extra = f"  (network {holder.mcc}-{holder.mnc})"
        return [_line(label, plain(value) + extra)]
    if raw is not None:
        return [_line(label, click.style(f"{plain(raw)} (not valid)", fg="red"))]
    if state is None or state is ReadState.OK or key in _ONLY_WITH_VALUE:
        return []
    return [_line(label, READ_WORDS[state])]


def _line(label: str, words: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}} {words}"
