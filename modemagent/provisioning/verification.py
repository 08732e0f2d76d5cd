"""Verification of results: files, totals, journal and signature belong together."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from modemagent.errors import ModemAgentError, UsageError
from modemagent.provisioning.journal import JOURNAL_NAME, read_journal
from modemagent.provisioning.results import TOTALS
from modemagent.provisioning.signing import verify_signature

_TURN_VERDICTS = ("pass", "waived", "fail")


def verify_results(
    folder: Path, *, signers: Path | None = None, identity: str = "station"
) -> list[str]:
    """Return what is wrong with a directory of results; empty if nothing is.

    :param signers: keys that are accepted; None: a signature is not checked
    :raises UsageError: the directory has no totals
    """
    file = folder / TOTALS
    try:
        totals: dict[str, Any] = json.loads(file.read_text("utf-8"))
        files: dict[str, str] = totals["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file} cannot be read", hint="Name the directory of the results of an order."
        ) from error
    wrong = [
        f"{name}: {why}" for name, digest in sorted(files.items())
        if (why := _file_problem(folder / name, digest))
    ]  # fmt: skip
    if not wrong:
        wrong += _count_problems(folder, totals)
    wrong += _journal_problems(folder, totals)
    if signers is not None:
        wrong += _signature_problems(file, signers, identity)
    return wrong


def _file_problem(file: Path, digest: str) -> str:
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == digest else "was changed after it was written"


def _count_problems(folder: Path, totals: dict[str, Any]) -> list[str]:
    """Compare the figures with the lines of the files."""
    units = Counter(row["verdict"] for row in _rows(folder / "units.csv"))
    turns = sum(row["verdict"] in _TURN_VERDICTS for row in _rows(folder / "results.csv"))
    figures = totals["figures"]
    counted = {"passed": units["pass"], "waived": units["waived"], "turns": turns}
    return [
        f"{TOTALS}: {name} is {figures.get(name)}, the files have {number}"
        for name, number in counted.items()
        if figures.get(name) != number
    ]


def _rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


def _journal_problems(folder: Path, totals: dict[str, Any]) -> list[str]:
    """Check the journal beside the results: its chain, and that the totals are of its lines."""
    file = folder.parent / JOURNAL_NAME
    if not file.exists():
        return []
    stated = totals.get("journal", {})
    try:
        records, last = read_journal(file)
    except ModemAgentError as error:
        return [error.message]
    count = stated.get("records", 0)
    if not 0 < count <= len(records):
        return [f"{JOURNAL_NAME}: has {len(records)} records, the totals were made of {count}"]
    found = records[count]["prev"] if count < len(records) else last
    if found != stated.get("last_sha256"):
        return [f"{JOURNAL_NAME}: record {count} is not the one of the totals"]
    return []


def _signature_problems(file: Path, signers: Path, identity: str) -> list[str]:
    try:
        verify_signature(file, signers, identity)
    except (ModemAgentError, OSError) as error:
        return [f"{file.name}.sig: {error}"]
    return []
