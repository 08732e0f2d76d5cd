"""Sources of settings in order of precedence: option, environment, file, default.

Every key can be given in the environment as ``MODEMAGENT_RUN_<KEY>``, for containers without a
file. Lists are separated by spaces, flags are ``true`` or ``false``.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.errors import SettingsError
from modemagent.settings.table import BY_NAME, DEFAULT_FILE, KEYS, Settings
from modemagent.settings.toml_file import Mistake, nearest_key, values_of
from modemagent.settings.validators import InvalidValue

PREFIX = "MODEMAGENT_RUN_"
NO_DISCOVERY = f"{PREFIX}NO_DISCOVERY"


class FileRefused(SettingsError):
    """A settings file with mistakes; the message shows the first."""

    def __init__(self, file: Path, mistakes: tuple[Mistake, ...]) -> None:
        more = f" ({len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        hint = mistakes[0].remedy
        if more:
            hint += f" See all with: modemagent config check {file}"
        super().__init__(f"{file}, {mistakes[0]}{more}", hint=hint)
        self.mistakes = mistakes


class Origin(NamedTuple):
    """The source of a value.

    :param kind: ``default``, ``file``, ``environment``, ``option`` or ``credential``
    :param where: the name of the file, variable or option; "" for a default
    """

    kind: str
    where: str = ""


class Effective(NamedTuple):
    """The effective settings and the origin of each value."""

    settings: Settings
    origins: Mapping[str, Origin]


def load(
    file: str | Path | None = None,
    given: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the effective settings; see :func:`effective`."""
    return effective(file, given, environ).settings


def effective(
    file: str | Path | None = None,
    given: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Effective:
    """Return the effective settings with their origins.

    Without a token file in the settings, the credential passed by systemd is used if there is one.

    :param file: None for :data:`DEFAULT_FILE`, which may be missing
    :param given: options by key; a value of None was not given
    :param environ: None for the environment of this process
    :raises SettingsError: for the first mistake, with the number of others
    """
    environ = os.environ if environ is None else environ
    path = Path(file or DEFAULT_FILE)
    origins = dict.fromkeys(KEYS, Origin("default"))
    values, mistakes = values_of(read(path, required=bool(file)))
    if mistakes:
        raise FileRefused(path, mistakes)
    origins |= dict.fromkeys(values, Origin("file", str(path)))
    for key, value, variable in _in_environment(environ):
        values[key] = _checked(key, value, variable)
        origins[key] = Origin("environment", variable)
    for key, value in (given or {}).items():
        if value is not None:
            option = f"--{key.replace('_', '-')}"
            values[key] = _checked(key, value, option)
            origins[key] = Origin("option", option)
    if "token_file" not in values and (credential := _credential(environ)) is not None:
        values["token_file"] = credential
        origins["token_file"] = Origin("credential", str(credential))
    return Effective(Settings(**values), origins)


def read(
    file: Path, *, required: bool = True, hint: str = "Name another file with --config."
) -> str:
    """Return the text of a settings file, "" if it is missing and not required.

    :param hint: the remedy if the file is missing
    :raises FileRefused: it is not UTF-8 text
    :raises SettingsError: it is missing or cannot be read
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return ""
        raise SettingsError(f"settings file {file} does not exist", hint=hint) from None
    except IsADirectoryError:
        raise SettingsError(
            f"{file} is a directory, not a settings file", hint="Name the file in it."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file {file}: {error.strerror}",
            hint="Check its permissions.",
        ) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{content[error.start]:02x}"
        mistake = Mistake("", line, message, "Save the file as UTF-8.")
        raise FileRefused(file, (mistake,)) from None


def with_overrides(settings: Settings, given: Mapping[str, object]) -> Settings:
    """Return settings overridden by options.

    :raises SettingsError: the value of an option is invalid
    """
    values = {
        key: _checked(key, value, f"--{key.replace('_', '-')}")
        for key, value in given.items()
        if value is not None
    }
    return settings._replace(**values)


def _checked(key: str, value: object, name: str) -> Any:
    try:
        return BY_NAME[key].validator.check(str(value) if isinstance(value, Path) else value)
    except InvalidValue as wrong:
        hint = "See: modemagent run --help" if name.startswith("--") else f"Correct {name}."
        raise SettingsError(f"{name} must be {wrong}", hint=hint) from None


def _in_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    """Yield key, value and variable of each setting in the environment; empty ones do not count."""
    for key in KEYS:
        variable = f"{PREFIX}{key.upper()}"
        text = environ.get(variable, "")
        if text.strip():
            yield key, BY_NAME[key].validator.from_text(text), variable
    # the option --no-discovery has a variable, as every option has
    text = environ.get(NO_DISCOVERY, "")
    if text.strip():
        value = BY_NAME["discovery"].validator.from_text(text)
        if value is not False:
            yield "discovery", False if value is True else value, NO_DISCOVERY


def unknown_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the unknown variables with the prefix of settings, each with its remedy."""
    known = {NO_DISCOVERY, *(f"{PREFIX}{key.upper()}" for key in KEYS)}
    names = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return {name: _remedy(name) for name in names}


def _remedy(name: str) -> str:
    near = nearest_key(name.removeprefix(PREFIX))
    if near:
        return f"Did you mean {PREFIX}{near.upper()}?"
    return "See all settings with: modemagent config show"


def _credential(environ: Mapping[str, str]) -> Path | None:
    """Return the token file that systemd passes to a service (``LoadCredential=token:...``).

    An empty one is the unit's placeholder for a token that has not been written yet.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    file = Path(folder) / "token"
    try:
        return file if file.read_bytes().strip() else None
    except OSError:
        return None
