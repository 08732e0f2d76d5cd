"""A CSV file as operators, regulators and spreadsheets write it: encoding, delimiter, header.

Lines before the header, such as a licence, are skipped. The header is the first line with the name
of a column that is needed; names are compared without case, spaces and punctuation.
"""

import codecs
import csv
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_DELIMITERS = ",;\t|"
_MOST_LINES_BEFORE = 50
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Names of each column, in lower case, letters and digits only.
Columns = Mapping[str, Sequence[str]]


class LineProblem(NamedTuple):
    """What is wrong with a line of a file; the message has no number of the file.

    :param line: from 1; 0: the file as a whole
    """

    line: int
    column: str
    code: str
    severity: str
    message: str
    remedy: str

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def to_json(self) -> dict[str, object]:
        return dict(self._asdict())


class UnreadableFile(Exception):
    """A file that has no usable table; carries the problem."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.problem = LineProblem(0, "", code, "error", message, remedy)


class CsvTable(NamedTuple):
    """The rows of a file.

    :param columns: position of each column that the file has
    :param rows: number of the line, and its cells without surrounding space
    :param unknown: numbers of the other columns that have a name, from 1
    :param header: the names of all columns as the file has them
    :param header_line: number of the line with the header, 0 without one
    """

    columns: dict[str, int]
    rows: list[tuple[int, list[str]]]
    unknown: tuple[int, ...] = ()
    header: tuple[str, ...] = ()
    header_line: int = 0

    def column(self, name: str) -> list[str]:
        """Return the cells of a column; none, if the file does not have it."""
        at = self.columns.get(name)
        return [] if at is None else [cells[at] for _, cells in self.rows if at < len(cells)]


def read_table(
    content: bytes, columns: Columns, needed: Sequence[str], *, several: Sequence[str] = ()
) -> CsvTable:
    """Return the table in a file.

    :param needed: a header must have one of these columns
    :param several: columns of which a file may have several; the first name in ``columns`` counts
    :raises UnreadableFile: no header, a column twice, or not a CSV file
    """
    lines = decoded(content).splitlines(keepends=True)
    for number, line in enumerate(lines[:_MOST_LINES_BEFORE]):
        delimiter = max(_DELIMITERS, key=line.count)
        header = [name for _, cells in _rows([line], delimiter, number) for name in cells]
        names = list(map(bare_name, header))
        found = _positions(names, columns, several)
        if any(one in found for one in needed):
            known = set(found.values())
            unknown = (at for at, name in enumerate(names) if name and at not in known)
            rows = _rows(lines[number + 1 :], delimiter, number + 1)
            places = tuple(at + 1 for at in unknown)
            return CsvTable(found, rows, places, tuple(header), number + 1)
    raise UnreadableFile(
        "header",
        "the file has no header line with the name of a column of numbers",
        f"Add a first line with the names of the columns, such as {needed[0]}.",
    )


def unknown_columns(table: CsvTable) -> list[LineProblem]:
    """Return a warning for each column that no field is read from."""
    return [
        LineProblem(0, "", "unknown_column", "warning", f"column {at} is not read",
                    "Correct its header if it is one of the fields.")
        for at in table.unknown
    ]  # fmt: skip


def read_column(content: bytes) -> CsvTable:
    """Return the first column of a file without a header, under the name ``value``."""
    lines = decoded(content).splitlines(keepends=True)
    delimiter = max(_DELIMITERS, key=lines[0].count) if lines else ","
    return CsvTable({"value": 0}, _rows(lines, delimiter, 0))


def decoded(content: bytes) -> str:
    """Return the text of a file: UTF-8, UTF-16 with a byte order mark, else Windows-1252."""
    marked = (encoding for mark, encoding in _BYTE_ORDER_MARKS if content.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\x00" in text:
        raise UnreadableFile(
            "binary",
            "the file is not text",
            "Export the table as CSV; a spreadsheet file cannot be imported.",
        )
    return text


def bare_name(name: str) -> str:
    """Return the name of a column without case, spaces and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def _positions(names: Sequence[str], columns: Columns, several: Sequence[str]) -> dict[str, int]:
    """Return the positions of the known columns.

    :raises UnreadableFile: two columns of the file have the same meaning
    """
    found: dict[str, int] = {}
    for column, known in columns.items():
        at = [
            position
            for name in known
            for position, one in enumerate(names)
            if one == name and position not in found.values()
        ]
        if len(at) > 1 and column not in several:
            places = " and ".join(str(one + 1) for one in sorted(at))
            raise UnreadableFile(
                "doubled_column",
                f"the columns {places} both are the {column}",
                "Delete one of them, or rename the one that is not meant.",
            )
        if at:
            found[column] = at[0]
    return found


def _rows(lines: Sequence[str], delimiter: str, before: int) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, with the numbers of their last lines."""
    reader = csv.reader(lines, delimiter=delimiter)
    found = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((before + reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise UnreadableFile(
            "csv",
            f"line {before + reader.line_num} is not CSV: {error}",
            "Export the table again as CSV in UTF-8.",
        ) from None
    return found
