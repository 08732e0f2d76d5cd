"""Meanings of the values in responses, and remedies: the tables in ``data``.

The first column of a row contains subjects: prefixes of lines, or kinds of values. The second one
contains values, as text in upper case, or a range of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modemagent.at.datafiles import data_rows


def _table(*files: str) -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for file in files:
        for subjects, values, text in data_rows(__file__, file):
            for subject in subjects.split():
                table.setdefault(subject, {}).update(dict.fromkeys(_values(values), text))
    return table


def _values(column: str) -> Iterable[str]:
    first, _, last = column.partition("-")
    if first.isdecimal() and last.isdecimal():
        return map(str, range(int(first), int(last) + 1))
    return column.split(", ")


#: Subject to value to meaning.
MEANINGS: Mapping[str, Mapping[str, str]] = _table("meanings.txt", "reject_causes.txt")
#: Subject to value to remedy.
REMEDIES: Mapping[str, Mapping[str, str]] = _table("remedies.txt")


def meaning(subject: str, value: object) -> str | None:
    """Return the meaning of a value, None if the table does not contain the value.

    >>> meaning("+CFUN", 4), meaning("+CPIN", "READY"), meaning("+CFUN", 99)
    ('flight mode: the radio is off', 'the SIM is ready, no PIN required', None)
    """
    return MEANINGS[subject].get(str(value))


def remedy(subject: str, value: object) -> str:
    """Return what to do about a value, ``""`` if nothing needs to be done.

    >>> remedy("+CFUN", 4), remedy("+CFUN", 1)
    ('AT+CFUN=1 turns the radio on.', '')
    """
    return REMEDIES.get(subject, {}).get(str(value), "")
