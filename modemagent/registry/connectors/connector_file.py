"""The file that names the connectors, and the files with their passwords."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modemagent.errors import SettingsError
from modemagent.registry.connectors import one_nce
from modemagent.registry.connectors.connector import Connector
from modemagent.registry.connectors.json_api import JsonApi

_FIELDS = frozenset({"kind", "url", "user", "password_file", "per_minute"})
_HINT = "See docs/connectors.md for an example."
_NAME = re.compile(r"[A-Za-z0-9._-]{1,48}")


@dataclass(frozen=True, slots=True)
class ConnectorEntry:
    """A connector of a file.

    :param per_minute: most requests a minute
    """

    name: str
    kind: str
    url: str
    user: str
    password_file: Path
    per_minute: int

    def opened(self) -> Connector:
        """Return the connector, with its password read.

        :raises SettingsError: the file of the password cannot be read
        """
        try:
            password = self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"the password of connector {self.name} cannot be read from {self.password_file}",
                hint="Write it into this file, readable for the registry alone.",
            ) from error
        made, _ = KINDS[self.kind]
        return made(JsonApi(self.url, self.per_minute), self.user, password)


#: Class and URL of each kind of connector.
KINDS: Mapping[str, tuple[Callable[[JsonApi, str, str], Connector], str]] = {
    "1nce": (one_nce.OneNce, one_nce.URL),
}


def read_connectors(file: Path) -> list[ConnectorEntry]:
    """Return the connectors of a TOML file.

    :raises SettingsError: it cannot be read, or an entry is not valid
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}", hint=_HINT) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}", hint=_HINT) from error
    entries = document.get("connector")
    if not isinstance(entries, dict) or not entries:
        raise SettingsError(f"{file} has no table [connector.NAME]", hint=_HINT)
    return [_entry(file, name, given) for name, given in sorted(entries.items())]


def _entry(file: Path, name: str, given: Any) -> ConnectorEntry:
    def refuse(message: str) -> SettingsError:
        return SettingsError(f"{file}: connector {name} {message}", hint=_HINT)

    if not isinstance(given, dict) or not _NAME.fullmatch(name):
        raise refuse("is not a table whose name has letters, digits, ., _ and - only")
    unknown = sorted(set(given) - _FIELDS)
    if unknown:
        raise refuse(f"has an unknown key {unknown[0]}")
    if given.get("kind") not in KINDS:
        raise refuse(f"has no known kind: {', '.join(KINDS)}")
    per_minute = given.get("per_minute", 60)
    url = given.get("url", KINDS[given["kind"]][1])
    texts = [url, given.get("user"), given.get("password_file")]
    if not all(isinstance(one, str) and one for one in texts):
        raise refuse("needs user and password_file")
    if not url.lower().startswith(("https://", "http://")) or "@" in url:
        raise refuse("has a url that is none, or has a password")
    if (
        not isinstance(per_minute, int)
        or isinstance(per_minute, bool)
        or not 0 < per_minute <= 6000
    ):
        raise refuse("has a per_minute that is not a number from 1 to 6000")
    password_file = file.absolute().parent / given["password_file"]
    return ConnectorEntry(name, given["kind"], url, given["user"], password_file, per_minute)
