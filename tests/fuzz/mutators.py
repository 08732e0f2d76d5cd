"""Ways to make a bad input from a good one, for lines as an AT port sends them.

Each mutator takes the bytes and a :class:`random.Random` and returns other bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

LONGEST = 8192
"""Bytes of an input at most: twice what is kept of a line."""

TOKENS: tuple[bytes, ...] = (
    b"OK", b"ERROR", b"+CME ERROR: ", b"+CMS ERROR: ", b"+CME ERROR: 10", b"NO CARRIER", b"ABORTED",
    b"COMMAND NOT SUPPORT", b"NA", b"0", b"4", b"AT", b"ATE0", b"ATE1", b"ATV0", b"AT+CGSN",
    b"AT+CGSN=1", b"AT+CIMI", b"AT+QCCID", b"AT+CPIN?", b"+CGSN: ", b"+CPIN: READY", b"+CPIN: ",
    b"+CREG: ", b"+CEREG: 2,5,", b"+COPS: 0,2,\"26201\",7", b"+CRSM: 144,0,", b"+QCCID: ",
    b"+ICCID: ", b"RDY", b"RING", b"+CMTI: \"SM\",1", b"^RSSI: 19", b"$GPGGA,1,2*5B", b"IMEI: ",
    b"352656100000010", b"8988303000000000010", b"901288000000001", b"98882390", b"89044",
    b"\r\n", b"\r", b"\n", b"\r\r\n", b"\x00", b"\"", b",", b";", b":", b"=", b"(", b")", b" ",
    b"\x1b[2J", b"\x1b]0;owned\x07", b"\x1b]52;c;b3du\x1b\\", b"\x1b]8;;http://x\x1b\\", b"\x9b31m",
    b"\xff", b"\xc3", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xed\xa0\x80", b"\xf0\x9f\x93\xb6",
    b"\xc2\xb2", b"\xd9\xa3", b"\xc4\xb1", b"\xef\xac\x80", b"\xc3\x9f", b"\xc2\x85",
    b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x1a", b"\x08", b"\x7f", b"\x7e",
    b"=cmd|'/C calc'!A0", b"');--", b"<b>",
    b"%s%n", b"{0}", b"$(id)", b"`id`", b"-1", b"0x", b"1e999", b"NaN", b"9" * 20, b"9" * 5000,
    b"F" * 40, b"\\22", b"null", b"[[exchange]]\n", b"{", b"[", b"true",
)  # fmt: skip

Mutator = Callable[[bytes, Random], bytes]


def _place(data: bytes, random: Random) -> int:
    return random.randint(0, len(data))


def flip(data: bytes, random: Random) -> bytes:
    """One bit, or one whole byte."""
    if not data:
        return b"\x00"
    at = random.randrange(len(data))
    new = data[at] ^ (1 << random.randrange(8)) if random.random() < 0.5 else random.randrange(256)
    return data[:at] + bytes((new,)) + data[at + 1 :]


def insert_token(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + random.choice(TOKENS) + data[at:]


def replace_token(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    token = random.choice(TOKENS)
    return data[:at] + token + data[at + len(token) :]


def cut_out(data: bytes, random: Random) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + random.randint(1, 1 + len(data) // 4) :]


def truncate(data: bytes, random: Random) -> bytes:
    return data[: _place(data, random)]


def repeat(data: bytes, random: Random) -> bytes:
    """A piece many times over."""
    at = _place(data, random)
    piece = data[at : at + random.randint(1, 16)]
    return data[:at] + piece * random.choice((2, 3, 8, 64, 512)) + data[at:]


def number(data: bytes, random: Random) -> bytes:
    """A digit run becomes another number: small, huge, negative."""
    starts = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
    if not starts:
        return insert_token(data, random)
    at = random.choice(starts)
    end = at
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    new = random.choice((b"0", b"-1", b"65536", b"4294967296", b"9" * 15, b"9" * 4400, b"00"))
    return data[:at] + new + data[end:]


def _by_lines(change: Callable[[list[bytes], Random], None]) -> Mutator:
    def mutate(data: bytes, random: Random) -> bytes:
        lines = data.split(b"\n")
        change(lines, random)
        return b"\n".join(lines)

    return mutate


def _double(lines: list[bytes], random: Random) -> None:
    at = random.randrange(len(lines))
    lines.insert(at, lines[at])


def _swap(lines: list[bytes], random: Random) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _drop(lines: list[bytes], random: Random) -> None:
    if len(lines) > 1:
        del lines[random.randrange(len(lines))]


def _new(lines: list[bytes], random: Random) -> None:
    lines.insert(random.randint(0, len(lines)), random.choice(TOKENS) + b"\r")


MUTATORS: Sequence[Mutator] = (
    flip,
    insert_token,
    replace_token,
    cut_out,
    truncate,
    repeat,
    number,
    _by_lines(_double),
    _by_lines(_swap),
    _by_lines(_drop),
    _by_lines(_new),
)


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return the input changed one to eight times, sometimes spliced with another one."""
    if others and random.random() < 0.15:
        other = random.choice(others)
        data = data[: _place(data, random)] + other[_place(other, random) :]
    for _ in range(1 << random.randrange(4)):
        data = random.choice(MUTATORS)(data, random)[:LONGEST]
    return data
