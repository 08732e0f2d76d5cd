"""Documents of the registry's HTTP API, with limits on what one command may receive."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import urllib3

from modemagent.errors import RegistryRefused, RegistryUnreachable
from modemagent.http_exchange import ExchangeError, HttpClient, HttpResponse, Limits

Document = dict[str, Any]

PAGE = 1000  # most entries of a page
_LONGEST_CURSOR = 256  # of a gateway id, the longest cursor
LIMITS = Limits(connect_s=10.0, idle_s=30.0, total_s=30.0, body_bytes=16 * 1024 * 1024)


class Source(Protocol):
    """A source of the documents of the API: the API itself, or the registry's database."""

    def get(self, path: str, **parameters: str | int) -> Document | None:
        """Return the document at a path below ``/api/v1/``, or None if it does not exist.

        :raises RegistryError: the registry is unreachable or refuses the request
        """

    def post(self, path: str, body: Mapping[str, object], *, revision: int) -> Document | None:
        """Make a decision about the object at a path, and return it; None if it does not exist.

        :param revision: of the object on which the decision is based
        :raises RegistryError: the registry is unreachable or refuses the request
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits on all requests of one command: number, bytes received, and time."""

    requests: int = 10_000
    body_bytes: int = 512 * 1024 * 1024
    total_s: float = 1800.0


class HttpSource:
    """A registry over HTTP, for one command.

    :param url: address of the registry, such as ``http://127.0.0.1:8470``
    :raises RegistryRefused: the token contains characters that no token has
    """

    def __init__(
        self, url: str, token: str, *, limits: Limits = LIMITS, budget: Budget | None = None
    ) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise RegistryRefused(
                "the token file must contain one token and nothing else",
                status=401,
                hint="Write the output of modemagent registry token create into the file.",
            )
        self.url = url.rstrip("/")
        self._token = token
        self._budget = budget or Budget()
        self._requests = self._received = 0
        self._end = time.monotonic() + self._budget.total_s
        https = self.url.lower().startswith("https:")
        self._client = HttpClient(limits, tls=ssl.create_default_context() if https else None)

    def get(self, path: str, **parameters: str | int) -> Document | None:
        status, body = self.request("GET", path, fields=parameters)
        return self._found(path, status, body)

    def post(self, path: str, body: Mapping[str, object], *, revision: int) -> Document | None:
        content, headers = json.dumps(body).encode(), {"If-Match": f'"{revision}"'}
        return self._found(path, *self.request("POST", path, content, headers=headers))

    def request(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        content_type: str = "application/json",
        fields: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Document]:
        """Return status and document of a request at a path below ``/api/v1/``.

        :param content: body of the request
        :param fields: parameters of the query
        :raises RegistryError: the registry is unreachable, or another server answers
        """
        response = self._exchange(method, path, content, content_type, fields, headers)
        if response.status == 204:
            return 204, {}
        return response.status, self._document(response)

    def text(self, path: str, **parameters: str | int) -> str:
        """Return a text at a path below ``/api/v1/``, such as CSV.

        :raises RegistryError: the registry is unreachable or refuses the request
        """
        response = self._exchange("GET", path, None, "", parameters)
        if response.status != 200:
            self.accepted(response.status, self._document(response))
        return response.body.decode("utf-8", "replace")

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | None,
        content_type: str,
        fields: Mapping[str, str | int] | None,
        more_headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        self._check_budget()
        query = f"?{urlencode(fields)}" if fields else ""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = content_type
        headers |= more_headers or {}
        try:
            response = self._client.request(
                method, f"{self.url}/api/v1/{quote(path)}{query}", headers=headers, body=content
            )
        except ExchangeError as error:
            raise RegistryUnreachable(
                f"invalid response from the registry at {self.url}: {error}",
                hint="Check the URL and that no other server answers there.",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise RegistryUnreachable(
                f"no response from the registry at {self.url}",
                hint="Check the URL and that modemagent registry serve runs there.",
            ) from error
        self._requests += 1
        self._received += len(response.body)
        return response

    def _document(self, response: HttpResponse) -> Document:
        try:
            body = json.loads(response.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RegistryRefused(
                f"the server at {self.url} is not a modemagent registry (HTTP {response.status})",
                status=response.status,
                hint="Check the URL.",
            )
        return body

    def _found(self, path: str, status: int, body: Document) -> Document | None:
        if status == 404 and body.get("code") == "not_found" and "/" in path:
            return None
        return self.accepted(status, body)

    @staticmethod
    def accepted(status: int, body: Document) -> Document:
        """Return the document of a request that the registry accepted.

        :raises RegistryRefused: the registry refused the request
        """
        if not 200 <= status < 300:
            raise RegistryRefused(
                f"the registry refused the request: {str(body.get('detail', status))[:500]}",
                status=status,
                hint="Check the token and its scope." if status in (401, 403) else "",
            )
        return body

    def _check_budget(self) -> None:
        budget = self._budget
        if self._requests >= budget.requests:
            exceeded = f"has more than {budget.requests} pages"
        elif self._received >= budget.body_bytes:
            exceeded = f"sent more than {budget.body_bytes // 2**20} MiB"
        elif time.monotonic() >= self._end:
            exceeded = f"did not send everything within {budget.total_s:g} s"
        else:
            return
        raise RegistryUnreachable(
            f"the registry at {self.url} {exceeded}", hint="Limit the output with --limit."
        )


def entries(
    source: Source, name: str, *, most: int | None, fields: Sequence[str], **parameters: str
) -> Iterator[Document]:
    """Yield the entries of a collection page by page, at most ``most`` of them.

    :param fields: required fields of every entry
    :raises RegistryRefused: a page is malformed, or its cursor leads to a page already read
    """
    remaining = most
    cursors: set[str] = set()
    while remaining is None or remaining > 0:
        page = source.get(name, limit=min(PAGE, remaining or PAGE), **parameters)
        if page is None:
            return
        found = rows(page, name, fields)[:remaining]
        yield from found
        remaining = None if remaining is None else remaining - len(found)
        following = page.get("next")
        if following is None:
            return
        if not isinstance(following, str) or not 0 < len(following) <= _LONGEST_CURSOR:
            raise _malformed("next is not a cursor")
        if following in cursors:
            raise _malformed("two pages have the same cursor")
        cursors.add(following)
        parameters["after"] = following


def rows(document: Document, name: str, fields: Sequence[str]) -> list[Document]:
    """Return the list of objects in a document.

    :raises RegistryRefused: the list is missing, or an entry lacks one of the fields
    """
    found = document.get(name)
    if not isinstance(found, list):
        raise _malformed(f"{name} is not a list")
    for entry in found:
        if not isinstance(entry, dict):
            raise _malformed(f"an entry of {name} is not an object")
        for field in fields:
            if field not in entry:
                raise _malformed(f"an entry of {name} has no {field}")
    return found


def _malformed(reason: str) -> RegistryRefused:
    return RegistryRefused(
        f"malformed response from the registry: {reason}",
        status=200,
        hint="Check the URL and that the registry is not older than this program.",
    )
