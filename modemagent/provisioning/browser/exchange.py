"""Requests and responses of the browser screen, with the headers that protect its pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

#: Longest head and body of a request.
HEAD_BYTES: Final = 8192
_FORM_BYTES: Final = 4096

#: The policy about referrers lets browsers state the origin of the form, which is compared.
_SECURITY: Final = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-src 'self'; frame-ancestors {ancestors}\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n"
)


class ScreenRequest(NamedTuple):
    """Head and body of a request; names of headers are in lower case.

    :param peer: address of the browser
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    peer: str = ""

    @property
    def form(self) -> dict[str, str]:
        fields = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    @property
    def is_of_own_page(self) -> bool:
        """True if a page of this screen has sent a form; browsers state that in each request."""
        if site := self.headers.get("sec-fetch-site"):
            return site == "same-origin"
        origin = urlsplit(self.headers.get("origin", ""))
        return origin.scheme == "http" and origin.netloc == self.headers.get("host")

    def cookie(self, name: str) -> str:
        for each in self.headers.get("cookie", "").split(";"):
            key, _, value = each.strip().partition("=")
            if key == name:
                return value
        return ""


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> ScreenRequest:
    """Return a request.

    :raises ValueError: it is not one
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= _FORM_BYTES:
        raise ValueError("the body is too large")
    body, peer = await reader.readexactly(size), writer.get_extra_info("peername")
    return ScreenRequest(method, target.partition("?")[0], headers, body, peer[0] if peer else "")


def head_of(status: str, kind: str, more: str = "", ancestors: str = "'none'") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\n"
        f"Connection: close\r\n{_SECURITY.format(ancestors=ancestors)}{more}"
    ).encode()


def respond(
    status: str, text: str, kind: str = "text/plain", more: str = "", ancestors: str = "'none'"
) -> bytes:
    content = text.encode()
    more = f"{more}Content-Length: {len(content)}\r\n"
    return head_of(status, kind, more, ancestors) + b"\r\n" + content
