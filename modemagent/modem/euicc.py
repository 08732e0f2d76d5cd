"""Reading of the EID from the SIM itself over a logical channel; only on request.

A channel to the ISD-R is opened (AT+CCHO), two APDUs that only read are sent (AT+CGLA), and the
channel is closed (AT+CCHC). An M2M eUICC (SGP.02) refuses them; its EID is in the ECASD.

Sources: 3GPP TS 27.007 clauses 8.43, 8.45 and 8.46; GSMA SGP.22 clauses 5.7.8 (EUICCInfo2) and
5.7.20 (GetEID); SGP.02 clause 4.1.1.1 (EID in the ECASD); SGP.32 clause 5.9.2 (addition of an IoT
eUICC to EUICCInfo2); traces quectel-eg25-g, sierra-em7455b.
"""

from collections.abc import Generator
from typing import NamedTuple

from modemagent.at.fields import is_hex, parse_information
from modemagent.at.steps import Outcome, Response, Step
from modemagent.channel.restore import channel_session_id
from modemagent.dialects.parsers import parse_value
from modemagent.identity.snapshot import ReadState
from modemagent.modem.at_client import AtClient

APDU_TIMEOUT_S = 30.0
ISD_R = "A0000005591010FFFFFFFF8900000100"
ECASD = "A0000005591010FFFFFFFF8900000200"
GET_EID = "E2910006BF3E035C015A"
GET_EUICC_INFO2 = "E2910003BF2200"
GET_DATA_EID = "CA005A12"

#: CME errors of a modem without the command.
_UNSUPPORTED = (3, 4, 50, 100)
_DONE = "9000"
_MORE = "61"
#: Status words after which another class byte is tried: wrong logical channel, wrong class.
_WRONG_CLASS = ("6881", "6E00", "6D00")
_MOST_CHUNKS = 8
#: [20] IoTSpecificInfo of EUICCInfo2, which every SGP.32 eUICC has.
_IOT_TAG = 0xB4
_INFO2_TAG = b"\xbf\x22"


class Euicc(NamedTuple):
    """What a SIM reports about itself.

    :param read: how reading ended: ``absent`` if the SIM is not an eUICC, ``unsupported`` if the
        modem gives no access to it
    :param kind: ``m2m``, ``consumer`` or ``iot``; None if it is not known
    """

    eid: str | None
    read: ReadState
    kind: str | None = None


def read_euicc(client: AtClient) -> Generator[Step, Outcome, Euicc]:
    """Read the EID from the SIM; every channel that was opened is closed again."""
    session, refused = yield from _open(client, ISD_R)
    if session is None:
        return Euicc(None, refused)
    channel = _Channel(client, session)
    eid = _eid_of((yield from channel.exchange(GET_EID)))
    kind = None
    if eid is not None:
        kind = "iot" if _is_iot((yield from channel.exchange(GET_EUICC_INFO2))) else "consumer"
    yield from _close(client, session)
    if eid is None:
        session, _ = yield from _open(client, ECASD)
        if session is not None:
            eid = _eid_of((yield from _Channel(client, session).exchange(GET_DATA_EID)))
            kind = "m2m" if eid is not None else None
            yield from _close(client, session)
    return Euicc(eid, ReadState.FAILED if eid is None else ReadState.OK, kind)


def _open(client: AtClient, aid: str) -> Generator[Step, Outcome, tuple[str | None, ReadState]]:
    line = f'AT+CCHO="{aid}"'
    response = yield from client.send(line, APDU_TIMEOUT_S)
    client.record_evidence("eid", response, "session")
    if response.timed_out:
        yield from client.resync()
    session, final = channel_session_id(response), response.final
    if final is None:
        return session, ReadState.TIMEOUT
    if session is not None:
        return session, ReadState.OK
    has_command = final.kind == "cme" and final.code not in _UNSUPPORTED
    return None, ReadState.ABSENT if has_command else ReadState.UNSUPPORTED


def _close(client: AtClient, session: str) -> Generator[Step, Outcome, None]:
    yield from client.query(f"AT+CCHC={session}", APDU_TIMEOUT_S)


class _Channel:
    """One open logical channel.

    :ivar classes: class bytes to try. The class byte contains the number of the logical channel.
        A short session id usually is that number; for a handle of the modem's own, the first
        free channel is the most likely
    """

    def __init__(self, client: AtClient, session: str) -> None:
        self.client = client
        self.session = session
        number = int(session) if session.isdigit() and len(session) <= 2 else 0
        first = 0x80 | number if 0 < number < 4 else 0xC0 | number - 4 if 3 < number < 20 else 0x81
        self.classes = list(dict.fromkeys((first, 0x81, 0x82, 0x83)))

    def exchange(self, apdu: str) -> Generator[Step, Outcome, str]:
        """Send one APDU and return the data of its response in hexadecimal, ``""`` for none."""
        while self.classes:
            own = self.classes[0]
            data, status = yield from self._send(f"{own:02X}{apdu}")
            if status in _WRONG_CLASS:
                self.classes.pop(0)
                continue
            # GET RESPONSE is an interindustry command (ISO 7816-4), but some modems require the
            # class byte of the command.
            more_classes = [own & 0x43, own]
            for _ in range(_MOST_CHUNKS):
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
        response = yield from self.client.send(line, APDU_TIMEOUT_S)
        self.client.record_evidence("eid", response, "apdu")
        if response.timed_out:
            yield from self.client.resync()
        return _apdu_response(response)


def _apdu_response(response: Response) -> tuple[str, str]:
    """Return data and status word in a response to AT+CGLA, two empty texts if it has none."""
    for line in map(parse_information, response.lines):
        text = line.text(-1).upper()
        if line.name in ("", "+CGLA") and len(text) >= 4 and len(text) % 2 == 0 and is_hex(text):
            return text[:-4], text[-4:]
    return "", ""


def _eid_of(data: str) -> str | None:
    found = parse_value("eid", data, command="") if data else None
    return found.value if found is not None and found.fits else None


def _is_iot(data: str) -> bool:
    """Return True if EUICCInfo2 contains the element that only IoT eUICCs have."""
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
    """Return offset and length of a value (BER, ITU-T X.690 clause 8.1.3)."""
    if place >= len(raw):
        return len(raw), 0
    first = raw[place]
    if first < 0x80:
        return place + 1, first
    more = first & 0x7F
    return place + 1 + more, int.from_bytes(raw[place + 1 : place + 1 + more], "big")
