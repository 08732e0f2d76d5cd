"""Plan of an installation: the changes it would make, found without writing.

Three texts of each file are compared: the new one, the present one, and the one written last time.
A file edited since then is kept, and the new text is written beside it as ``.new``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from modemagent.installation.layout import (
    ENABLED,
    ITEMS,
    MANIFEST,
    SETTINGS,
    STATE,
    TOKEN,
    UNIT_FILE,
    FileKind,
    shipped,
)
from modemagent.installation.manifest import Manifest
from modemagent.installation.target_root import InstallError, TargetRoot, digest
from modemagent.settings import check


class Action(StrEnum):
    """The change of one path."""

    CREATE = "create"
    UPDATE = "update"
    SAME = "same"
    KEEP = "keep"
    REMOVE = "remove"


class Step(NamedTuple):
    """One path and its change.

    :param reason: printed beside the path, "" if the action is clear without it
    :param text: the text to write; None if none is written
    :param link: the target of a symbolic link to create
    :param diff: unified diff of an updated file
    """

    action: Action
    path: str
    reason: str = ""
    text: str | None = None
    mode: int = 0o644
    link: str | None = None
    diff: str = ""


def install(
    target: TargetRoot, before: Manifest | None, *, unit: str, prefix: str, version: str
) -> tuple[list[Step], Manifest]:
    """Return the steps of an installation and its new manifest.

    :param unit: the text of the unit with its program
    :raises InstallError: modemagent is installed under another prefix
    """
    old = before or Manifest()
    if old.prefix != prefix and any(path.startswith(f"{old.prefix}/") for path in old.files):
        raise InstallError(
            f"modemagent is already installed under {old.prefix}",
            hint=f"Use --prefix {old.prefix}, or uninstall it first.",
        )
    record = Manifest(version=version, prefix=prefix, folders=list(old.folders))
    steps: list[Step] = []
    for item in ITEMS:
        path = item.target.format(prefix=prefix)
        text = unit if item.target == UNIT_FILE else shipped(item.source)
        if item.kind is FileKind.SECRET:
            exists = target.exists(path)
            steps.append(Step(Action.SAME, path) if exists else _create(path, text, item.mode))
            record.files[path] = ""
            continue
        steps += _file(target, path, text, item.mode, old.files, record.files)
    for path in old.files.keys() - record.files.keys():
        steps.append(_remove(target, path, old.files[path]))
    steps.append(_enable(target, UNIT_FILE.format(prefix=prefix), old, record))
    return steps, record


def _file(
    target: TargetRoot,
    path: str,
    text: str,
    mode: int,
    written: Mapping[str, str],
    record: dict[str, str],
) -> list[Step]:
    present = target.text(path)
    if present is None and not target.exists(path):
        record[path] = digest(text)
        return [_create(path, text, mode)]
    if present == text:
        record[path] = digest(text)
        return [Step(Action.SAME, path)]
    if present is not None and digest(present) == written.get(path):
        record[path] = digest(text)
        return [Step(Action.UPDATE, path, text=text, mode=mode, diff=_diff(path, present, text))]
    # Edited. Keep the digest written last, so that the file is recognized if the edit is undone.
    if path in written:
        record[path] = written[path]
        if digest(text) == written[path]:
            return [Step(Action.KEEP, path, "edited")]
    beside = f"{path}.new"
    record[beside] = digest(text)
    reason = "edited" if path in written else "not written by modemagent"
    keep = Step(Action.KEEP, path, f"{reason}; the new version is {beside}")
    if target.text(beside) == text:
        return [keep]
    action = Action.UPDATE if target.exists(beside) else Action.CREATE
    return [keep, Step(action, beside, text=text, mode=mode)]


def _enable(target: TargetRoot, unit_path: str, old: Manifest, record: Manifest) -> Step:
    if target.link(ENABLED) == unit_path:
        record.links[ENABLED] = unit_path
        return Step(Action.SAME, ENABLED)
    if target.exists(ENABLED):
        return Step(Action.KEEP, ENABLED, "not written by modemagent")
    record.links[ENABLED] = unit_path
    if ENABLED in old.links:
        return Step(Action.KEEP, ENABLED, "the service stays disabled")
    reason = f"to {unit_path}: the service starts at boot"
    return Step(Action.CREATE, ENABLED, reason, link=unit_path)


def uninstall(target: TargetRoot, record: Manifest, *, purge: bool) -> list[Step]:
    """Return the steps that remove the files of an installation and no others.

    :param purge: also remove settings, token and state, edited or not
    """
    steps: list[Step] = []
    for path, linked_to in record.links.items():
        if target.link(path) == linked_to:
            steps.append(Step(Action.REMOVE, path))
    for path, written in record.files.items():
        if not target.exists(path):
            continue
        if purge:
            steps.append(Step(Action.REMOVE, path))
        elif path == TOKEN:
            if target.size(path) > 0:
                steps.append(Step(Action.KEEP, path, "contains a token; --purge removes it"))
            else:
                steps.append(Step(Action.REMOVE, path))
        else:
            steps.append(_remove(target, path, written))
    steps += [
        Step(Action.REMOVE, path)
        if purge
        else Step(Action.KEEP, path, "state with queued reports; --purge removes it")
        for path in STATE
        if target.exists(path) and (purge or path == STATE[0])
    ]
    kept = any(step.action is Action.KEEP for step in steps)
    return steps if kept else [*steps, Step(Action.REMOVE, MANIFEST)]


def remainder(record: Manifest, steps: list[Step]) -> Manifest | None:
    """Return the manifest of the files that an uninstall kept, so that they can be purged later."""
    kept = {step.path for step in steps if step.action is Action.KEEP}
    if not kept:
        return None
    return replace(
        record,
        files={path: written for path, written in record.files.items() if path in kept},
        links={},
    )


def _remove(target: TargetRoot, path: str, written: str) -> Step:
    present = target.text(path)
    if present is None and not target.exists(path):
        return Step(Action.SAME, path, "already removed")
    if present is not None and digest(present) == written:
        return Step(Action.REMOVE, path)
    return Step(Action.KEEP, path, "edited; uninstall --purge removes it")


def manual_steps(target: TargetRoot, steps: list[Step]) -> list[str]:
    """Return what the administrator has to do before reports are sent, in up to two lines."""
    text = target.text(SETTINGS)
    if text is None:
        text = next((s.text or "" for s in steps if s.path == SETTINGS), "")
    settings, _ = check(text)
    lines = []
    missing = [key for key in ("gateway_id", "registry") if not getattr(settings, key)]
    if missing:
        lines.append(f"Set {' and '.join(missing)} in {SETTINGS}.")
    if not settings.token_file and not target.size(TOKEN):
        lines.append(
            f"Write the gateway's token to {TOKEN}. Create it on the registry's machine with: "
            "modemagent registry token create --scope gateway --gateway-id ID"
        )
    return lines


def _create(path: str, text: str, mode: int) -> Step:
    return Step(Action.CREATE, path, text=text, mode=mode)


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        fromfile=path,
        tofile=f"{path} (new)",
    )
    return "".join(lines)
