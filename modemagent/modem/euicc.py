"""The EID from the card itself, over a logical channel; only on request.

Opens a channel to the card's ISD-R (AT+CCHO), asks with two APDUs that only read (AT+CGLA), and
closes it (AT+CCHC). An M2M card (SGP.02) refuses the question and tells its EID at the ECASD.

Sources: 3GPP TS 27.007 clauses 8.43, 8.45 and 8.46; GSMA SGP.22 clauses 5.7.8 (EUICCInfo2) and
5.7.20 (GetEID); SGP.02 clause 4.1.1.1 (EID at the ECASD); SGP.32 clause 5.9.2 (what an IoT card
adds to EUICCInfo2); traces quectel-eg25-g, sierra-em7455b.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from modemagent.at.steps import Outcome, Response, Step
from modemagent.channel.undo import channel_session_id
from modemagent.dialects.model import Attempt
from modemagent.dialects.parsers import fields, parse_line, split_label
from modemagent.identity.snapshot import ReadState
from modemagent.modem.at_client import AtClient

APDU_TIMEOUT_S = 30.0
ISD_R = "A0000005591010FFFFFFFF8900000100"
ECASD = "A0000005591010FFFFFFFF8900000200"
GET_EID = "E2910006BF3E035C015A"
GET_EUICC_INFO2 = "E2910003BF2200"
GET_DATA_EID = "CA005A12"

_UNKNOWN_COMMAND = (3, 4, 50, 100)  # CME errors of a modem that has no such command
_DONE = "9000"
_MORE = "61"
#: Another class byte may be the right one: wrong logical channel, wrong class.
_WRONG_CLASS = ("6881", "6E00", "6D00")
_CHUNKS = 8
#: [20] IoTSpecificInfo of EUICCInfo2, which every SGP.32 card has.
_IOT_TAG = 0xB4
_INFO2_TAG = b"\xbf\x22"

APDUS = Generator[Step, Outcome, str]


class Euicc(NamedTuple):
    """What the card said of itself.

    :param read: how asking ended: ``absent`` when the card is no eUICC, ``unsupported`` when the
        modem lets nobody speak to it
    :param kind: ``m2m``, ``consumer`` or ``iot``; None when it did not say
    """

    eid: str | None
    read: ReadState
    kind: str | None = None


def read_euicc(talk: AtClient) -> Generator[Step, Outcome, Euicc]:
    """Ask the card for its EID; every channel that was opened is closed again."""
    session, refused = yield from _open(talk, ISD_R)
    if session is None:
        return Euicc(None, refused)
    channel = _Channel(talk, session)
    said = yield from channel.ask(GET_EID)
    eid = _eid_of(said)
    kind = None
    if eid is not None:
        kind = "iot" if _is_iot((yield from channel.ask(GET_EUICC_INFO2))) else "consumer"
    yield from _close(talk, session)
    if eid is None:
        session, _ = yield from _open(talk, ECASD)
        if session is not None:
            eid = _eid_of((yield from _Channel(talk, session).ask(GET_DATA_EID)))
            kind = "m2m" if eid is not None else None
            yield from _close(talk, session)
    return Euicc(eid, ReadState.FAILED if eid is None else ReadState.OK, kind)


def _open(talk: AtClient, aid: str) -> Generator[Step, Outcome, tuple[str | None, ReadState]]:
    line = f'AT+CCHO="{aid}"'
    answer = yield from talk.ask(line, APDU_TIMEOUT_S)
    talk.record_evidence("eid", Attempt(line, "+CCHO", "session", ""), answer)
    if answer.timed_out:
        yield from talk.resync()
        return channel_session_id(answer), ReadState.TIMEOUT
    session = channel_session_id(answer)
    if session is not None:
        return session, ReadState.OK
    final = answer.final
    has_command = final is not None and final.kind == "cme" and final.code not in _UNKNOWN_COMMAND
    return None, ReadState.ABSENT if has_command else ReadState.UNSUPPORTED


def _close(talk: AtClient, session: str) -> Generator[Step, Outcome, None]:
    answer = yield from talk.ask(f"AT+CCHC={session}", APDU_TIMEOUT_S)
    if answer.timed_out:
        yield from talk.resync()


class _Channel:
    """One open logical channel.

    :ivar classes: class bytes that may be the right ones. The class byte carries the number of
        the logical channel. A short session id usually is that number; behind a handle of the
        modem's own, the first free channel is the likeliest
    """

    def __init__(self, talk: AtClient, session: str) -> None:
        self.talk = talk
        self.session = session
        number = int(session) if session.isdigit() and len(session) <= 2 else 0
        first = 0x80 | number if 0 < number < 4 else 0xC0 | number - 4 if 3 < number < 20 else 0x81
        self.classes = list(dict.fromkeys((first, 0x81, 0x82, 0x83)))

    def ask(self, apdu: str) -> APDUS:
        """Send one APDU and return the data of its response in hexadecimal, "" for none."""
        while self.classes:
            own = self.classes[0]
            data, status = yield from self._send(f"{own:02X}{apdu}")
            if status in _WRONG_CLASS:
                self.classes.pop(0)
                continue
            # GET RESPONSE is an interindustry command (ISO 7816-4); some modems want the class
            # byte of the question all the same
            more_classes = [own & 0x43, own]
            for _ in range(_CHUNKS):
                if status[:2] != _MORE:
                    break
                more = f"{more_classes[0]:02X}C00000{status[2:]}"
                further, after = yield from self._send(more)
                if after in ("", *_WRONG_CLASS) and len(more_classes) > 1:
                    more_classes.pop(0)
                    continue
                data, status = data + further, after
            return data if status == _DONE else ""
        return ""

    def _send(self, apdu: str) -> Generator[Step, Outcome, tuple[str, str]]:
        line = f'AT+CGLA={self.session},{len(apdu)},"{apdu}"'
        answer = yield from self.talk.ask(line, APDU_TIMEOUT_S)
        self.talk.record_evidence("eid", Attempt(line, "+CGLA", "apdu", ""), answer)
        if answer.timed_out:
            yield from self.talk.resync()
        return _response(answer)


def _response(answer: Response) -> tuple[str, str]:
    """Return data and status word of an answer to AT+CGLA, ("", "") when it holds none."""
    for line in answer.lines:
        label, body = split_label(line)
        text = fields(body)[-1].upper()
        sound = len(text) >= 4 and len(text) % 2 == 0 and not text.strip("0123456789ABCDEF")
        if sound and label.upper() in ("", "CGLA"):
            return text[:-4], text[-4:]
    return "", ""


def _eid_of(data: str) -> str | None:
    found = parse_line("eid", data, command="") if data else None
    return found.value if found is not None and found.fits else None


def _is_iot(data: str) -> bool:
    """Walk the elements of EUICCInfo2 and look for the one that only IoT cards have."""
    raw = bytes.fromhex(data)
    if not raw.startswith(_INFO2_TAG):
        return False
    place, _ = _length_at(raw, 2)
    while place < len(raw):
        tag = raw[place]
        two_bytes = tag & 0x1F == 0x1F
        place, size = _length_at(raw, place + 1 + two_bytes)
        if tag == _IOT_TAG:
            return True
        place += size
    return False


def _length_at(raw: bytes, place: int) -> tuple[int, int]:
    """Return where the value begins and how long it is (BER, ITU-T X.690 clause 8.1.3)."""
    if place >= len(raw):
        return len(raw), 0
    first = raw[place]
    if first < 0x80:
        return place + 1, first
    more = first & 0x7F
    return place + 1 + more, int.from_bytes(raw[place + 1 : place + 1 + more], "big")
