"""GS1 element strings as scanners send them."""

from __future__ import annotations

import random

import pytest
from stdnum import gs1_128 as reference

from modemagent.labels.gs1 import GS, ElementString, Invalid, joined
from modemagent.provisioning.scans.gs1 import AIM_GS1, read

IMEI = "867698040000013"
GTIN = "04012345678901"


@pytest.mark.parametrize("aim", AIM_GS1)
def test_every_gs1_symbol_is_recognized_by_its_aim_identifier(aim: str) -> None:
    assert read(f"{aim}8002{IMEI}") == {"8002": IMEI}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (f"]C121A7{GS}8002{IMEI}{GS}01{GTIN}", {"21": "A7", "8002": IMEI, "01": GTIN}),
        (f"]C101{GTIN}{GS}21A7", {"01": GTIN, "21": "A7"}),
        (f"{GS}8002{IMEI}", {"8002": IMEI}),
        (f"]d201{GTIN}21A7^]8002{IMEI}", {"01": GTIN, "21": "A7", "8002": IMEI}),
        (f"]d201{GTIN}21A7{{GS}}8002{IMEI}", {"01": GTIN, "21": "A7", "8002": IMEI}),
        (f"(01){GTIN}(21)A(7)(8002){IMEI}", {"01": GTIN, "21": "A(7)", "8002": IMEI}),
        (f"]C18002{IMEI}{GS}3103001500{GS}99x", {"8002": IMEI, "3103": "001500", "99": "x"}),
    ],
)
def test_element_strings_are_read(text: str, values: dict[str, str]) -> None:
    assert read(text) == values


@pytest.mark.parametrize(
    "text", ["", IMEI, f"8002{IMEI}", f"]C0{IMEI}", f"]Q1{IMEI}", "()", "a(1)b"]
)
def test_texts_without_a_mark_of_gs1_are_left(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"]C18002{IMEI}21A7", "separator \\(GS\\) was lost"),
        (f"]C101{GTIN[:-1]}2", "check digit"),
        (f"]C101{GTIN[:-1]}", "needs 14 digits"),
        ("]C1", "it is empty"),
        ("]C1" + GS, "it is empty"),
        ("]C10512345", "unknown application identifier"),
        (f"]C18002{IMEI}{GS}8002867698040000021", "twice, with different values"),
        ("]C121A7", "needs its product"),
        (f"(8002){IMEI}(05)1", "not an application identifier"),
        ("]C121" + "A" * 21, "1 to 20 characters"),
    ],
)
def test_damaged_element_strings_are_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as wrong:
        read(text)
    assert IMEI not in str(wrong.value)


def test_random_element_strings_are_read_as_by_the_reference() -> None:
    chance = random.Random(1)
    for _ in range(500):
        elements = [ElementString("8002", IMEI), ElementString("01", GTIN)]
        for ai, longest in (("21", 20), ("10", 20), ("240", 30), ("99", 60)):
            if chance.random() < 0.6 or ai == "21":
                value = "".join(chance.choices("AZaz09-/", k=chance.randrange(1, longest)))
                elements.append(ElementString(ai, value))
        chance.shuffle(elements)
        data = joined(elements)
        found = read("]C1" + data)
        assert found == dict(elements) == reference.info(data, separator=GS)
