"""Manifest of an installation, by which an update or uninstall recognizes its files.

``/etc/modemagent/installed.json`` holds version and prefix, the SHA-256 of each file as it was
written, the links, and the directories that were created.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from modemagent.errors import ReportError
from modemagent.identity.codec import REQUIRED, JsonRecord
from modemagent.installation.layout import MANIFEST, PREFIXES
from modemagent.installation.target_root import InstallError, TargetRoot


@dataclass(slots=True, kw_only=True)
class Manifest(JsonRecord):
    """The manifest of one installation.

    :param files: path -> SHA-256 of the text as written, "" for a secret
    :param links: path -> target
    :param folders: created directories, outer ones first
    """

    version: str = field(default="", metadata=REQUIRED)
    prefix: str = field(default=PREFIXES[0], metadata=REQUIRED)
    files: dict[str, str] = field(default_factory=dict, metadata=REQUIRED)
    links: dict[str, str] = field(default_factory=dict, metadata=REQUIRED)
    folders: tuple[str, ...] = field(default=(), metadata=REQUIRED)

    def to_text(self) -> str:
        return json.dumps({"schema": 1, **self.to_json()}, indent=1) + "\n"


def read(target: TargetRoot) -> Manifest | None:
    """Return the manifest of a target, None if there is none.

    :raises InstallError: it cannot be read; a guess could remove files of others
    """
    text = target.text(MANIFEST)
    if text is None:
        return None
    try:
        found = Manifest.from_json(json.loads(text))
        is_valid = all(map(_is_absolute, (*found.files, *found.links, *found.folders)))
    except (ValueError, ReportError):
        is_valid = False
    if not is_valid:
        raise InstallError(
            f"cannot read {MANIFEST}",
            hint="Move it away. Existing files then count as edited and are kept.",
        )
    return found


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/")
