"""A settings file taken apart: every mistake with its line, its key and a remedy."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from modemagent.settings.table import BY_NAME, KEYS, Settings
from modemagent.settings.validators import InvalidValue

# a file that is no TOML at all (a picture, a script) is not listed line by line
_MOST_SYNTAX_MISTAKES = 10


class Mistake(NamedTuple):
    """One thing that is wrong in a settings file; ``line`` counts from 1, 0 when unknown."""

    key: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.message}"


def check(text: str) -> tuple[Settings, tuple[Mistake, ...]]:
    """Read settings from TOML text; what is wrong is left at its default and named."""
    values, mistakes = values_of(text)
    return Settings(**values), mistakes


def values_of(text: str) -> tuple[dict[str, Any], tuple[Mistake, ...]]:
    """Return the values that are right in TOML text, by key, and all mistakes by line."""
    table, mistakes = _parsed(text)
    values: dict[str, Any] = {}
    for key, value in table.items():
        line = line_of(text, key)
        if key not in BY_NAME:
            mistakes.append(_unknown(key, line))
            continue
        try:
            values[key] = BY_NAME[key].kind.check(value)
        except InvalidValue as wrong:
            remedy = f"As in: {key} = {BY_NAME[key].example}"
            mistakes.append(Mistake(key, line, f"{key} must be {wrong}", remedy))
    mistakes += _at_odds(values, text)
    return values, tuple(sorted(mistakes, key=lambda mistake: mistake.line))


def _parsed(text: str) -> tuple[dict[str, Any], list[Mistake]]:
    """Parse; a line that is no TOML is named and left out, so that the next one is found too."""
    if not text:  # no file, as in many containers
        return {}, []
    import tomllib

    mistakes: list[Mistake] = []
    # editors on Windows begin a file with a byte order mark
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    while len(mistakes) < _MOST_SYNTAX_MISTAKES:
        try:
            return tomllib.loads("\n".join(lines)), mistakes
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(found.group(1)) if found else len(lines)
            mistakes.append(_no_toml(str(error), lines[line - 1], line))
            if not lines[line - 1].strip():
                break  # leaving out an empty line would change nothing
            lines[line - 1] = ""
        except (RecursionError, ValueError):
            # tomllib lets what Python itself refuses through: nesting, numbers of 4300 digits
            mistakes.append(_no_toml("nested too deeply, or a number too long", "", 1))
            break
    return {}, mistakes


def _no_toml(said: str, line: str, number: int) -> Mistake:
    key = line.partition("=")[0].strip() if "=" in line else ""
    said = re.sub(r" \(at .*\)$", "", said)
    message = f"this is no TOML: {said}"
    remedy = 'A line is: key = value, with texts in "quotes".'
    if key in BY_NAME:
        remedy = f"As in: {key} = {BY_NAME[key].example}"
        if said.startswith("Cannot overwrite"):
            message, remedy = f"{key} is set twice", "Keep one of the two lines."
    return Mistake(key if key in BY_NAME else "", number, message, remedy)


def _unknown(key: str, line: int) -> Mistake:
    from difflib import get_close_matches

    near = get_close_matches(key.lower().replace("-", "_"), KEYS, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(KEYS)}."
    return Mistake(key, line, f"there is no setting {key!r}", remedy)


def _at_odds(values: dict[str, Any], text: str) -> list[Mistake]:
    """Return the mistakes that show in two values together."""
    found = []
    if "client_key_file" in values and "client_cert_file" not in values:
        found.append(
            Mistake(
                "client_key_file",
                line_of(text, "client_key_file"),
                "client_key_file is of no use without client_cert_file",
                "Set client_cert_file as well.",
            )
        )
    return found


def line_of(text: str, key: str) -> int:
    """Return the line that sets a key, 0 when none does."""
    wanted = re.compile(rf"\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[\].=]")
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if wanted.match(line):
            return number
    return 0
