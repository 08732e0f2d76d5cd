"""Shipped transcripts by name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from modemagent.errors import UsageError


def shipped_dir() -> Path:
    """Return the directory of transcripts, in the installed package or in the checkout."""
    installed = Path(__file__).with_name("transcripts")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "fixtures/transcripts"


def names() -> list[str]:
    """Return the names of the shipped transcripts, such as ``quectel-eg25-g``."""
    return sorted(path.parent.name for path in shipped_dir().glob("*/transcript.toml"))


def find(transcript: str | Path) -> Path:
    """Return the transcript file for a path or the name of a shipped transcript.

    :raises UsageError: there is neither such a file nor such a name
    """
    path = Path(transcript)
    if path.exists():
        return path / "transcript.toml" if path.is_dir() else path
    known = names()
    if str(transcript) in known:
        return shipped_dir() / str(transcript) / "transcript.toml"
    near = get_close_matches(str(transcript), known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See: modemagent simulate --list"
    raise UsageError(f"unknown transcript {str(transcript)!r}", hint=hint)
