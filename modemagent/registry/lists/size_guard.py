"""The guard against a truncated or a wrong file: an import that changes the size of a list much."""

from __future__ import annotations

from modemagent.identity.csv_table import LineProblem

MOST_CHANGE = 0.2  # of the size of the list before
_FEW = 10  # entries by which any list may change


def judge_size(before: int, after: int, most: float = MOST_CHANGE) -> LineProblem | None:
    """Return the problem if a list would grow or shrink by more than a ratio of its size.

    A list without entries may get any number.

    >>> judge_size(100, 80) is None, judge_size(100, 79).code
    (True, 'size')
    """
    if not before or abs(after - before) <= max(before * most, _FEW):
        return None
    message = (
        f"the list would have {after} entries instead of {before}, a change of more than "
        f"{most * 100:g} %"
    )
    remedy = "Check that the file is complete and meant for this list; if so, force the import."
    return LineProblem(0, "", "size", "error", message, remedy)
