"""Equipment identity register: the status of equipment by 3GPP TS 29.511, on its own listener.

A plain ASGI application without tokens, which the interface does not require; no number is logged.
The interface is HTTP/2 in a 5G core, see :mod:`.eir_http2`; uvicorn speaks HTTP/1.1.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.quick_query import QuickQueries
from modemagent.registry.equipment.status_query import (
    RefusedQuery,
    StatusQuery,
    check_target,
    parse_query,
)
from modemagent.registry.equipment.verdict import Status, verdict
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.lists.equipment import reasons_about

log = logging.getLogger(__name__)

_JSON, _PROBLEM = b"application/json", b"application/problem+json"
_RETRY_AFTER_S = b"5"
_ANSWERS = {one: msgspec.json.encode({"status": one.value}) for one in Status}
_UNKNOWN = RefusedQuery(404, "ERROR_EQUIPMENT_UNKNOWN", "the equipment is not known")


class EirRoute:
    """Application of the listener for equipment status.

    :param default: status of equipment that neither a list nor a policy is about; None: unknown
    """

    def __init__(
        self, queries: QuickQueries, metrics: RegistryMetrics, default: Status | None
    ) -> None:
        self._queries = queries
        self._metrics = metrics
        self._default = default
        self.is_stopping = False

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not supported")
        try:
            if self.is_stopping:
                raise RefusedQuery(503, "", "the server is being stopped")
            accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
            check_target(scope["method"], scope["path"], accept.decode("latin-1"))
            found = await self._status(parse_query(scope["query_string"]))
        except RefusedQuery as refused:
            await self._refuse(send, refused)
            return
        except SQLAlchemyError as error:
            log.error("an equipment status cannot be read: %s", type(error).__name__)
            await self._refuse(send, RefusedQuery(503, "", "the database cannot be used"))
            return
        except Exception as error:
            log.error("an equipment status failed", exc_info=error)
            reason = "internal error"
            await self._refuse(send, RefusedQuery(500, "UNSPECIFIED_NF_FAILURE", reason))
            return
        self._metrics.eir_answered(found.name.lower())
        await _reply(send, 200, _ANSWERS[found], _JSON)

    async def _status(self, query: StatusQuery) -> Status:
        """Return the status of equipment.

        :raises RefusedQuery: it is unknown
        """
        imei, imsi = query
        found = self._default
        if imei is not None:
            at_ms = now_ms()
            reasons = await self._queries.run(
                lambda connection: reasons_about(connection, imei, imsi, at_ms)
            )
            found = verdict(reasons, self._default)
        if found is None:
            raise _UNKNOWN
        return found

    async def _refuse(self, send: Send, refused: RefusedQuery) -> None:
        is_unknown = refused is _UNKNOWN
        self._metrics.eir_answered("unknown" if is_unknown else f"refused_{refused.status}")
        body: dict[str, Any] = {
            "title": HTTPStatus(refused.status).phrase,
            "status": refused.status,
            "detail": refused.reason,
        }
        if refused.cause:
            body["cause"] = refused.cause
        if refused.parameter:
            # TS 29.571, InvalidParam: "query " and the name of a parameter of the query
            name = f"query {refused.parameter}"
            body["invalidParams"] = [{"param": name, "reason": refused.reason}]
        more = [(b"allow", refused.allow.encode())] if refused.allow else []
        if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
            more.append((b"retry-after", _RETRY_AFTER_S))
        await _reply(send, refused.status, msgspec.json.encode(body), _PROBLEM, more)


async def _reply(
    send: Send, status: int, body: bytes, kind: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    fields = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
