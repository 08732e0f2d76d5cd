"""Batches are split as JSON decoding splits them."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.registry.api.batch_scan import decode_batch, is_whole, split_by_scanning

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(_VALUES, min_size=1), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_scanning_finds_the_reports(reports: list[object], indent: object, ascii_: bool) -> None:
    text = json.dumps({"reports": reports}, indent=indent, ensure_ascii=ascii_)  # type: ignore[arg-type]
    body = text.encode("utf-8", "replace")
    wanted = json.loads(body)["reports"]
    assert [json.loads(one) for one in split_by_scanning(body)] == wanted
    if "\\ud" not in text:
        assert [json.loads(bytes(one)) for one in decode_batch(body)] == wanted
        assert is_whole(body, decode_batch(body))


@pytest.mark.parametrize("name", ["reports", "\\u0072eports"])
def test_second_list_is_noticed(name: str) -> None:
    for text in (f'{{"reports": [1, 2], "{name}": [1]}}', f'{{"{name}": [1], "reports": [1, 2]}}'):
        body = text.encode()
        assert not is_whole(body, decode_batch(body))
        with pytest.raises(msgspec.DecodeError):
            split_by_scanning(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"reports": [1], "other": 1}',
        b"[]",
        b'{"reports": []}',
        b'{"reports": [' + b"1," * 1000 + b"1]}",
        b'{"reports":1}',
    ],
)
def test_what_is_not_a_batch_is_rejected(body: bytes) -> None:
    for split in (decode_batch, split_by_scanning):
        with pytest.raises(msgspec.DecodeError):
            split(body)
