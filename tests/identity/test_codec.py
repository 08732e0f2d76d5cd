"""JSON codec: types, defaults, options of a field, and the paths in errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.errors import ReportError
from modemagent.identity.codec import OMIT_DEFAULT, REQUIRED, JsonRecord, from_json, to_json
from modemagent.identity.imei import Imei


class Colour(StrEnum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: float = 0.5


def even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(JsonRecord):
    JSON_PROPERTIES: ClassVar = {"total": "count"}

    count: Annotated[int, even] = field(default=2, metadata=REQUIRED)
    points: tuple[Point, ...] = ()
    colour: Colour | None = None
    word: Literal["yes", "no"] = "no"
    code: int | None = None
    imei: Imei | None = field(default=None, metadata=OMIT_DEFAULT)
    flags: Mapping[str, bool] = field(default_factory=dict, metadata=OMIT_DEFAULT)
    extra: Mapping[str, object] | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def total(self) -> int:
        return self.count + len(self.points)


FULL = Record(
    count=4,
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
    assert list(document)[:3] == ["count", "total", "points"]
    assert document["imei"] == "867698040000013"
    assert type(document["imei"]) is str
    assert Record.from_json(document) == FULL


def test_defaults_are_omitted_on_request_only() -> None:
    assert Record().to_json() == {
        "count": 2, "total": 2, "points": [], "colour": None, "word": "no", "code": None,
    }  # fmt: skip


def test_null_takes_the_default_except_of_a_required_key() -> None:
    assert Record.from_json({"count": 2, "points": None, "flags": None}) == Record()
    with pytest.raises(ReportError) as caught:
        Record.from_json({"count": None})
    assert caught.value.key == "count"


@pytest.mark.parametrize(
    ("document", "key", "message"),
    [
        ([], "", "the document must be an object"),
        ({}, "count", "count must be an integer"),
        ({"count": True}, "count", "count must be an integer"),
        ({"count": 3}, "count", "count must be even"),
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
        document = {"count": 2} | document
    with pytest.raises(ReportError) as caught:
        Record.from_json(document)
    assert (caught.value.key, caught.value.message) == (key, message)


def test_unknown_member_of_an_optional_enumeration_is_none() -> None:
    assert Record.from_json({"count": 2, "colour": "ultraviolet"}).colour is None


def test_value_without_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="bytes has no JSON form"):
        to_json({"raw": b"x"})


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["count", "points", "x", "flags", "colour", "imei", "extra"]), inner
    ), max_leaves=20,
))  # fmt: skip
def test_only_the_declared_error_is_raised(document: Any) -> None:
    try:
        found = from_json(Record, document)
    except ReportError:
        return
    assert Record.from_json(found.to_json()) == found
