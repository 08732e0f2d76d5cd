"""Responses of the benchmarks' simulated modems: tables, without code of the package.

One table for a Quectel EG25-G, with the commands of gammu and python-gsmmodem, and one personality
for each recorded transcript in ``fixtures/transcripts``, read with ``tomllib``.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "transcripts"

FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT", re.IGNORECASE)


class Reply(NamedTuple):
    """The bytes of a response: information lines, and the final result with its CR LF."""

    information: bytes
    final: bytes


class Personality(NamedTuple):
    """A modem.

    :ivar replies: command in upper case to its responses, which alternate
    :ivar expected: the right ``imei``, ``imsi`` and ``iccid``; None if the modem has none
    """

    name: str
    echo: bool
    replies: dict[str, list[Reply]]
    expected: dict[str, str | None]


OK = Reply(b"", b"\r\nOK\r\n")
REFUSED = Reply(b"", b"\r\nERROR\r\n")

#: Commands that every modem answers, recorded or not.
COMMON = {"AT": OK, "ATZ": OK, "ATE0": OK, "ATE1": OK}

#: The lines of an EG25-G behind AT. Settings are accepted and forgotten. Forms of the answers:
#: Quectel EC2x/EG9x/EG2x-G AT commands manual, and the transcript of this repository.
EG25: dict[str, tuple[str, ...]] = {
    "I": ("Quectel", "EG25", "Revision: EG25GGBR07A08M2G"),
    "+CGMI": ("Quectel",),
    "+CGMM": ("EG25",),
    "+CGMR": ("EG25GGBR07A08M2G",),
    "+GMI": ("Quectel",),
    "+GMM": ("EG25",),
    "+GMR": ("EG25GGBR07A08M2G",),
    "+CGSN": ("865284040000014",),
    "+GSN": ("865284040000014",),
    "+CIMI": ("310260000000011",),
    "+QCCID": ("+QCCID: 8901260000000000014F",),
    "+ICCID": ("+ICCID: 8901260000000000014F",),
    "+CPIN?": ("+CPIN: READY",),
    "+CFUN?": ("+CFUN: 1",),
    "+CFUN=1": (),
    "+CMEE=0": (),
    "+CMEE=1": (),
    "+CMEE=2": (),
    "+CSQ": ("+CSQ: 21,99",),
    "+CREG?": ("+CREG: 0,1",),
    "+CREG=2": (),
    "+COPS=3,0": (),
    "+COPS=3,2": (),
    "+COPS?": ('+COPS: 0,0,"T-Mobile",7',),
    "+CSCS?": ('+CSCS: "GSM"',),
    "+CSCS=?": ('+CSCS: ("GSM","IRA","UCS2")',),
    '+CSCS="GSM"': (),
    '+CSCS="UCS2"': (),
    "+CMGF=0": (),
    "+CMGF=1": (),
    "+CSCA?": ('+CSCA: "+12063130004",145',),
    "+CSMP=17,167,0,0": (),
    "+CPMS?": ('+CPMS: "ME",0,255,"ME",0,255,"ME",0,255',),
    "+CPMS=?": ('+CPMS: ("SM","ME","MT"),("SM","ME","MT"),("SM","ME","MT")',),
    '+CPMS="ME","ME","ME"': (),
    "+CNMI?": ("+CNMI: 2,1,0,0,0",),
    "+CNMI=?": ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",),
    "+CNMI=2,1,0,2": (),
    "+CNMI=2,1,0,1,0": (),
    "+CLIP=1": (),
    "+CRC=1": (),
    "+CVHU=0": (),
    "+CLAC": ("+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CPIN", "+CSCS", "+CPMS", "+CNMI"),
}


def reply(lines: list[str]) -> Reply:
    """Return the bytes of recorded lines; ``""`` is an empty line."""
    *information, final = lines
    spaced = bool(information) and information[-1] == ""
    if spaced:
        information.pop()
    text = "\r\n" + "\r\n".join(information) + "\r\n" if information else ""
    lead = "\r\n" if spaced or not information else ""
    return Reply(text.encode(), f"{lead}{final}\r\n".encode())


def eg25(number: int = 0) -> Personality:
    """Return the EG25-G with the numbers of unit ``number``."""
    replies = {f"AT{line}": [reply([*lines, "", "OK"])] for line, lines in EG25.items()}
    replies |= {line: [answer] for line, answer in COMMON.items()}
    expected: dict[str, str | None] = {
        "imei": "865284040000014",
        "imsi": "310260000000011",
        "iccid": "8901260000000000014",
    }
    return renumbered(Personality("quectel-eg25-g", True, replies, expected), number)


def recorded() -> list[Personality]:
    """Return a personality for each transcript with all three numbers and complete responses.

    The others make a careful reader wait for seconds, for a final result that never arrives or a
    SIM that may still be starting. Such a wait would hide everything else.
    """
    found = (_recorded(folder) for folder in sorted(TRANSCRIPTS.iterdir()) if folder.is_dir())
    return [personality for personality in found if personality is not None]


def _recorded(folder: Path) -> Personality | None:
    transcript = tomllib.loads((folder / "transcript.toml").read_text())
    readings = tomllib.loads((folder / "expected.toml").read_text())["reading"]
    ordinary = next(reading for reading in readings if not reading.get("state"))
    replies: dict[str, list[Reply]] = {}
    for exchange in transcript["exchange"]:
        if exchange.get("state"):
            continue
        lines = exchange.get("lines") or _lines_of(exchange.get("raw", ""), exchange["send"])
        if not lines or not FINAL.fullmatch(lines[-1]):
            return None
        replies.setdefault(exchange["send"].upper(), []).append(reply(lines))
    for line, answer in COMMON.items():
        replies.setdefault(line, [answer])
    expected = _numbers(ordinary)
    if None in expected.values():
        return None
    return Personality(folder.name, transcript.get("echo_default", True), replies, expected)


def _numbers(reading: dict[str, Any]) -> dict[str, str | None]:
    modem, sim = reading["modem"], reading["sim"]
    return {"imei": modem.get("imei"), "imsi": sim.get("imsi"), "iccid": sim.get("iccid")}


def _lines_of(raw: str, sent: str) -> list[str]:
    body = raw.removeprefix(sent + "\r").removeprefix("\r\n").removesuffix("\r\n")
    return body.split("\r\n") if body else []


def luhn(body: str) -> str:
    """Return the digits followed by their check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def renumbered(personality: Personality, unit: int) -> Personality:
    """Return another unit of the same kind, with other numbers in every response.

    A number that appears only in another form (nibbles swapped) is kept.
    """
    expected = dict(personality.expected)
    changes: list[tuple[bytes, bytes]] = []
    sent = b"".join(answer.information for turn in personality.replies.values() for answer in turn)
    for field, number in personality.expected.items():
        if unit and number and number.isdigit() and number.encode() in sent:
            other = _other(field, number, unit)
            expected[field] = other
            changes.append((number.encode(), other.encode()))
            if field == "imei":  # an IMEISV begins with the same fourteen digits
                changes.append((number[:14].encode(), other[:14].encode()))

    def changed(answer: Reply) -> Reply:
        information = answer.information
        for old, new in changes:
            information = information.replace(old, new)
        return Reply(information, answer.final)

    replies = {line: [changed(a) for a in turn] for line, turn in personality.replies.items()}
    return personality._replace(replies=replies, expected=expected)


def _other(field: str, number: str, unit: int) -> str:
    if field == "imsi":
        return number[:-3] + f"{(int(number[-3:]) + 37 * unit) % 1000:03d}"
    body = number[:-1]
    body = body[:-3] + f"{(int(body[-3:]) + 37 * unit) % 1000:03d}"
    return luhn(body) if luhn(number[:-1]) == number else body + number[-1]
