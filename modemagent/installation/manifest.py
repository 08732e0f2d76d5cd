"""Manifest of an installation, by which an update or uninstall recognizes its files.

``/etc/modemagent/installed.json`` holds version and prefix, the SHA-256 of each file as it was
written, the links, and the directories that were created.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from modemagent.installation.layout import MANIFEST, PREFIXES
from modemagent.installation.target_root import InstallError, TargetRoot


@dataclass(slots=True, kw_only=True)
class Manifest:
    """The manifest of one installation.

    :param files: path -> SHA-256 of the text as written, "" for a secret
    :param links: path -> target
    :param folders: created directories, outer ones first
    """

    version: str = ""
    prefix: str = PREFIXES[0]
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()

    def to_text(self) -> str:
        return json.dumps({"schema": 1, **asdict(self)}, indent=1) + "\n"


def read(target: TargetRoot) -> Manifest | None:
    """Return the manifest of a target, None if there is none.

    :raises InstallError: it cannot be read; a guess could remove files of others
    """
    text = target.text(MANIFEST)
    if text is None:
        return None
    try:
        found = json.loads(text)
        return Manifest(
            version=str(found["version"]),
            prefix=str(found["prefix"]),
            files=_texts(found["files"]),
            links=_texts(found["links"]),
            folders=tuple(map(_absolute, found["folders"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InstallError(
            f"cannot read {MANIFEST}",
            hint="Move it away. Existing files then count as edited and are kept.",
        ) from None


def _texts(table: dict[object, object]) -> dict[str, str]:
    return {_absolute(key): str(value) for key, value in table.items()}


def _absolute(path: object) -> str:
    if not isinstance(path, str) or not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(path)
    return path
