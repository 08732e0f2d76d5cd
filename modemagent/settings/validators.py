"""Validators of settings: one for each kind of value, from TOML or from the environment."""

import re
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.at import AUTO_BAUD
from modemagent.settings.addresses import is_file_url, is_host_port, is_http_url, is_port


class InvalidValue(ValueError):
    """An invalid value; the text completes the sentence "KEY must be"."""


class Validator(NamedTuple):
    """One kind of value.

    :param check: converts a TOML value to the value kept, or raises :class:`InvalidValue`
    :param from_text: converts a text of the environment to a TOML value
    """

    check: Callable[[object], Any]
    from_text: Callable[[str], object] = str


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidValue('a string in quotes that is not empty: "..."')
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
    except RuntimeError:  # raised by pathlib
        home = text.partition("/")[0]
        raise InvalidValue(f'a path; "{home}" has no home directory') from None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidValue('a list of strings, such as ["/dev/ttyUSB2"]')
    try:
        return tuple(_text(item) for item in value)
    except InvalidValue:
        raise InvalidValue('a list of strings, such as ["/dev/ttyUSB2"]') from None


def _ports(value: object) -> tuple[str, ...]:
    for text in (ports := _texts(value)):
        if not is_port(text):
            # show the prefix of an IMEI or ICCID, not the number
            shown = text if ":" not in text else text.partition(":")[0] + ":..."
            raise InvalidValue(
                'a list of device paths, ids of "modemagent list", socket://HOST:PORT or '
                f'rfc2217://HOST:PORT; "{shown}" is none of these'
            )
    return ports


def _registry(value: object) -> str:
    text = _text(value)
    scheme = text.partition("://")[0].lower()
    # a scheme without a sink is rejected by the table of sinks
    if scheme in ("http", "https"):
        is_valid = is_http_url(text)
    elif scheme == "file":
        is_valid = is_file_url(text)
    else:
        is_valid = re.match("[A-Za-z]+://", text) is not None
    if not is_valid:
        raise InvalidValue(
            "an address such as https://HOST, https://HOST:PORT or file:///PATH, without user name"
        )
    return text


def _proxy(value: object) -> str:
    text = _text(value)
    if not is_http_url(text, allow_user=True):
        raise InvalidValue("an address such as http://HOST:PORT")
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("true or false, without quotes")
    return value


def _baud(value: object) -> int | str:
    if value == AUTO_BAUD:
        return AUTO_BAUD
    if isinstance(value, bool) or not isinstance(value, int) or value not in baud_rates():
        raise InvalidValue(
            f'a supported baud rate, such as 9600, 57600, 115200 or 921600, or "{AUTO_BAUD}"'
        )
    return value


def baud_rates() -> frozenset[int]:
    """Return the baud rates that this system supports."""
    names = (name[1:] for name in dir(termios) if name.startswith("B"))
    return frozenset(int(name) for name in names if name.isdecimal() and int(name))


def _address(value: object) -> str:
    text = _text(value)
    if not is_host_port(text, least_port=0):
        raise InvalidValue('an address and a port, such as "127.0.0.1:9470" or "[::1]:9470"')
    return text


def _number(text: str) -> object:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


#: The texts that click accepts as a flag in the environment.
_FLAGS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True)
_FLAGS |= dict.fromkeys(("false", "f", "no", "n", "off", "0"), False)

GATEWAY_ID = Validator(_gateway_id)
FILE = Validator(_file)
TEXTS = Validator(_texts, str.split)
PORTS = Validator(_ports, str.split)
REGISTRY = Validator(_registry)
PROXY = Validator(_proxy)
FLAG = Validator(_flag, lambda text: _FLAGS.get(text.strip().lower(), text))
BAUD = Validator(_baud, _number)
ADDRESS = Validator(_address)


def one_of(*words: str) -> Validator:
    """Return the validator of a text that is one of a few words."""

    def check(value: object) -> str:
        if value not in words:
            raise InvalidValue("one of " + ", ".join(f'"{word}"' for word in words))
        return str(value)

    return Validator(check)


def seconds(least: float, most: float, *, zero: bool = False) -> Validator:
    """Return the validator of a duration; ``zero`` also allows 0, which means never."""

    def check(value: object) -> float:
        if not isinstance(value, bool) and isinstance(value, int | float):
            if least <= value <= most:
                return float(value)
            if zero and value == 0:
                return 0.0
        never = ", or 0 for never" if zero else ""
        raise InvalidValue(f"a number of seconds between {least:.15g} and {most:.15g}{never}")

    return Validator(check, _number)


def mebibytes(least: int, most: int) -> Validator:
    """Return the validator of a size on disk."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidValue(f"a whole number of MiB between {least} and {most}")
        return value

    return Validator(check, _number)
