"""The transcripts that come with the program, by name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from modemagent.errors import UsageError


def shipped_dir() -> Path:
    """Return the folder of transcripts: inside the installed package, or of the checkout."""
    installed = Path(__file__).with_name("transcripts")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "fixtures/transcripts"


def names() -> list[str]:
    """Return the names of the shipped transcripts, as ``quectel-eg25-g``."""
    return sorted(path.parent.name for path in shipped_dir().glob("*/transcript.toml"))


def find(transcript: str | Path) -> Path:
    """Return the file meant by a path or a shipped name.

    :raises UsageError: neither a path nor a name
    """
    path = Path(transcript)
    if path.exists():
        return path / "transcript.toml" if path.is_dir() else path
    known = names()
    if str(transcript) in known:
        return shipped_dir() / str(transcript) / "transcript.toml"
    near = get_close_matches(str(transcript), known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See: modemagent simulate --list"
    raise UsageError(f"there is no transcript {str(transcript)!r}", hint=hint)
