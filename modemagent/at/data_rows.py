"""Reader of the data files in the ``data`` folders of this package, `dialects` and `explain`.

Each file begins with ``# source:``, ``# as_of:`` and ``# columns:``. A row is fields separated by
tabs; a line that starts with a number sign and a space is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator


def data_rows(module: str, name: str) -> Iterator[list[str]]:
    """Yield the rows of a data file.

    :param module: path of a module next to the folder ``data``
    :param name: of the file
    """
    # open instead of pathlib, whose import takes as long as that of ten modules
    with open(f"{module.rpartition('/')[0]}/data/{name}", encoding="utf-8") as file:  # noqa: PTH123
        for line in file.read().splitlines():
            if not line.startswith("# "):
                yield line.split("\t")
