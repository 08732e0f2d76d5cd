"""Where settings come from, the later before the earlier: default, file, environment, option.

Every key can be given in the environment as ``MODEMAGENT_RUN_<KEY>``, for containers that have no
file; lists are divided by blanks, flags are ``true`` or ``false``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.errors import SettingsError
from modemagent.settings.table import BY_NAME, DEFAULT_FILE, KEYS, Settings
from modemagent.settings.toml_file import Mistake, values_of
from modemagent.settings.validators import InvalidValue

PREFIX = "MODEMAGENT_RUN_"
NO_DISCOVERY = f"{PREFIX}NO_DISCOVERY"


class FileRefused(SettingsError):
    """A settings file with mistakes; the message is the first of them."""

    def __init__(self, file: Path, mistakes: tuple[Mistake, ...]) -> None:
        more = f" ({len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        hint = mistakes[0].remedy
        if more:
            hint += f" See all: modemagent config check {file}"
        super().__init__(f"{file}, {mistakes[0]}{more}", hint=hint)
        self.mistakes = mistakes


class Origin(NamedTuple):
    """Where a value comes from.

    :param kind: ``default``, ``file``, ``environment``, ``option`` or ``credential``
    :param where: the file, variable or option by name; "" for a default
    """

    kind: str
    where: str = ""


class Effective(NamedTuple):
    """The settings in force and, for each key, where its value comes from."""

    settings: Settings
    origins: Mapping[str, Origin]


def load(
    file: Path | None = None,
    given: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings in force; see :func:`effective`."""
    return effective(file, given, environ).settings


def effective(
    file: Path | None = None,
    given: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Effective:
    """Return the settings in force with their origins.

    A token file that is not named is the one systemd hands over, if there is one.

    :param file: None reads :data:`DEFAULT_FILE`, and the defaults when there is none
    :param given: key -> value of an option; None values were not given
    :param environ: None takes the process's own environment
    :raises SettingsError: for the first mistake, with how many more there are
    """
    environ = os.environ if environ is None else environ
    named = file or DEFAULT_FILE
    origins = dict.fromkeys(KEYS, Origin("default"))
    values, mistakes = values_of(read(named, must=file is not None))
    if mistakes:
        raise FileRefused(named, mistakes)
    origins |= dict.fromkeys(values, Origin("file", str(named)))
    for key, value, variable in _in_environment(environ):
        values[key] = _checked(key, value, variable)
        origins[key] = Origin("environment", variable)
    for key, value in (given or {}).items():
        if value is not None:
            option = f"--{key.replace('_', '-')}"
            values[key] = _checked(key, value, option)
            origins[key] = Origin("option", option)
    if "token_file" not in values and (handed := _credential(environ)) is not None:
        values["token_file"] = handed
        origins["token_file"] = Origin("credential", str(handed))
    return Effective(Settings(**values), origins)


def read(file: Path, *, must: bool = True, hint: str = "Name another one with --config.") -> str:
    """Return the text of a settings file, "" when there is none and none is needed.

    :param hint: what to do when there is no such file
    :raises FileRefused: it is no UTF-8 text
    :raises SettingsError: it can not be read
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if not must:
            return ""
        raise SettingsError(f"there is no settings file {file}", hint=hint) from None
    except IsADirectoryError:
        raise SettingsError(
            f"{file} is a directory, no settings file", hint="Name the file in it."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"the settings file {file} can not be read: {error.strerror}",
            hint="Check who may read it.",
        ) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        said = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise FileRefused(file, (Mistake("", line, said, "Save the file as UTF-8."),)) from None


def with_overrides(settings: Settings, given: Mapping[str, object]) -> Settings:
    """Return settings with given values checked and put over them.

    :raises SettingsError: a given value can not be used
    """
    values = {key: getattr(settings, key) for key in KEYS}
    for key, value in given.items():
        if value is not None:
            values[key] = _checked(key, value, f"--{key.replace('_', '-')}")
    return Settings(**values)


def _checked(key: str, value: object, called: str) -> Any:
    try:
        return BY_NAME[key].kind.check(str(value) if isinstance(value, Path) else value)
    except InvalidValue as wrong:
        hint = "See: modemagent run --help" if called.startswith("--") else f"Correct {called}."
        raise SettingsError(f"{called} must be {wrong}", hint=hint) from None


def _in_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    """Yield what the environment sets: key, value, variable. An empty variable sets nothing."""
    for key in KEYS:
        words = environ.get(f"{PREFIX}{key.upper()}", "")
        if words.strip():
            yield key, BY_NAME[key].kind.of_words(words), f"{PREFIX}{key.upper()}"
    # the option --no-discovery has a variable as every option has
    words = environ.get(NO_DISCOVERY, "")
    if words.strip():
        value = BY_NAME["discovery"].kind.of_words(words)
        if value is not False:
            yield "discovery", False if value is True else value, NO_DISCOVERY


def unknown_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like settings and are none, each with what to do about it."""
    known = {NO_DISCOVERY, *(f"{PREFIX}{key.upper()}" for key in KEYS)}
    names = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return {name: _remedy(name) for name in names}


def _remedy(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.removeprefix(PREFIX).lower(), KEYS, n=1)
    if near:
        return f"Did you mean {PREFIX}{near[0].upper()}?"
    return "See what there is: modemagent config show"


def _credential(environ: Mapping[str, str]) -> Path | None:
    """Return the token that systemd hands a service (``LoadCredential=token:...``), if it does.

    A blank one is the unit's stand-in for a token that nobody has written yet.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    file = Path(folder) / "token"
    try:
        return file if file.read_bytes().strip() else None
    except OSError:
        return None
