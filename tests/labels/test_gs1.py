"""GS1 element strings against python-stdnum, which reads the table of GS1 itself."""

from __future__ import annotations

import random

import pytest
from stdnum import gs1_128 as reference
from stdnum.numdb import get

from modemagent.labels import gs1


def assigned() -> list[str]:
    """Return the application identifiers of the table that python-stdnum ships."""
    found = []
    for entry in get("gs1_ai").prefixes:
        length, low, high, _, _ = entry
        found += [f"{n:0{length}d}" for n in range(int(low), int(high) + 1)]
    return sorted(found)


def test_every_assigned_ai_has_its_number_of_digits() -> None:
    ais = assigned()
    assert len(ais) > 400
    wrong = [ai for ai in ais if gs1.ai_digits(ai) != len(ai)]
    assert not wrong


def test_predefined_lengths_are_those_without_fnc1() -> None:
    wrong = []
    for ai in assigned():
        (_, properties) = get("gs1_ai").info(ai)[0]
        fixed = "fnc1" not in properties and ".." not in properties["format"]
        if fixed != (gs1.predefined_length(ai) is not None):
            wrong.append((ai, properties["format"], properties.get("fnc1")))
    assert not wrong


def test_joined_element_strings_are_read_by_the_reference() -> None:
    chance = random.Random(8002)
    for _ in range(200):
        serial = "".join(chance.choices("ABC0123456789", k=chance.randrange(1, 20)))
        elements = [
            gs1.ElementString("8002", "867698040000013"),
            gs1.ElementString("21", serial),
            gs1.ElementString("01", "04012345678901"),
        ]
        chance.shuffle(elements)
        found = reference.info(gs1.joined(elements), separator=gs1.GS)
        assert found == dict(elements)


@pytest.mark.parametrize("value", ["", "A B", "x" * 21, "Ä"])
def test_invalid_serial_numbers_are_refused(value: str) -> None:
    with pytest.raises(gs1.Invalid):
        gs1.check(gs1.SERIAL, value)
