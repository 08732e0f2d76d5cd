"""Meanings of the values in responses, and remedies: the tables in ``data``.

The first column of a row contains subjects: prefixes of lines, or kinds of values. The second one
contains values, as text in upper case, or a range of numbers. A file is read at its first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from modemagent.at.data_rows import data_rows

MEANINGS = ("meanings.txt", "reject_causes.txt")
REMEDIES = ("remedies.txt",)

_REGISTRATION, _DATA = "reject cause", "cause of a data connection"
_ROWS = (
    ("MM", _REGISTRATION, "24.008 clause 10.5.3.6"),
    ("GMM", _REGISTRATION, "24.008 clause 10.5.5.14"),
    ("EMM", _REGISTRATION, "24.301 clause 9.9.3.9"),
    ("5GMM", _REGISTRATION, "24.501 clause 9.11.3.2"),
    ("SM", _DATA, "24.008 clause 10.5.6.6"),
    ("ESM", _DATA, "24.301 clause 9.9.4.4"),
    ("5GSM", _DATA, "24.501 clause 9.11.4.2"),
)
#: Family of causes (refused registrations and data connections) to its subject and clause.
FAMILIES: Mapping[str, tuple[str, str]] = {
    name: (f"{about} ({name})", f"3GPP TS {clause}") for name, about, clause in _ROWS
}


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
