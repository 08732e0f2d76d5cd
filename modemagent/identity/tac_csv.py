"""An operator's own TAC list: CSV in the column layouts of the lists in circulation."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from modemagent.identity.tac import Tac

_MAKER_COLUMNS = ("manufacturer", "maker", "vendor", "brand", "brandname")
_MODEL_COLUMNS = ("model", "modelname", "marketingname", "devicename")


def _column(names: list[str], wanted: tuple[str, ...], nth_name: int) -> int | None:
    for name in wanted:
        if name in names:
            return names.index(name)
    # a public list has two columns "name": the maker, then the model
    plain = [index for index, name in enumerate(names) if name == "name"]
    return plain[nth_name] if len(plain) > nth_name else None


def _separator(line: str) -> str:
    return max(",;\t|", key=line.count)


def _is_header(line: str) -> bool:
    cells = line.casefold().replace('"', "").split(_separator(line))
    return len(cells) > 1 and any(cell.strip().lstrip("\ufeff") == "tac" for cell in cells)


def read_csv(lines: Iterable[str]) -> Iterator[Tac]:
    """Yield the records of an operator's TAC list.

    Licence and title lines before the header are skipped, the columns may be in any order, and
    leading zeros lost in a spreadsheet are restored. Rows without a usable TAC are skipped.

    :raises ValueError: no header with a column ``TAC``

    >>> list(read_csv(["(c) The operator", "TAC,Manufacturer,Model", "1518400,Fibocom,L850-GL"]))
    [Tac(tac='01518400', maker='Fibocom', model='L850-GL', basis='C')]
    """
    source = iter(lines)
    header = next((line for line in source if _is_header(line)), None)
    if header is None:
        raise ValueError("the file has no header line with a column TAC")
    separator = _separator(header)
    heads = next(csv.reader([header], delimiter=separator))
    names = ["".join(filter(str.isalnum, head.casefold())) for head in heads]
    tac_at = names.index("tac")
    maker_at = _column(names, _MAKER_COLUMNS, 0)
    model_at = _column(names, _MODEL_COLUMNS, 1)
    for cells in csv.reader(source, delimiter=separator):
        tac = cells[tac_at].strip() if len(cells) > tac_at else ""
        if not (tac.isascii() and tac.isdigit() and 6 <= len(tac) <= 8) or not tac.strip("0"):
            continue

        def cell(index: int | None, cells: list[str] = cells) -> str:
            return cells[index].strip() if index is not None and len(cells) > index else ""

        yield Tac(tac.zfill(8), cell(maker_at), cell(model_at), "C")
