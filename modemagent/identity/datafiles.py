"""Reading the data files: small sorted texts, searched where they lie.

Nothing is parsed when a process starts: a table is read at its first question (tens of
microseconds) and searched for one row. Each file begins with ``# source:``, ``# as_of:`` and
``# columns:``; a row is fields joined by tabs, the key first.

>>> row("mcc.txt", "262")
['262', 'DE', 'Germany']
>>> row("mcc.txt", "199") is None
True
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

TABLES = (
    "mcc.txt",
    "plmn.txt",
    "mnc_lengths.txt",
    "calling_codes.txt",
    "reporting_bodies.txt",
    "placeholders.txt",
    "test_values.txt",
    "tac.txt",
)
_FOLDER = f"{__file__.rpartition('/')[0]}/data/"


@cache
def text_of(name: str) -> str:
    """Return a data file as it is."""
    # open instead of pathlib, whose import costs more than all our tables together
    with open(_FOLDER + name, encoding="utf-8") as file:  # noqa: PTH123
        return file.read()


def row(name: str, key: str) -> list[str] | None:
    """Return the fields of the row that begins with ``key``, or None."""
    text = text_of(name)
    start = text.find(f"\n{key}\t")
    if start < 0 or not key:
        return None
    end = text.find("\n", start + 1)
    return text[start + 1 : end].split("\t")


def listed(name: str, kind: str, digits: str) -> bool:
    """Say whether ``digits`` stands under ``kind`` in a list of known values.

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
    heads = (line[2:].split(": ", 1) for line in text_of(name).splitlines() if line[:2] == "# ")
    return {words[0]: words[1] for words in heads}
