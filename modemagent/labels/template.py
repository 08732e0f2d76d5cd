"""Label templates: TOML files with a size and elements, all lengths in millimetres.

::

    width = 50
    height = 25
    margin = 1                      # border that printers leave white

    [[element]]
    kind = "code128"                # text, code128, gs1_128, qr, box
    x = 1
    y = 1
    width = 48                      # quiet zones included
    height = 7
    value = "{imei}"

``fields`` describes the texts. The shipped templates are in ``templates/``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final, NamedTuple

from modemagent.errors import LabelError
from modemagent.labels.fields import Wrong, fields_of, pieces

LONGEST_SIDE: Final = 300.0  # mm
MOST_ELEMENTS: Final = 100
ALIGNMENTS: Final = ("left", "center", "right")
#: Keys that each kind of element needs, and those it may have.
KINDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "text": (("x", "y", "width", "size", "value"), ("smallest", "align")),
    "code128": (("x", "y", "width", "height", "value"), ()),
    "gs1_128": (("x", "y", "width", "height", "value"), ()),
    "qr": (("x", "y", "size", "value"), ()),
    "box": (("x", "y", "width", "height"), ("thickness",)),
}
_TEMPLATE_KEYS: Final = ("width", "height", "margin", "element")
_ELEMENT_HEADER: Final = re.compile(r"\s*\[\[\s*element\s*\]\]")


class Element(NamedTuple):
    """One element of a template.

    :param width: of the area that it may fill; of a text, the longest line
    :param height: of the area; of a text, its letters from the highest to the lowest
    :param smallest: height to which the letters of a text shrink until the text fits
    :param line: where it is in the file
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    value: str = ""
    smallest: float = 0.0
    align: str = "left"
    thickness: float = 0.3
    line: int = 0

    def areas(self) -> tuple[tuple[float, float, float, float], ...]:
        """Return left, top, right and bottom of what is printed: of a box its four lines."""
        right, bottom = self.x + self.width, self.y + self.height
        if self.kind != "box":
            return ((self.x, self.y, right, bottom),)
        line = self.thickness
        return (
            (self.x, self.y, right, self.y + line),
            (self.x, bottom - line, right, bottom),
            (self.x, self.y, self.x + line, bottom),
            (right - line, self.y, right, bottom),
        )


class Template(NamedTuple):
    """A label: its size, the border that stays white, and its elements."""

    name: str
    width: float
    height: float
    margin: float
    elements: tuple[Element, ...]

    @property
    def required(self) -> frozenset[str]:
        """The fields without which the label cannot be printed."""
        return frozenset().union(*(fields_of(each.value) for each in self.elements))


def shipped() -> tuple[str, ...]:
    """Return the names of the templates that come with the program."""
    folder = files("modemagent.labels") / "templates"
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir()))


def shipped_text(name: str) -> str:
    """Return the file of a shipped template.

    :raises LabelError: unknown name
    """
    names = shipped()
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise LabelError(
            f"unknown label template {name!r}",
            hint=f"{hint}Templates: {', '.join(names)}, or the path of a file ending in .toml.",
        )
    folder = files("modemagent.labels") / "templates"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def parse(text: str, *, file: str) -> Template:
    """Return the template in the text of a file.

    :param file: its name for messages; the template has it without folder and ending
    :raises LabelError: the first mistake, with file, line and remedy
    """
    reader = _Reader(text, file)
    table = reader.table
    reader.only(table, _TEMPLATE_KEYS, "template", 0)
    width = reader.length(table, "width", 0, least=5)
    height = reader.length(table, "height", 0, least=5)
    margin = reader.length(table, "margin", 0, default=0.0)
    elements = tuple(reader.elements())
    name = file.replace("\\", "/").rpartition("/")[2].removesuffix(".toml")
    template = Template(name, width, height, margin, elements)
    for n, each in enumerate(elements):
        reader.place(each, template)
        reader.apart(each, elements[:n])
    return template


class _Reader:
    """Values of a template's file; every mistake has a line and a remedy."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        try:
            self.table = tomllib.loads("\n".join(self.lines))
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+)", str(error))
            message = re.sub(r" \(at .*\)$", "", str(error))
            line = int(found[1]) if found else len(self.lines)
            remedy = 'Write each line as: key = value, with texts in "quotes".'
            raise self.mistake(line, f"not valid TOML: {message}", remedy) from None
        except (RecursionError, ValueError):
            message = "not valid TOML: nested too deeply, or a number too long"
            raise self.mistake(1, message, "Write a template as in docs/labels.md.") from None

    def mistake(self, line: int, message: str, remedy: str) -> LabelError:
        return LabelError(f"{self.file}, line {line}: {message}", hint=remedy)

    def line_of(self, key: str, start: int) -> int:
        """Return the line of a key in the element that begins at a line; 0 for the top."""
        for number in range(start + 1, len(self.lines) + 1):
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", self.lines[number - 1]):
                return number
            if self.lines[number - 1].lstrip().startswith("["):
                break
        return max(start, 1)

    def only(self, table: Mapping[str, object], keys: tuple[str, ...], what: str, at: int) -> None:
        for key in table:
            if key not in keys:
                near = get_close_matches(key, keys, n=1)
                remedy = f"Did you mean {near[0]}?" if near else f"Keys: {', '.join(keys)}."
                raise self.mistake(self.line_of(key, at), f"unknown key {key!r} of {what}", remedy)

    def length(
        self,
        table: Mapping[str, object],
        key: str,
        at: int,
        *,
        least: float = 0.0,
        default: float | None = None,
    ) -> float:
        value = table.get(key, default)
        line = self.line_of(key, at)
        if value is None:
            raise self.mistake(line, f"{key} is missing", f"Example: {key} = {max(least, 10):g}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= LONGEST_SIDE:  # type: ignore[operator]
            message = f"{key} must be {least:g} to {LONGEST_SIDE:g} millimetres"
            raise self.mistake(line, message, f"Example: {key} = {max(least, 10):g}")
        return float(value)  # type: ignore[arg-type]

    def elements(self) -> Iterator[Element]:
        tables = self.table.get("element")
        if not isinstance(tables, list) or not tables:
            remedy = "Begin each with a line [[element]]."
            raise self.mistake(1, "the template has no element", remedy)
        if len(tables) > MOST_ELEMENTS:
            message = f"more than {MOST_ELEMENTS} elements"
            raise self.mistake(1, message, "Remove some.")
        headers = [n for n, line in enumerate(self.lines, 1) if _ELEMENT_HEADER.match(line)]
        # an array written on one line has no headers
        headers += [self.line_of("element", 0)] * (len(tables) - len(headers))
        for table, line in zip(tables, headers, strict=False):
            if not isinstance(table, dict):
                raise self.mistake(line, "element is not a table", "Write [[element]].")
            yield self._element(table, line)

    def _element(self, table: dict[str, Any], line: int) -> Element:
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            message = "kind is missing" if kind is None else f"unknown kind {kind!r}"
            remedy = f"Kinds: {', '.join(KINDS)}."
            raise self.mistake(self.line_of("kind", line), message, remedy)
        needed, possible = KINDS[kind]
        self.only(table, ("kind", *needed, *possible), f"an element of kind {kind}", line)
        sizes = {
            key: self.length(table, key, line, least=0.0 if key in ("x", "y") else 0.1)
            for key in needed
            if key != "value"
        }
        if "size" in sizes:
            sizes["height"] = sizes.pop("size")
            sizes.setdefault("width", sizes["height"])
        for key in ("smallest", "thickness"):
            if key in table:
                sizes[key] = self.length(table, key, line, least=0.1)
        align = table.get("align", "left")
        if align not in ALIGNMENTS:
            message = f"unknown alignment {align!r}"
            remedy = f"Write one of {', '.join(ALIGNMENTS)}."
            raise self.mistake(self.line_of("align", line), message, remedy)
        value = self._value(table, line) if "value" in needed else ""
        return Element(kind, **sizes, value=value, align=align, line=line)

    def _value(self, table: Mapping[str, object], line: int) -> str:
        at, value = self.line_of("value", line), table.get("value")
        if not isinstance(value, str) or not value:
            raise self.mistake(at, "value must be a text", 'Example: value = "IMEI {imei}"')
        try:
            pieces(value)
        except Wrong as wrong:
            raise self.mistake(at, f"value {wrong}", wrong.remedy) from None
        return value

    def place(self, element: Element, template: Template) -> None:
        """Check that an element is inside the margin."""
        least = template.margin - 1e-6
        for key, side in (("x", "width"), ("y", "height")):
            start, length = getattr(element, key), getattr(element, side)
            whole = getattr(template, side)
            if start < least or start + length > whole - least:
                message = (
                    f"the element reaches from {start:g} to {start + length:g} mm, "
                    f"the printed area from {template.margin:g} to {whole - template.margin:g} mm"
                )
                remedy = f"Change {key} or {side}, or the margin of the template."
                raise self.mistake(self.line_of(key, element.line), message, remedy)

    def apart(self, element: Element, others: tuple[Element, ...]) -> None:
        """Check that an element overlaps none of the others: their print would be unreadable."""
        for other in others:
            if any(_overlap(mine, its) for mine in element.areas() for its in other.areas()):
                message = f"the {element.kind} overlaps the {other.kind} of line {other.line}"
                raise self.mistake(element.line, message, "Change x, y or the size of one of them.")


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    near = 1e-6
    return (
        one[0] < other[2] - near
        and other[0] < one[2] - near
        and one[1] < other[3] - near
        and other[1] < one[3] - near
    )
