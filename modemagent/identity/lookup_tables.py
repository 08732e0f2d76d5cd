"""Data files of the package: small sorted texts that are searched without being parsed.

A table is read at its first use (tens of microseconds), not at start-up, and searched for one row.
Each file begins with ``# source:``, ``# as_of:`` and ``# columns:``; a row is fields separated by
tabs, the key first.

>>> row("mcc.txt", "262")
('262', 'DE', 'Germany')
>>> row("mcc.txt", "199") is None
True
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

_FOLDER = f"{__file__.rpartition('/')[0]}/data/"


@cache
def text_of(name: str) -> str:
    """Return the content of a data file."""
    # open instead of pathlib, whose import costs more than all tables together
    with open(_FOLDER + name, encoding="utf-8") as file:  # noqa: PTH123
        return file.read()


@lru_cache(maxsize=4096)
def row(name: str, key: str) -> tuple[str, ...] | None:
    """Return the fields of the row with this key, or None."""
    text = text_of(name)
    start = text.find(f"\n{key}\t")
    if start < 0 or not key:
        return None
    return tuple(text[start + 1 : text.find("\n", start + 1)].split("\t"))


def listed(name: str, kind: str, digits: str) -> bool:
    """Return True if a list of published values has ``digits`` as a number of this kind.

    >>> listed("placeholders.txt", "imei", "12345678901234")
    True
    """
    return f"\n{kind}\t{digits}\t" in text_of(name)


def rows(name: str) -> Iterator[list[str]]:
    """Yield every row: for tests, generated pages and searches that are not by key."""
    for line in text_of(name).splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def about(name: str) -> dict[str, str]:
    """Return ``source``, ``as_of`` and ``columns`` of a data file."""
    return dict(line[2:].split(": ", 1) for line in text_of(name).splitlines() if line[:2] == "# ")
