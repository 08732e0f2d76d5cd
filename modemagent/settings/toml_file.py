"""Parser of a settings file: values, and every mistake with its line, key and remedy."""

import re
from typing import Any, NamedTuple

from modemagent.settings.table import BY_NAME, KEYS, Settings
from modemagent.settings.validators import InvalidValue

#: A file that is not TOML at all (a picture, a script) is not reported line by line.
_MAX_SYNTAX_MISTAKES = 10


class Mistake(NamedTuple):
    """One mistake in a settings file; ``line`` counts from 1, 0 if unknown."""

    key: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.message}"


def check(text: str) -> tuple[Settings, tuple[Mistake, ...]]:
    """Return the settings in TOML text, with defaults for invalid values, and all mistakes."""
    values, mistakes = values_of(text)
    return Settings(**values), mistakes


def values_of(text: str) -> tuple[dict[str, Any], tuple[Mistake, ...]]:
    """Return the valid values in TOML text by key, and all mistakes in order of lines."""
    table, mistakes = _parse(text)
    values: dict[str, Any] = {}
    for key, value in table.items():
        line = line_of(text, key)
        if key not in BY_NAME:
            mistakes.append(_unknown(key, line))
            continue
        try:
            values[key] = BY_NAME[key].validator.check(value)
        except InvalidValue as wrong:
            remedy = f"Example: {key} = {BY_NAME[key].example}"
            mistakes.append(Mistake(key, line, f"{key} must be {wrong}", remedy))
    if "client_key_file" in values and "client_cert_file" not in values:
        key, message = "client_key_file", "client_key_file has no effect without client_cert_file"
        mistakes.append(Mistake(key, line_of(text, key), message, "Set client_cert_file as well."))
    return values, tuple(sorted(mistakes, key=lambda mistake: mistake.line))


def _parse(text: str) -> tuple[dict[str, Any], list[Mistake]]:
    """Parse TOML; a line with a syntax error is left out, so that the next one is found too."""
    mistakes: list[Mistake] = []
    if not text:
        return {}, mistakes
    import tomllib

    # editors on Windows write a byte order mark first
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    while len(mistakes) < _MAX_SYNTAX_MISTAKES:
        try:
            return tomllib.loads("\n".join(lines)), mistakes
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(found.group(1)) if found else len(lines)
            mistakes.append(_syntax_mistake(str(error), lines[line - 1], line))
            if not lines[line - 1].strip():
                break  # without an empty line the text would be the same
            lines[line - 1] = ""
        except (RecursionError, ValueError):
            # errors of Python that tomllib does not catch: deep nesting, numbers of 4300 digits
            mistakes.append(_syntax_mistake("nested too deeply, or a number too long", "", 1))
            break
    return {}, mistakes


def _syntax_mistake(error: str, line: str, number: int) -> Mistake:
    key = line.partition("=")[0].strip() if "=" in line else ""
    error = re.sub(r" \(at .*\)$", "", error)
    message = f"not valid TOML: {error}"
    remedy = 'Write each line as: key = value, with strings in "quotes".'
    if key in BY_NAME:
        remedy = f"Example: {key} = {BY_NAME[key].example}"
        if error.startswith("Cannot overwrite"):
            message, remedy = f"{key} is set twice", "Keep one of the two lines."
    return Mistake(key if key in BY_NAME else "", number, message, remedy)


def _unknown(key: str, line: int) -> Mistake:
    near = nearest_key(key.replace("-", "_"))
    remedy = f"Did you mean {near}?" if near else f"Known keys: {', '.join(KEYS)}."
    return Mistake(key, line, f"unknown setting {key!r}", remedy)


def nearest_key(name: str) -> str | None:
    """Return the key that was probably meant by a name, None if no key is similar."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), KEYS, n=1)), None)


def line_of(text: str, key: str) -> int:
    """Return the number of the line that sets a key, 0 if none does."""
    wanted = re.compile(rf"\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[\].=]")
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if wanted.match(line):
            return number
    return 0
