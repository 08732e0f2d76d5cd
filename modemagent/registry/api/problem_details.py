"""Every error of the API as an RFC 9457 problem document."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

CONTENT_TYPE = "application/problem+json"
TYPES = "https://modemagent.invalid/problems/"

log = logging.getLogger(__name__)


class ProblemDetails(Exception):
    """Ends a request with a problem document.

    :param code: stable name of the problem, the end of its ``type``
    :param detail: what is wrong with this request, for people
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


def add_to(app: FastAPI) -> None:
    """Have all errors of an application answered with problem documents."""

    async def known(request: Request, error: Exception) -> Response:
        return (
            reply(error) if isinstance(error, ProblemDetails) else await unexpected(request, error)
        )

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return await unexpected(request, error)
        status = HTTPStatus(error.status_code)
        code = status.name.lower()
        return reply(ProblemDetails(status, code, str(error.detail), headers=error.headers))

    async def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            return await unexpected(request, error)
        errors = [
            {"location": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in error.errors()
        ]
        detail = "; ".join(f"{one['location']}: {one['message']}" for one in errors)
        return reply(
            ProblemDetails(
                HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=errors
            )
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        # the path may hold an identifier; it stays out of the log
        log.error("a request failed", exc_info=error)
        return reply(
            ProblemDetails(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal",
                "the registry failed; the request may be sent again",
            )
        )

    app.add_exception_handler(ProblemDetails, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)
