"""JSON codec: types, defaults, options of a field, and the paths in errors."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.errors import ReportError
from modemagent.identity.imei import Imei
from modemagent.identity.json_codec import fields_to_json, from_json, to_json


class Colour(StrEnum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: float = 0.5


def even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


class Record(NamedTuple):
    number: Annotated[int, even]
    points: tuple[Point, ...] = ()
    colour: Colour | None = None
    word: Literal["yes", "no"] = "no"
    code: int | None = None
    imei: Imei | None = None
    flags: Mapping[str, bool] = {}
    extra: Mapping[str, object] | None = None

    @property
    def total(self) -> int:
        return self.number + len(self.points)

    def to_json(self) -> dict[str, object]:
        optional = ("imei", "flags", "extra")
        return fields_to_json(self, omitted=optional, properties={"number": "total"})


FULL = Record(
    number=4,
    points=(Point(1), Point(2, 3)),
    colour=Colour.RED,
    word="yes",
    code=7,
    imei=Imei("867698040000013"),
    flags={"a": True},
    extra={"later": [1, None]},
)


def test_round_trip() -> None:
    document = FULL.to_json()
    assert list(document)[:3] == ["number", "total", "points"]
    assert document["imei"] == "867698040000013"
    assert type(document["imei"]) is str
    assert from_json(Record, document) == FULL


def test_defaults_are_omitted_on_request_only() -> None:
    assert Record(2).to_json() == {
        "number": 2, "total": 2, "points": [], "colour": None, "word": "no", "code": None,
    }  # fmt: skip


def test_null_takes_the_default_except_of_a_required_key() -> None:
    assert from_json(Record, {"number": 2, "points": None, "flags": None}) == Record(2)
    with pytest.raises(ReportError) as caught:
        from_json(Record, {"number": None})
    assert caught.value.key == "number"


@pytest.mark.parametrize(
    ("document", "key", "message"),
    [
        ([], "", "the document must be an object"),
        ({}, "number", "number must be an integer"),
        ({"number": True}, "number", "number must be an integer"),
        ({"number": 3}, "number", "number must be even"),
        ({"points": [{"x": 1}, {"x": "1"}]}, "points.1.x", "points.1.x must be an integer"),
        ({"points": [{"x": 1, "y": "1"}]}, "points.0.y", "points.0.y must be a number"),
        ({"points": {"x": 1}}, "points", "points must be a list"),
        ({"word": "maybe"}, "word", "word must be one of yes, no"),
        ({"colour": 1}, "colour", "colour must be one of red"),
        ({"flags": {"a": 1}}, "flags.a", "flags.a must be true or false"),
        ({"imei": "86769804000001"}, "imei", "imei must be a normalized IMEI"),
        ({"extra": "x"}, "extra", "extra must be an object"),
    ],
)
def test_error_names_path_and_expected_value(document: Any, key: str, message: str) -> None:
    if isinstance(document, dict) and document:
        document = {"number": 2} | document
    with pytest.raises(ReportError) as caught:
        from_json(Record, document)
    assert (caught.value.key, caught.value.message) == (key, message)


def test_unknown_member_of_an_optional_enumeration_is_none() -> None:
    assert from_json(Record, {"number": 2, "colour": "ultraviolet"}).colour is None


def test_value_without_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="bytes has no JSON form"):
        to_json({"raw": b"x"})


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["number", "points", "x", "flags", "colour", "imei", "extra"]), inner
    ), max_leaves=20,
))  # fmt: skip
def test_only_the_declared_error_is_raised(document: Any) -> None:
    try:
        found = from_json(Record, document)
    except ReportError:
        return
    assert from_json(Record, found.to_json()) == found
