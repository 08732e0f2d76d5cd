"""The rules about modems and SIMs: what each one finds, and digests of their definitions."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from modemagent.registry.rules.catalogue import (
    CATALOGUE,
    OF_LISTS,
    OF_POLICIES,
    OF_TACS,
    PROBLEMS,
)
from modemagent.registry.rules.changes import KINDS

#: What each rule finds, by the name of its module.
FOUND_BY: dict[str, frozenset[str]] = {
    "altered": frozenset({"imei.altered"}),
    "changes": frozenset(KINDS),
    "churn": frozenset({"sim.churn"}),
    "firmware": frozenset({"modem.firmware_changed"}),
    "listed": OF_LISTS,
    "numbers": PROBLEMS,
    "pairing": OF_POLICIES,
    "tac_model": OF_TACS,
}
#: Those that need the history of a modem or SIM.
OF_HISTORY = frozenset({"altered", "changes", "churn", "firmware", "numbers"})
_DIGEST_BYTES = 8
#: Packages whose modules are part of a definition, unless they only describe what rules get.
_PACKAGES = (
    "modemagent.identity.", "modemagent.registry.lists.", "modemagent.registry.pseudonyms",
    "modemagent.registry.rules.", "modemagent.registry.validation",
)  # fmt: skip
_SHARED = frozenset({"modemagent.registry.rules.catalogue", "modemagent.registry.rules.inputs"})
_IMPORT = re.compile(r"^from (modemagent[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)
_DATA_FILE = re.compile(r'"(\w+\.txt)"')


@cache
def digests() -> dict[str, bytes]:
    """Return a digest of each rule: of its module, what that imports and reads, its severities."""
    return {name: _digest(name) for name in FOUND_BY}


def _digest(name: str) -> bytes:
    rows = [(one, CATALOGUE[one].severity, CATALOGUE[one].lasting) for one in FOUND_BY[name]]
    found = hashlib.sha256(repr(sorted(rows)).encode())
    for _, content in sorted(_contents(f"modemagent.registry.rules.{name}").items()):
        found.update(content.encode() + b"\n")
    return found.digest()[:_DIGEST_BYTES]


def _contents(module: str) -> dict[str, str]:
    """Return the modules and data files that a module needs, itself included."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name in found or not file.is_file():
            continue
        found[name] = content = file.read_text(encoding="utf-8")
        for package, several, one in _IMPORT.findall(content):
            parts = [part.split()[0] for part in (several or one).split(",") if part.strip()]
            names = {package, *(f"{package}.{part}" for part in parts)} - _SHARED
            waiting += [each for each in names if each.startswith(_PACKAGES)]
        for data in _DATA_FILE.findall(content):
            table = resources.files("modemagent.identity") / "data" / data
            found[data] = table.read_text(encoding="utf-8")
    return found


def _file_of(module: str) -> Traversable:
    _, *folders, name = module.split(".")
    return resources.files("modemagent").joinpath(*folders, f"{name}.py")
