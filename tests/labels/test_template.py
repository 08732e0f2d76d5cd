"""Template files: what is in them, and mistakes with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.errors import LabelError
from modemagent.labels.fields import FIELDS
from modemagent.labels.layout import DPI, check, lay_out
from modemagent.labels.sheets import SHEETS, check_fit
from modemagent.labels.template import Template, parse, shipped, shipped_text

GOOD = """width = 50
height = 25
margin = 1

[[element]]
kind = "code128"
x = 1
y = 1
width = 48
height = 7
value = "{imei}"

[[element]]
kind = "text"
x = 1
y = 9
width = 40
size = 3
value = "IMEI {imei:grouped}"
"""


def template(text: str = GOOD) -> Template:
    return parse(text, file="/etc/modemagent/mine.toml")


@pytest.mark.parametrize("name", shipped())
def test_shipped_templates_fit_at_every_resolution(name: str) -> None:
    for dpi in DPI:
        check(parse(shipped_text(name), file=f"{name}.toml"), dpi)


def test_required_fields_are_those_outside_of_brackets() -> None:
    assert template().required == {"imei"}
    assert template(GOOD.replace('"{imei}"', '"{imei}[ {lot}]"')).required == {"imei"}
    for name in shipped():
        assert parse(shipped_text(name), file=name).required == {"imei"}


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "remedy"),
    [
        ("x = 1\n", "x = \n", 7, "not valid TOML", "key = value"),
        ("height = 25", "heigth = 25", 2, "unknown key 'heigth'", "Did you mean height?"),
        ("width = 50\n", "", 1, "width is missing", "Example: width ="),
        ("width = 50", 'width = "50"', 1, "width must be 5 to 300", "Example"),
        ("width = 50", "width = nan", 1, "width must be 5 to 300", "Example"),
        ("margin = 1", "margin = true", 3, "margin must be 0 to 300", "Example"),
        ('kind = "code128"', 'kind = "code 128"', 6, "unknown kind", "Kinds: text"),
        ('kind = "code128"\n', "", 5, "kind is missing", "Kinds: text"),
        ("height = 7\n", "height = 7\nbold = true\n", 11, "unknown key 'bold'", "Keys: kind"),
        ("size = 3\n", "", 13, "size is missing", "Example: size ="),
        ("size = 3", 'size = 3\nalign = "middle"', 19, "unknown alignment", "left, center, right"),
        ('"{imei}"', '"{IMEI}"', 11, "unknown field {IMEI}", "Known fields: imei"),
        ('"{imei}"', '"{imei.__class__}"', 11, "unknown field", "Known fields"),
        ('"{imei}"', '"{lot:grouped}"', 11, "unknown format {lot:grouped}", "only format"),
        ('"{imei}"', '"{imei"', 11, "has a { without its counterpart", "Write {{"),
        ('"{imei}"', '"{imei}[ {lot}"', 11, "has a [ without its counterpart", "Write [["),
        ('"{imei}"', "7", 11, "value must be a text", "Example: value"),
        ("width = 48", "width = 49", 7, "reaches from 1 to 50 mm", "Change x or width"),
        ("y = 9", "y = 7", 13, "the text overlaps the code128 of line 5", "Change x, y"),
    ],
)
def test_mistakes_name_line_and_remedy(
    old: str, new: str, line: int, message: str, remedy: str
) -> None:
    with pytest.raises(LabelError) as wrong:
        template(GOOD.replace(old, new, 1))
    assert wrong.value.message.startswith(f"/etc/modemagent/mine.toml, line {line}: ")
    assert message in wrong.value.message
    assert remedy in wrong.value.hint


@pytest.mark.parametrize("text", ["", "width = 50\nheight = 25\n", "element = 3\n", "a = [" * 5000])
def test_a_file_without_elements_is_refused(text: str) -> None:
    with pytest.raises(LabelError, match=r"mine\.toml, line "):
        template(text)


def test_an_unknown_template_names_the_nearest() -> None:
    with pytest.raises(LabelError) as wrong:
        shipped_text("imei-62x30")
    assert "Did you mean imei-62x29?" in wrong.value.hint
    with pytest.raises(LabelError):
        shipped_text("../../etc/passwd")


def test_a_bar_code_without_room_is_refused() -> None:
    narrow = template(GOOD.replace("width = 48", "width = 38"))
    with pytest.raises(LabelError, match=r"line 5: the bar code needs 38\.5 mm .* has 38\.0 mm"):
        lay_out(narrow, FIELDS, 203)


def test_a_text_without_room_is_refused_or_shrinks() -> None:
    long = {"imei": FIELDS["imei"], "lot": "L" * 30}
    wide = GOOD.replace("IMEI {imei:grouped}", "{lot}")
    with pytest.raises(LabelError, match="the text of 30 characters needs"):
        lay_out(template(wide), long, 203)
    assert lay_out(template(wide.replace("size = 3", "size = 3\nsmallest = 2")), long, 203)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("code128", "SN-Ä1", "Code 128 holds"),
        ("gs1_128", "{imei}", "application identifier in brackets is missing"),
        ("gs1_128", "(8002){imei}(01)123", r"\(01\) needs 14 digits"),
        ("gs1_128", "(01)04012345678902", "wrong check digit"),
        ("gs1_128", "(8888)1", "is not an application identifier|needs"),
    ],
)
def test_values_that_a_symbology_cannot_hold_are_refused(
    kind: str, value: str, message: str
) -> None:
    changed = GOOD.replace('"code128"', f'"{kind}"').replace('"{imei}"', f'"{value}"')
    if "8888" in value:
        changed = changed.replace("(8888)1", "(8888)" + "1" * 91)
    with pytest.raises(LabelError, match=f"template mine, line 5: .*({message})"):
        lay_out(template(changed), FIELDS, 203)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(LabelError, match="needs imei, which has no value") as wrong:
        lay_out(template(), {"imei": ""}, 203)
    assert "line 5" in wrong.value.hint


def test_an_unknown_resolution_is_refused() -> None:
    with pytest.raises(LabelError, match="96 dpi"):
        check(template(), 96)


def test_templates_are_compared_with_the_sheet() -> None:
    for name in SHEETS:
        check_fit(parse(shipped_text("sheet-a4-3x8"), file="sheet-a4-3x8.toml"), name)
    with pytest.raises(LabelError, match="labels of sheet A4-3x8 are"):
        check_fit(template(GOOD.replace("height = 25", "height = 35")), "A4-3x8")
    with pytest.raises(LabelError, match="unknown label sheet"):
        check_fit(template(), "A4-3x9")


def test_the_documented_template_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "labels.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    check(parse(example, file="example.toml"), 203)
    for name in shipped():
        assert f"| `{name}` |" in page
