"""One TOML file -> frozen :class:`Settings`, with mistakes named by key, line and remedy.

The keys are those of ``modemagent run``'s options, with ``_`` for ``-``; durations are in seconds.
What is given on the command line or in the environment goes before the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.errors import SettingsError

DEFAULT_FILE = Path("/etc/modemagent/agent.toml")
DEFAULT_STATE_DIR = Path("/var/lib/modemagent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the agent can be told.

    :param port: ports to watch whether they exist or not: device paths, ``socket://``,
        ``rfc2217://``
    :param port_glob: patterns of device paths; what matches now is watched
    :param discovery: watch the cellular modems the system shows by itself
    :param poll_interval: seconds between looks at a modem that gives no sign by itself
    :param refresh_interval: seconds between full reports when nothing changes
    :param heartbeat_interval: seconds between heartbeats; 0 sends none
    :param eid_by_apdu: ask the card itself for its EID where the modem has no command for it
    :param network: report operator and registration with each full reading
    :param evidence: report with each value the answer it was read from
    """

    gateway_id: str | None = None
    state_dir: Path = DEFAULT_STATE_DIR
    registry: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    proxy: str | None = None
    compress: bool = True
    port: tuple[str, ...] = ()
    port_glob: tuple[str, ...] = ()
    discovery: bool = True
    baud: int = 115200
    poll_interval: float = 60.0
    refresh_interval: float = 86400.0
    heartbeat_interval: float = 0.0
    eid_by_apdu: bool = False
    network: bool = True
    evidence: bool = True


class Mistake(NamedTuple):
    """One thing that is wrong in a settings file; ``line`` counts from 1, 0 when unknown."""

    key: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.message}"


class _Wrong(ValueError):
    """A value that can not be used; the text completes "KEY must be"."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _Wrong('a text in quotes that is not empty, as "..."')
    return value


def _gateway_id(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", text):
        raise _Wrong("at most 128 letters, digits and . _ : - beginning with a letter or digit")
    return text


def _file(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _Wrong('a list of texts, as ["/dev/ttyUSB2"]')
    try:
        return tuple(_text(item) for item in value)
    except _Wrong:
        raise _Wrong('a list of texts, as ["/dev/ttyUSB2"]') from None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false, without quotes")
    return value


def _baud(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 300 <= value <= 4_000_000:
        raise _Wrong("a speed in bits a second between 300 and 4000000")
    return value


def _seconds(least: float, most: float, *, zero: bool = False) -> Callable[[object], float]:
    def check(value: object) -> float:
        if not isinstance(value, bool) and isinstance(value, int | float):
            if least <= value <= most:
                return float(value)
            if zero and value == 0:
                return 0.0
        off = ", or 0 for never" if zero else ""
        raise _Wrong(f"a number of seconds between {least:g} and {most:g}{off}")

    return check


_CHECKS: Mapping[str, Callable[[object], Any]] = {
    "gateway_id": _gateway_id,
    "state_dir": _file,
    "registry": _text,
    "token_file": _file,
    "ca_file": _file,
    "client_cert_file": _file,
    "client_key_file": _file,
    "proxy": _text,
    "compress": _flag,
    "port": _texts,
    "port_glob": _texts,
    "discovery": _flag,
    "baud": _baud,
    "poll_interval": _seconds(0.1, 86400),
    "refresh_interval": _seconds(1, 30 * 86400, zero=True),
    "heartbeat_interval": _seconds(1, 30 * 86400, zero=True),
    "eid_by_apdu": _flag,
    "network": _flag,
    "evidence": _flag,
}
KEYS = tuple(field.name for field in fields(Settings))


def check(text: str) -> tuple[Settings, tuple[Mistake, ...]]:
    """Read settings from TOML text; what is wrong is left at its default and named."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found.group(1)) if found else text.count("\n") + 1
        said = re.sub(r" \(at .*\)$", "", str(error))
        remedy = 'A line is: key = value, with texts in "quotes".'
        return Settings(), (Mistake("", line, f"this is no TOML: {said}", remedy),)
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key, value in table.items():
        line = _line_of(text, key)
        if key not in _CHECKS:
            mistakes.append(_unknown(key, line))
            continue
        try:
            values[key] = _CHECKS[key](value)
        except _Wrong as wrong:
            mistakes.append(Mistake(key, line, f"{key} must be {wrong}", f"Correct {key}."))
    return Settings(**values), tuple(mistakes)


def _unknown(key: str, line: int) -> Mistake:
    from difflib import get_close_matches

    near = get_close_matches(key, KEYS, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(KEYS)}."
    return Mistake(key, line, f"there is no setting {key!r}", remedy)


def _line_of(text: str, key: str) -> int:
    wanted = re.compile(rf"\s*(?:\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[\].=]")
    for number, line in enumerate(text.splitlines(), 1):
        if wanted.match(line):
            return number
    return 0


def load(file: Path | None = None, given: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of a file with what was given on the call put over them.

    A token file that is not named is the one systemd hands over, if there is one.

    :param file: None reads :data:`DEFAULT_FILE`, and the defaults when there is none
    :param given: setting -> value; None values were not given
    :raises SettingsError: for the first mistake, with how many more there are
    """
    named = file or DEFAULT_FILE
    settings = Settings()
    try:
        text = named.read_text("utf-8")
    except FileNotFoundError:
        if file is not None:
            raise SettingsError(
                f"there is no settings file {file}", hint="Name another one with --config."
            ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the settings file {named} can not be read: {error}",
            hint="Check who may read it, and that it is UTF-8 text.",
        ) from None
    else:
        settings, mistakes = check(text)
        if mistakes:
            more = f" ({len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
            raise SettingsError(f"{named}, {mistakes[0]}{more}", hint=mistakes[0].remedy)
    settings = overlaid(settings, given or {})
    if settings.token_file is None and (handed := _credential()) is not None:
        settings = overlaid(settings, {"token_file": handed})
    return settings


def _credential() -> Path | None:
    """Return the token that systemd hands a service (``LoadCredential=token:...``), if it does.

    A blank one is the unit's stand-in for a token that nobody has written yet.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    file = Path(folder) / "token"
    try:
        return file if file.read_bytes().strip() else None
    except OSError:
        return None


def overlaid(settings: Settings, given: Mapping[str, object]) -> Settings:
    """Return settings with given values checked and put over them.

    :raises SettingsError: a given value can not be used
    """
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    for key, value in given.items():
        if value is None:
            continue
        try:
            values[key] = _CHECKS[key](str(value) if isinstance(value, Path) else value)
        except _Wrong as wrong:
            option = f"--{key.replace('_', '-')}"
            raise SettingsError(
                f"{option} must be {wrong}", hint="See: modemagent run --help"
            ) from None
    return Settings(**values)
