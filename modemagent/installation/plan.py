"""What an installation would change, found out by looking only.

For each file there are three texts: what is wanted, what is there, and what was written last time.
Whoever changed a file since then keeps it; the wanted text is put beside it as ``.new``.
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


class Action(StrEnum):
    """What happens to one path."""

    CREATE = "create"
    UPDATE = "update"
    SAME = "same"
    KEEP = "keep"
    REMOVE = "remove"


class Step(NamedTuple):
    """One path and what happens to it.

    :param text: what is written; None when nothing is
    :param link: where a symbolic link leads, for one that is made
    :param why: said beside the path, "" when the action says it all
    :param diff: unified, of a file of ours that is brought up to date
    """

    action: Action
    path: str
    why: str = ""
    text: str | None = None
    mode: int = 0o644
    link: str | None = None
    diff: str = ""


def install(
    tree: TargetRoot, before: Manifest | None, *, unit: str, prefix: str, version: str
) -> tuple[list[Step], Manifest]:
    """Return the steps to an installation, and the record to be kept of it.

    :param unit: the text of the unit, with its program in it
    :raises InstallError: it is installed under another prefix
    """
    old = before or Manifest()
    if old.prefix != prefix and any(path.startswith(f"{old.prefix}/") for path in old.files):
        raise InstallError(
            f"it is installed under {old.prefix}",
            hint=f"Use --prefix {old.prefix}, or uninstall it first.",
        )
    record = Manifest(version=version, prefix=prefix, folders=list(old.folders))
    steps: list[Step] = []
    for item in ITEMS:
        path = item.target.format(prefix=prefix)
        text = unit if item.target == UNIT_FILE else shipped(item.source)
        if item.kind is FileKind.SECRET:
            there = tree.exists(path)
            steps.append(Step(Action.SAME, path) if there else _created(path, text, item.mode))
            record.files[path] = ""
            continue
        steps += _file(tree, path, text, item.mode, old.files, record.files)
    for path in old.files.keys() - record.files.keys():
        steps.append(_gone(tree, path, old.files[path]))
    steps.append(_enable(tree, UNIT_FILE.format(prefix=prefix), old, record))
    return steps, record


def _file(
    tree: TargetRoot,
    path: str,
    text: str,
    mode: int,
    written: Mapping[str, str],
    record: dict[str, str],
) -> list[Step]:
    there = tree.text(path)
    if there is None and not tree.exists(path):
        record[path] = digest(text)
        return [_created(path, text, mode)]
    if there == text:
        record[path] = digest(text)
        return [Step(Action.SAME, path)]
    if there is not None and digest(there) == written.get(path):
        record[path] = digest(text)
        return [Step(Action.UPDATE, path, text=text, mode=mode, diff=_diff(path, there, text))]
    # Somebody's own. Remember what was written last, so that it is known when it is given back.
    if path in written:
        record[path] = written[path]
        if digest(text) == written[path]:
            return [Step(Action.KEEP, path, "edited")]
    beside = f"{path}.new"
    record[beside] = digest(text)
    why = "edited" if path in written else "not written by modemagent"
    keep = Step(Action.KEEP, path, f"{why}; the new version is {beside}")
    if tree.text(beside) == text:
        return [keep]
    action = Action.UPDATE if tree.exists(beside) else Action.CREATE
    return [keep, Step(action, beside, text=text, mode=mode)]


def _enable(tree: TargetRoot, target: str, old: Manifest, record: Manifest) -> Step:
    there = tree.link(ENABLED)
    if there == target:
        record.links[ENABLED] = target
        return Step(Action.SAME, ENABLED)
    if tree.exists(ENABLED):
        return Step(Action.KEEP, ENABLED, "not written by modemagent")
    record.links[ENABLED] = target
    if ENABLED in old.links:
        return Step(Action.KEEP, ENABLED, "the service was disabled and stays so")
    return Step(Action.CREATE, ENABLED, f"to {target}: the service starts at boot", link=target)


def uninstall(tree: TargetRoot, record: Manifest, *, purge: bool) -> list[Step]:
    """Return the steps that take away what an installation wrote, and nothing else.

    :param purge: settings, token and state go as well, edited or not
    """
    steps: list[Step] = []
    for path, target in record.links.items():
        if tree.link(path) == target:
            steps.append(Step(Action.REMOVE, path))
    for path, was in record.files.items():
        if not tree.exists(path):
            continue
        if purge:
            steps.append(Step(Action.REMOVE, path))
        elif path == TOKEN:
            holds = tree.size(path) > 0
            steps.append(
                Step(Action.KEEP, path, "holds a token; --purge removes it")
                if holds
                else Step(Action.REMOVE, path)
            )
        else:
            steps.append(_gone(tree, path, was))
    steps += [
        Step(Action.REMOVE, path)
        if purge
        else Step(Action.KEEP, path, "state: reports that wait; --purge removes it")
        for path in STATE
        if tree.exists(path) and (purge or path == STATE[0])
    ]
    kept = any(step.action is Action.KEEP for step in steps)
    return steps if kept else [*steps, Step(Action.REMOVE, MANIFEST)]


def remainder(record: Manifest, steps: list[Step]) -> Manifest | None:
    """Return the record of what an uninstallation kept, so that it can be purged later."""
    kept = {step.path for step in steps if step.action is Action.KEEP}
    if not kept:
        return None
    return replace(
        record,
        files={path: was for path, was in record.files.items() if path in kept},
        links={},
    )


def _gone(tree: TargetRoot, path: str, was: str) -> Step:
    there = tree.text(path)
    if there is None and not tree.exists(path):
        return Step(Action.SAME, path, "is gone already")
    if there is not None and digest(there) == was:
        return Step(Action.REMOVE, path)
    return Step(Action.KEEP, path, "edited; --purge of uninstall removes it")


def left(tree: TargetRoot, steps: list[Step]) -> list[str]:
    """Return what only the owner can do before reports flow, at most three lines."""
    from modemagent.settings import check

    text = tree.text(SETTINGS)
    if text is None:
        text = next((s.text or "" for s in steps if s.path == SETTINGS), "")
    settings, _ = check(text)
    lines = []
    missing = [key for key in ("gateway_id", "registry") if not getattr(settings, key)]
    if missing:
        lines.append(f"Set {' and '.join(missing)} in {SETTINGS}.")
    if not settings.token_file and not tree.size(TOKEN):
        lines.append(
            f"Write the gateway's token to {TOKEN}; on the registry's machine: "
            "modemagent registry token create --scope gateway --gateway-id ID"
        )
    return lines


def _created(path: str, text: str, mode: int) -> Step:
    return Step(Action.CREATE, path, text=text, mode=mode)


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        fromfile=path,
        tofile=f"{path} (new)",
    )
    return "".join(lines)
