"""What an installation wrote, so that it knows its own files again.

``/etc/modemagent/installed.json``: version and prefix, the SHA-256 of each file as it was
written, the links, and the directories that had to be made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from modemagent.installation.layout import MANIFEST, PREFIXES
from modemagent.installation.target_root import InstallError, TargetRoot


@dataclass(slots=True, kw_only=True)
class Manifest:
    """The record of one installation.

    :param files: path -> SHA-256 of what was written there, "" for a secret
    :param links: path -> where it leads
    :param folders: directories that were made, outer ones first
    """

    version: str = ""
    prefix: str = PREFIXES[0]
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def to_text(self) -> str:
        return (
            json.dumps(
                {
                    "schema": 1,
                    "version": self.version,
                    "prefix": self.prefix,
                    "files": self.files,
                    "links": self.links,
                    "folders": self.folders,
                },
                indent=1,
            )
            + "\n"
        )


def read(tree: TargetRoot) -> Manifest | None:
    """Return the record of the installation in a tree, None when there is none.

    :raises InstallError: there is one that can not be read; guessing would remove other's files
    """
    text = tree.text(MANIFEST)
    if text is None:
        return None
    try:
        found = json.loads(text)
        return Manifest(
            version=str(found["version"]),
            prefix=str(found["prefix"]),
            files=_texts(found["files"]),
            links=_texts(found["links"]),
            folders=[_absolute(folder) for folder in found["folders"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InstallError(
            f"{MANIFEST} can not be read",
            hint="Move it away; then files that are there count as edited and are kept.",
        ) from None


def _texts(table: dict[object, object]) -> dict[str, str]:
    return {_absolute(key): str(value) for key, value in table.items()}


def _absolute(path: object) -> str:
    if not isinstance(path, str) or not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(path)
    return path
