"""Which network the modem is on, in up to four reads; asked for only when somebody wants it.

``AT+COPS?`` shows the network in the format that was chosen before (name or number); choosing
another would change a setting, so the number is told only where the modem shows it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from modemagent.at.fields import split_fields, split_prefix
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.parsers import crsm_data
from modemagent.identity.network import Network
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient

#: Some modems look the network up before they answer.
_TIMEOUT_S = 5.0
#: Asked in this order until one says registered: packet networks first (TS 27.007 clauses
#: 10.1.22, 10.1.47, 7.2).
_REGISTRATIONS = ("AT+CEREG?", "AT+CREG?", "AT+C5GREG?")
#: <stat> that means registered: home, roaming, the same for SMS only, without CS fallback
_REGISTERED = frozenset((1, 5, 6, 7, 9, 10))
#: <AcT> of TS 27.007 clause 7.3
_RATS: Mapping[str, str] = {
    "0": "gsm",
    "1": "gsm",
    "2": "umts",
    "3": "gsm",
    "4": "umts",
    "5": "umts",
    "6": "umts",
    "7": "lte",
    "8": "gsm",
    "9": "nbiot",
    "10": "lte",
    "11": "nr",
    "12": "nr",
    "13": "endc",
}
#: EF_SPN, TS 31.102 clause 4.2.12
_SPN = "AT+CRSM=176,28486,0,0,17"


def read_network(talk: AtClient, sim_state: SimState) -> Generator[Step, Outcome, Network]:
    """Ask for operator, registration and the card's service provider name."""
    found = Network()
    answer = yield from _ask(talk, "AT+COPS?")
    if answer.ok:
        found = _operator(answer)
    for line in _REGISTRATIONS:
        answer = yield from _ask(talk, line)
        registered, rat = _registration(answer)
        if registered is not None:
            found = found._replace(registered=registered, rat=found.rat or rat)
        if registered:
            break
    if sim_state is SimState.READY:
        answer = yield from _ask(talk, _SPN)
        found = found._replace(provider=_provider(answer))
    return found


def _ask(talk: AtClient, line: str) -> Generator[Step, Outcome, Response]:
    answer = yield from talk.ask(line, _TIMEOUT_S)
    if answer.timed_out:
        yield from talk.resync()
    return answer


def _operator(answer: Response) -> Network:
    for line in answer.lines:
        label, _ = split_prefix(line)
        if label.upper() != "+COPS":
            continue
        mode, shape, name, rat = (*split_fields(line), "", "", "", "")[:4]
        if not mode.isdigit() or not name:
            continue
        known = _RATS.get(rat)
        if shape == "2" and name.isascii() and name.isdigit() and len(name) in (5, 6):
            return Network(mcc=name[:3], mnc=name[3:], rat=known)
        return Network(operator=name[:64], rat=known)
    return Network()


def _registration(answer: Response) -> tuple[bool | None, str | None]:
    """Return whether the modem is registered, and its technology; None for what is not told."""
    wanted = answer.line.removeprefix("AT").rstrip("?")
    told: tuple[bool | None, str | None] = (None, None)
    for line in answer.lines if answer.ok else ():
        label, body = split_prefix(line)
        if label.upper() != wanted:
            continue
        parts = split_fields(line)
        # The answer is <n>,<stat>,...; some modules answer in the form of the URC, without <n>,
        # and then the second field is the quoted area code.
        second = body.partition(",")[2].lstrip()
        place = 1 if len(parts) > 1 and len(parts[1]) <= 2 and not second.startswith('"') else 0
        status = parts[place] if parts else ""
        if status.isascii() and status.isdigit() and len(status) <= 3:
            rat = parts[place + 3] if len(parts) > place + 3 else ""
            told = int(status) in _REGISTERED, _RATS.get(rat)
    return told


def _provider(answer: Response) -> str | None:
    """Return the name in EF_SPN: a display byte, then text, filled up with FF."""
    for line in answer.lines if answer.ok else ():
        label, body = split_prefix(line)
        data = crsm_data(body) if label.upper() == "+CRSM" else None
        if data is None or len(data) < 2:
            continue
        raw = data[1:].rstrip(b"\xff")
        # TS 102 221 annex A: 80 announces UCS2, otherwise the GSM default alphabet; the letters
        # and digits of names are those of ASCII there
        text = (
            raw[1:].decode("utf-16-be", "replace")
            if raw[:1] == b"\x80"
            else raw.decode("latin-1").replace("\x00", "@")
        )
        return "".join(char for char in text if char.isprintable()).strip() or None
    return None
