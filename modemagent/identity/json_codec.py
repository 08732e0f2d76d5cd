"""JSON codec for named tuples, driven by their type hints.

The keys are the field names, in their order. Values may be text, numbers, enumerations,
identifiers, tuples, mappings and further records. A record with a method ``to_json`` has a JSON
form of its own, for which :func:`fields_to_json` has options.

Decoding ignores unknown keys, so that a later version can add some. A key that is missing or null
takes the default of its field. A value of the wrong type raises
:class:`~modemagent.errors.ReportError` with the path of the key, such as ``sims.0.slot``. The
decoder of a class is built at its first use. Records are named tuples because dataclasses take
seven times as long to create, some 5 ms of a one-shot command.

>>> from typing import NamedTuple
>>> class Point(NamedTuple):
...     x: int
...     y: int = 0
>>> to_json(Point(1, 2)), from_json(Point, {"x": 3, "z": 4})
({'x': 1, 'y': 2}, Point(x=3, y=0))
>>> from_json(Point, {"x": "3"})
Traceback (most recent call last):
modemagent.errors.ReportError: x must be an integer
"""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from modemagent.errors import ReportError

T = TypeVar("T")
Decoder = Callable[[object, str], Any]

_PLAIN: Final = frozenset((str, int, float, bool, NoneType))
_TYPE_NAMES: Final = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
}


def to_json(value: Any) -> Any:
    """Return the JSON form of a value, made of plain dicts, lists and scalars.

    :raises TypeError: a value has no JSON form
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):  # an identifier or a member of a StrEnum
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if hasattr(value, "to_json"):
        return value.to_json()
    if hasattr(value, "_fields"):
        return fields_to_json(value)
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def fields_to_json(
    record: Any, *, omitted: Collection[str] = (), properties: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return the fields of a named tuple as JSON.

    :param omitted: fields that are left out while they have their default
    :param properties: properties to add, each by the field that it follows
    """
    document = {}
    for name, item in zip(record._fields, record, strict=True):
        if name not in omitted or item != record._field_defaults[name]:
            document[name] = to_json(item)
        if properties and (added := properties.get(name)):
            document[added] = to_json(getattr(record, added))
    return document


def from_json(kind: type[T], data: object) -> T:
    """Return the record of a class whose JSON form is ``data``.

    :param data: a decoded JSON document
    :raises ReportError: a key is missing or has a value of the wrong type
    """
    hint: Any = kind
    record: T = _decoder(hint)(data, "")
    return record


def _error(path: str, expected: str) -> ReportError:
    return ReportError(f"{path or 'the document'} must be {expected}", key=path)


@cache
def _decoder(hint: Any) -> Decoder:
    """Return the function that decodes a value of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (Any, object):
        return lambda value, _: value
    if origin is Annotated:
        return _converted(_decoder(arguments[0]), arguments[1:])
    if origin in (Union, UnionType):
        return _optional(*(argument for argument in arguments if argument is not NoneType))
    if origin is tuple:
        return _list_of(_decoder(arguments[0]))
    if origin is Literal:
        return _member(lambda value: arguments[arguments.index(value)], arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_of(arguments[1])
    if hasattr(hint, "_fields"):
        return _record(hint)
    if issubclass(hint, Enum):
        return _member(hint, tuple(hint))
    if (from_normalized := getattr(hint, "from_normalized", None)) is not None:
        return _converted(_decoder(str), (from_normalized,))
    return _scalar(hint)


def _scalar(kind: type) -> Decoder:
    accepted = (int, float) if kind is float else kind

    def decode(value: object, path: str) -> object:
        if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
            raise _error(path, _TYPE_NAMES[kind])
        return value

    return decode


def _converted(decode: Decoder, converters: tuple[Callable[[Any], object], ...]) -> Decoder:
    """Apply the functions of an ``Annotated`` type; their ValueError describes the right value."""

    def convert(value: object, path: str) -> object:
        value = decode(value, path)
        try:
            for converter in converters:
                value = converter(value)
        except ValueError as error:
            raise ReportError(f"{path} {error}", key=path) from None
        return value

    return convert


def _member(lookup: Callable[[Any], object], members: tuple[object, ...]) -> Decoder:
    def decode(value: object, path: str) -> object:
        try:
            if isinstance(value, str):
                return lookup(value)
        except ValueError:
            pass
        raise _error(path, f"one of {', '.join(map(str, members))}")

    return decode


def _optional(hint: Any) -> Decoder:
    """Decode null to None, and so a member of an enumeration that a later version has added."""
    decode = _decoder(hint)
    lenient = isinstance(hint, type) and issubclass(hint, Enum)

    def decode_optional(value: object, path: str) -> object:
        if value is None:
            return None
        try:
            return decode(value, path)
        except ReportError:
            if lenient and isinstance(value, str):
                return None
            raise

    return decode_optional


def _list_of(decode: Decoder) -> Decoder:
    def decode_list(value: object, path: str) -> object:
        if not isinstance(value, list | tuple):
            raise _error(path, "a list")
        return tuple([decode(item, f"{path}.{at}") for at, item in enumerate(value)])

    return decode_list


def _mapping_of(hint: Any) -> Decoder:
    decode = None if hint in (Any, object) else _decoder(hint)

    def decode_mapping(value: object, path: str) -> object:
        if not isinstance(value, Mapping):
            raise _error(path, "an object")
        if decode is None:
            return value
        return {str(key): decode(item, f"{path}.{key}") for key, item in value.items()}

    return decode_mapping


def _record(kind: Any) -> Decoder:
    hints = get_type_hints(kind, include_extras=True)
    plan = [
        (name, name not in kind._field_defaults, _decoder(hints[name])) for name in kind._fields
    ]

    def decode(value: object, path: str) -> object:
        if not isinstance(value, Mapping):
            raise _error(path, "an object")
        prefix = f"{path}." if path else ""
        found = {}
        for name, required, decode_field in plan:
            item = value.get(name)
            if item is not None or required:
                found[name] = decode_field(item, prefix + name)
        return kind(**found)

    return decode
