"""The registry's answers for the command line: over HTTP, or from the database on this machine.

Both give the same documents for the same paths of the API, so that a command need not know which
it has. The database shows identifiers in full: who can read the file can read them anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from modemagent.errors import RegistryRefused, RegistryUnreachable

Document = dict[str, Any]

_PAGE = 1000
_TIMEOUT_S = 30.0


class Source(Protocol):
    """Where documents come from."""

    def get(self, what: str, **parameters: str | int) -> Document | None:
        """Return the document at a path below ``/api/v1/``; None when there is no such thing.

        :raises RegistryError: no answer, or refused
        """


class Api:
    """A registry over HTTP.

    :param url: its root, as ``http://127.0.0.1:8470``
    """

    def __init__(self, url: str, token: str) -> None:
        self._root = url.rstrip("/")
        self._token = token

    def get(self, what: str, **parameters: str | int) -> Document | None:
        import urllib3

        try:
            answer = urllib3.request(
                "GET",
                f"{self._root}/api/v1/{quote(what)}",
                fields={name: str(value) for name, value in parameters.items()},
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=_TIMEOUT_S,
                retries=False,
            )
            body = answer.json()
        except urllib3.exceptions.HTTPError as error:
            raise RegistryUnreachable(
                f"the registry at {self._root} does not answer",
                hint="check the URL and that modemagent registry serve runs there",
            ) from error
        except ValueError as error:
            raise RegistryRefused(
                f"what answers at {self._root} is no registry",
                status=answer.status,
                hint="check the URL",
            ) from error
        if answer.status == 404 and body.get("code") == "not_found" and "/" in what:
            return None
        if answer.status != 200:
            raise RegistryRefused(
                f"the registry refused: {body.get('detail', answer.status)}",
                status=answer.status,
                hint="check the token and its scope" if answer.status in (401, 403) else "",
            )
        return dict(body)


class Local:
    """The registry's database on this machine."""

    def __init__(self, database_url: str) -> None:
        from modemagent.registry.store.database import Database

        self._database = Database(database_url, guest=True)

    def get(self, what: str, **parameters: Any) -> Document | None:
        from modemagent.registry.store import queries

        collection, _, rest = what.partition("/")
        number, _, part = rest.partition("/")
        one: Mapping[str, Callable[..., Document | None]] = {
            "modems": queries.modem_timeline if part else queries.modem,
            "sims": queries.sim_timeline if part else queries.sim,
            "gateways": queries.gateway,
        }
        with self._database.reading() as connection:
            if collection == "lookup":
                return {"matches": queries.lookup(connection, parameters["id"])}
            if number:
                return one[collection](connection, number)
            limit = int(parameters.get("limit", _PAGE))
            after = parameters.get("after")
            found: tuple[list[Document], object]
            if collection == "gateways":
                found = queries.gateways(connection, limit=limit, after=after or "")
            elif collection == "events":
                found = queries.events(
                    connection,
                    limit=limit,
                    after=int(after) if after else None,
                    descending=parameters.get("order") == "desc",
                )
            else:
                pages = queries.modems if collection == "modems" else queries.sims
                found = pages(connection, limit=limit, after=int(after or 0))
        return {collection: found[0], "next": None if found[1] is None else str(found[1])}


def entries(
    source: Source, what: str, *, most: int | None, **parameters: str
) -> Iterator[Document]:
    """Yield the entries of a collection page by page, at most ``most`` of them."""
    left = most
    while left is None or left > 0:
        page = source.get(what, limit=min(_PAGE, left or _PAGE), **parameters)
        if page is None:
            return
        found = page[what] if left is None else page[what][:left]
        yield from found
        left = None if left is None else left - len(found)
        if page["next"] is None:
            return
        parameters["after"] = page["next"]
