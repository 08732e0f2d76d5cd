"""Reader of the data files in the ``data`` folders of this package and of `explain`.

Each file begins with ``# source:``, ``# as_of:`` and ``# columns:``. A row is fields separated by
tabs; a line that starts with a number sign and a blank is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def data_rows(module: str, name: str) -> Iterator[list[str]]:
    """Yield the rows of a data file.

    :param module: path of a module next to the folder ``data``
    :param name: of the file
    """
    file = Path(module).with_name("data") / name
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            yield line.split("\t")
