"""The kinds of values a setting can have: each reads TOML values and words of the environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.settings.addresses import is_file_address, is_place, is_port, is_web_address


class InvalidValue(ValueError):
    """A value that can not be used; the text completes "KEY must be"."""


class Validator(NamedTuple):
    """One kind of value.

    :param check: takes a TOML value and returns what is kept of it, or raises :class:`InvalidValue`
    :param of_words: makes the TOML value out of a text of the environment
    """

    check: Callable[[object], Any]
    of_words: Callable[[str], object] = str


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidValue('a text in quotes that is not empty, as "..."')
    return value


def _gateway_id(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", text):
        raise InvalidValue(
            "at most 128 letters, digits and . _ : - beginning with a letter or digit"
        )
    return text


def _file(value: object) -> Path:
    text = _text(value)
    try:
        return Path(text).expanduser()
    except RuntimeError:  # pathlib's word for it
        home = text.partition("/")[0]
        raise InvalidValue(f'a path, and there is no home directory for "{home}"') from None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidValue('a list of texts, as ["/dev/ttyUSB2"]')
    try:
        return tuple(_text(item) for item in value)
    except InvalidValue:
        raise InvalidValue('a list of texts, as ["/dev/ttyUSB2"]') from None


def _ports(value: object) -> tuple[str, ...]:
    for text in (ports := _texts(value)):
        if not is_port(text):
            # no more than the kind of a number: an IMEI is nobody else's business
            shown = text if ":" not in text else text.partition(":")[0] + ":..."
            raise InvalidValue(
                'a list of device paths, ids of "modemagent list", socket://HOST:PORT or '
                f'rfc2217://HOST:PORT, and "{shown}" is none of them'
            )
    return ports


def _registry(value: object) -> str:
    text = _text(value)
    scheme = text.partition("://")[0].lower()
    # a scheme that no sink has is named by the table of sinks
    if scheme in ("http", "https"):
        is_right = is_web_address(text)
    elif scheme == "file":
        is_right = is_file_address(text)
    else:
        is_right = re.match("[A-Za-z]+://", text) is not None
    if not is_right:
        raise InvalidValue(
            "an address as https://HOST, https://HOST:PORT or file:///PATH, without a user"
        )
    return text


def _proxy(value: object) -> str:
    text = _text(value)
    if not is_web_address(text, user_allowed=True):
        raise InvalidValue("an address as http://HOST:PORT")
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("true or false, without quotes")
    return value


def _baud(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in speeds():
        raise InvalidValue(
            "a speed that serial ports can be set to, as 9600, 57600, 115200 or 921600"
        )
    return value


def speeds() -> frozenset[int]:
    """Return the speeds a terminal of this system can be set to, in bits a second."""
    import termios

    names = (name[1:] for name in dir(termios) if name.startswith("B"))
    return frozenset(int(name) for name in names if name.isdecimal() and int(name))


def _address(value: object) -> str:
    text = _text(value)
    if not is_place(text, least_port=0):
        raise InvalidValue('an address and a port, as "127.0.0.1:9470" or "[::1]:9470"')
    return text


def _number_of_words(words: str) -> object:
    try:
        return int(words)
    except ValueError:
        pass
    try:
        return float(words)
    except ValueError:
        return words


# what click takes for a flag in the environment
_FLAGS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True)
_FLAGS |= dict.fromkeys(("false", "f", "no", "n", "off", "0"), False)

GATEWAY_ID = Validator(_gateway_id)
FILE = Validator(_file)
TEXTS = Validator(_texts, str.split)
PORTS = Validator(_ports, str.split)
REGISTRY = Validator(_registry)
PROXY = Validator(_proxy)
FLAG = Validator(_flag, lambda words: _FLAGS.get(words.strip().lower(), words))
BAUD = Validator(_baud, _number_of_words)
ADDRESS = Validator(_address)


def one_of(*words: str) -> Validator:
    """Return the kind of a text that is one of a few words."""

    def check(value: object) -> str:
        if value not in words:
            raise InvalidValue("one of " + ", ".join(f'"{word}"' for word in words))
        return str(value)

    return Validator(check)


def seconds(least: float, most: float, *, zero: bool = False) -> Validator:
    """Return the kind of a duration; ``zero`` also allows 0, which stands for never."""

    def check(value: object) -> float:
        if not isinstance(value, bool) and isinstance(value, int | float):
            if least <= value <= most:
                return float(value)
            if zero and value == 0:
                return 0.0
        off = ", or 0 for never" if zero else ""
        raise InvalidValue(f"a number of seconds between {least:.15g} and {most:.15g}{off}")

    return Validator(check, _number_of_words)


def mebibytes(least: int, most: int) -> Validator:
    """Return the kind of a size on disk."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidValue(f"a whole number of MiB between {least} and {most}")
        return value

    return Validator(check, _number_of_words)
