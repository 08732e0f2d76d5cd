"""The text of a batch of reports, ``{"reports": [...]}``, split without decoding the reports.

Decoding all of it into objects can take 25 times its size, which one request must not take.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import msgspec

MOST_REPORTS = 1000
_ABSENT = msgspec.Raw()
_SPACE = rb"[ \t\r\n]*"
_START = re.compile(rb'%b\{%b"reports"%b:%b\[%b' % ((_SPACE,) * 5))
_NEXT = re.compile(rb"%b,%b" % (_SPACE, _SPACE))
_END = re.compile(rb"%b\]%b\}%b" % (_SPACE, _SPACE, _SPACE))
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)


#: An array of at most 1000 items. A list with a maximum length is decoded before it is measured:
#: 8 MiB of small items take 120 MiB.
_Reports = msgspec.defstruct(
    "_Reports",
    [(f"report_{number}", msgspec.Raw, _ABSENT) for number in range(MOST_REPORTS)],
    array_like=True,
    forbid_unknown_fields=True,
)


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    reports: _Reports  # type: ignore[valid-type]  # made above


_batches = msgspec.json.Decoder(_Batch, strict=True)

#: As above, with at most 64 items: a field that is absent takes its time too.
_FewReports = msgspec.defstruct(
    "_FewReports",
    [(f"report_{number}", msgspec.Raw, _ABSENT) for number in range(64)],
    array_like=True,
    forbid_unknown_fields=True,
)


class _FewBatch(msgspec.Struct, forbid_unknown_fields=True):
    reports: _FewReports  # type: ignore[valid-type]  # made above


_few_batches = msgspec.json.Decoder(_FewBatch, strict=True)


def decode_few(body: bytes | bytearray) -> list[msgspec.Raw] | None:
    """Return the reports of a usual batch as :func:`decode_batch` does.

    None: it has more than 64 reports, none, or something else in it that is unusual.
    """
    try:
        batch: Any = _few_batches.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    reports = list(takewhile(_is_present, msgspec.structs.astuple(batch.reports)))
    return reports if reports and has_one_list(body, reports) else None


def decode_batch(body: bytes | bytearray) -> list[msgspec.Raw]:
    """Return the reports of a batch of well-formed JSON, whose text they refer to.

    :raises msgspec.ValidationError: a list of 1 to 1000 reports is missing
    :raises msgspec.DecodeError: the JSON is malformed
    """
    reports = list(takewhile(_is_present, msgspec.structs.astuple(_batches.decode(body).reports)))
    if not reports:
        raise msgspec.ValidationError("the list of reports is empty")
    return reports


def _is_present(report: msgspec.Raw) -> bool:
    return report is not _ABSENT


def has_one_list(body: bytes | bytearray, reports: Sequence[bytes | msgspec.Raw]) -> bool:
    """Return True if the key of the reports of a batch, decoded to these, occurs once in it."""
    return (body.count(b'"reports"') == 1 and b"\\" not in body) or is_whole(body, reports)


def is_whole(body: bytes | bytearray, reports: Sequence[bytes | msgspec.Raw]) -> bool:
    """Return True if a batch consists of these reports and nothing else.

    A second list of reports, under the same key with or without escapes, makes it False.
    """
    found = _START.match(body)
    if found is None:
        return False
    position = found.end()
    for number, report in enumerate(reports):
        if number:
            found = _NEXT.match(body, position)
            if found is None:
                return False
            position = found.end()
        text = bytes(report)
        end = position + len(text)
        if body[position:end] != text:
            return False
        position = end
    return _END.fullmatch(body, position) is not None


def split_by_scanning(body: bytes | bytearray) -> list[bytes]:
    """Return the texts of the reports of a batch; each of them may be malformed.

    :raises msgspec.ValidationError: the list is empty or has more than 1000 reports
    :raises msgspec.DecodeError: the text around the reports is malformed
    """
    found = _START.match(body)
    if found is None:
        raise msgspec.DecodeError("JSON is malformed, or has other keys than 'reports'")
    reports: list[bytes] = []
    start = found.end()
    depth = 0
    for token in _TOKEN.finditer(body, start):
        kind = token[0][:1]
        if kind in b"[{":
            depth += 1
        elif depth and kind in b"]}":
            depth -= 1
        elif depth == 0 and kind in b",]}":
            reports.append(bytes(body[start : token.start()]).strip())
            start = token.end()
            if len(reports) > MOST_REPORTS:
                raise msgspec.ValidationError(f"more than {MOST_REPORTS} reports")
            if kind != b",":
                if _END.fullmatch(body, token.start()) is None:
                    break
                if reports == [b""]:
                    raise msgspec.ValidationError("the list of reports is empty")
                return reports
    raise msgspec.DecodeError("JSON is malformed")
