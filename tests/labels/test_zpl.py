"""ZPL as a printer would read it."""

from __future__ import annotations

import random

import pytest

from modemagent.errors import LabelError
from modemagent.labels.fields import FIELDS, filled
from modemagent.labels.layout import DPI, PlacedBars, PlacedMatrix, lay_out
from modemagent.labels.template import parse, shipped, shipped_text
from modemagent.labels.zpl import zpl
from tests.labels.zpl_reader import code_values, read

COMMANDS = {
    "XA", "CI", "LH", "LT", "PO", "FW", "PW", "LL", "FO", "A0", "FB", "BY", "BC", "BQ", "GB",
    "FH", "FD", "FS", "XZ",
}  # fmt: skip
FREE_TEXT = """
width = 62
height = 29
[[element]]
kind = "text"
x = 1
y = 1
width = 60
size = 3
smallest = 1.3
value = "{serial_number}"
[[element]]
kind = "qr"
x = 1
y = 5
size = 20
value = "{serial_number}"
[[element]]
kind = "code128"
x = 22
y = 5
width = 39
height = 10
value = "[{asset_tag}]"
"""


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("dpi", DPI)
def test_each_field_has_the_value_and_place_of_the_layout(name: str, dpi: int) -> None:
    template = parse(shipped_text(name), file=name)
    layout = lay_out(template, FIELDS, dpi)
    names, fields = read(zpl(layout))
    assert names.count("XA") == names.count("XZ") == 1
    assert set(names) <= COMMANDS
    assert len(fields) == len(layout.shapes)
    for field, shape, element in zip(fields, layout.shapes, template.elements, strict=True):
        if isinstance(shape, PlacedBars):
            assert code_values(field.data) == shape.symbol.codes
            assert (field.x, field.y) == (shape.x, shape.y)
            assert field.how["BY"].split(",")[0] == str(shape.module)
        elif isinstance(shape, PlacedMatrix):
            assert field.data == "MA," + filled(element.value, FIELDS)
            assert field.how["BQ"].split(",")[2] == str(shape.module)
            assert field.x == shape.x
        else:
            assert field.data == filled(element.value, FIELDS)
        assert 0 <= field.x < layout.width
        assert 0 <= field.y < layout.height


def test_hostile_values_never_begin_a_command() -> None:
    template = parse(FREE_TEXT, file="free.toml")
    chance = random.Random(94)
    refused = 0
    for _ in range(300):
        text = "".join(chance.choices("^~_>FSXADJRÄж0123 ,\\", k=chance.randrange(1, 30)))
        tag = "".join(chance.choices("^~_>FSX01", k=chance.randrange(1, 8)))
        try:
            layout = lay_out(template, {"serial_number": text, "asset_tag": tag}, 203)
        except LabelError:
            refused += 1  # long and random: too wide
            continue
        names, fields = read(zpl(layout))
        assert set(names) <= COMMANDS
        assert names.count("XA") == 1
        assert [fields[0].data, fields[1].data] == [text, f"MA,{text}"]
        bars = layout.shapes[2]
        assert isinstance(bars, PlacedBars)
        assert code_values(fields[2].data) == bars.symbol.codes
    assert refused < 150


@pytest.mark.parametrize("text", ["a\nb", "^XZ\x1b[2J", "a\x1db", "\x00", "\u202e1"])
def test_control_characters_are_refused(text: str) -> None:
    template = parse(FREE_TEXT, file="free.toml")
    with pytest.raises(LabelError, match="has no character"):
        lay_out(template, {"serial_number": text}, 203)


def test_a_backslash_is_not_sent_in_a_block() -> None:
    text = FREE_TEXT.replace("smallest = 1.3", 'smallest = 1.3\nalign = "right"')
    template = parse(text, file="free.toml")
    for value, is_block in (("A7", True), ("A\\&7", False)):
        _, fields = read(zpl(lay_out(template, {"serial_number": value}, 203)))
        assert ("FB" in fields[0].how) is is_block
        assert fields[0].data == value
