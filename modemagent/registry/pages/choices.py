"""Filters of lists: what can be chosen, and what is active."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A filter that can be chosen."""

    text: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """An active filter, with the address without it."""

    text: str
    without: str
