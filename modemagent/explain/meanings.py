"""Meanings of the values in responses, and remedies: the tables in ``data``.

The first column of a row contains subjects: prefixes of lines, or kinds of values. The second one
contains values, as text in upper case, or a range of numbers. A file is read at its first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from modemagent.at.datafiles import data_rows

MEANINGS = ("meanings.txt", "reject_causes.txt")
REMEDIES = ("remedies.txt",)


@cache
def rows_by_subject(files: tuple[str, ...]) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the values and the text of each row, by subject.

    :param files: :data:`MEANINGS` or :data:`REMEDIES`
    """
    table: dict[str, list[tuple[str, str]]] = {}
    for file in files:
        for subjects, values, text in data_rows(__file__, file):
            for subject in subjects.split():
                table.setdefault(subject, []).append((values, text))
    return table


@cache
def texts_of(files: tuple[str, ...], subject: str) -> Mapping[str, str]:
    """Return the values of a subject and the text of each.

    :raises KeyError: the files do not contain the subject
    """
    texts: dict[str, str] = {}
    for values, text in rows_by_subject(files)[subject]:
        texts.update(dict.fromkeys(_values(values), text))
    return texts


def _values(column: str) -> Iterable[str]:
    first, _, last = column.partition("-")
    if first.isdecimal() and last.isdecimal():
        return map(str, range(int(first), int(last) + 1))
    return column.split(", ")


def meaning(subject: str, value: object) -> str | None:
    """Return the meaning of a value, None if the table does not contain the value.

    >>> meaning("+CFUN", 4), meaning("+CPIN", "READY"), meaning("+CFUN", 99)
    ('flight mode: the radio is off', 'the SIM is ready, no PIN required', None)
    """
    return texts_of(MEANINGS, subject).get(str(value))


def remedy(subject: str, value: object) -> str:
    """Return what to do about a value, ``""`` if nothing needs to be done.

    >>> remedy("+CFUN", 4), remedy("+CFUN", 1)
    ('AT+CFUN=1 turns the radio on.', '')
    """
    if subject not in rows_by_subject(REMEDIES):
        return ""
    return texts_of(REMEDIES, subject).get(str(value), "")
