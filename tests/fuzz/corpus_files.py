"""The inputs worth keeping: one text file a target, one Python bytes literal a line.

Lines that begin with ``#`` say why an input is there. Nothing is ever taken out of such a file
because it passes now: that is what it is for.
"""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def load(target: str, folder: Path = FOLDER) -> list[bytes]:
    """Return the kept inputs of one target, [] when there are none.

    :raises ValueError: a line is not a bytes literal
    """
    file = folder / f"{target}.txt"
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(file.read_text(encoding="ascii").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            value = ast.literal_eval(line)
        except (SyntaxError, ValueError):
            value = None
        if not isinstance(value, bytes):
            raise ValueError(f"{file.name}:{number}: not a bytes literal")
        found.append(value)
    return found


def add(target: str, inputs: list[bytes], folder: Path = FOLDER) -> int:
    """Append what is not there yet; return how many lines that were."""
    folder.mkdir(parents=True, exist_ok=True)
    known = set(load(target, folder))
    new = [each for each in dict.fromkeys(inputs) if each not in known]
    with (folder / f"{target}.txt").open("a", encoding="ascii") as file:
        file.writelines(f"{each!r}\n" for each in new)
    return len(new)
