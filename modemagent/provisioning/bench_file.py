"""The settings of a station: ``bench.toml``, with its bays, people, scanners and printers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.errors import SettingsError
from modemagent.provisioning.people import StationPerson, people_in

DEFAULT_BENCH_FILE = Path("/etc/modemagent/bench.toml")
#: What begins the turn of a unit at a serial line: its device appears, it answers, the code of its
#: bay is scanned, a person presses a key, or another program sends the act ``start``.
TRIGGERS = ("plug", "auto", "scan", "key", "hook")
_REGISTRY_MODES = ("queue", "confirm", "none")


class BenchHook(NamedTuple):
    """A step of the user: a command that receives the run and answers with a verdict.

    :param after: name of the step that it follows
    :param exclusive: name of an instrument that one bay at a time uses; "" for none
    """

    name: str
    command: tuple[str, ...] = ()
    entry_point: str = ""
    after: str = "unique"
    timeout_s: float = 30.0
    blame: str = "unit"
    waived_by: str = "lead"
    exclusive: str = ""


class ScanFrame(NamedTuple):
    """What a scanner sends before and after each code."""

    prefix: str = ""
    suffix: str = ""

    def without(self, text: str) -> str:
        """Return the code.

        >>> ScanFrame("#", "!").without("#MA-OK!"), ScanFrame("#").without("MA-OK")
        ('MA-OK', 'MA-OK')
        """
        return text.removeprefix(self.prefix).removesuffix(self.suffix)


class BenchSettings(NamedTuple):
    """Settings of one station.

    :param bays: number of the bay, and its socket, path or URL
    :param trigger: one of :data:`TRIGGERS`, for bays that are paths or URLs
    :param boot_s: time within which a module has to answer
    :param sim_s: time within which a SIM card has to be ready
    :param retests: failed turns that may be repeated without a reason
    :param waivers: file of standing waivers
    :param station_check_h: age at which a station check is due; 0: none is required
    :param label_formats: patterns of whole labels with groups named after fields
    :param serial_format: pattern of a serial number, "" for any
    :param token_file: token of scope gateway, to report with
    :param read_token_file: token of scope read, to check units with
    :param registry_export: file of ``registry export modems``, for times without a connection
    :param frames: name of a scanner, and what it adds to each code
    :param hubs: socket of a hub between controller and bays, and its ids and number of ports
    :param rechecks: units that have passed are checked again; set for one session
    :param golden: IMEI of a module of the station that has to pass; counted nowhere
    :param bad: IMEI of another one that has to fail
    :param bad_step: the step that it has to fail first
    :param hooks: steps of the user
    :param screen: where the browser screen listens, HOST:PORT; "" for none
    :param screen_token_file: file with what a browser has to know
    """

    station: str = "bench"
    bays: Mapping[str, str] = {}
    trigger: str = "plug"
    boot_s: float = 60.0
    sim_s: float = 45.0
    retests: int = 1
    waivers: str = ""
    registry: str = "none"
    registry_url: str = ""
    registry_export: str = ""
    token_file: str = ""
    read_token_file: str = ""
    printer: str = ""
    dpi: int = 203
    label_template: str = "imei-40x20"
    scanners: tuple[str, ...] = ()
    frames: Mapping[str, ScanFrame] = {}
    hubs: Mapping[str, str] = {}
    rechecks: bool = False
    tacs: tuple[str, ...] = ()
    station_check_h: float = 0.0
    require_operator: bool = False
    allow_typed: bool = True
    label_formats: tuple[str, ...] = ()
    serial_format: str = ""
    golden: str = ""
    bad: str = ""
    bad_step: str = ""
    sign_key: str = ""
    columns: int = 4
    people: Mapping[str, StationPerson] = {}
    hooks: tuple[BenchHook, ...] = ()
    on_verdict: tuple[str, ...] = ()
    screen: str = ""
    screen_token_file: str = ""

    def starts_by(self, bay: str, *triggers: str) -> bool:
        """Return True if the turn of a unit in a bay is begun in one of these ways."""
        return self.trigger in triggers and is_path(self.bays.get(bay, ""))

    @property
    def checks_units(self) -> bool:
        """True if units are checked at the registry, which needs HTTP and a token to read with."""
        is_http = self.registry_url.lower().startswith(("http://", "https://"))
        return self.registry != "none" and is_http and self.read_token_file != ""


_TYPES: Mapping[str, tuple[type, ...]] = {
    "station": (str,), "boot_s": (int, float), "sim_s": (int, float), "retests": (int,),
    "trigger": (str,), "waivers": (str,),
    "registry": (str,), "registry_url": (str,),
    "registry_export": (str,), "token_file": (str,), "read_token_file": (str,), "printer": (str,),
    "dpi": (int,),
    "label_template": (str,), "scanners": (list,), "tacs": (list,),
    "station_check_h": (int, float), "require_operator": (bool,), "allow_typed": (bool,),
    "golden": (str,), "bad": (str,), "bad_step": (str,), "sign_key": (str,), "columns": (int,),
    "on_verdict": (list,), "label_formats": (list,), "serial_format": (str,),
    "screen": (str,), "screen_token_file": (str,),
}  # fmt: skip

#: What a value is called in a message.
_KINDS = {
    str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false",
    list: "a list",
}  # fmt: skip


def is_path(target: str) -> bool:
    """Return True if a bay is a device path or a URL, not a USB socket."""
    return target.startswith("/") or "://" in target


def read_bench(file: Path) -> BenchSettings:
    """Return the settings in a file.

    :raises SettingsError: it cannot be read, or a key of it is wrong
    """
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"the settings of the station, {file}, cannot be read: {reason}",
            hint="See docs/bench.md for an example.",
        ) from error
    return parse_bench(table, file)


def parse_bench(table: Mapping[str, Any], file: Path = DEFAULT_BENCH_FILE) -> BenchSettings:
    """Return the settings in a table.

    :raises SettingsError: a key of it is wrong
    """
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "bays":
            values[key] = _bays(value, file)
        elif key == "scanner":
            values["frames"] = _frames(value, file)
        elif key == "hubs":
            values[key] = _hubs(value, file)
        elif key == "people":
            values[key] = people_in(value, file)
        elif key == "step":
            values["hooks"] = tuple(_hook(each, file) for each in value)
        elif key not in _TYPES:
            known = ("bays", "hubs", "people", "scanner", "step", *_TYPES)
            near = get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            raise _wrong(file, f"unknown key {key!r}", hint)
        elif not isinstance(value, _TYPES[key]) or isinstance(value, bool) != (bool in _TYPES[key]):
            raise _wrong(file, f"{key} must be {_KINDS[_TYPES[key][-1]]}", "See docs/bench.md.")
        else:
            values[key] = tuple(map(str, value)) if isinstance(value, list) else value
    for pattern in (*values.get("label_formats", ()), values.get("serial_format", "")):
        try:
            re.compile(pattern)
        except re.error as error:
            remedy = "Write it in single quotes, as a regular expression."
            raise _wrong(file, f"the pattern {pattern!r} is wrong: {error}", remedy) from error
    if values.get("registry_url"):
        values.setdefault("registry", "queue")
    settings = BenchSettings(**values)
    for name, words in (("registry", _REGISTRY_MODES), ("trigger", TRIGGERS)):
        if (value := getattr(settings, name)) not in words:
            raise _wrong(file, f"{name} is {value!r}", f"Use one of: {', '.join(words)}.")
    return settings


def _bays(value: Any, file: Path) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _wrong(file, "bays must be a table", '"01" = "SOCKET", see: provision bays learn')
    twice = [each for each in value.values() if list(value.values()).count(each) > 1]
    if twice:
        raise _wrong(file, f"two bays have {twice[0]}", "Give each socket one number.")
    return dict(sorted(value.items()))


def _frames(value: Any, file: Path) -> dict[str, ScanFrame]:
    given: dict[str, Any] = value if isinstance(value, dict) else {"": value}
    for table in given.values():
        is_table = isinstance(table, dict) and table.keys() <= set(ScanFrame._fields)
        if not is_table or not all(isinstance(each, str) for each in table.values()):
            remedy = 'Example: [scanner.keyboard], prefix = "\\u0002", suffix = "\\u0003"'
            raise _wrong(file, "a scanner has the keys prefix and suffix", remedy)
    return {name: ScanFrame(**table) for name, table in given.items()}


def _hubs(value: Any, file: Path) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _wrong(file, "hubs must be a table", "Write it with: provision bays hubs")
    return value


def _hook(value: Mapping[str, Any], file: Path) -> BenchHook:
    unknown = value.keys() - set(BenchHook._fields)
    if unknown or "name" not in value or not (value.get("command") or value.get("entry_point")):
        why = f"unknown key {min(unknown)!r}" if unknown else "name and command are required"
        raise _wrong(file, f"a step cannot be used: {why}", "See docs/bench.md.")
    command = value.get("command", ())
    words = (command,) if isinstance(command, str) else tuple(map(str, command))
    return BenchHook(**{**value, "command": words})


def _wrong(file: Path, message: str, hint: str) -> SettingsError:
    return SettingsError(f"{file}: {message}", hint=hint)
