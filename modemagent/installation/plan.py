"""Plan of an installation: the changes it would make, found without writing.

Three texts of each file are compared: the new one, the present one, and the one written last time.
A file edited since then is kept, and the new text is written beside it as ``.new``.
"""

import difflib
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
    record = Manifest(version=version, prefix=prefix, folders=old.folders)
    steps: list[Step] = []
    for item in ITEMS:
        path = item.target.format(prefix=prefix)
        text = unit if item.target == UNIT_FILE else shipped(item.source)
        if item.kind is not FileKind.SECRET:
            steps += _file(target, path, text, item.mode, old.files.get(path), record)
            continue
        record.files[path] = ""
        if target.exists(path):
            steps.append(Step(Action.SAME, path))
        else:
            steps.append(Step(Action.CREATE, path, text=text, mode=item.mode))
    for path in old.files.keys() - record.files.keys():
        steps.append(_remove(target, path, old.files[path]))
    steps.append(_enable(target, UNIT_FILE.format(prefix=prefix), old, record))
    return steps, record


def _file(
    target: TargetRoot, path: str, text: str, mode: int, written: str | None, record: Manifest
) -> list[Step]:
    """Return the steps of one file.

    :param written: digest of the text written last time, None if there was none
    """
    present, new = target.text(path), digest(text)
    record.files[path] = new
    if present is None and not target.exists(path):
        return [Step(Action.CREATE, path, text=text, mode=mode)]
    if present == text:
        return [Step(Action.SAME, path)]
    if present is not None and digest(present) == written:
        return [Step(Action.UPDATE, path, text=text, mode=mode, diff=_diff(path, present, text))]
    del record.files[path]
    if written is not None:
        # Edited. Keep the old digest, so that the file is recognized if the edit is undone.
        record.files[path] = written
    if new == written:
        return [Step(Action.KEEP, path, "edited")]
    beside = f"{path}.new"
    record.files[beside] = new
    reason = "edited" if written is not None else "not written by modemagent"
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
    enabled = [path for path, to in record.links.items() if target.link(path) == to]
    steps = [Step(Action.REMOVE, path) for path in enabled]
    for path in filter(target.exists, record.files):
        if purge or (path == TOKEN and not target.size(path)):
            steps.append(Step(Action.REMOVE, path))
        elif path == TOKEN:
            steps.append(Step(Action.KEEP, path, "contains a token; --purge removes it"))
        else:
            steps.append(_remove(target, path, record.files[path]))
    if purge:
        steps += [Step(Action.REMOVE, path) for path in STATE if target.exists(path)]
    elif target.exists(STATE[0]):
        reason = "state with queued reports; --purge removes it"
        steps.append(Step(Action.KEEP, STATE[0], reason))
    kept = any(step.action is Action.KEEP for step in steps)
    return steps if kept else [*steps, Step(Action.REMOVE, MANIFEST)]


def remainder(record: Manifest, steps: list[Step]) -> Manifest | None:
    """Return the manifest of the files that an uninstall kept, so that they can be purged later."""
    kept = {step.path for step in steps if step.action is Action.KEEP}
    if not kept:
        return None
    return replace(
        record,
        files={path: record.files[path] for path in record.files if path in kept},
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


def _diff(path: str, before: str, after: str) -> str:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, fromfile=path, tofile=f"{path} (new)"))
