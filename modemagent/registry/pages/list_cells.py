"""Columns of lists that can be chosen, and the cells of their rows, on pages and in CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from modemagent.registry.pages.figures import ShownTime
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.words import Word


class ListColumn(NamedTuple):
    """A column that a list can have.

    :param files: names of its columns in a CSV file
    :param is_usual: it is shown unless columns were chosen
    """

    name: str
    title: str
    files: tuple[str, ...]
    is_usual: bool = True
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a row shows in a column.

    :param word: a state; with a link, its word leads there
    :param text: what follows the link
    :param is_digits: the link is an identifier
    :param note: a smaller line below
    :param late: when a late fact was recorded
    :param label: repeats the title where a table is folded
    :param files: its values in a CSV file
    """

    files: tuple[str, ...]
    link: Link | None = None
    word: Word | None = None
    time: ShownTime | None = None
    text: str = ""
    is_digits: bool = False
    is_number: bool = False
    note: str = ""
    late: ShownTime | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: its cells in the order of the columns.

    :param id: its anchor
    :param tick: name and value of the field that chooses it, and what it chooses
    """

    link: Link
    cells: list[Cell]
    id: str = ""
    tick: tuple[str, str, str] | None = None


def of_time(at: ShownTime | None, label: str = "") -> Cell:
    """Return the cell of a time, which may not be known."""
    return Cell(files=(at.iso if at else "",), time=at, text="" if at else "not known", label=label)


def of_text(text: str, label: str = "") -> Cell:
    """Return the cell of a text."""
    return Cell(files=(text,), text=text, label=label)
