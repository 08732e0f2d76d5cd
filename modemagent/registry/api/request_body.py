"""The body of a request: read with limits on size, compression and nesting.

A compressed body is exactly one gzip member (RFC 1952) with nothing behind it. Two programs that
disagree about what follows the first member would see two different requests.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import Message, Receive

from modemagent.registry.api.problem_details import ProblemDetails, unavailable
from modemagent.registry.api.quotas import MemoryBudget

#: Largest ratio of compressed to decompressed size; batches of reports reach about 60.
MOST_RATIO = 150
_RATIO_FROM = 64 * 1024  # decompressed size from which the ratio is checked
_SLICE = 256 * 1024  # bytes that are decompressed before other requests get the event loop
MOST_DEPTH = 32
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_ENCODINGS = (b"gzip", b"x-gzip")


class ClientDisconnected(Exception):
    """The client closed the connection before the body was complete."""


class RequestBody:
    """The body of one request, whose memory is given back by :meth:`release`.

    :param most: largest size in bytes, before and after decompression
    """

    def __init__(self, receive: Receive, budget: MemoryBudget, most: int) -> None:
        self._receive = receive
        self._budget = budget
        self._most = most
        self._taken = 0

    def release(self) -> None:
        """Give the memory of the body back."""
        self._budget.give_back(self._taken)
        self._taken = 0

    async def read(self, headers: Mapping[bytes, bytes]) -> bytes | bytearray:
        """Return the whole body, decompressed.

        :raises ProblemDetails: the body is too large, malformed, or has an unknown encoding
        :raises ClientDisconnected: the connection was closed
        """
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        length = int(headers.get(b"content-length", b"0"))
        if length > self._most:
            raise self._too_large()
        self._take(length)
        if encoding == b"identity":
            return await self._read_plain()
        if encoding in _ENCODINGS:
            return await self._read_gzip()
        raise ProblemDetails(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_encoding",
            f"content encoding {encoding[:40].decode('latin-1')!r} is not supported, only gzip",
            headers={"Accept-Encoding": "gzip"},
        )

    async def _read_plain(self) -> bytes | bytearray:
        part, more = await self._next()
        if not more:
            self._need(len(part))
            return part
        body = bytearray(part)
        while more:
            part, more = await self._next()
            self._need(len(body) + len(part))
            body += part
        return body

    async def _read_gzip(self) -> bytearray:
        unzip = zlib.decompressobj(wbits=31)
        body = bytearray()
        received, more = 0, True
        while more:
            part, more = await self._next()
            received += len(part)
            if received > self._most:
                raise self._too_large()
            while part:
                if unzip.eof:
                    raise _bad_gzip("data follows the end of the compressed body")
                try:
                    body += unzip.decompress(part, _SLICE)
                except zlib.error as error:
                    raise _bad_gzip("the body is not gzip data") from error
                part = unzip.unconsumed_tail or unzip.unused_data
                self._need(len(body))
                if len(body) > _RATIO_FROM and len(body) > MOST_RATIO * received:
                    raise ProblemDetails(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        "compression_ratio",
                        f"the body is compressed to less than 1/{MOST_RATIO} of its size",
                    )
                if part:
                    await asyncio.sleep(0)
        if not unzip.eof:
            raise _bad_gzip("the compressed body ends before its end mark")
        return body

    async def _next(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientDisconnected
        return message.get("body", b""), message.get("more_body", False)

    def _need(self, size: int) -> None:
        """Check the size of the body so far, and reserve memory for it."""
        if size > self._most:
            raise self._too_large()
        if size > self._taken:
            self._take(size - self._taken)

    def _take(self, size: int) -> None:
        if not self._budget.take(size):
            raise unavailable("busy", "too many large requests at one time; retry later", 2)
        self._taken += size

    def _too_large(self) -> ProblemDetails:
        return ProblemDetails(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"the body must not exceed {_size(self._most)}, also after decompression;"
            " divide what it lists over several requests",
            limit=self._most,
        )


def _size(size: int) -> str:
    """Return a size as text.

    >>> _size(65536), _size(8 * 1024 * 1024)
    ('64 KiB', '8 MiB')
    """
    mib, rest = divmod(size, 1024 * 1024)
    return f"{size // 1024} KiB" if rest else f"{mib} MiB"


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Return True if a request has a body, by its headers."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def replay(body: bytes | bytearray, receive: Receive) -> Receive:
    """Return a ``receive`` that delivers a body which was read, then what follows it."""
    message: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

    async def replayed() -> Message:
        nonlocal message
        if message is not None:
            found, message = message, None
            return found
        return await receive()

    return replayed


def is_too_deep(body: bytes | bytearray) -> bool:
    """Return True if JSON is nested more than 32 levels; malformed JSON may give either answer."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEPTH:
        return False
    # the usual large body, a flat list, has no escapes and is reduced to nothing in a few steps;
    # two quotes side by side end and begin strings, so the others keep their meaning without them
    if b"\\" in body:
        outside = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    else:
        marks = body.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
        outside = b"".join(marks.split(b'"')[::2])
    rest = outside
    for _ in range(MOST_DEPTH // 2):  # each step removes one level or two
        rest = rest.replace(b"{}", b"").replace(b"[]", b"")
        if not rest:
            return False
    depth = 0
    for bracket in _BRACKETS.findall(outside):
        depth += 1 if bracket in b"[{" else -1
        if depth > MOST_DEPTH:
            return True
    return False


def _bad_gzip(detail: str) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.BAD_REQUEST, "malformed_gzip", detail)
