"""Problem details (RFC 9457), the body of every error of the API."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Send

from modemagent.registry.store.database.engine import is_unavailable

CONTENT_TYPE = "application/problem+json"
TYPES = "https://modemagent.invalid/problems/"
_DATABASE_RETRY_S = 2  # a restart of the server takes about as long

log = logging.getLogger(__name__)


class ProblemDetails(Exception):
    """Error of a request, returned as a problem document.

    :param code: stable name of the problem, the end of its ``type``
    :param detail: explanation of this error for people
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.body = document(status, code, detail, **members)


def document(status: HTTPStatus, code: str, detail: str, **members: Any) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": TYPES + code,
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        **members,
    }


def reply(problem: ProblemDetails) -> Response:
    return Response(
        json.dumps(problem.body),
        status_code=problem.status,
        headers=problem.headers,
        media_type=CONTENT_TYPE,
    )


async def send_problem(send: Send, problem: ProblemDetails) -> None:
    """Send a problem document as the response of a request that no route has answered."""
    body = json.dumps(problem.body).encode("ascii")
    headers = [
        (b"content-type", CONTENT_TYPE.encode("ascii")),
        (b"content-length", b"%d" % len(body)),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": int(problem.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def too_many(code: str, detail: str, retry_after_s: int) -> ProblemDetails:
    """Return the error of a request that may succeed after some seconds."""
    return ProblemDetails(
        HTTPStatus.TOO_MANY_REQUESTS, code, detail, headers={"Retry-After": str(retry_after_s)}
    )


def unavailable(code: str, detail: str, retry_after_s: int) -> ProblemDetails:
    """Return the error of a request that the registry cannot process for some seconds."""
    return ProblemDetails(
        HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers={"Retry-After": str(retry_after_s)}
    )


def method_not_allowed(allowed: Collection[str]) -> ProblemDetails:
    """Return the error of a request whose path has routes for other methods only."""
    allow = ", ".join(sorted(allowed))
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return ProblemDetails(status, "method_not_allowed", f"use {allow}", headers={"Allow": allow})


def internal_error(error: Exception) -> ProblemDetails:
    """Log an unexpected error, and return the problem without its details.

    An error of the database that may be over soon is a request to send it again.
    """
    if is_unavailable(error) or isinstance(error, TimeoutError):
        log.error("the database cannot be used: %s", type(error).__name__)
        return unavailable("database", "the database cannot be used at present", _DATABASE_RETRY_S)
    # without the path, which may contain an identifier
    log.error("request failed", exc_info=error)
    detail = "internal error; it is safe to retry the request"
    return ProblemDetails(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
