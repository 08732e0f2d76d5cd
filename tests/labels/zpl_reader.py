"""A reader of ZPL that shares nothing with the writer: commands, fields and Code 128 values."""

from __future__ import annotations

import re
from typing import NamedTuple

# Code 128 as ^BC takes it (ZPL II Programming Guide, invocation characters)
_CONTROL = {"5": 99, "6": 100, "7": 101, "8": 102, "9": 103, ":": 104, ";": 105}
_SIGNS = {"0": ">", "<": "^", "=": "~"}


class ZplField(NamedTuple):
    """What is between ^FO and ^FS; ``how`` are its other commands with their parameters."""

    x: int
    y: int
    how: dict[str, str]
    data: str


def read(data: bytes) -> tuple[list[str], list[ZplField]]:
    """Return all commands by name, and the fields.

    :raises AssertionError: bytes outside of commands, or a field without its end
    """
    text = data.decode("ascii")
    assert re.match(r"\^XA", text), "the format does not begin with ^XA"
    names, fields = [], []
    place: tuple[int, int] | None = None
    how: dict[str, str] = {}
    for name, rest in re.findall(r"[\^~]([A-Z][A-Z0-9])([^\^~]*)", text):
        names.append(name)
        rest = rest.rstrip("\n")
        if name == "FO":
            assert place is None, "a field began before the last one ended"
            x, y = rest.split(",")
            place = int(x), int(y)
        elif name == "FS":
            assert place is not None
            fields.append(ZplField(*place, how, _unescaped(how.pop("FD", ""), how.pop("FH", ""))))
            place, how = None, {}
        else:
            how[name] = rest
    assert place is None
    return names, fields


def _unescaped(data: str, sign: str) -> str:
    if not sign:
        return data
    parts = re.split(re.escape(sign) + "([0-9A-F]{2})", data)
    raw = b"".join(
        bytes.fromhex(part) if n % 2 else part.encode("ascii") for n, part in enumerate(parts)
    )
    return raw.decode("utf-8")


def code_values(data: str) -> tuple[int, ...]:
    """Return the values of a Code 128 symbol from the data of ^BC in mode N."""
    values, in_c = list[int](), False
    while data:
        if data[0] == ">" and data[1] in _CONTROL:
            values.append(_CONTROL[data[1]])
            if data[1] != "8":
                in_c = data[1] in "5;"
            data = data[2:]
        elif in_c:
            values.append(int(data[:2]))
            data = data[2:]
        elif data[0] == ">":
            values.append(ord(_SIGNS[data[1]]) - 32)
            data = data[2:]
        else:
            values.append(ord(data[0]) - 32)
            data = data[1:]
    return tuple(values)
