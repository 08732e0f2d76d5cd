"""The registry's answers for the command line: over HTTP, or from the database on this machine.

Both give the same documents for the same paths of the API, so that a command need not know which
it has. The database shows identifiers in full: who can read the file can read them anyway.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from modemagent.errors import RegistryRefused, RegistryUnreachable
from modemagent.http_exchange import ExchangeError, HttpClient, Limits

Document = dict[str, Any]

_PAGE = 1000
_LONGEST_CURSOR = 256  # a gateway id, the longest there is
LIMITS = Limits(connect_s=10.0, idle_s=30.0, total_s=30.0, body_bytes=16 * 1024 * 1024)


class Source(Protocol):
    """Where documents come from."""

    def get(self, what: str, **parameters: str | int) -> Document | None:
        """Return the document at a path below ``/api/v1/``; None when there is no such thing.

        :raises RegistryError: no answer, or refused
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bounds of everything one command requests: pages, bytes in all of them, and time."""

    requests: int = 10_000
    body_bytes: int = 512 * 1024 * 1024
    total_s: float = 1800.0


class HttpSource:
    """A registry over HTTP, for one command.

    :param url: its root, as ``http://127.0.0.1:8470``
    :raises RegistryRefused: the token has characters that no token has
    """

    def __init__(
        self, url: str, token: str, *, limits: Limits = LIMITS, budget: Budget | None = None
    ) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise RegistryRefused(
                "the token file must hold one token and nothing else",
                status=401,
                hint="Write into the file what modemagent registry token create prints.",
            )
        self._root = url.rstrip("/")
        self._token = token
        self._budget = budget or Budget()
        self._requests = self._received = 0
        self._end = time.monotonic() + self._budget.total_s
        tls = None
        if self._root.lower().startswith("https:"):
            import ssl

            tls = ssl.create_default_context()
        self._client = HttpClient(limits, tls=tls)

    def get(self, what: str, **parameters: str | int) -> Document | None:
        import urllib3

        self._check_budget()
        try:
            answer = self._client.request(
                "GET",
                f"{self._root}/api/v1/{quote(what)}",
                fields={name: str(value) for name, value in parameters.items()},
                headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
            )
        except ExchangeError as error:
            raise RegistryUnreachable(
                f"the registry at {self._root} does not answer properly: {error}",
                hint="Check the URL, and that no other server answers there.",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise RegistryUnreachable(
                f"the registry at {self._root} does not answer",
                hint="check the URL and that modemagent registry serve runs there",
            ) from error
        self._requests += 1
        self._received += len(answer.body)
        try:
            body = json.loads(answer.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RegistryRefused(
                f"the server at {self._root} is not a modemagent registry (HTTP {answer.status})",
                status=answer.status,
                hint="Check the URL.",
            )
        if answer.status == 404 and body.get("code") == "not_found" and "/" in what:
            return None
        if answer.status != 200:
            raise RegistryRefused(
                f"the registry refused: {str(body.get('detail', answer.status))[:500]}",
                status=answer.status,
                hint="check the token and its scope" if answer.status in (401, 403) else "",
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
            f"the registry at {self._root} {exceeded}", hint="Ask for less with --limit."
        )


class DatabaseSource:
    """The registry's database on this machine."""

    def __init__(self, database_url: str) -> None:
        from modemagent.registry.store.engine import Database

        self._database = Database(database_url, guest=True)

    def get(self, what: str, **parameters: Any) -> Document | None:
        from modemagent.registry.store import reader

        collection, _, rest = what.partition("/")
        number, _, part = rest.partition("/")
        one: Mapping[str, Callable[..., Document | None]] = {
            "modems": reader.modem_timeline if part else reader.modem,
            "sims": reader.sim_timeline if part else reader.sim,
            "gateways": reader.gateway,
        }
        with self._database.reading() as connection:
            if collection == "lookup":
                return {"matches": reader.lookup(connection, parameters["id"])}
            if number:
                return one[collection](connection, number)
            limit = int(parameters.get("limit", _PAGE))
            after = parameters.get("after")
            found: tuple[list[Document], object]
            if collection == "gateways":
                found = reader.gateways(connection, limit=limit, after=after or "")
            elif collection == "events":
                found = reader.events(
                    connection,
                    limit=limit,
                    after=int(after) if after else None,
                    descending=parameters.get("order") == "desc",
                )
            else:
                pages = reader.modems if collection == "modems" else reader.sims
                found = pages(connection, limit=limit, after=int(after or 0))
        return {collection: found[0], "next": None if found[1] is None else str(found[1])}


def entries(
    source: Source, what: str, *, most: int | None, fields: Sequence[str], **parameters: str
) -> Iterator[Document]:
    """Yield the entries of a collection page by page, at most ``most`` of them.

    :param fields: what every entry must have
    :raises RegistryRefused: a page is malformed, or its cursor leads to a page that was read
    """
    left = most
    cursors: set[str] = set()
    while left is None or left > 0:
        page = source.get(what, limit=min(_PAGE, left or _PAGE), **parameters)
        if page is None:
            return
        found = rows(page, what, fields)[:left]
        yield from found
        left = None if left is None else left - len(found)
        following = page.get("next")
        if following is None:
            return
        if not isinstance(following, str) or not 0 < len(following) <= _LONGEST_CURSOR:
            raise _malformed("next is not a cursor")
        if following in cursors:
            raise _malformed("the cursor of one page comes again on another")
        cursors.add(following)
        parameters["after"] = following


def rows(document: Document, name: str, fields: Sequence[str]) -> list[Document]:
    """Return the list of objects in a document.

    :raises RegistryRefused: it is not there, or an entry lacks one of the fields
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


def _malformed(why: str) -> RegistryRefused:
    return RegistryRefused(
        f"the registry's answer is malformed: {why}",
        status=200,
        hint="Check the URL, and that the registry has the version of this program or a newer one.",
    )
