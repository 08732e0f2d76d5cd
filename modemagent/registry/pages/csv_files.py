"""CSV files of what a page shows: guarded cells, numbers as text on request, a mark if broken."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from modemagent.identity.csv_cells import csv_line, guarded

log = logging.getLogger(__name__)

#: Cells that are written as ``="..."`` on request: spreadsheets round numbers of this length.
_LONG = 12
BROKEN = "# The export was interrupted: this file is not complete."
_BLOCK = 200  # lines that are sent at a time


def csv_lines(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, as_text: bool
) -> Iterator[str]:
    """Yield the lines of a file.

    :param as_text: write long numbers in a form that spreadsheets do not round

    >>> "".join(csv_lines(("imei",), [("=1+1",)], as_text=True)).split()
    ['imei', "'=1+1"]
    """
    yield csv_line(header)
    for row in rows:
        yield csv_line([_cell(text, as_text) for text in row])


def _cell(text: str, as_text: bool) -> str:
    is_number = as_text and text.isascii() and text.isdecimal() and len(text) >= _LONG
    return f'="{text}"' if is_number else guarded(text)


def complete_or_marked(lines: Iterable[str]) -> Iterator[str]:
    """Yield a file in blocks; if it could not be completed, its last line states that."""
    block: list[str] = []
    try:
        for line in lines:
            block.append(line)
            if len(block) == _BLOCK:
                yield "".join(block)
                block = []
    except Exception:
        # the response has begun, so its status cannot tell
        log.exception("an export was interrupted")
        block.append(f"{BROKEN}\r\n")
    yield "".join(block)
